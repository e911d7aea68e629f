package fanout

import (
	"context"
	"math"
	"sync"
	"time"

	"unsend/shared/chat"
)

// queue is the push queue: it delivers at least once, in the order in which delays end.
type queue struct {
	changed chan struct{} // holds one when something was put in

	mu       sync.Mutex
	waiting  []delivery
	enqueued int
	dead     int
}

// delivery is a task that waits, or is worked on.
type delivery struct {
	task     chat.Task
	at       time.Time // when it can be received
	receives int
}

var _ chat.Queue = (*queue)(nil)

func newQueue() *queue { return &queue{changed: make(chan struct{}, 1)} }

// Enqueue stores a task. See [chat.Queue].
func (q *queue) Enqueue(ctx context.Context, task chat.Task) error {
	if err := wait(ctx, sendDelay); err != nil {
		return &chat.Error{Code: chat.Busy, Err: err}
	}
	// As package queue has it: seconds, rounded up; and the delay is no part of the task.
	delay := time.Duration(math.Ceil(task.Delay.Seconds())) * time.Second
	task.Delay = 0
	q.mu.Lock()
	q.enqueued++
	q.mu.Unlock()
	q.put(delivery{task: task, at: time.Now().Add(delay + deliveryDelay)})
	return nil
}

func (q *queue) put(d delivery) {
	q.mu.Lock()
	q.waiting = append(q.waiting, d)
	q.mu.Unlock()
	select {
	case q.changed <- struct{}{}:
	default:
	}
}

// again puts back what was received and not finished, or gives it up.
func (q *queue) again(d delivery) {
	if d.receives >= maxReceives {
		q.mu.Lock()
		defer q.mu.Unlock()
		q.dead++
		return
	}
	d.at = time.Now().Add(visibility)
	q.put(d)
}

// next says in how long there is something to receive.
func (q *queue) next() (in time.Duration, any bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, d := range q.waiting {
		if until := time.Until(d.at); !any || until < in {
			in, any = until, true
		}
	}
	return in, any
}

// receive takes a batch of what can be received now.
func (q *queue) receive() (batch []delivery) {
	q.mu.Lock()
	defer q.mu.Unlock()
	left := q.waiting[:0]
	for _, d := range q.waiting {
		if len(batch) < batchSize && time.Until(d.at) <= 0 {
			d.receives++
			batch = append(batch, d)
			continue
		}
		left = append(left, d)
	}
	q.waiting = left
	return batch
}
