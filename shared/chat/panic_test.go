package chat_test

import (
	"errors"
	"strings"
	"testing"

	"unsend/shared/chat"
)

type secretPanic struct{ text string }

func TestGuard(t *testing.T) {
	t.Parallel()
	var none []int
	for want, f := range map[string]func(){
		"panic: chat_test.secretPanic": func() { panic(secretPanic{"SECRET"}) },
		"panic: *errors.errorString":   func() { panic(errors.New("SECRET")) },
		"panic: runtime.boundsError: runtime error: index out of range [3] with length 0": func() { _ = none[len(t.Name())-6] },
	} {
		err := chat.Guard(func() error { f(); return nil })
		if err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
		if p, ok := errors.AsType[*chat.PanicError](err); !ok || !strings.Contains(p.Stack, "TestGuard") {
			t.Error("the stack is missing")
		}
	}
	if want := errors.New("own"); chat.Guard(func() error { return want }) != want {
		t.Error("an error is not passed on")
	}
}
