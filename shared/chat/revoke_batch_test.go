package chat_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"unsend/shared/chat"
)

func ref(m chat.Message) chat.MessageRef {
	return chat.MessageRef{Timestamp: m.Timestamp, MsgServerID: m.MsgServerID}
}

func refs(messages ...chat.Message) []chat.MessageRef {
	list := make([]chat.MessageRef, len(messages))
	for i, m := range messages {
		list[i] = ref(m)
	}
	return list
}

// revocations have a window of two minutes for everybody.
func (s *scene) revocations(messages chat.Revoker) *chat.Revocations {
	return &chat.Revocations{Standings: s.store, Messages: messages, Clock: time.Now,
		Windows: chat.Windows{Own: window(120_000), Moderator: window(120_000)}}
}

func batch(messages ...chat.MessageRef) chat.RevokeBatchRequest {
	return chat.RevokeBatchRequest{ServerID: "s1", ChannelID: "c1", Messages: messages, Info: chat.UpdateInfo{Postscript: "wrong room"}}
}

func (s *scene) batch(messages chat.Revoker, by chat.Connection, r chat.RevokeBatchRequest) []chat.RevokeOutcome {
	s.t.Helper()
	outcomes, err := s.revocations(messages).RevokeBatch(s.t.Context(), by, r)
	s.must(nil, err)
	if len(outcomes) != len(r.Messages) {
		s.t.Fatalf("%d outcomes of %d messages", len(outcomes), len(r.Messages))
	}
	for i, o := range outcomes {
		if o.MessageRef != r.Messages[i] {
			s.t.Errorf("outcome %d is that of %v, want %v", i, o.MessageRef, r.Messages[i])
		}
		if o.Err == nil && (ref(o.Message) != o.MessageRef || o.Message.Status != chat.Revoked || !o.Message.Content.IsZero()) {
			s.t.Errorf("outcome %d shows %v with status %d", i, o.Message.MessageKey, o.Message.Status)
		}
	}
	return outcomes
}

func codes(outcomes []chat.RevokeOutcome) []chat.Code {
	list := make([]chat.Code, len(outcomes))
	for i, o := range outcomes {
		list[i] = chat.CodeOf(o.Err)
	}
	return list
}

// One says nothing of another: each message of a batch is judged as if it came alone.
func TestABatchAnswersForEachMessage(t *testing.T) {
	for by, want := range map[string][]chat.Code{
		"alice": {200, 508, 200, 403, 404, 404, 200},
		"bob":   {200, 508, 200, 200, 404, 404, 200},
		"carol": {403, 403, 403, 403, 404, 404, 403},
	} {
		t.Run(by, func(t *testing.T) {
			play(t, func(t *testing.T, s *scene) {
				phone, desk, device := s.online("alice", "phone"), s.online("bob", "desk"), s.online(by, "tablet")
				late := s.send(phone)
				time.Sleep(2*time.Minute + time.Millisecond)
				own, former, theirs, elsewhere, last := s.send(phone), s.send(phone), s.send(desk), s.send(phone), s.send(phone)
				s.must(s.store.ChangeChannel(t.Context(), "s1", "c2", chat.Act{At: time.Now()}, func(*chat.Channel) error { return nil }))
				elsewhere.ChannelID, elsewhere.MsgServerID, elsewhere.MsgID = "c2", "other", "other"
				s.must(s.store.PutMessage(t.Context(), elsewhere, time.Now()))
				s.revoke(desk, former)
				revokedAt := time.Now().UnixMilli()
				time.Sleep(time.Second)

				unknown := chat.MessageRef{Timestamp: own.Timestamp, MsgServerID: "unknown"}
				r := batch(append(refs(own, late, former, theirs), unknown, ref(elsewhere), ref(last))...)
				outcomes := s.batch(s.store, device, r)
				if got := codes(outcomes); !slices.Equal(got, want) {
					t.Errorf("answered %v, want %v", got, want)
				}
				if o := outcomes[2]; o.Err == nil && (o.Message.Revocation.Operator.AccountID != "bob" || o.Message.UpdatedAt != revokedAt || o.Message.Version != 2) {
					t.Errorf("taken back before by bob, and it says %+v", o.Message)
				}
				if o := outcomes[0]; o.Err == nil && (o.Message.Revocation.Info.Postscript != "wrong room" || o.Message.Revocation.Operator.Device != "tablet") {
					t.Errorf("taken back with %+v", o.Message.Revocation)
				}
				if standings := s.store.Calls("Standing"); standings != 6+1+1 { // with those of the sends and the one revoke before
					t.Errorf("rights were read %d times", standings)
				}
			})
		})
	}
}

// writes are a store's, with something before each.
type writes struct {
	chat.Revoker
	before func(chat.RevokeWrite) error
}

func (w writes) RevokeMessage(ctx context.Context, r chat.RevokeWrite) (chat.Message, error) {
	if err := w.before(r); err != nil {
		return chat.Message{}, err
	}
	return w.Revoker.RevokeMessage(ctx, r)
}

