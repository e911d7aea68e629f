package chat

import (
	"context"
	"time"
)

// FrameLimit bounds the frames of an account: whoever floods the service is answered
// [RateLimited], and nothing is stored of it.
type FrameLimit struct {
	Counter FrameCounter
	Most    int // frames in a FrameWindow; 0: any number, and none is counted
	// Uncounted is told why a frame could not be counted, and so has no limit, of a request that goes on; nil: nobody is.
	Uncounted func(ctx context.Context, err error)

	lenient bool // whoever sends more than can be counted has no limit
}

// leniently is the limit of what nobody may be kept from by a guess, as it takes back or keeps the connection: it refuses only for a number.
func (l FrameLimit) leniently() FrameLimit {
	l.lenient = true
	return l
}

// beside reads what the request needs and counts its frame, at the same time: the limit
// costs no time. The reading's result is not to be used when there is an error. What is read has effect soon, or is too old: where the
// count is later by more than CountGrace it is given up, and the request goes on: what protects the service must not stop a revoke.
func (l FrameLimit) beside(ctx context.Context, accountID string, now time.Time, read func() error) error {
	if l.Most == 0 {
		return read()
	}
	counting, stop := context.WithCancel(ctx)
	defer stop()
	var (
		n     int
		grace *time.Timer
	)
	errs := concurrently(
		func() (err error) {
			n, err = l.Counter.CountFrame(counting, accountID, now)
			return err
		},
		func() error {
			err := Guard(read)
			grace = time.AfterFunc(CountGrace, stop)
			return err
		},
	)
	grace.Stop()
	switch {
	case CodeOf(errs[0]) == RateLimited && !l.lenient:
		return errs[0]
	case errs[0] != nil && l.Uncounted != nil:
		l.Uncounted(ctx, errs[0])
	case errs[0] == nil && n > l.Most:
		return &Error{Code: RateLimited}
	}
	return errs[1]
}
