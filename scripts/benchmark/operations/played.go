package operations

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"unsend/scripts/benchmark/quantile"
	"unsend/shared/dynamo"
	"unsend/shared/dynamo/meter"
	"unsend/shared/edge"
)

// studio is a world in which one invocation of an operation is kept, and then played as often as one likes. Its clock
// stands still, and its ids begin anew with each, so that each asks for the same.
type studio struct {
	*world
	tape *tape
	run  runner
	ends []func()
}

// runner runs what waits for the endpoint. In a bubble no deadline of the function ends meanwhile, however slow it is.
type runner func(f func(ctx context.Context) error) error

// inBubble is the runner of a bubble. Nothing from outside of one may be waited for inside: the context begins there.
func inBubble(bubble func(func())) runner {
	return func(f func(context.Context) error) (err error) {
		bubble(func() { err = f(context.Background()) })
		return err
	}
}

func newStudio(client Client, tables dynamo.Tables, scene Scene, run runner) *studio {
	s := &studio{tape: newTape(), run: run}
	outside := func(o *dynamodb.Options) { o.HTTPClient = meter.Outside(s, o.HTTPClient) }
	clock := func() time.Time { return began }
	ids := new(atomic.Int64)
	ids.Store(30_000_000) // apart from those that were counted
	s.world = newWorld(client(outside, s.tape.attach), client(), tables, scene, clock, edge.NewLogger(io.Discard, func(string) string { return "" }), ids)
	return s
}

// Cleanup keeps what ends with the studio. See [meter.Outside].
func (s *studio) Cleanup(end func()) { s.ends = append(s.ends, end) }

func (s *studio) close() {
	for _, end := range s.ends {
		end()
	}
}

// played is an invocation that is kept.
type played struct {
	*studio
	invocation
	first int64 // what the ids begin with
}

// keep does the operation once at the endpoint, by a function that is warm: what it remembers it does not ask for again.
func (s *studio) keep(each operation) (*played, error) {
	p := &played{studio: s}
	for _, mode := range []mode{passing, keeping} {
		if err := s.run(func(ctx context.Context) error { return p.at(ctx, each, mode) }); err != nil {
			return nil, err
		}
	}
	return p, p.again(context.Background())
}

// at does it at the endpoint.
func (p *played) at(ctx context.Context, each operation, mode mode) (err error) {
	p.tape.turn(passing)
	if p.invocation, err = each.prepare(ctx, p.world); err != nil {
		return fmt.Errorf("prepare: %w", err)
	}
	p.first = p.ids.Load()
	p.tape.turn(mode)
	answer, err := p.do(ctx)
	if err != nil {
		return err
	}
	return p.check(answer)
}

// again plays it.
func (p *played) again(ctx context.Context) error {
	p.tape.turn(playing)
	p.ids.Store(p.first)
	answer, err := p.do(ctx)
	if err != nil {
		return err
	}
	if err := p.tape.ended(); err != nil {
		return err
	}
	return p.check(answer)
}

// ownTimes is how often an operation is played where it is done once with the endpoint; ownBudget is about as long as all of that takes
// at most.
const (
	ownTimes  = 10
	ownBudget = 2 * time.Second
)

// own keeps an operation and plays it so often.
func (s *studio) own(ctx context.Context, each operation, times int) (*Own, error) {
	p, err := s.keep(each)
	if err != nil {
		return nil, err
	}
	start := time.Now()
	if err := p.again(ctx); err != nil {
		return nil, err
	}
	times = max(min(times, 10), min(times, int(ownBudget/time.Since(start))))
	took := make([]time.Duration, times)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for i := range took {
		p.tape.turn(playing)
		p.ids.Store(p.first)
		before := processorTime()
		answer, err := p.do(ctx)
		took[i] = processorTime() - before
		if err == nil {
			err = p.check(answer)
		}
		if err != nil {
			return nil, err
		}
	}
	runtime.ReadMemStats(&after)
	return &Own{
		Times: times, Median: quantile.Of(took, 50), P99: quantile.Of(took, 99),
		Allocations: int(after.Mallocs-before.Mallocs) / times, Allocated: int(after.TotalAlloc-before.TotalAlloc) / times,
	}, nil
}

// processorTime is what this process has used of the processors. Others on the machine change it less than the time that passes.
func processorTime() time.Duration {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil { // only of whom it does not know
		panic(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}
