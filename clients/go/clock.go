package unsend

import (
	"context"
	"time"
)

// now is the wall time without a monotonic clock, which would hide that the machine slept.
func (s *Session) now() time.Time { return s.options.Now().Round(0) }

// backoff is how long to wait before try number n, from 0: at most 30 s, and never the same for everybody.
func (s *Session) backoff(n int) time.Duration {
	const first, most = time.Second, 30 * time.Second
	longest := min(most, first<<min(n, 5))
	return time.Duration(float64(longest) * (0.5 + s.options.Chance()/2))
}

// sleep tells whether ctx has not ended meanwhile.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}

// ended tells whether c was closed before ctx ended.
func ended(ctx context.Context, c <-chan struct{}) bool {
	select {
	case <-c:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}

// later does something after a while, unless the session has ended. It is called with the lock held, and work is not.
func (s *Session) later(d time.Duration, work func()) {
	if s.ctx == nil || s.closed {
		return
	}
	ctx := s.ctx
	s.work.Go(func() {
		if sleep(ctx, d) {
			work()
		}
	})
}
