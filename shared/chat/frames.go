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
}

// beside reads what the request needs and counts its frame, at the same time: the limit
// costs no time. The reading's result is not to be used when there is an error. Where frames cannot be counted within CountTimeout the
// request goes on: what protects the service must not stop a revoke.
func (l FrameLimit) beside(ctx context.Context, accountID string, now time.Time, read func() error) error {
	if l.Most == 0 {
		return read()
	}
	var n int
	errs := concurrently(
		func() (err error) {
			ctx, cancel := context.WithTimeout(ctx, CountTimeout)
			defer cancel()
			n, err = l.Counter.CountFrame(ctx, accountID, now)
			return err
		},
		read,
	)
	switch {
	case errs[0] != nil && l.Uncounted != nil:
		l.Uncounted(ctx, errs[0])
	case errs[0] == nil && n > l.Most:
		return &Error{Code: RateLimited}
	}
	return errs[1]
}
