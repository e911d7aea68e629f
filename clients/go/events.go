package unsend

import (
	"context"
	"slices"
	"sync"
)

// Event is what a [Session] tells: [MessageReceived], [MessageUpdated], [MessageEnded], [ChannelChanged], [StateChanged] or [Failed].
type Event interface{ event() }

// MessageReceived is QChat's RegRecvCb: somebody sent a message. Each is told once, for as long as the session keeps it, and none that is known to have been
// taken back.
type MessageReceived struct{ Notice }

// MessageUpdated is QChat's RegUpdatedCb: a message was taken back, or edited, as a notice said or a sync found out. Each is told once, and of
// those that wait the last.
type MessageUpdated struct{ Notice }

// MessageEnded tells that a message was taken back or deleted, known or not: close the notifications that show it. It can come more than once.
type MessageEnded struct{ MessageKey }

// ChannelChanged tells that a channel shows something else now: see [Session.Messages].
type ChannelChanged struct{ ServerID, ChannelID string }

// StateChanged tells how it stands about the connection.
type StateChanged struct{ State State }

// Failed tells of what went wrong that no call stands for. The session goes on. Err is a *[TokenError], a *[DialError], a *[StoreError],
// [ErrUnreadable], or the *[Error] of a subscription that was refused.
type Failed struct{ Err error }

func (MessageReceived) event() {}
func (MessageUpdated) event()  {}
func (MessageEnded) event()    {}
func (ChannelChanged) event()  {}
func (StateChanged) event()    {}
func (Failed) event()          {}

// mostEvents may wait. Then no frame is read before some are taken.
const mostEvents = 1024

// eventQueue holds events until they are taken. What was overtaken is not told: no text waits in it that was taken back.
type eventQueue struct {
	out   chan Event
	moved chan struct{} // takes one value: something came or went
	room  chan struct{} // takes one value: something was taken

	mu     sync.Mutex
	events []queued
	last   uint64
}

type queued struct {
	number uint64
	Event
}

func newEventQueue() *eventQueue {
	return &eventQueue{out: make(chan Event), moved: make(chan struct{}, 1), room: make(chan struct{}, 1)}
}

func (q *eventQueue) put(e Event) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if _, isHint := e.(Failed); isHint && len(q.events) >= mostEvents {
		return
	}
	q.events = slices.DeleteFunc(q.events, func(old queued) bool { return overtakes(e, old.Event) })
	q.last++
	q.events = append(q.events, queued{q.last, e})
	signal(q.moved)
}

// overtakes tells whether old need not be told when e is.
func overtakes(e, old Event) bool {
	switch e := e.(type) {
	case MessageUpdated:
		was, ok := toldOf(old)
		return ok && was.MessageKey == e.Message.MessageKey
	case MessageEnded:
		was, ok := toldOf(old)
		return old == Event(e) || ok && was.MessageKey == e.MessageKey && !was.Ended()
	case ChannelChanged:
		return old == Event(e)
	case StateChanged:
		_, ok := old.(StateChanged)
		return ok
	}
	return false
}

// toldOf is the message that an event hands on, and whether it does.
func toldOf(e Event) (m Message, ok bool) {
	switch e := e.(type) {
	case MessageReceived:
		return e.Message, true
	case MessageUpdated:
		return e.Message, true
	}
	return Message{}, false
}

// run hands the events on, one after the other, until ctx ends.
func (q *eventQueue) run(ctx context.Context) {
	defer close(q.out)
	for {
		var out chan Event
		next, ok := q.first()
		if ok {
			out = q.out
		}
		select {
		case out <- next.Event:
			q.taken(next.number)
		case <-q.moved: // the first may be another one
		case <-ctx.Done():
			return
		}
	}
}

// wait waits until there is room, or ctx ends.
func (q *eventQueue) wait(ctx context.Context) {
	for q.isFull() {
		select {
		case <-q.room:
		case <-ctx.Done():
			return
		}
	}
}

func (q *eventQueue) isFull() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.events) >= mostEvents
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

func (q *eventQueue) first() (first queued, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.events) == 0 {
		return queued{}, false
	}
	return q.events[0], true
}

// taken removes an event, unless it was overtaken while it was taken.
func (q *eventQueue) taken(number uint64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.events = slices.DeleteFunc(q.events, func(e queued) bool { return e.number == number })
	signal(q.room)
}
