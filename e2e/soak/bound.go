package soak

import (
	"context"
	"time"
)

// Bound ends several waits, one after the other, all together: none of them has the whole time for itself.
type Bound struct {
	Length time.Duration
	end    time.Time
}

// NewBound begins now.
func NewBound(length time.Duration) Bound { return Bound{Length: length, end: time.Now().Add(length)} }

// Over tells whether the time is.
func (b Bound) Over() bool { return !time.Now().Before(b.end) }

// Wait asks once at least, and then every so often. It tells whether it was ok before the time was over or ctx ended.
func (b Bound) Wait(ctx context.Context, every time.Duration, ok func() bool) bool {
	timer := time.NewTicker(every)
	defer timer.Stop()
	for !ok() {
		if b.Over() {
			return false
		}
		select {
		case <-timer.C:
		case <-ctx.Done():
			return false
		}
	}
	return true
}
