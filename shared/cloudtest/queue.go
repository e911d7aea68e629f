package cloudtest

import (
	"context"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/aws/aws-lambda-go/events"
)

// Queue is a standard SQS queue and its mapping to one function (SQS developer guide, "Amazon SQS visibility
// timeout", "Dead-letter queues"; Lambda developer guide, "Using Lambda with Amazon SQS"). Messages come at least once
// and in any order.
type Queue struct {
	// Handler is the function. An error leaves the whole batch in the queue.
	Handler func(context.Context, events.SQSEvent) (events.SQSEventResponse, error)

	BatchSize         int
	Concurrency       int           // MaximumConcurrency
	VisibilityTimeout time.Duration // a message that was received and not deleted comes again after it
	MaxReceiveCount   int           // a message that was received so often without being done becomes a dead letter
	Timeout           time.Duration // of the function

	// Duplicates is how probable it is that a message which was done comes again all the same.
	Duplicates float64
	Chance     Chance

	mu       sync.Mutex
	messages []*message
	dead     []string
	next     int
	wake     chan struct{}
}

type message struct {
	id, body  string
	visibleAt time.Time
	receives  int
}

// Start begins to deliver, until ctx ends.
func (q *Queue) Start(ctx context.Context, running *sync.WaitGroup) {
	q.wake = make(chan struct{}, q.Concurrency)
	for range q.Concurrency {
		running.Go(func() { q.poll(ctx) })
	}
}

// Send stores a message, which is not delivered before its delay is over. It does not wait.
func (q *Queue) Send(body string, delay time.Duration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.next++
	q.messages = append(q.messages, &message{id: strconv.Itoa(q.next), body: body, visibleAt: time.Now().Add(delay)})
	q.stir()
}

// stir wakes whoever waits for messages.
func (q *Queue) stir() {
	for range q.Concurrency {
		select {
		case q.wake <- struct{}{}:
		default:
			return
		}
	}
}

// Idle tells whether the queue is empty, of messages under way, too.
func (q *Queue) Idle() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.messages) == 0
}

// DeadLetters takes the messages that were received too often.
func (q *Queue) DeadLetters() []string {
	q.mu.Lock()
	defer q.mu.Unlock()
	dead := q.dead
	q.dead = nil
	return dead
}

func (q *Queue) poll(ctx context.Context) {
	for ctx.Err() == nil {
		batch, wait := q.receive()
		if len(batch) > 0 {
			q.deliver(ctx, batch)
			continue
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-q.wake:
		case <-ctx.Done():
		}
		timer.Stop()
	}
}

// receive takes visible messages, or says how long there will be none.
func (q *Queue) receive() ([]*message, time.Duration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	var (
		now   = time.Now()
		wait  = time.Hour
		batch []*message
		rest  = q.messages[:0]
	)
	for _, m := range q.messages {
		visible := !m.visibleAt.After(now)
		if visible && m.receives >= q.MaxReceiveCount {
			q.dead = append(q.dead, m.body)
			continue
		}
		rest = append(rest, m)
		switch {
		case !visible:
			wait = min(wait, m.visibleAt.Sub(now))
		case len(batch) < q.BatchSize && !q.Chance("a message waits for another receive", 0.2):
			m.receives++
			m.visibleAt = now.Add(q.VisibilityTimeout)
			batch = append(batch, m)
		default:
			wait = min(wait, 50*time.Millisecond)
		}
	}
	q.messages = rest
	if q.Chance("newer messages first", 0.3) {
		slices.Reverse(batch)
	}
	return batch, wait
}

func (q *Queue) deliver(ctx context.Context, batch []*message) {
	ctx, cancel := context.WithTimeout(ctx, q.Timeout)
	defer cancel()
	event := events.SQSEvent{}
	for _, m := range batch {
		event.Records = append(event.Records, events.SQSMessage{MessageId: m.id, Body: m.body})
	}
	response, err := q.Handler(ctx, event)
	if err != nil || ctx.Err() != nil {
		return // all of them are visible again after their timeout
	}
	failed := map[string]bool{}
	for _, failure := range response.BatchItemFailures {
		if !slices.ContainsFunc(batch, func(m *message) bool { return m.id == failure.ItemIdentifier }) {
			return // an answer with ids of no message fails the batch
		}
		failed[failure.ItemIdentifier] = true
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.messages = slices.DeleteFunc(q.messages, func(m *message) bool {
		return slices.Contains(batch, m) && !failed[m.id] && !q.Chance("a message that was done comes again", q.Duplicates)
	})
}
