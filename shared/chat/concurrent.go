package chat

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

// A goroutine begins with a small stack, and a request through the SDK goes deep: making the stack grow is a fifth of what a request
// takes. So the caller does a part of the work itself, and goroutines stay for more than one item.

// concurrently runs the functions at the same time, the last one in the caller, and waits for all of them. A
// panic becomes that function's error, so that it harms its own request only.
// The errors are in the order of the functions.
func concurrently(functions ...func() error) []error {
	errs := make([]error, len(functions))
	var running sync.WaitGroup
	for i, f := range functions {
		if i == len(functions)-1 {
			errs[i] = Guard(f)
			break
		}
		running.Go(func() { errs[i] = Guard(f) })
	}
	running.Wait()
	return errs
}

// forEach runs f for each item, at most limit at a time, some of them in the caller, and waits for all. f stops its own panics.
func forEach[T any](limit int, items []T, f func(T)) {
	var (
		begun   atomic.Int64
		running sync.WaitGroup
	)
	work := func() {
		for i := begun.Add(1) - 1; i < int64(len(items)); i = begun.Add(1) - 1 {
			f(items[i])
		}
	}
	for range min(limit, len(items)) - 1 {
		running.Go(work)
	}
	work()
	running.Wait()
}

// crew runs functions at the same time, in goroutines that wait for the next one.
type crew struct {
	work    chan func()
	running sync.WaitGroup
}

func newCrew() *crew { return &crew{work: make(chan func())} }

// start begins one, at once.
func (c *crew) start(f func()) {
	select {
	case c.work <- f:
	default:
		c.running.Go(func() {
			f()
			for f := range c.work {
				f()
			}
		})
	}
}

// wait waits for all of them. None may be started after that.
func (c *crew) wait() {
	close(c.work)
	c.running.Wait()
}

// tryEach is forEach of what can fail; a panic is an error, too. It gives all errors, joined.
func tryEach[T any](limit int, items []T, f func(T) error) error {
	var (
		mu   sync.Mutex
		errs []error
	)
	forEach(limit, items, func(item T) {
		err := Guard(func() error { return f(item) })
		mu.Lock()
		defer mu.Unlock()
		errs = append(errs, err)
	})
	return errors.Join(errs...)
}

// first is the first error that is not nil.
func first(errs []error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// pause waits for about d (half of it to all of it), or until ctx ends.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d/2 + rand.N(d/2+1))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
