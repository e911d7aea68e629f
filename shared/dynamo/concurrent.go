package dynamo

import (
	"context"

	"golang.org/x/sync/errgroup"

	"unsend/shared/chat"
)

// parallel runs the functions, at most the store's limit at a time, and waits
// for all: nothing outlives the call. The first error ends the others' context
// and is returned. A panic is such an error: in a goroutine of its own it would end the process.
//
// One alone needs no goroutine, whose small stack would have to grow for it first.
func (s *Store) parallel(ctx context.Context, functions ...func(ctx context.Context) error) error {
	if len(functions) == 1 {
		return chat.Guard(func() error { return functions[0](ctx) })
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(s.options.Concurrency)
	for _, f := range functions {
		group.Go(func() error { return chat.Guard(func() error { return f(ctx) }) })
	}
	return group.Wait()
}
