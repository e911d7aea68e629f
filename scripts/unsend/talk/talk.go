// Package talk is a channel in a terminal: it shows a channel's messages as they
// come and change, sends what is typed, and takes messages back.
//
// [Lines] prints events as they arrive and reads commands from any input: for pipes,
// and for tests. [Screen] owns the terminal and changes lines in place.
package talk

import (
	"context"
	"errors"
	"fmt"
	"time"

	unsend "unsend/clients/go"
	"unsend/scripts/unsend/terminal"
)

// Session is the device that talks: it reconnects and catches up by itself.
type Session interface {
	Send(ctx context.Context, r unsend.SendRequest) (unsend.Message, error)
	Revoke(ctx context.Context, r unsend.RevokeRequest) (unsend.Message, error)
	History(ctx context.Context, r unsend.HistoryRequest) (unsend.Page, error)
	Sync(ctx context.Context, serverID string) error
	OpenChannel(serverID, channelID string)
	Messages(serverID, channelID string) []unsend.Message
	Pending(serverID, channelID string) []unsend.SendRequest
	Events() <-chan unsend.Event
}

var _ Session = (*unsend.Session)(nil)

// Options are what a conversation needs.
type Options struct {
	Session         Session // which runs
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

// pageSize is how many messages /history reads.
const pageSize = 30

// patience bounds what the user waits for.
const patience = 15 * time.Second

// room is the state of a conversation. It is used by one goroutine at a time;
// what takes time happens in an [action], which does not touch it. Texts are the session's alone, so that none stays that was taken back.
type room struct {
	Options
	shown   map[unsend.MessageKey]state
	keys    []unsend.MessageKey // by number, from 1
	older   string              // cursor of the next older page
	atStart bool                // there is no older page
	failed  *unsend.SendRequest // what /again sends
	names
}

// state is what was shown last of a message.
type state struct {
	number, status int
	version        int64
}

func newRoom(o Options) *room {
	r := &room{Options: o, shown: map[unsend.MessageKey]state{}, names: names{}}
	r.meet("", o.Account)
	return r
}

// apply notes a message as it is shown now, and tells whether that is new. Numbers are given once, in the
// order of arrival, so that N means the same message for as long as one looks at it.
func (r *room) apply(m unsend.Message) bool {
	was, known := r.shown[m.MessageKey]
	now := state{was.number, m.Status, m.Version}
	if known && was == now {
		return false
	}
	if !known {
		r.keys = append(r.keys, m.MessageKey)
		now.number = len(r.keys)
	}
	r.shown[m.MessageKey] = now
	r.meet(m.FromNick, m.FromAccount)
	if m.Operation != nil {
		r.meet(m.Operation.OperatorNick, m.Operation.OperatorID)
	}
	return true
}

func (r *room) messages() []unsend.Message { return r.Session.Messages(r.Server, r.Channel) }

// news are the messages that are new, or different from what was shown.
func (r *room) news() (news []unsend.Message) {
	for _, m := range r.messages() {
		if r.apply(m) {
			news = append(news, m)
		}
	}
	return news
}

// turned notes that a page of history was read.
func (r *room) turned(p unsend.Page) { r.older, r.atStart = p.Next, p.Next == "" }

// heard is an event in words; empty: there is nothing to say.
func heard(e unsend.Event) string {
	switch e := e.(type) {
	case unsend.StateChanged:
		if e.State == unsend.StateConnecting {
			return "the connection has ended; connecting again"
		}
		return "connected"
	case unsend.Failed:
		return terminal.Clean(cause(e.Err).Error())
	}
	return ""
}

// cause is what a token function said: it is this command's own, and says no token.
func cause(err error) error {
	if failed, ok := errors.AsType[*unsend.TokenError](err); ok {
		return failed.Err
	}
	return err
}

// connect waits for the first connection. That none comes about is its error.
func (r *room) connect(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 2*patience)
	defer cancel()
	for {
		select {
		case e, ok := <-r.Session.Events():
			if !ok {
				return unsend.ErrClosed
			}
			switch e := e.(type) {
			case unsend.StateChanged:
				if e.State == unsend.StateOpen {
					return nil
				}
			case unsend.Failed:
				return cause(e.Err)
			}
		case <-ctx.Done():
			return fmt.Errorf("connect: %w", ctx.Err())
		}
	}
}
