package redrive

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"unsend/shared/chat"
)

var errRefused = errors.New("refused")

// given is a deployment with two objects and two dead letters to replay, and one of each that cannot be.
func given() *world {
	w := newWorld()
	w.bucket.objects = map[string]string{
		"1": written(asText(records(stream("INSERT", "s1", 1), stream("MODIFY", "s2", 2)))),
		"2": written(records(stream("MODIFY", "s1", 3), stream("REMOVE", "s1", 4))),
		"3": written(``),
		"4": written(records(stream("REMOVE", "s1", 5))),
	}
	w.letter("a", task("s1", 6))
	w.letter("b", task("s3", 7))
	w.letters.visible = append(w.letters.visible, Letter{ID: "c", Handle: "c", Body: "no task", At: wrote})
	return w
}

// told are the records of the tasks in the push queue, once each.
func (w *world) told() []string {
	var list []string
	for _, task := range w.tasks.Take() {
		for _, record := range task.Records {
			list = append(list, fmt.Sprint(record.Key.ServerID, " ", record.Key.MsgServerID))
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

var everything = []string{"s1 m1", "s1 m3", "s1 m6", "s2 m2", "s3 m7"}

func TestADryRunChangesNothing(t *testing.T) {
	t.Parallel()
	w := given()
	before := maps.Clone(w.bucket.objects)
	for range 2 {
		items, s, err := w.run(t.Context(), Options{})
		want := map[State]int{Replayable: 4, Empty: 1, Unusable: 2}
		if err != nil || !maps.Equal(s.States, want) || len(items) != 7 || s.Records != 5 || s.Servers != 3 || s.Skipped != 2 || s.Objects != 4 || s.Letters != 3 {
			t.Errorf("%+v, %v", s, err)
		}
	}
	if got := w.told(); len(got) > 0 || !maps.Equal(w.bucket.objects, before) {
		t.Errorf("told %v, and %d objects are left", got, len(w.bucket.objects))
	}
	if got := w.letters.ids(); !slices.Equal(got, []string{"a", "b", "c"}) {
		t.Errorf("a reader gets %v", got)
	}
}

func TestReplay(t *testing.T) {
	t.Parallel()
	w := given()
	s := w.replay(t)
	if want := map[State]int{Replayed: 4, Removed: 1, Unusable: 2}; !maps.Equal(s.States, want) || s.Tasks != 5 || s.Unfinished() != 2 {
		t.Errorf("%+v", s)
	}
	tasks := w.tasks.Take()
	slices.SortFunc(tasks, func(a, b chat.Task) int {
		return cmp.Or(cmp.Compare(a.ServerID, b.ServerID), cmp.Compare(a.Records[0].Key.MsgServerID, b.Records[0].Key.MsgServerID))
	})
	// Those of the bucket are for everybody, a dead letter's for who was left; all begin anew.
	one := func(server string, n int, kind chat.StoredKind, part *chat.Part) chat.Task {
		return chat.Task{ServerID: server, Records: []chat.Stored{{Key: key(server, n), Kind: kind}}, Part: part}
	}
	left := &chat.Part{Only: []string{"a="}}
	want := []chat.Task{one("s1", 1, chat.Inserted, nil), one("s1", 3, chat.Modified, nil), one("s1", 6, chat.Modified, left),
		one("s2", 2, chat.Modified, nil), one("s3", 7, chat.Modified, left)}
	if diff := gocmp.Diff(want, tasks); diff != "" {
		t.Error(diff)
	}
	if got := slices.Collect(maps.Keys(w.bucket.objects)); !slices.Equal(got, []string{"3"}) {
		t.Errorf("objects %v are left", got)
	}
	if got := w.letters.ids(); !slices.Equal(got, []string{"c"}) {
		t.Errorf("letters %v are left", got)
	}
	if s := w.replay(t); s.Tasks != 0 || s.Objects != 1 || s.Letters != 1 || len(w.told()) > 0 {
		t.Errorf("again: %+v", s)
	}
}

// A service that refuses any one call, once: what was told then and by a second run is everything.
func TestARunThatFailsAnywhereLosesNothing(t *testing.T) {
	t.Parallel()
	for _, where := range []string{"list ", "list 4", "read 2", "delete 1", "delete 4", "enqueue m2", "enqueue m6", "hidden ", "receive ", "delete a", "release "} {
		w := given()
		var mu sync.Mutex
		failed := false
		fail := func(call, name string) error {
			mu.Lock()
			defer mu.Unlock()
			if failed || call+" "+name != where {
				return nil
			}
			failed = true
			return errRefused
		}
		w.bucket.fail, w.letters.fail = fail, fail
		w.tasks.Fail = func(task chat.Task) error { return fail("enqueue", task.Records[0].Key.MsgServerID) }
		items, s, err := w.run(t.Context(), Options{Replay: true})
		if where != "release " && !errors.Is(err, errRefused) || !failed {
			t.Errorf("%s: %v", where, err)
		}
		for _, item := range items {
			if item.State == Failed && item.Problem == "" {
				t.Errorf("%s: nothing is said of %s", where, item.ID)
			}
		}
		if call, _, _ := strings.Cut(where, " "); (call == "delete" || call == "enqueue") != (s.States[Failed] == 1) {
			t.Errorf("%s: %d failed", where, s.States[Failed])
		}
		w.letters.visible, w.letters.hidden = append(w.letters.visible, w.letters.hidden...), nil // time passes
		told := w.told()
		w.replay(t)
		told = append(told, w.told()...)
		slices.Sort(told)
		if got := slices.Compact(told); !slices.Equal(got, everything) {
			t.Errorf("%s: told %v, want %v", where, got, everything)
		}
		if len(w.bucket.objects) != 1 || len(w.letters.visible) != 1 {
			t.Errorf("%s: %d objects and %d letters are left", where, len(w.bucket.objects), len(w.letters.visible))
		}
	}
}

// A run that is stopped while a task is being put into the queue deletes what the queue took,
// gives the dead letters back, and begins nothing more.
func TestARunThatIsStoppedLosesNothing(t *testing.T) {
	t.Parallel()
	for _, at := range []string{"m1", "m6"} {
		w := given()
		ctx, stop := context.WithCancel(t.Context())
		w.tasks.Fail = func(task chat.Task) error {
			if task.Records[0].Key.MsgServerID == at {
				stop()
			}
			return nil
		}
		if _, _, err := w.run(ctx, Options{Replay: true}); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", at, err)
		}
		if len(w.letters.hidden) > 0 {
			t.Errorf("%s: %d letters stay hidden", at, len(w.letters.hidden))
		}
		w.tasks.Fail = nil
		told := w.told()
		w.replay(t)
		told = append(told, w.told()...)
		slices.Sort(told)
		if got := slices.Compact(told); !slices.Equal(got, everything) {
			t.Errorf("%s: told %v, want %v", at, got, everything)
		}
	}
}

func TestLimits(t *testing.T) {
	t.Parallel()
	many := func() *world {
		w := newWorld()
		for i := range 45 { // more than two pages; the first ones cannot be replayed
			body := written(records(stream("MODIFY", "s1", i)))
			if i < 3 {
				body = "torn"
			}
			w.bucket.objects[fmt.Sprintf("%02d", i)] = body
		}
		for i := range 25 {
			w.letter(fmt.Sprint("l", i), task("s2", i))
		}
		return w
	}
	for _, test := range []struct {
		limit, objects, letters int
		replay, more            bool
	}{
		{1, 1, 0, false, true}, {20, 20, 0, false, true}, {45, 45, 0, false, true}, {50, 45, 5, false, true}, {70, 45, 25, false, true},
		{71, 45, 25, false, false}, {0, 45, 25, false, false},
		{1, 4, 0, true, true}, {42, 45, 0, true, true}, {50, 45, 8, true, true}, {0, 45, 25, true, false},
	} {
		w := many()
		_, s, err := w.run(t.Context(), Options{Replay: test.replay, Limit: test.limit})
		if err != nil || s.Objects < test.objects || s.Letters != test.letters || s.More != test.more {
			t.Errorf("%+v: %d objects, %d letters, more %v, %v", test, s.Objects, s.Letters, s.More, err)
		}
		if done := s.States[Replayed]; test.replay && test.limit > 0 && done != test.limit {
			t.Errorf("%+v: %d were replayed", test, done)
		}
	}
	// Runs with a limit get through, whatever cannot be replayed.
	w := many()
	for range 7 {
		if _, _, err := w.run(t.Context(), Options{Replay: true, Limit: 10}); err != nil {
			t.Fatal(err)
		}
	}
	if len(w.bucket.objects) != 3 || len(w.letters.visible) != 0 {
		t.Errorf("%d objects and %d letters are left", len(w.bucket.objects), len(w.letters.visible))
	}
}

// Letters that come back while the run goes on, as it takes long, are seen once.
func TestEachLetterIsSeenOnce(t *testing.T) {
	t.Parallel()
	w := newWorld()
	for i := range 35 {
		w.letter(fmt.Sprint("l", i), task("s1", i))
	}
	w.letters.comeBack = 3
	items, s, err := w.run(t.Context(), Options{})
	seen := map[string]int{}
	for _, item := range items {
		seen[item.ID]++
	}
	if err != nil || s.Letters != len(seen) {
		t.Errorf("%d letters, %d items, %v", s.Letters, len(seen), err)
	}
	if len(w.letters.visible) != 35 {
		t.Errorf("%d are left", len(w.letters.visible))
	}
}

func TestObjectsThatCannotBeRead(t *testing.T) {
	t.Parallel()
	w := given()
	w.bucket.torn = map[string]error{"1": ErrGone, "2": ErrTooLarge}
	items, s, err := w.run(t.Context(), Options{Replay: true})
	if err != nil || s.Objects != 3 || items[0].ID != "2" || items[0].State != Unusable || !strings.Contains(items[0].Problem, "larger") {
		t.Errorf("%+v, %v, %+v", s, err, items)
	}
}

func TestOneSourceAlone(t *testing.T) {
	t.Parallel()
	w := given()
	none := func(Item) {}
	if s, err := (Redriver{Objects: w.bucket, Queue: w.tasks, Recorder: w.audit}).Run(t.Context(), Options{}, none); err != nil || s.Objects != 4 || s.Letters != 0 {
		t.Errorf("the bucket: %+v, %v", s, err)
	}
	if s, err := (Redriver{Letters: w.letters, Queue: w.tasks}).Run(t.Context(), Options{}, none); err != nil || s.Objects != 0 || s.Letters != 3 {
		t.Errorf("the letters: %+v, %v", s, err)
	}
}

// What record gave up is in the same bucket: who took what back is kept before the object goes.
func TestWhatRecordGaveUpIsRecorded(t *testing.T) {
	t.Parallel()
	w := given()
	w.audit.fail = errRefused
	_, s, err := w.run(t.Context(), Options{Replay: true})
	if !errors.Is(err, errRefused) || s.States[Replayed] != 0 || len(w.bucket.objects) < 3 {
		t.Errorf("%+v, %v, and %d objects are left", s, err, len(w.bucket.objects))
	}
	w.audit.fail = nil
	w.replay(t)
	var got []string
	for _, record := range w.audit.records {
		got = append(got, record.Key.MsgServerID)
	}
	if slices.Sort(got); !slices.Equal(got, []string{"m1", "m2", "m3"}) {
		t.Errorf("recorded %v, want what the objects hold", got)
	}
}
