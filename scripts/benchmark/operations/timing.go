package operations

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"time"

	"unsend/scripts/benchmark/quantile"
	"unsend/shared/chat"
	"unsend/shared/dynamo"
	"unsend/shared/edge"
)

// Lanes is how many invocations are under way at a time where throughput is measured.
const Lanes = 4

// timedBefore keeps what is timed out of what is counted: rights are proved later than its members change, and a page of history ends before
// its messages.
const timedBefore = 20 * time.Minute

// timed is a world that is timed with the endpoint.
type timed struct{ *world }

func newTimed(client Client, tables dynamo.Tables, scene Scene) *timed {
	start := time.Now()
	clock := func() time.Time { return began.Add(time.Since(start) - timedBefore) }
	ids := new(atomic.Int64)
	ids.Store(50_000_000) // apart from those that were counted
	return &timed{newWorld(client(), client(), tables, scene, clock, edge.NewLogger(io.Discard, func(string) string { return "" }), ids)}
}

// budget is about as long as the invocations of an operation take that are timed one after the other: an endpoint may be slow.
const budget = 5 * time.Second

// tries is how often an operation is timed that took an endpoint too long: it may have had to do with something else for a moment.
const tries = 3

// time does the operation so often, one after the other, and then some at a time. It gives nothing where the endpoint takes longer
// than the function's own deadline, each time.
func (t *timed) time(ctx context.Context, each operation, times int) (*Whole, error) {
	for range tries {
		s := &Whole{}
		if err := t.measure(ctx, each, max(min(times, 5), times/(1+each.rows/8)), s); !busy(err) {
			return s, err
		}
	}
	return nil, nil
}

func (t *timed) measure(ctx context.Context, each operation, times int, s *Whole) error {
	took, err := t.warm(ctx, each)
	if err != nil {
		return err
	}
	s.Times = max(min(times, 3), min(times, int(budget/took)))
	invocations, err := t.prepared(ctx, each, s.Times)
	if err != nil {
		return err
	}
	if err := t.oneByOne(ctx, invocations, s); err != nil {
		return err
	}
	if each.name == "connect" || each.name == "disconnect" {
		return nil // of one device: not some at a time
	}
	if invocations, err = t.prepared(ctx, each, s.Times); err != nil {
		return err
	}
	start := time.Now()
	err = some(ctx, invocations)
	if busy(err) {
		return nil // it is fast enough for one at a time
	}
	s.PerSecond = float64(s.Times) / time.Since(start).Seconds()
	return err
}

// warm does it once before, as connections and buffers are made by the first.
func (t *timed) warm(ctx context.Context, each operation) (took time.Duration, err error) {
	first, err := t.prepared(ctx, each, 1)
	if err != nil {
		return 0, err
	}
	start := time.Now()
	err = first[0].run(ctx)
	return time.Since(start), err
}

func (t *timed) prepared(ctx context.Context, each operation, times int) ([]invocation, error) {
	list := make([]invocation, times)
	for i := range list {
		var err error
		if list[i], err = each.prepare(ctx, t.world); err != nil {
			return nil, fmt.Errorf("prepare: %w", err)
		}
	}
	return list, nil
}

// run does it and checks the answer.
func (i invocation) run(ctx context.Context) error {
	answer, err := i.do(ctx)
	if err != nil {
		return err
	}
	return i.checked(answer)
}

// checked tells an endpoint that is too slow from an answer that is wrong.
func (i invocation) checked(answer string) error {
	err := i.check(answer)
	if err != nil && strings.Contains(answer, fmt.Sprintf(`"res_code":%d`, chat.Busy)) {
		return errBusy
	}
	return err
}

var errBusy = errors.New("the endpoint was too slow")

func busy(err error) bool { return errors.Is(err, errBusy) || chat.CodeOf(err) == chat.Busy }

// oneByOne takes the times of each.
func (t *timed) oneByOne(ctx context.Context, invocations []invocation, s *Whole) error {
	took := make([]time.Duration, len(invocations))
	for i, each := range invocations {
		start := time.Now()
		answer, err := each.do(ctx)
		if took[i] = time.Since(start); err != nil {
			return err
		}
		if err := each.checked(answer); err != nil {
			return err
		}
	}
	s.Median, s.P99 = quantile.Of(took, 50), quantile.Of(took, 99)
	return nil
}

// some does them, some at a time.
func some(ctx context.Context, invocations []invocation) error {
	return each(Lanes, invocations, func(i invocation) error { return i.run(ctx) })
}
