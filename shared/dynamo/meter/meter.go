// Package meter counts what an operation costs at DynamoDB: round trips one
// after the other, and units.
//
// Round trips are counted in a bubble of testing/synctest, where each call takes
// [Latency] of the bubble's time, and that time stands still while anything is
// under way in it: calls that do not wait for each other begin at the same moment, and a
// call that waits for another begins when that one ends, however busy the machine is.
// The service is real and outside of the bubble: see [Outside].
//
// Units are computed from the items of requests and answers by the rules of
// AWS's Developer Guide ("DynamoDB read and write operations", "Amazon DynamoDB
// transactions"), because emulators do not report all of them: MiniStack 1.5.33
// weighs writes and transactions rightly, but a batch of reads as nothing and
// any query as 1. What the service itself reports is kept beside them.
package meter

import (
	"cmp"
	"context"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/smithy-go/middleware"
)

// Call is one call of the service's API.
type Call struct {
	Operation string // "BatchGetItem"
	Attempts  int    // of the SDK; more than 1 when it retried
	Units     Units  // computed
	Reported  float64
	// Unprocessed is how many keys or items of a batch were left for another call.
	Unprocessed int

	begun, ended time.Time
}

// Units are DynamoDB's request units.
type Units struct {
	Read, Write float64
}

func (u Units) plus(v Units) Units { return Units{u.Read + v.Read, u.Write + v.Write} }

// Meter records the calls of the clients that it was given to. It is safe for
// concurrent use.
type Meter struct {
	// Index tells which attributes of an item an index of its table holds; nil
	// where the item is in none. Each such item is a write of its own.
	Index func(table string, item Item) Item

	mu    sync.Mutex
	calls []Call
	sizes map[rowID]int // of the rows as they were seen last
}

// Latency is what each call takes of a bubble's time, and waits outside of one.
const Latency = time.Millisecond

// New makes a meter.
func New() *Meter { return &Meter{sizes: map[rowID]int{}} }

// Attach is an option of a client whose calls are to be recorded.
func (m *Meter) Attach(o *dynamodb.Options) {
	o.APIOptions = append(o.APIOptions, func(stack *middleware.Stack) error {
		return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("Meter", m.handle), middleware.Before)
	})
}

func (m *Meter) handle(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (
	middleware.InitializeOutput, middleware.Metadata, error,
) {
	askForUnits(in.Parameters)
	call := Call{Operation: middleware.GetOperationName(ctx), begun: time.Now()}
	time.Sleep(Latency)
	out, metadata, err := next.HandleInitialize(ctx, in)
	if attempts, ok := retry.GetAttemptResults(metadata); ok {
		call.Attempts = len(attempts.Results)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	call.Units = m.units(in.Parameters, out.Result, err)
	call.Reported, call.Unprocessed = reported(out.Result), unprocessed(out.Result)
	call.ended = time.Now()
	m.calls = append(m.calls, call)
	return out, metadata, err
}

// Begin forgets the calls so far, but not the sizes of the rows.
func (m *Meter) Begin() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.calls = nil
}

// Calls are those since the last Begin, in the order of their ends.
func (m *Meter) Calls() []Call {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.calls)
}

// Units are those of all calls since the last Begin.
func (m *Meter) Units() Units {
	var sum Units
	for _, call := range m.Calls() {
		sum = sum.plus(call.Units)
	}
	return sum
}

// RoundTrips is the longest chain of calls each of which began when the one
// before had ended. All calls must have been made in one bubble.
func (m *Meter) RoundTrips() int {
	calls := m.Calls()
	slices.SortFunc(calls, func(a, b Call) int { return cmp.Compare(a.ended.UnixNano(), b.ended.UnixNano()) })
	trips := 0
	var last time.Time
	for _, call := range calls {
		if trips == 0 || !call.begun.Before(last) {
			trips, last = trips+1, call.ended
		}
	}
	return trips
}

// units of size bytes in steps; a request costs one at least.
func steps(size, step int) float64 { return max(1, math.Ceil(float64(size)/float64(step))) }
