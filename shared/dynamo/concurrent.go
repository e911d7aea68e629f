package dynamo

import (
	"context"
	"fmt"
	"runtime/debug"
	"sync"
)

// parallel runs the functions, at most the store's limit at a time, and waits
// for all: nothing outlives the call. The first error ends the others' context
// and is returned.
func (s *Store) parallel(ctx context.Context, functions ...func(ctx context.Context) error) error {
	if len(functions) == 1 {
		return functions[0](ctx)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var (
		running sync.WaitGroup
		once    sync.Once
		first   error
	)
	slots := make(chan struct{}, s.options.Concurrency)
	for _, f := range functions {
		slots <- struct{}{}
		running.Go(func() {
			defer func() { <-slots }()
			if err := guarded(ctx, f); err != nil {
				once.Do(func() { first = err; cancel() })
			}
		})
	}
	running.Wait()
	return first
}

// guarded makes a panic its request's error instead of the process's end. Its
// value is left out: it may hold what was stored.
func guarded(ctx context.Context, f func(context.Context) error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %T\n%s", p, debug.Stack())
		}
	}()
	return f(ctx)
}
