package cloudtest_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"unsend/shared/cloudtest"
)

var errFunction = errors.New("function error")

// lane is a stream of one lane whose function gets batches as the texts of their sort keys.
type lane struct {
	*cloudtest.Stream
	mu      sync.Mutex
	batches []string
	failed  []string
	stop    func()
	running sync.WaitGroup
}

// newLane answers the n-th batch (from 0) as answer says: the keys that failed, or an error.
func newLane(t *testing.T, answer func(n int, keys []string) ([]string, error)) *lane {
	l := &lane{}
	l.Stream = &cloudtest.Stream{
		Lanes: 1, BatchSize: 4, Bisect: true, MaxRetries: 3, MaxRecordAge: 15 * time.Minute, Timeout: 30 * time.Second, Chance: cloudtest.Never,
		Failed: func(records []events.DynamoDBEventRecord) {
			l.mu.Lock()
			defer l.mu.Unlock()
			l.failed = append(l.failed, keysOf(records)...)
		},
		Handler: func(_ context.Context, e events.DynamoDBEvent) (r events.DynamoDBEventResponse, err error) {
			keys := keysOf(e.Records)
			l.batches = append(l.batches, strings.Join(keys, ""))
			failed, err := answer(len(l.batches)-1, keys)
			for _, key := range failed {
				id := "no sequence number"
				if i := slices.Index(keys, key); i >= 0 {
					id = e.Records[i].Change.SequenceNumber
				}
				r.BatchItemFailures = append(r.BatchItemFailures, events.DynamoDBBatchItemFailure{ItemIdentifier: id})
			}
			return r, err
		},
	}
	ctx, stop := context.WithCancel(t.Context())
	l.stop = func() { stop(); l.running.Wait() }
	l.Start(ctx, &l.running)
	return l
}

func keysOf(records []events.DynamoDBEventRecord) (keys []string) {
	for _, r := range records {
		keys = append(keys, r.Change.Keys["sk"].String())
	}
	return keys
}

func (l *lane) put(keys string) {
	for _, key := range keys {
		l.Put(events.DynamoDBOperationTypeInsert, "pk", string(key))
	}
}

// What the Lambda developer guide says about batches of a stream that fail.
func TestTheStreamsMapping(t *testing.T) {
	t.Parallel()
	nothing := func(int, []string) ([]string, error) { return nil, nil }
	for name, test := range map[string]struct {
		answer          func(n int, keys []string) ([]string, error)
		put             string
		batches, failed string
	}{
		"in order, so many at a time": {nothing, "abcdefghi", "abcd efgh i", ""},
		"from the lowest that failed": {func(n int, _ []string) ([]string, error) {
			if n == 0 {
				return []string{"d", "b"}, nil
			}
			return nil, nil
		}, "abcd", "abcd bcd", ""},
		"all of them, where an id is of none": {func(n int, _ []string) ([]string, error) {
			if n == 0 {
				return []string{"x"}, nil
			}
			return nil, nil
		}, "abcd", "abcd ab cd", ""},
		"split after an error, until the one that fails stands alone": {func(_ int, keys []string) ([]string, error) {
			if slices.Contains(keys, "c") {
				return nil, errFunction
			}
			return nil, nil
		}, "abcd", "abcd ab cd c c c c d", "c"},
		"retried so often, and then given up": {func(_ int, keys []string) ([]string, error) { return keys[:1], nil }, "ab", "ab ab ab ab", "a b"},
		"progress begins the count anew": {func(n int, keys []string) ([]string, error) {
			if n < 3 || n == 4 {
				return keys[:1], nil
			}
			if n == 3 {
				return keys[1:2], nil
			}
			return nil, nil
		}, "ab", "ab ab ab ab b b", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				l := newLane(t, test.answer)
				l.put(test.put)
				time.Sleep(time.Hour)
				l.stop()
				if got := strings.Join(l.batches, " "); got != test.batches {
					t.Errorf("delivered %q, want %q", got, test.batches)
				}
				if got := strings.Join(l.failed, " "); got != test.failed {
					t.Errorf("given up %q, want %q", got, test.failed)
				}
				if !l.Idle() {
					t.Error("it is not idle")
				}
			})
		})
	}
}

func TestTheStreamGivesUpWhatIsTooOld(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLane(t, func(int, []string) ([]string, error) { return nil, errFunction })
		l.MaxRetries = 10_000
		l.put("a")
		time.Sleep(14 * time.Minute)
		l.mu.Lock()
		early := len(l.failed)
		l.mu.Unlock()
		if early > 0 || l.Idle() {
			t.Errorf("%d given up before they were too old", early)
		}
		time.Sleep(2 * time.Minute)
		l.stop()
		if !slices.Equal(l.failed, []string{"a"}) {
			t.Errorf("given up %v", l.failed)
		}
	})
}

