package operations

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"unsend/shared/chat"
	"unsend/shared/dynamo"
	"unsend/shared/edge"
)

// Lanes is how many invocations are under way at a time where throughput is measured.
const Lanes = 4

// timed is a world whose requests are timed.
type timed struct {
	*world
	waiting *waiting
}

func newTimed(client Client, tables dynamo.Tables, scene Scene) *timed {
	t := &timed{waiting: &waiting{}}
	start := time.Now()
	clock := func() time.Time { return began.Add(time.Since(start)) }
	ids := new(atomic.Int64)
	ids.Store(50_000_000) // apart from those that were counted
	wrap := func(o *dynamodb.Options) {
		t.waiting.client = o.HTTPClient
		o.HTTPClient = t.waiting
	}
	t.world = newWorld(client(wrap), tables, scene, clock, edge.NewLogger(io.Discard, func(string) string { return "" }), ids)
	return t
}

// budget is about as long as the invocations of an operation take that are timed one after the other: an endpoint may be slow.
const budget = 5 * time.Second

// time does the operation so often, one after the other, and then some at a time. It gives nothing where the endpoint takes longer
// than the function's own deadline.
func (t *timed) time(ctx context.Context, each operation, times int) (*Speed, error) {
	s := &Speed{}
	err := t.measure(ctx, each, max(min(times, 5), times/(1+each.rows/8)), s)
	if busy(err) {
		return nil, nil
	}
	return s, err
}

func (t *timed) measure(ctx context.Context, each operation, times int, s *Speed) error {
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
func (t *timed) oneByOne(ctx context.Context, invocations []invocation, s *Speed) error {
	var before, after runtime.MemStats
	answers := make([]string, len(invocations))
	all, own := make([]time.Duration, len(invocations)), make([]time.Duration, len(invocations))
	runtime.GC()
	runtime.ReadMemStats(&before)
	for i, each := range invocations {
		t.waiting.begin()
		start := time.Now()
		answer, err := each.do(ctx)
		all[i] = time.Since(start)
		own[i] = all[i] - t.waiting.took()
		if err != nil {
			return err
		}
		answers[i] = answer
	}
	runtime.ReadMemStats(&after)
	for i, each := range invocations {
		if err := each.checked(answers[i]); err != nil {
			return err
		}
	}
	n := len(invocations)
	s.Allocations, s.Allocated = int(after.Mallocs-before.Mallocs)/n, int(after.TotalAlloc-before.TotalAlloc)/n
	s.Median, s.P99 = quantile(all, 0.5), quantile(all, 0.99)
	s.OwnMedian, s.OwnP99 = quantile(own, 0.5), quantile(own, 0.99)
	return nil
}

// quantile is the smallest time that so large a share did not exceed.
func quantile(times []time.Duration, share float64) time.Duration {
	sorted := slices.Sorted(slices.Values(times))
	return sorted[min(len(sorted)-1, int(share*float64(len(sorted))))]
}

// some does them, some at a time.
func some(ctx context.Context, invocations []invocation) error {
	return each(Lanes, invocations, func(i invocation) error { return i.run(ctx) })
}

// waiting is a client that knows for how long any request was under way.
type waiting struct {
	client dynamodb.HTTPClient

	mu    sync.Mutex
	under int
	since time.Time
	sum   time.Duration
}

func (w *waiting) begin() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sum = 0
}

func (w *waiting) took() time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.sum
}

func (w *waiting) change(by int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.under == 0 {
		w.since = time.Now()
	}
	if w.under += by; w.under == 0 {
		w.sum += time.Since(w.since)
	}
}

// Do reads the whole answer, for which the client would wait otherwise.
func (w *waiting) Do(request *http.Request) (*http.Response, error) {
	w.change(1)
	defer w.change(-1)
	response, err := w.client.Do(request)
	if err != nil {
		return response, err
	}
	body, err := io.ReadAll(response.Body)
	if closed := response.Body.Close(); err == nil {
		err = closed
	}
	response.Body = io.NopCloser(bytes.NewReader(body))
	return response, err
}
