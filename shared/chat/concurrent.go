package chat

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"
)

// concurrently runs the functions at the same time and waits for all of them. A
// panic becomes that function's error, so that it harms its own request only.
// The errors are in the order of the functions.
func concurrently(functions ...func() error) []error {
	errs := make([]error, len(functions))
	var running sync.WaitGroup
	for i, f := range functions {
		running.Go(func() { errs[i] = Guard(f) })
	}
	running.Wait()
	return errs
}

// forEach runs f for each item, at most limit at a time, and waits for all.
func forEach[T any](limit int, items []T, f func(T)) {
	slots := make(chan struct{}, max(limit, 1))
	var running sync.WaitGroup
	for _, item := range items {
		slots <- struct{}{}
		running.Go(func() {
			defer func() { <-slots }()
			f(item)
		})
	}
	running.Wait()
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
