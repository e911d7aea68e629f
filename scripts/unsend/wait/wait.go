// Package wait is for what is to go on a little later.
package wait

import (
	"context"
	"time"
)

// For waits that long, or until the context ends, whose error it gives then.
func For(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
