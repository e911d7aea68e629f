package redrive

import (
	"context"
	"maps"
	"slices"
	"sync"
	"testing"

	"unsend/shared/chat"
	"unsend/shared/chat/chattest"
	"unsend/shared/queue/form"
)

// fakeBucket is a bucket in memory; pages are small, so that there are some.
type fakeBucket struct {
	mu      sync.Mutex
	objects map[string]string
	fail    func(call, key string) error // nil: nothing fails
	torn    map[string]error             // what reading a key gives
}

const pageSize = 20

func (b *fakeBucket) call(ctx context.Context, call, key string) error {
	if err := ctx.Err(); err != nil || b.fail == nil {
		return err
	}
	return b.fail(call, key)
}

func (b *fakeBucket) List(ctx context.Context, after string) ([]Object, error) {
	if err := b.call(ctx, "list", after); err != nil {
		return nil, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	var page []Object
	for _, key := range slices.Sorted(maps.Keys(b.objects)) {
		if key > after && len(page) < pageSize {
			page = append(page, Object{Key: key, At: wrote})
		}
	}
	return page, nil
}

func (b *fakeBucket) Read(ctx context.Context, key string) ([]byte, error) {
	if err := b.call(ctx, "read", key); err != nil {
		return nil, err
	}
	if err := b.torn[key]; err != nil {
		return nil, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return []byte(b.objects[key]), nil
}

func (b *fakeBucket) Delete(ctx context.Context, key string) error {
	if err := b.call(ctx, "delete", key); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.objects, key)
	return nil
}

// fakeLetters is a queue in memory. What is hidden comes back by itself after so
// many receives, as if time had passed.
type fakeLetters struct {
	mu       sync.Mutex
	visible  []Letter
	hidden   []Letter
	comeBack int // 0: never by themselves
	receives int
	fail     func(call, id string) error
}

func (q *fakeLetters) call(ctx context.Context, call, id string) error {
	if err := ctx.Err(); err != nil || q.fail == nil {
		return err
	}
	return q.fail(call, id)
}

func (q *fakeLetters) Hidden(ctx context.Context) (int, error) {
	return len(q.hidden), q.call(ctx, "hidden", "")
}

func (q *fakeLetters) Receive(ctx context.Context, n int) ([]Letter, error) {
	if err := q.call(ctx, "receive", ""); err != nil {
		return nil, err
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.receives++; q.comeBack > 0 && q.receives%q.comeBack == 0 {
		q.visible, q.hidden = append(q.hidden, q.visible...), nil
	}
	n = min(n, len(q.visible))
	given := slices.Clone(q.visible[:n])
	q.visible = q.visible[n:]
	q.hidden = append(q.hidden, given...)
	return given, nil
}

// take gives the letter out of the hidden ones.
func (q *fakeLetters) take(letter Letter) {
	q.hidden = slices.DeleteFunc(q.hidden, func(l Letter) bool { return l.ID == letter.ID })
}

func (q *fakeLetters) Release(ctx context.Context, letters []Letter) error {
	if err := q.call(ctx, "release", ""); err != nil {
		return err
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, letter := range letters {
		q.take(letter)
		q.visible = append(q.visible, letter)
	}
	return nil
}

func (q *fakeLetters) Delete(ctx context.Context, letter Letter) error {
	if err := q.call(ctx, "delete", letter.ID); err != nil {
		return err
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.take(letter)
	return nil
}

// ids are those that a reader gets, by name.
func (q *fakeLetters) ids() []string {
	var list []string
	for _, letter := range q.visible {
		list = append(list, letter.ID)
	}
	slices.Sort(list)
	return list
}

// world is a deployment in memory.
type world struct {
	bucket  *fakeBucket
	letters *fakeLetters
	tasks   *chattest.Queue
	audit   *audit
}

func newWorld() *world {
	return &world{&fakeBucket{objects: map[string]string{}, torn: map[string]error{}}, &fakeLetters{}, &chattest.Queue{}, &audit{}}
}

func (w *world) letter(id string, task chat.Task) {
	body, _ := form.EncodeTask(task) // never fails
	w.letters.visible = append(w.letters.visible, Letter{ID: id, Handle: id, Body: body, At: wrote})
}

// run gives the items, by their ids, too.
func (w *world) run(ctx context.Context, o Options) (list []Item, s Summary, err error) {
	s, err = Redriver{Objects: w.bucket, Letters: w.letters, Queue: w.tasks, Recorder: w.audit}.Run(ctx, o, func(i Item) { list = append(list, i) })
	return list, s, err
}

// replay must go well.
func (w *world) replay(t *testing.T) Summary {
	t.Helper()
	_, s, err := w.run(t.Context(), Options{Replay: true})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// task is one that push gave up.
func task(server string, n int) chat.Task {
	return chat.Task{ServerID: server, Attempt: 10, Part: &chat.Part{Only: []string{"a="}}, Records: []chat.Stored{{Key: key(server, n), Kind: chat.Modified}}}
}

// audit is the recorder.
type audit struct {
	mu      sync.Mutex
	records []chat.Stored
	fail    error
}

func (a *audit) Record(_ context.Context, records []chat.Stored) (r chat.RecordReport) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.fail != nil {
		return chat.RecordReport{Unfinished: []int{0}, Errs: []error{a.fail}}
	}
	a.records = append(a.records, records...)
	return r
}
