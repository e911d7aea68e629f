package dynamo

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"unsend/shared/chat"
)

func TestAPanicIsItsRequestsError(t *testing.T) {
	store, _, _ := scripted(func(r request) (int, string, error) { panic(fmt.Errorf("about %s", secret)) })
	for op, call := range map[string]func() error{
		"Rights":  func() error { _, err := store.Rights(t.Context(), "s", []string{"c"}, 0); return err },
		"Members": func() error { _, err := store.Members(t.Context(), "s", []string{"a"}); return err },
		"PutPresences": func() error {
			return store.PutPresences(t.Context(), []chat.Presence{{ServerID: "s", Connection: aConnection}})
		},
	} {
		err := call()
		if panicked, ok := errors.AsType[*chat.PanicError](err); !ok || panicked.Stack == "" || chat.CodeOf(err) != chat.Internal {
			t.Errorf("%s: %v", op, err)
			continue
		}
		safe(t, err)
	}
}

func TestTheFirstErrorEndsTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, _, _ := scripted(nil)
		first := errors.New("first")
		var ended atomic.Int32
		waits := func(ctx context.Context) error { <-ctx.Done(); ended.Add(1); return ctx.Err() }
		err := store.parallel(t.Context(), waits, waits, func(context.Context) error { return first })
		if !errors.Is(err, first) || ended.Load() != 2 {
			t.Errorf("%v, %d others ended", err, ended.Load())
		}
	})
}

// One request alone is made where it was asked for: a goroutine of its own would begin with a small stack.
func TestOneRequestNeedsNoGoroutine(t *testing.T) {
	t.Parallel()
	store, _, _ := scripted(nil)
	var stack string
	err := store.parallel(t.Context(), func(context.Context) error {
		stack = string(debug.Stack())
		return nil
	})
	if err != nil || !strings.Contains(stack, "dynamo.TestOneRequestNeedsNoGoroutine(") {
		t.Errorf("%v, by %s", err, stack)
	}
}

// As many as the limit are under way, and no more.
func TestRequestsAtATimeAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, _, _ := scripted(nil)
		var running, most atomic.Int32
		functions := make([]func(context.Context) error, 20)
		for i := range functions {
			functions[i] = func(context.Context) error {
				now := running.Add(1)
				for old := most.Load(); now > old && !most.CompareAndSwap(old, now); old = most.Load() {
				}
				time.Sleep(time.Second)
				running.Add(-1)
				return nil
			}
		}
		begun := time.Now()
		if err := store.parallel(t.Context(), functions...); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(begun); most.Load() != 8 || took != 3*time.Second {
			t.Errorf("%d at a time, %v for 20 of a second each; want 8 and 3 s", most.Load(), took)
		}
	})
}

// Writers that met once must not meet again: a pause is a random part of its most.
func TestPausesHaveJitter(t *testing.T) {
	store, _, pauses := scripted(fails(400, "TransactionConflictException", "in a transaction"))
	draws := []float64{0, 0.5, 0.25, 0.75}
	store.options.Rand = func() float64 { draw := draws[0]; draws = draws[1:]; return draw }
	if _, err := store.RevokeMessage(t.Context(), aRevoke); chat.CodeOf(err) != chat.Busy {
		t.Fatal(err)
	}
	want := []time.Duration{0, firstPause, firstPause, 6 * firstPause} // 0 of 1, half of 2, a quarter of 4, three of 8
	if got := fmt.Sprint(*pauses); got != fmt.Sprint(want) {
		t.Errorf("pauses %s, want %v", got, want)
	}
	drawn := map[float64]bool{}
	for range 16 {
		drawn[New(nil, Tables{}, Options{}).options.Rand()] = true
	}
	if len(drawn) < 8 {
		t.Errorf("16 draws gave %d values", len(drawn))
	}
}
