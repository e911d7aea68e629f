package chat

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

// PanicError is a panic that was stopped, so that it harms its own request only.
type PanicError struct {
	// text is the value's type, and its own text only where the runtime made it:
	// any other value may hold what a user wrote.
	text string
	// Stack is for the log. It holds names of functions and addresses.
	Stack string
}

// Error tells what kind of panic it was.
func (e *PanicError) Error() string { return "panic: " + e.text }

// Guard runs f and turns a panic into a *PanicError.
func Guard(f func() error) (err error) {
	defer func() {
		switch p := recover().(type) {
		case nil:
		case runtime.Error:
			err = &PanicError{text: fmt.Sprintf("%T: %s", p, p.Error()), Stack: string(debug.Stack())}
		default:
			err = &PanicError{text: fmt.Sprintf("%T", p), Stack: string(debug.Stack())}
		}
	}()
	return f()
}
