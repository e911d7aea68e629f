package unsend

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"
)

const (
	// patience is how long a request is repeated. The server knows a MsgID for 24 h.
	patience = time.Hour
	// mostWaiting may wait for an answer.
	mostWaiting = 100
	// setBack is how far a clock may be set back before the age of what was kept is not known any more.
	setBack = 5 * time.Minute
	// expireEvery: so often the outbox is gone through at least, as a timer may stand still while wall time passes.
	expireEvery = time.Minute
)

// entry is a request that is kept until it is answered. One of Send, Revoke and Batch is set.
type entry struct {
	Send    *SendRequest        `json:"send,omitempty"`
	Revoke  *RevokeRequest      `json:"revoke,omitempty"`
	Batch   *RevokeBatchRequest `json:"batch,omitempty"`
	Created int64               `json:"created"` // ms of wall time; no two have the same
}

// request is the entry's frame on try number n, from 0.
func (e entry) request(n int) (action string, body any) {
	switch {
	case e.Send != nil:
		return "send", struct {
			SendRequest
			Resend bool `json:"resend_flag,omitempty"`
		}{*e.Send, n > 0}
	case e.Revoke != nil:
		return "revoke", e.Revoke
	}
	return "revokeBatch", e.Batch
}

func (e entry) isOne() bool { return e.Send != nil || e.Revoke != nil || e.Batch != nil }

// waiting is an entry that has no answer yet.
type waiting struct {
	entry
	key   string
	since time.Time // with a monotonic clock
	// before is closed when the send of the same channel in front of this one has ended; nil: there is none.
	before <-chan struct{}

	cancel context.CancelFunc
	done   chan struct{} // closed when it has ended, as these say
	answer answer
	err    error
}

// outbox holds what the server has not answered yet, oldest first.
type outbox struct{ waiting []*waiting }

func (o *outbox) find(key string) *waiting {
	for _, w := range o.waiting {
		if w.key == key {
			return w
		}
	}
	return nil
}

// moment is when the next one was made: after all that wait, so that the order outlives the session. A clock that was set back by more than
// the next session can tell is believed.
func (o *outbox) moment(now int64) int64 {
	moment := now
	for _, w := range o.waiting {
		moment = max(moment, w.Created+1)
	}
	if moment-now > setBack.Milliseconds() {
		return now
	}
	return moment
}

// loadOutbox goes on with what an earlier session left.
func (s *Session) loadOutbox() {
	type kept struct {
		key string
		entry
	}
	var all []kept
	keys, _ := s.shelf.keys("out#")
	for _, key := range keys {
		var e entry
		switch ok := s.shelf.get("out#"+key, &e); {
		case ok && e.isOne():
			all = append(all, kept{key, e})
		case ok:
			s.shelf.delete("out#" + key) // no kind of request that is known here
		}
	}
	slices.SortStableFunc(all, func(a, b kept) int { return cmp.Compare(a.Created, b.Created) })
	for _, k := range all {
		age := s.now().Sub(time.UnixMilli(k.Created))
		if age >= patience || age < -setBack || len(s.outbox.waiting) >= mostWaiting {
			s.shelf.delete("out#" + k.key)
			continue
		}
		s.enqueue(k.key, k.entry)
	}
}

// persist asks until there is an answer, over connections and sessions.
func (s *Session) persist(ctx context.Context, e entry) (answer, error) {
	w, err := s.accept(e)
	if err != nil {
		return answer{}, err
	}
	select {
	case <-w.done:
		return w.answer, w.err
	case <-ctx.Done():
		return answer{}, ctx.Err()
	}
}

func (s *Session) accept(e entry) (w *waiting, err error) {
	s.locked(func() {
		key := ""
		if e.Send != nil {
			key = e.Send.MsgID
		} else {
			key = s.options.NewID()
		}
		switch w = s.outbox.find(key); {
		case s.closed:
			err = ErrClosed
		case w != nil: // the same send again: it has the answer of the first
		case len(s.outbox.waiting) >= mostWaiting:
			err = ErrFull
		default:
			e.Created = s.outbox.moment(s.now().UnixMilli())
			s.shelf.set("out#"+key, e)
			w = s.enqueue(key, e)
		}
	})
	return w, err
}

