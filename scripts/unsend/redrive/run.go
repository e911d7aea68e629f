package redrive

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"unsend/shared/chat"
	"unsend/shared/queue/form"
)

const (
	// objectsAtATime are worked on side by side: most of the time of one is waiting.
	objectsAtATime = 16
	// lettersAtATime is what SQS gives at once.
	lettersAtATime = 10
	// nothingNew is how often in a row the queue may give only what was seen before.
	nothingNew = 2
	// lastWords bounds what is still done after somebody stopped the run.
	lastWords = 20 * time.Second
)

// Redriver works on one deployment.
type Redriver struct {
	Objects Objects // nil: the bucket is not looked at
	Letters Letters // nil: the dead letters are not looked at
	Queue   chat.Queue
	// Recorder gets the records of objects, too: whether notify gave them up or record, both are done again.
	Recorder interface {
		Record(ctx context.Context, records []chat.Stored) chat.RecordReport
	}
}

// Options are how.
type Options struct {
	Replay bool
	Limit  int // of items that are shown or replayed; those that cannot be replayed do not count when replaying. 0: none
}

// Run finds each item once, tells found of it, in order and one at a time, and with Replay replays it.
// What one holds stops nothing; the error of a service does, and the summary is then of what was
// found before. Whatever stops it, running it again loses nothing.
func (r Redriver) Run(ctx context.Context, o Options, found func(Item)) (Summary, error) {
	run := &run{Redriver: r, Options: o, found: found, servers: map[string]bool{}, summary: Summary{Replay: o.Replay, States: map[State]int{}}}
	err := run.bucket(ctx)
	if err == nil {
		err = run.letters(ctx)
	}
	run.summary.Servers = len(run.servers)
	return run.summary, err
}

type run struct {
	Redriver
	Options
	found   func(Item)
	servers map[string]bool
	counted int // against the limit
	summary Summary
}

// room is how many more items may be worked on at once; 0 when the limit was reached.
func (r *run) room(most int) int {
	if r.Limit > 0 {
		most = min(most, r.Limit-r.counted)
	}
	r.summary.More = r.summary.More || most == 0
	return most
}

// note counts an item.
func (r *run) note(item Item) {
	if item.From == Bucket {
		r.summary.Objects++
	} else {
		r.summary.Letters++
	}
	for _, share := range item.Shares {
		r.servers[share.Server] = true
	}
	r.summary.Records += item.Records()
	r.summary.Skipped += item.Skipped
	r.summary.States[item.State]++
	if !r.Replay || item.State != Unusable { // else the same few would be all that a limited run ever sees
		r.counted++
	}
	if item.State == Replayed {
		r.summary.Tasks += len(item.tasks)
	}
	r.found(item)
}

func (r *run) bucket(ctx context.Context) error {
	if r.Objects == nil {
		return nil
	}
	for after := ""; ; {
		page, err := r.Objects.List(ctx, after)
		if err != nil || len(page) == 0 {
			return err
		}
		after = page[len(page)-1].Key
		for len(page) > 0 {
			n := r.room(min(objectsAtATime, len(page)))
			if n == 0 {
				return nil
			}
			if err := together(ctx, r, page[:n], r.object); err != nil {
				return err
			}
			page = page[n:]
		}
	}
}

// together works on some values at once and notes their items in order. Work that
// gives nil has no item.
func together[T any](ctx context.Context, r *run, values []T, work func(context.Context, T) (*Item, error)) error {
	items, errs := make([]*Item, len(values)), make([]error, len(values))
	var working sync.WaitGroup
	for i, value := range values {
		working.Go(func() { items[i], errs[i] = work(ctx, value) })
	}
	working.Wait()
	for _, item := range items {
		if item != nil {
			r.note(*item)
		}
	}
	return firstOf(errs)
}