// One lane in trouble does not hold up the others.
func TestLanesAreApart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		done := map[string]bool{}
		s := &cloudtest.Stream{Lanes: 8, BatchSize: 4, MaxRetries: 100, MaxRecordAge: time.Hour, Timeout: 30 * time.Second, Chance: cloudtest.Never,
			Failed: func([]events.DynamoDBEventRecord) {},
			Handler: func(_ context.Context, e events.DynamoDBEvent) (r events.DynamoDBEventResponse, err error) {
				mu.Lock()
				defer mu.Unlock()
				for _, record := range e.Records {
					pk := record.Change.Keys["pk"].String()
					if pk == "poison" {
						return r, errFunction
					}
					done[pk] = true
				}
				return r, nil
			}}
		ctx, stop := context.WithCancel(t.Context())
		var running sync.WaitGroup
		s.Start(ctx, &running)
		s.Put(events.DynamoDBOperationTypeInsert, "poison", "a")
		for i := range 20 {
			s.Put(events.DynamoDBOperationTypeInsert, fmt.Sprint("p", i), "a")
		}
		time.Sleep(time.Second)
		stop()
		running.Wait()
		if len(done) < 12 { // some are of the lane of the poison
			t.Errorf("only %d of 20 were delivered", len(done))
		}
	})
}

// letters is a queue whose function gets its messages one by one.
type letters struct {
	*cloudtest.Queue
	mu   sync.Mutex
	got  []string
	at   []time.Duration
	stop func()
}

func newLetters(t *testing.T, answer func(body string, n int) (failed bool, err error)) *letters {
	l := &letters{}
	began, counts := time.Now(), map[string]int{}
	l.Queue = &cloudtest.Queue{BatchSize: 10, Concurrency: 2, VisibilityTimeout: 6 * time.Minute, MaxReceiveCount: 3, Timeout: time.Minute, Chance: cloudtest.Never,
		Handler: func(_ context.Context, e events.SQSEvent) (r events.SQSEventResponse, err error) {
			l.mu.Lock()
			defer l.mu.Unlock()
			for _, m := range e.Records {
				l.got, l.at = append(l.got, m.Body), append(l.at, time.Since(began))
				counts[m.Body]++
				failed, wrong := answer(m.Body, counts[m.Body])
				if wrong != nil {
					err = wrong
				}
				if failed {
					r.BatchItemFailures = append(r.BatchItemFailures, events.SQSBatchItemFailure{ItemIdentifier: m.MessageId})
				}
			}
			return r, err
		}}
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	l.stop = func() { stop(); running.Wait() }
	l.Start(ctx, &running)
	return l
}

// What the SQS developer guide says about messages that are not deleted.
func TestTheQueuesMapping(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLetters(t, func(body string, n int) (bool, error) { return body == "again" && n == 1 || body == "never", nil })
		l.Send("fine", 0)
		l.Send("again", 0)
		l.Send("never", 0)
		l.Send("later", 90*time.Second)
		time.Sleep(time.Hour)
		l.stop()
		counts := map[string]int{}
		for i, body := range l.got {
			counts[body]++
			switch {
			case body == "later" && (l.at[i] < 90*time.Second || l.at[i] > 91*time.Second):
				t.Errorf("what was held back for 90 s came after %v", l.at[i])
			case body == "again" && counts[body] == 2 && (l.at[i] < 6*time.Minute || l.at[i] > 6*time.Minute+time.Second):
				t.Errorf("what failed came again after %v, not when its visibility timeout was over", l.at[i])
			}
		}
		if counts["fine"] != 1 || counts["again"] != 2 || counts["never"] != 3 || counts["later"] != 1 {
			t.Errorf("delivered %v", counts)
		}
		if dead := l.DeadLetters(); !slices.Equal(dead, []string{"never"}) || !l.Idle() {
			t.Errorf("dead letters %v", dead)
		}
	})
}

// After an error of the function the whole batch comes again.
func TestAFunctionErrorLeavesTheBatch(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLetters(t, func(_ string, n int) (bool, error) {
			if n == 1 {
				return false, errFunction
			}
			return false, nil
		})
		l.Send("a", 0)
		l.Send("b", 0)
		time.Sleep(time.Hour)
		l.stop()
		if slices.Sort(l.got); strings.Join(l.got, "") != "aabb" || !l.Idle() {
			t.Errorf("delivered %v", l.got)
		}
	})
}
