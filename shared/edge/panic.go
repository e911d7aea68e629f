package edge

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"runtime/debug"

	"unsend/shared/chat"
)

// panicError is a panic that was stopped.
type panicError struct {
	text  string // the value's type, and its text where the runtime made it
	stack string
}

// Error tells what kind of panic it was.
func (e *panicError) Error() string { return "panic: " + e.text }

// Guard runs f and turns a panic into an error. [Invocation.End] logs its stack.
func Guard(f func() error) (err error) {
	defer func() {
		switch p := recover().(type) {
		case nil:
		case runtime.Error:
			err = &panicError{text: fmt.Sprintf("%T: %s", p, p.Error()), stack: string(debug.Stack())}
		default:
			err = &panicError{text: fmt.Sprintf("%T", p), stack: string(debug.Stack())}
		}
	}()
	return f()
}

func stackOf(err error) []slog.Attr {
	if p, ok := errors.AsType[*panicError](err); ok {
		return []slog.Attr{slog.String("stack", p.stack)}
	}
	return nil
}

// settle gives an error its code where only the edge can: an event that ran out
// of time waited for something, and can be tried again.
func settle(err error) error {
	if _, ok := errors.AsType[*chat.Error](err); ok || err == nil {
		return err
	}
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return &chat.Error{Code: chat.Busy, Err: err}
	}
	return err
}
