// Package redrive shows what was given up, and replays it: the batches of the stream that notify or record could not
// finish, which Lambda keeps as objects in the failure bucket, and the tasks that push could not finish,
// which SQS keeps as dead letters.
//
// Replaying puts tasks into the push queue, keeps who took what back as record does, and only when all is taken deletes the object or the
// dead letter they come from. So nothing is lost wherever a run stops, and the next one goes on: at least once. Who
// is told twice sees no difference, since a client shows the highest version of a message.
//
// What cannot be understood stays where it is.
package redrive

import (
	"context"
	"errors"
	"time"

	"unsend/shared/chat"
)

// Source is where something ended.
type Source string

// The sources.
const (
	Bucket Source = "bucket" // given up by notify or record
	Queue  Source = "queue"  // given up by push
)

// Objects is the failure bucket.
type Objects interface {
	// List gives objects in the order of their keys, those behind the key after; none at the end.
	List(ctx context.Context, after string) ([]Object, error)
	// Read gives what the object holds, or [ErrGone] for one that was deleted meanwhile, or [ErrTooLarge].
	Read(ctx context.Context, key string) ([]byte, error)
	// Delete deletes the object; one that is not there is deleted, too.
	Delete(ctx context.Context, key string) error
}

// The errors of [Objects] that are about one object.
var (
	ErrGone     = errors.New("the object has gone")
	ErrTooLarge = errors.New("the object is larger than Lambda writes them")
)

// Object is one object of the bucket.
type Object struct {
	Key string
	At  time.Time // of its writing
}

// Letters is the dead letter queue.
type Letters interface {
	// Hidden is about how many letters no reader gets at present, since another has them.
	Hidden(ctx context.Context) (int, error)
	// Receive gives up to max letters, and hides them for [HiddenFor]; none when there are none.
	Receive(ctx context.Context, max int) ([]Letter, error)
	// Release shows letters again at once. It may fail for some: these come back by themselves.
	Release(ctx context.Context, letters []Letter) error
	// Delete deletes the letter.
	Delete(ctx context.Context, letter Letter) error
}

// HiddenFor is how long a letter that was received is nobody else's.
const HiddenFor = 2 * time.Minute

// Letter is one message of the dead letter queue.
type Letter struct {
	ID     string
	Handle string // of this receiving
	Body   string
	At     time.Time // when its task was put into the push queue
}

// State is what can become, or became, of an item.
type State string

// The states.
const (
	Replayable State = "replayable" // it would be replayed
	Empty      State = "empty"      // it holds nothing to tell, and would be deleted
	Unusable   State = "unusable"   // it cannot be replayed, and stays
	Replayed   State = "replayed"   // its tasks are in the push queue, and it is deleted
	Removed    State = "removed"    // it held nothing to tell, and is deleted
	Failed     State = "failed"     // a service refused, and it stays
)

// Item is an object or a dead letter.
type Item struct {
	From     Source
	ID       string // an object's key, a dead letter's message id
	At       time.Time
	Shares   []Share
	Skipped  int    // records that have nothing to tell: of removals, and of no message
	Attempts int    // before it was given up, as far as is known
	Reason   string // why it was given up, as Lambda calls it; empty: not known
	State    State
	Problem  string // why it is Unusable or Failed

	tasks []chat.Task
}

// Share is what an item has to tell of one server.
type Share struct {
	Server  string
	Records int
}

// Records is how many records the item has to tell.
func (i Item) Records() (n int) {
	for _, share := range i.Shares {
		n += share.Records
	}
	return n
}

// Summary counts what a run found.
type Summary struct {
	Replay           bool
	Objects, Letters int
	Servers          int // that records are of
	Records, Skipped int
	Tasks            int // that the push queue took
	States           map[State]int
	Hidden           int  // dead letters that another reader had, about
	More             bool // the limit was reached
}

// Unfinished is how many items could not be replayed.
func (s Summary) Unfinished() int { return s.States[Unusable] + s.States[Failed] }