// What the store does not take is that message's failure, and repeating the whole batch mends it.
func TestABatchFailsInParts(t *testing.T) {
	play(t, func(t *testing.T, s *scene) {
		phone := s.online("alice", "phone")
		messages := []chat.Message{s.send(phone), s.send(phone), s.send(phone), s.send(phone), s.send(phone)}
		r := batch(refs(messages...)...)
		failing := writes{s.store, func(w chat.RevokeWrite) error {
			switch w.Key.MsgServerID {
			case messages[1].MsgServerID:
				return &chat.Error{Code: chat.Busy, Err: errors.New("throttled")}
			case messages[2].MsgServerID:
				return errors.New("broken")
			case messages[3].MsgServerID:
				panic("SECRET")
			}
			return nil
		}}
		first := s.batch(failing, phone, r)
		if got, want := codes(first), []chat.Code{200, 503, 500, 500, 200}; !slices.Equal(got, want) {
			t.Errorf("answered %v, want %v", got, want)
		}
		if panicked := first[3].Err; panicked == nil || strings.Contains(panicked.Error(), "SECRET") {
			t.Errorf("a panic became %v", panicked)
		}
		time.Sleep(time.Second)
		again := s.batch(s.store, phone, r)
		if got, want := codes(again), []chat.Code{200, 200, 200, 200, 200}; !slices.Equal(got, want) {
			t.Errorf("again: %v, want %v", got, want)
		}
		for _, i := range []int{0, 4} {
			if first[i].Message.UpdatedAt != again[i].Message.UpdatedAt || again[i].Message.Version != 2 {
				t.Errorf("message %d was taken back twice: %+v, %+v", i, first[i].Message, again[i].Message)
			}
		}
	})
}

// A write whose answer was lost has happened; the batch that repeats it says what became of it.
func TestABatchWhoseAnswersWereLost(t *testing.T) {
	play(t, func(t *testing.T, s *scene) {
		phone, desk := s.online("alice", "phone"), s.online("bob", "desk")
		r := batch(refs(s.send(phone), s.send(phone))...)
		s.store.After = func(op string) error {
			if op == "RevokeMessage" {
				return &chat.Error{Code: chat.Busy}
			}
			return nil
		}
		if got := codes(s.batch(s.store, phone, r)); !slices.Equal(got, []chat.Code{503, 503}) {
			t.Errorf("answered %v", got)
		}
		s.store.After = nil
		for _, o := range s.batch(s.store, desk, r) {
			if o.Err != nil || o.Message.Revocation.Operator.AccountID != "alice" {
				t.Errorf("repeated by another: %+v, %v", o.Message.Revocation, o.Err)
			}
		}
	})
}

// What is wrong with the request is wrong with all of it, and nothing is written.
func TestABatchThatIsRefused(t *testing.T) {
	play(t, func(t *testing.T, s *scene) {
		phone, stranger := s.online("alice", "phone"), s.online("dave", "phone")
		s.must(s.store.ChangeChannel(t.Context(), "s1", "hidden", chat.Act{At: time.Now()}, func(c *chat.Channel) error { c.ViewMode = chat.Private; return nil }))
		m := ref(s.send(phone))
		with := func(change func(*chat.RevokeBatchRequest)) chat.RevokeBatchRequest {
			r := batch(m)
			change(&r)
			return r
		}
		many := make([]chat.MessageRef, chat.MaxMessagesPerFrame+1)
		for i := range many {
			many[i] = chat.MessageRef{Timestamp: int64(i), MsgServerID: "x"}
		}
		failing := func(op string) func(string) error {
			return func(called string) error {
				if called == op {
					return &chat.Error{Code: chat.Busy}
				}
				return nil
			}
		}
		for name, c := range map[string]struct {
			request chat.RevokeBatchRequest
			by      chat.Connection
			limit   chat.FrameLimit
			before  func(string) error
			code    chat.Code
			field   string
		}{
			"no messages":         {request: batch(), code: chat.Invalid, field: "messages"},
			"101 messages":        {request: batch(many...), code: chat.Invalid, field: "messages"},
			"a message twice":     {request: batch(m, chat.MessageRef{Timestamp: 1, MsgServerID: "x"}, m), code: chat.Invalid, field: "messages"},
			"no server":           {request: with(func(r *chat.RevokeBatchRequest) { r.ServerID = "" }), code: chat.Invalid, field: "server_id"},
			"a channel with #":    {request: with(func(r *chat.RevokeBatchRequest) { r.ChannelID = "c#1" }), code: chat.Invalid, field: "channel_id"},
			"a negative time":     {request: batch(m, chat.MessageRef{Timestamp: -1, MsgServerID: "x"}), code: chat.Invalid, field: "messages.timestamp"},
			"no id":               {request: batch(m, chat.MessageRef{Timestamp: 1}), code: chat.Invalid, field: "messages.msg_server_id"},
			"a long postscript":   {request: with(func(r *chat.RevokeBatchRequest) { r.Info.Postscript = strings.Repeat("é", 513) }), code: chat.TooLong, field: "update_info.postscript"},
			"a hidden channel":    {request: with(func(r *chat.RevokeBatchRequest) { r.ChannelID = "hidden" }), code: chat.Forbidden},
			"a channel not there": {request: with(func(r *chat.RevokeBatchRequest) { r.ChannelID = "none" }), code: chat.Forbidden},
			"a stranger":          {request: batch(m), by: stranger, code: chat.Forbidden},
			"too many frames":     {request: batch(m), limit: chat.FrameLimit{Counter: always{21}, Most: 20}, code: chat.RateLimited},
			"no rights read":      {request: batch(m), before: failing("Standing"), code: chat.Busy},
		} {
			revocations := s.revocations(s.store)
			revocations.Limit, s.store.Before = c.limit, c.before
			by := c.by
			if by.ID == "" {
				by = phone
			}
			outcomes, err := revocations.RevokeBatch(t.Context(), by, c.request)
			if e := chat.AsError(err); err == nil || e.Code != c.code || e.Field != c.field || outcomes != nil {
				t.Errorf("%s: %v for field %q, with %d outcomes; want %d for %q", name, err, e.Field, len(outcomes), c.code, c.field)
			}
		}
		if n := s.store.Calls("RevokeMessage"); n > 0 {
			t.Errorf("%d writes", n)
		}
	})
}

