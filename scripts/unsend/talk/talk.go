// Package talk is a channel in a terminal: it shows a channel's messages as they
// come and change, sends what is typed, and takes messages back.
//
// [Lines] prints events as they arrive and reads commands from any input: for pipes,
// and for tests. [Screen] owns the terminal and changes lines in place.
package talk

import (
	"context"
	"time"

	unsend "unsend/clients/go"
)

// Client is the connection that is talked through.
type Client interface {
	Send(ctx context.Context, r unsend.SendRequest) (unsend.Message, error)
	Revoke(ctx context.Context, r unsend.RevokeRequest) (unsend.Message, error)
	History(ctx context.Context, r unsend.HistoryRequest) (unsend.Page, error)
	Subscribe(ctx context.Context, serverID string, channelIDs ...string) ([]unsend.Subscribed, error)
	Notices() <-chan unsend.Notice
	Err() error
}

// Options are what a conversation needs.
type Options struct {
	Client          Client
	Account         string
	Server, Channel string
	Now             func() time.Time
	Zone            *time.Location
	NewID           func() string // makes MsgIDs
	Colour          bool
	Width           func() int // columns of the terminal; nil where lines have no end
}

// Help is what /help shows.
const Help = `type to send; a line that begins with // is sent with one /
/revoke N [reason]   take back the message numbered N
/history             show older messages
/again               send what failed once more; it arrives once at most
/quit                leave`

// pageSize is how many messages are shown at first, and more with each /history.
const pageSize = 30

// room is the state of a conversation. It is used by one goroutine at a time;
// what takes time happens in [room.perform], which does not touch it.
type room struct {
	Options
	view    *unsend.View
	numbers map[unsend.MessageKey]int
	keys    []unsend.MessageKey // by number, from 1
	older   string              // cursor of the next older page
	atStart bool                // there is no older page
	failed  *unsend.SendRequest // what /again sends
	names
}

func newRoom(o Options) *room {
	r := &room{Options: o, view: unsend.NewView(o.Server, o.Channel), numbers: map[unsend.MessageKey]int{}, names: names{}}
	r.meet("", o.Account)
	return r
}

// apply takes a message and tells what it changed. Numbers are given once, in the
// order of arrival, so that N means the same message for as long as one looks at it.
func (r *room) apply(m unsend.Message) unsend.Change {
	change := r.view.Apply(m)
	if change != unsend.Unchanged {
		r.meet(m.FromNick, m.FromAccount)
		if m.Operation != nil {
			r.meet(m.Operation.OperatorNick, m.Operation.OperatorID)
		}
	}
	if change == unsend.Added {
		r.keys = append(r.keys, m.MessageKey)
		r.numbers[m.MessageKey] = len(r.keys)
	}
	return change
}

// applyPage takes a page of history, oldest message first.
func (r *room) applyPage(p unsend.Page) (added []unsend.Message) {
	for i := len(p.Messages) - 1; i >= 0; i-- {
		if m := p.Messages[i]; r.apply(m) == unsend.Added {
			added = append(added, m)
		}
	}
	r.older, r.atStart = p.Next, p.Next == ""
	return added
}
