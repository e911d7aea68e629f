package dynamo

import (
	"context"
	"errors"
	"time"

	"unsend/shared/chat"
)

// Pauses between attempts double from the first to the last, with full jitter:
// writers that met once should not meet again.
const (
	firstPause = 20 * time.Millisecond
	lastPause  = 320 * time.Millisecond
)

// persist runs f until it reports something else than again, and gives up with
// Busy.
func (s *Store) persist(ctx context.Context, op string, f func(ctx context.Context) error) error {
	var err error
	for attempt := range s.options.Attempts {
		if attempt > 0 {
			if paused := s.pause(ctx, attempt); paused != nil {
				return busy(op, paused)
			}
		}
		err = f(ctx)
		if _, retry := errors.AsType[again](err); !retry {
			return err
		}
	}
	var last again
	errors.As(err, &last)
	return last.error
}

// written is persist for what takes its time from the clock: all attempts end
// within WriteTimeout, or fail.
func (s *Store) written(ctx context.Context, op string, f func(ctx context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, chat.WriteTimeout)
	defer cancel()
	return s.persist(ctx, op, f)
}

func (s *Store) pause(ctx context.Context, attempt int) error {
	most := min(firstPause<<(attempt-1), lastPause)
	return s.options.Sleep(ctx, time.Duration(s.options.Rand()*float64(most)))
}
