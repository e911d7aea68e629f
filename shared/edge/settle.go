package edge

import (
	"context"
	"errors"
	"log/slog"

	"unsend/shared/chat"
)

func stackOf(err error) []slog.Attr {
	if p, ok := errors.AsType[*chat.PanicError](err); ok {
		return []slog.Attr{slog.String("stack", p.Stack)}
	}
	return nil
}

// Settle gives an error its code where only the edge can: an event that ran out
// of time waited for something, and can be tried again.
func Settle(err error) error {
	if _, ok := errors.AsType[*chat.Error](err); ok || err == nil {
		return err
	}
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return &chat.Error{Code: chat.Busy, Err: err}
	}
	return err
}
