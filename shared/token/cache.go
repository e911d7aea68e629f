package token

import (
	"context"
	"time"

	"unsend/shared/chat"
)

// How long keys are kept. A function's copy of them is its own, so a key that was
// withdrawn is accepted for as long as keysTTL after it was; where its source is
// down, for staleFor.
const (
	keysTTL      = 5 * time.Minute
	earlyRefresh = 30 * time.Second // least time between two attempts to fetch
	staleFor     = 15 * time.Minute
	fetchTimeout = 3 * time.Second
)

// cache keeps what fetch gave, without a goroutine of its own: in a Lambda
// function nothing runs between two invocations.
type cache[T any] struct {
	fetch func(context.Context) (T, error)
	clock chat.Clock

	turn chan struct{} // holds one token: whoever has it may touch what follows

	value     T
	fetchedAt time.Time
	triedAt   time.Time
	lastErr   error
}

func newCache[T any](clock chat.Clock, fetch func(context.Context) (T, error)) *cache[T] {
	return &cache[T]{fetch: fetch, clock: clock, turn: make(chan struct{}, 1)}
}

// get gives the kept value, fetched anew when it is older than keysTTL.
func (c *cache[T]) get(ctx context.Context) (value T, at time.Time, err error) {
	return c.newerThan(ctx, c.clock().Add(-keysTTL))
}

// newerThan gives a value that was fetched after t, if fetching is allowed again and
// works; else the kept one, unless it is too old to be trusted.
func (c *cache[T]) newerThan(ctx context.Context, t time.Time) (value T, at time.Time, err error) {
	select {
	case c.turn <- struct{}{}:
	case <-ctx.Done():
		return value, at, ctx.Err()
	}
	defer func() { <-c.turn }()
	now := c.clock()
	if !c.fetchedAt.After(t) && now.Sub(c.triedAt) >= earlyRefresh {
		c.try(ctx, now)
	}
	if c.fetchedAt.IsZero() || now.Sub(c.fetchedAt) > staleFor {
		return value, at, c.lastErr
	}
	return c.value, c.fetchedAt, nil
}

func (c *cache[T]) try(caller context.Context, now time.Time) {
	ctx, cancel := context.WithTimeout(caller, fetchTimeout)
	defer cancel()
	value, err := c.fetch(ctx)
	c.lastErr = err
	if err == nil {
		c.value, c.fetchedAt = value, now
	}
	// A caller who gave up says nothing about the source: the next one may try.
	if err == nil || caller.Err() == nil {
		c.triedAt = now
	}
}