func (s *Session) enqueue(key string, e entry) *waiting {
	w := &waiting{entry: e, key: key, since: time.Now(), done: make(chan struct{})}
	if e.Send != nil {
		for _, other := range s.outbox.waiting {
			if other.Send != nil && other.Send.ServerID == e.Send.ServerID && other.Send.ChannelID == e.Send.ChannelID {
				w.before = other.done
			}
		}
	}
	s.outbox.waiting = append(s.outbox.waiting, w)
	if s.ctx != nil && !s.closed {
		s.startRepeating(w)
	}
	return w
}

// startRepeating is called with the lock held.
func (s *Session) startRepeating(w *waiting) {
	ctx, cancel := context.WithCancel(s.ctx)
	w.cancel = cancel
	s.work.Go(func() { s.repeat(ctx, w) })
}

// repeat asks until the entry has ended, or the session.
func (s *Session) repeat(ctx context.Context, w *waiting) {
	defer w.cancel()
	if w.before != nil && !ended(ctx, w.before) {
		return
	}
	for try := 0; s.awaitOpen(ctx); try++ {
		number := s.connection()
		action, body := w.request(try)
		_, err := s.ask(ctx, action, body, func(a answer) { s.answered(w, a) })
		switch {
		case ctx.Err() != nil:
			return // it is kept, where it was the session that ended
		case !IsRetryable(err):
			s.locked(func() { s.settle(w, answer{}, err) })
			return
		case errors.Is(err, ErrNotConnected):
			s.awaitEnd(ctx, number)
		default:
			sleep(ctx, s.backoff(try))
		}
	}
}

// answered takes what an answer tells. It is called with the lock held.
func (s *Session) answered(w *waiting, a answer) {
	if m, ok := messageOf(a.fields["message"]); ok {
		a.given = s.take(m, fromAnswer, nil)
	}
	s.settle(w, a, nil)
	if w.Batch == nil {
		return
	}
	var outcomes []RevokeOutcome
	if a.read(part{"results", &outcomes}) != nil {
		return // whoever waits is told
	}
	for _, o := range outcomes {
		if o.Err() == nil {
			key := MessageKey{w.Batch.ServerID, w.Batch.ChannelID, o.Timestamp, o.MsgServerID}
			s.takeUpdate(Message{MessageKey: key, Status: StatusRevoked, Version: o.Version, UpdateTimestamp: o.UpdateTimestamp}, fromAnswer)
		}
	}
}

// settle ends an entry, and deletes its copy of the text. It is called with the lock held.
func (s *Session) settle(w *waiting, a answer, err error) {
	i := slices.Index(s.outbox.waiting, w)
	if i < 0 {
		return
	}
	s.outbox.waiting = slices.Delete(s.outbox.waiting, i, i+1)
	s.shelf.delete("out#" + w.key)
	w.end(a, err)
}

func (w *waiting) end(a answer, err error) {
	w.answer, w.err = a, err
	close(w.done)
	if w.cancel != nil {
		w.cancel()
	}
}

// sendEnded: the message is known to have ended, so its send was carried out, and no copy of its text stays.
func (s *Session) sendEnded(m Message) {
	w := s.outbox.find(m.MsgID)
	if m.MsgID != "" && w != nil && w.Send != nil && w.Send.ServerID == m.ServerID && w.Send.ChannelID == m.ChannelID {
		s.settle(w, answer{given: m}, nil)
	}
}

// expire gives up what has waited for too long.
func (s *Session) expire(ctx context.Context) {
	for wait := expireEvery; sleep(ctx, wait); {
		s.locked(func() {
			wait = expireEvery
			for _, w := range slices.Clone(s.outbox.waiting) {
				left := patience - max(time.Since(w.since), s.now().Sub(time.UnixMilli(w.Created)))
				if left <= 0 {
					s.settle(w, answer{}, ErrUnanswered)
				} else {
					wait = min(wait, left)
				}
			}
		})
	}
}

// closeOutbox keeps what waits for the next session.
func (s *Session) closeOutbox() {
	for _, w := range s.outbox.waiting {
		w.end(answer{}, ErrClosed)
	}
	s.outbox.waiting = nil
}