// firstOf is enough: what one service says to the others is the same again.
func firstOf(errs []error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func (r *run) object(ctx context.Context, o Object) (*Item, error) {
	body, err := r.Objects.Read(ctx, o.Key)
	switch {
	case errors.Is(err, ErrGone):
		return nil, nil
	case errors.Is(err, ErrTooLarge):
		item := Item{From: Bucket, ID: o.Key, At: o.At}.unusable("it is larger than what Lambda writes")
		return &item, nil
	case err != nil:
		return nil, err
	}
	item := ParseObject(o, body)
	return r.settle(ctx, item, func(ctx context.Context) error { return r.Objects.Delete(ctx, o.Key) })
}

// settle replays the item, where that is wanted: first its tasks are put into the
// queue, then it is removed.
func (r *run) settle(ctx context.Context, item Item, remove func(context.Context) error) (*Item, error) {
	if !r.Replay || item.State == Unusable {
		return &item, nil
	}
	for _, task := range item.tasks {
		if err := r.Queue.Enqueue(ctx, task); ctx.Err() != nil {
			return nil, ctx.Err()
		} else if err != nil {
			item.State, item.Problem = Failed, "the push queue did not take it: it is still where it was"
			return &item, err
		}
	}
	if err := r.record(ctx, item); err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		item.State, item.Problem = Failed, "devices will be told, but the audit or the bus did not take it: it is still where it was"
		return &item, err
	}
	if ctx.Err() != nil && item.State == Empty {
		return nil, ctx.Err()
	}
	// Whoever stops the run now would have devices told twice, for nothing.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWords)
	defer cancel()
	err := remove(ctx)
	switch {
	case err != nil:
		item.State, item.Problem = Failed, "the push queue took it, but it could not be deleted: the next replay tells the same again, which is harmless"
	case item.State == Empty:
		item.State = Removed
	default:
		item.State = Replayed
	}
	return &item, err
}

// record does again what the function record does. That is harmless: its entries and events are the same ones.
func (r *run) record(ctx context.Context, item Item) error {
	if item.From != Bucket {
		return nil
	}
	for _, task := range item.tasks {
		if err := r.recordOne(ctx, task); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) recordOne(ctx context.Context, task chat.Task) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	return errors.Join(r.Recorder.Record(ctx, task.Records).Errs...)
}

func (r *run) letters(ctx context.Context) (err error) {
	if r.Letters == nil {
		return nil
	}
	if r.summary.Hidden, err = r.Letters.Hidden(ctx); err != nil {
		return err
	}
	seen := map[string]bool{}
	kept := map[string]Letter{} // they are hidden until the end: none is to come twice
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWords)
		defer cancel()
		_ = r.Letters.Release(ctx, slices.Collect(maps.Values(kept))) // else they come back by themselves
	}()
	for stale := 0; stale < nothingNew; {
		n := r.room(lettersAtATime)
		if n == 0 {
			return nil
		}
		received, err := r.Letters.Receive(ctx, n)
		if err != nil {
			return err
		}
		for _, letter := range received {
			kept[letter.ID] = letter
		}
		fresh := slices.DeleteFunc(received, func(letter Letter) bool {
			defer func() { seen[letter.ID] = true }()
			return seen[letter.ID]
		})
		stale++
		if len(fresh) == 0 {
			continue
		}
		stale = 0
		var mu sync.Mutex
		err = together(ctx, r, fresh, func(ctx context.Context, letter Letter) (*Item, error) {
			item, err := r.settle(ctx, parseLetter(letter), func(ctx context.Context) error { return r.Letters.Delete(ctx, letter) })
			if item != nil && item.State == Replayed {
				mu.Lock()
				defer mu.Unlock()
				delete(kept, letter.ID)
			}
			return item, err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// parseLetter reads a dead letter. Its task begins anew, with who was left.
func parseLetter(letter Letter) Item {
	item := Item{From: Queue, ID: letter.ID, At: letter.At}
	task, err := form.DecodeTask(letter.Body)
	if err != nil {
		return item.unusable(fmt.Sprintf("it is %v", err))
	}
	item.Attempts, item.State = task.Attempt, Replayable
	item.Shares = []Share{{task.ServerID, len(task.Records)}}
	task.Attempt = 0
	item.tasks = []chat.Task{task}
	return item
}
