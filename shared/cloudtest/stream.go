// Package cloudtest models what AWS puts between functions: a table's stream with
// its event source mapping, and a queue with its own. They deliver as AWS documents it, the ways in which it may go
// wrong included: at least once, again after errors, out of order where no order is promised.
//
// They run on the time package's clock, so that in a bubble of testing/synctest days take no time.
package cloudtest

import (
	"context"
	"hash/fnv"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/aws/aws-lambda-go/events"
)

// Chance decides whether something that may happen does. p is its probability.
type Chance func(what string, p float64) bool

// Never has nothing happen.
func Never(string, float64) bool { return false }

// Stream is a table's stream of keys and its mapping to one function (Lambda developer guide, "Using AWS Lambda with
// Amazon DynamoDB"). Records of one partition key are delivered in their order, a batch after the other.
type Stream struct {
	// Handler is the function. An error is a function error: nothing of the batch is done.
	Handler func(context.Context, events.DynamoDBEvent) (events.DynamoDBEventResponse, error)

	Lanes        int           // shards times ParallelizationFactor
	BatchSize    int           // records
	Bisect       bool          // BisectBatchOnFunctionError
	MaxRetries   int           // MaximumRetryAttempts
	MaxRecordAge time.Duration // MaximumRecordAgeInSeconds
	Timeout      time.Duration // of the function

	// Failed gets what was given up (the failure destination).
	Failed func([]events.DynamoDBEventRecord)
	// Duplicates is how probable it is that a batch which was done is delivered again.
	Duplicates float64
	Chance     Chance

	mu    sync.Mutex
	lanes [][]record
	wake  []chan struct{}
	next  int64
	busy  int
}

type record struct {
	events.DynamoDBEventRecord
	at time.Time
}

const (
	firstRetry = time.Second
	lastRetry  = 30 * time.Second
)

// Start begins to deliver, until ctx ends. It must be called before Put.
func (s *Stream) Start(ctx context.Context, running *sync.WaitGroup) {
	s.lanes, s.wake = make([][]record, s.Lanes), make([]chan struct{}, s.Lanes)
	for i := range s.Lanes {
		s.wake[i] = make(chan struct{}, 1)
		running.Go(func() { s.deliver(ctx, i) })
	}
}

// Put adds a record: the row of the key was inserted or modified. It does not wait.
func (s *Stream) Put(kind events.DynamoDBOperationType, pk, sk string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.next++
	hash := fnv.New32a()
	hash.Write([]byte(pk))
	lane := int(hash.Sum32()) % s.Lanes
	if lane < 0 {
		lane = -lane
	}
	s.lanes[lane] = append(s.lanes[lane], record{at: time.Now(), DynamoDBEventRecord: events.DynamoDBEventRecord{
		EventName: string(kind),
		Change: events.DynamoDBStreamRecord{
			SequenceNumber: strconv.FormatInt(s.next, 10),
			Keys:           map[string]events.DynamoDBAttributeValue{"pk": events.NewStringAttribute(pk), "sk": events.NewStringAttribute(sk)},
		},
	}})
	select {
	case s.wake[lane] <- struct{}{}:
	default:
	}
}

// Idle tells whether everything was delivered.
func (s *Stream) Idle() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.busy == 0 && !slices.ContainsFunc(s.lanes, func(lane []record) bool { return len(lane) > 0 })
}

func (s *Stream) deliver(ctx context.Context, lane int) {
	for ctx.Err() == nil {
		if batch := s.take(lane); len(batch) > 0 {
			s.process(ctx, batch)
			s.done()
			continue
		}
		select {
		case <-s.wake[lane]:
		case <-ctx.Done():
		}
	}
}

func (s *Stream) take(lane int) []record {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := min(s.BatchSize, len(s.lanes[lane]))
	batch := slices.Clone(s.lanes[lane][:n])
	s.lanes[lane] = s.lanes[lane][n:]
	if n > 0 {
		s.busy++
	}
	return batch
}

func (s *Stream) done() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.busy--
}

// process delivers a batch until nothing of it is left. After a function error it is split in two, which costs no
// retry; after a partial failure it goes on from the first record that failed.
func (s *Stream) process(ctx context.Context, batch []record) {
	for retries := 0; ; {
		if batch = s.young(batch); len(batch) == 0 || ctx.Err() != nil {
			return
		}
		from := s.invoke(ctx, batch)
		switch {
		case from == len(batch):
			if !s.Chance("duplicate batch", s.Duplicates) {
				return
			}
			continue
		case from > 0:
			batch, retries = batch[from:], 0
		case from < 0 && s.Bisect && len(batch) > 1:
			s.process(ctx, batch[:len(batch)/2])
			batch, retries = batch[len(batch)/2:], 0
			continue
		}
		if retries++; retries > s.MaxRetries {
			s.giveUp(batch)
			return
		}
		sleep(ctx, min(firstRetry<<min(retries-1, 10), lastRetry))
	}
}

// functionError stands for a batch of which nothing is done.
const functionError = -1

// invoke gives the index of the record to go on from.
func (s *Stream) invoke(ctx context.Context, batch []record) int {
	ctx, cancel := context.WithTimeout(ctx, s.Timeout)
	defer cancel()
	response, err := s.Handler(ctx, events.DynamoDBEvent{Records: plain(batch)})
	if err != nil || ctx.Err() != nil {
		return functionError
	}
	// The lowest sequence number is the checkpoint; one that is not of the batch fails it whole.
	from := len(batch)
	for _, failure := range response.BatchItemFailures {
		i := slices.IndexFunc(batch, func(r record) bool { return r.Change.SequenceNumber == failure.ItemIdentifier })
		if i < 0 {
			return functionError
		}
		from = min(from, i)
	}
	return from
}

// young gives up the records that are too old.
func (s *Stream) young(batch []record) []record {
	i := 0
	for i < len(batch) && time.Since(batch[i].at) > s.MaxRecordAge {
		i++
	}
	s.giveUp(batch[:i])
	return batch[i:]
}

func (s *Stream) giveUp(batch []record) {
	if len(batch) > 0 {
		s.Failed(plain(batch))
	}
}

func plain(batch []record) []events.DynamoDBEventRecord {
	records := make([]events.DynamoDBEventRecord, len(batch))
	for i, r := range batch {
		records[i] = r.DynamoDBEventRecord
	}
	return records
}

func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
