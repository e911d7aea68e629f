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
}

// beside reads what the request needs and counts its frame, at the same time: the limit
// costs no time. The reading's result is not to be used when there is an error. Where frames cannot be counted the request
// goes on: what protects the service must not stop a revoke.
func (l FrameLimit) beside(ctx context.Context, accountID string, now time.Time, read func() error) error {
	if l.Most == 0 {
		return read()
	}
	var n int
	errs := concurrently(
		func() (err error) {
			n, err = l.Counter.CountFrame(ctx, accountID, now)
			return err
		},
		read,
	)
	if errs[0] == nil && n > l.Most {
		return &Error{Code: RateLimited}
	}
	return errs[1]
}
