package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"unsend/scripts/unsend/serverapi"
)

// Results come in the order of the accounts, and of each group as many requests are under way as may be: the next begins
// when one has ended.
func TestSeveralAtATime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var list, got []string
		for i := range 2*groupSize + 50 {
			list = append(list, fmt.Sprint(i))
		}
		var begun atomic.Int64
		leave, done := make(chan struct{}), make(chan error, 1)
		go func() {
			done <- each(t.Context(), list, func(e serverapi.Entry) { got = append(got, e.Accid) }, func(_ context.Context, account string) (serverapi.Entry, error) {
				begun.Add(1)
				<-leave
				return serverapi.Entry{Accid: account, Status: 200}, nil
			})
		}()
		for ended := range list {
			synctest.Wait()
			group := (ended/groupSize + 1) * groupSize // its end
			if want := min(ended+several, group, len(list)); int(begun.Load()) != want {
				t.Errorf("%d have begun where %d have ended, want %d", begun.Load(), ended, want)
			}
			leave <- struct{}{}
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
		if diff := cmp.Diff(list, got); diff != "" {
			t.Error(diff)
		}
	})
}

// What holds for all of them ends it; what was done before is told.
func TestWhatEndsSeveral(t *testing.T) {
	t.Parallel()
	var told int
	gone := errors.New("no network")
	err := each(t.Context(), make([]string, 250), func(serverapi.Entry) { told++ }, func(ctx context.Context, _ string) (serverapi.Entry, error) {
		if told == groupSize {
			return entryOf("", false, gone)
		}
		return entryOf("", true, nil)
	})
	if !errors.Is(err, gone) || told != groupSize {
		t.Errorf("%v after %d", err, told)
	}
	if _, err := entryOf("a", false, &serverapi.Problem{Status: 403, AWS: true}); err == nil {
		t.Error("AWS's refusal is taken for one of the account")
	}
	if e, err := entryOf("a", false, &serverapi.Problem{Status: 403}); err != nil || e.Status != 403 {
		t.Errorf("%+v %v", e, err)
	}
}

// broken is an output on a disk that is full.
type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errFull }

var errFull = errors.New("no space left on device")

// Results that nobody could be told are no success, in whatever form: a script would take the rest for what there is.
func TestResultsThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	gone := errors.New("no network")
	for _, asJSON := range []bool{false, true} {
		a := &app{streams: streams{out: broken{}, err: io.Discard}}
		r := a.results(&options{json: asJSON})
		r.add(serverapi.Entry{Accid: "bob"}, true, "bob", "banned")
		if err := r.end(nil); !errors.Is(err, errFull) {
			t.Errorf("JSON %v: %v", asJSON, err)
		}
		if err := r.end(gone); !errors.Is(err, errFull) || !errors.Is(err, gone) {
			t.Errorf("JSON %v: %v", asJSON, err)
		}
	}
}