// At most 16 writes are under way, and each judges at the time when it begins: a batch that takes long outlasts the window.
func TestABatchThatTakesLong(t *testing.T) {
	play(t, func(t *testing.T, s *scene) {
		phone := s.online("alice", "phone")
		messages := make([]chat.MessageRef, chat.MaxMessagesPerFrame)
		for i := range messages {
			messages[i] = ref(s.send(phone))
		}
		time.Sleep(2*time.Minute - 1500*time.Millisecond)
		var (
			mu             sync.Mutex
			underWay, most int
		)
		begins := func(n int) {
			mu.Lock()
			defer mu.Unlock()
			underWay += n
			most = max(most, underWay)
		}
		slow := writes{s.store, func(w chat.RevokeWrite) error {
			if w.Now != time.Now() {
				t.Errorf("a write that begins at %v judges at %v", time.Now(), w.Now)
			}
			begins(1)
			time.Sleep(time.Second)
			begins(-1)
			return nil
		}}
		began := time.Now()
		got := codes(s.batch(slow, phone, batch(messages...)))
		want := slices.Concat(slices.Repeat([]chat.Code{chat.OK}, 32), slices.Repeat([]chat.Code{chat.TooLate}, 68))
		if !slices.Equal(got, want) {
			t.Errorf("answered %v, want 32 in time and 68 too late", got)
		}
		if took := time.Since(began); took != 7*time.Second || most != 16 {
			t.Errorf("took %v with up to %d writes at a time, want 7 s and 16", took, most)
		}
	})
}

// A deadline ends what is under way and what has not begun: these messages can be tried again.
func TestABatchRunsOutOfTime(t *testing.T) {
	play(t, func(t *testing.T, s *scene) {
		phone := s.online("alice", "phone")
		messages := make([]chat.MessageRef, 48)
		for i := range messages {
			messages[i] = ref(s.send(phone))
		}
		slow := writes{s.store, func(chat.RevokeWrite) error { time.Sleep(time.Second); return nil }}
		ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
		defer cancel()
		outcomes, err := s.revocations(slow).RevokeBatch(ctx, phone, batch(messages...))
		want := slices.Concat(slices.Repeat([]chat.Code{chat.OK}, 16), slices.Repeat([]chat.Code{chat.Busy}, 32))
		if err != nil || !slices.Equal(codes(outcomes), want) {
			t.Errorf("answered %v, %v", codes(outcomes), err)
		}
	})
}

// A burst of revocations costs a device as many frames as the stream has batches, not one for each message. (That 100 of
// them fit a frame is shared/wire's to test.)
func TestABatchIsToldInFewFrames(t *testing.T) {
	for _, size := range []int{100, 25, 10} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			play(t, func(t *testing.T, s *scene) {
				phone, tablet, desk := s.online("alice", "phone"), s.online("alice", "tablet"), s.online("bob", "desk")
				messages := make([]chat.MessageRef, chat.MaxMessagesPerFrame)
				for i := range messages {
					messages[i] = ref(s.send(phone))
				}
				var records []chat.Stored
				s.store.Stored = func(r chat.Stored) { records = append(records, r) }
				s.batch(s.store, phone, batch(messages...))
				posts := 0
				for part := range slices.Chunk(records, size) {
					r := s.notify(part...)
					s.finished(r)
					posts += r.Posts
				}
				batches := len(messages) / size
				for _, c := range []chat.Connection{tablet, desk} {
					told := s.heard(c)
					slices.Sort(told)
					if frames := len(s.gateway.Frames(c.ID)); frames != batches || len(slices.Compact(told)) != len(messages) {
						t.Errorf("%s was told of %d messages in %d frames, want %d in %d", c.ID, len(told), frames, len(messages), batches)
					}
				}
				if s.expect(phone); posts != 2*batches {
					t.Errorf("%d posts, want %d", posts, 2*batches)
				}
			})
		})
	}
}
