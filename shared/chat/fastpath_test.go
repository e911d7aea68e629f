package chat_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"unsend/shared/chat"
	"unsend/shared/chat/chattest"
)

// fastRevocations are revocations with a fast path over the scene's queue, and what it said of failures.
func (s *scene) fastRevocations(messages chat.Revoker) (*chat.Revocations, *[]error) {
	var failed []error
	revocations := s.revocations(messages)
	revocations.Fast = chat.FastPath{Queue: s.queue, Failed: func(_ context.Context, err error) { failed = append(failed, err) }}
	return revocations, &failed
}

// takenBack is the one task that a fast path made.
func (s *scene) takenBack(messages ...chat.Message) {
	s.t.Helper()
	var want []chat.Stored
	for _, m := range messages {
		want = append(want, modified(m))
	}
	tasks := s.queue.Take()
	if len(tasks) != 1 || tasks[0].ServerID != "s1" || tasks[0].Part != nil || tasks[0].Attempt != 0 || tasks[0].Delay != 0 || !slices.Equal(tasks[0].Records, want) {
		s.t.Errorf("the tasks are %+v, want one of %v", tasks, want)
		return
	}
	s.must(nil, s.queue.Enqueue(s.t.Context(), tasks[0]))
}

// The row is revoked before the task is there: what push then reads is what it tells. The stream tells again, which is the same.
func TestARevocationIsToldAtOnce(t *testing.T) {
	play(t, func(t *testing.T, s *scene) {
		phone, tablet, desk := s.online("alice", "phone"), s.online("alice", "tablet"), s.online("bob", "desk")
		m := s.send(phone)
		revocations, failed := s.fastRevocations(s.store)
		s.queue.Fail = func(chat.Task) error {
			if rows, err := s.store.Messages(t.Context(), []chat.MessageKey{m.MessageKey}); err != nil || rows[0].Status != chat.Revoked {
				t.Errorf("the task comes before the write: %v", err)
			}
			return nil
		}
		s.must(revocations.Revoke(t.Context(), phone, chat.RevokeRequest{Key: m.MessageKey}))
		s.takenBack(m)
		s.drain()
		for _, c := range []chat.Connection{tablet, desk} {
			s.expect(c, "message_updated m1")
		}
		s.expect(phone) // who did it has the answer
		s.finished(s.notify(modified(m)))
		for _, c := range []chat.Connection{tablet, desk} {
			s.expect(c, "message_updated m1", "message_updated m1")
		}
		s.expect(phone)
		if len(*failed) > 0 {
			t.Error(*failed)
		}
	})
}

// Only what a call has taken back itself is told by it.
func TestWhatWasNotTakenBackNowIsNotToldAtOnce(t *testing.T) {
	play(t, func(t *testing.T, s *scene) {
		phone, desk, carol := s.online("alice", "phone"), s.online("bob", "desk"), s.online("carol", "phone")
		m := s.send(phone)
		revocations, _ := s.fastRevocations(s.store)
		request := chat.RevokeRequest{Key: m.MessageKey}
		if _, err := revocations.Revoke(t.Context(), carol, request); chat.CodeOf(err) != chat.Forbidden {
			t.Error(err)
		}
		s.must(revocations.Revoke(t.Context(), phone, request))
		s.takenBack(m)
		s.queue.Take()
		time.Sleep(time.Millisecond)
		for _, again := range []chat.Connection{phone, desk} {
			s.must(revocations.Revoke(t.Context(), again, request))
		}
		if tasks := s.queue.Take(); len(tasks) > 0 {
			t.Errorf("tasks %+v", tasks)
		}
	})
}

// A batch is one task, of those of its messages that it took back.
func TestABatchIsToldByOneTask(t *testing.T) {
	play(t, func(t *testing.T, s *scene) {
		phone, desk, tablet := s.online("alice", "phone"), s.online("bob", "desk"), s.online("alice", "tablet")
		before, theirs := s.send(phone), s.send(desk)
		var mine []chat.Message
		for range 40 {
			mine = append(mine, s.send(phone))
		}
		s.revoke(phone, before)
		time.Sleep(time.Millisecond)
		revocations, failed := s.fastRevocations(s.store)
		all := slices.Concat([]chat.Message{before, theirs}, mine)
		outcomes, err := revocations.RevokeBatch(t.Context(), phone, batch(refs(all...)...))
		if s.must(nil, err); outcomes[0].Err != nil || chat.CodeOf(outcomes[1].Err) != chat.Forbidden {
			t.Errorf("answered %v", codes(outcomes))
		}
		s.takenBack(mine...)
		s.drain()
		if frames := s.gateway.Frames(tablet.ID); len(frames) != 1 || len(s.heard(tablet)) != len(mine) {
			t.Errorf("%d frames with %d notices, want 1 with %d", len(frames), len(s.heard(tablet)), len(mine))
		}
		if outcomes, err := revocations.RevokeBatch(t.Context(), phone, batch(refs(theirs)...)); err != nil || chat.CodeOf(outcomes[0].Err) != chat.Forbidden {
			t.Errorf("%v, %v", outcomes, err)
		}
		if tasks := s.queue.Take(); len(tasks) > 0 || len(*failed) > 0 {
			t.Errorf("tasks %+v, %v", tasks, *failed)
		}
	})
}

// hanging is a queue that answers nothing until it is no longer waited for.
type hanging struct{}

func (hanging) Enqueue(ctx context.Context, _ chat.Task) error {
	<-ctx.Done()
	return ctx.Err()
}

// broken is a queue with a mistake in it.
type broken struct{}

func (broken) Enqueue(context.Context, chat.Task) error { panic("SECRET") }

// What goes wrong with the queue is no failure of a revocation, is said once, and costs half a second at most; the stream tells.
func TestAFastPathThatFailsFailsNothing(t *testing.T) {
	for name, c := range map[string]struct {
		queue    chat.Queue
		deadline time.Duration // of the request; 0: there is none
		took     time.Duration
		says     func(error) bool
	}{
		"refuses":               {&chattest.Queue{Fail: func(chat.Task) error { return &chat.Error{Code: chat.Busy} }}, 0, 0, func(err error) bool { return chat.CodeOf(err) == chat.Busy }},
		"hangs":                 {hanging{}, 0, chat.FastPathTimeout, func(err error) bool { return errors.Is(err, context.DeadlineExceeded) }},
		"hangs, and time is up": {hanging{}, 100 * time.Millisecond, 100 * time.Millisecond, func(err error) bool { return errors.Is(err, context.DeadlineExceeded) }},
		"panics":                {broken{}, 0, 0, func(err error) bool { return err.Error() == "panic: string" }},
	} {
		for _, size := range []int{0, 3} { // 0: no batch
			t.Run(fmt.Sprint(name, " ", size), func(t *testing.T) {
				play(t, func(t *testing.T, s *scene) {
					phone, carol := s.online("alice", "phone"), s.online("carol", "phone")
					var sent []chat.Message
					for range max(size, 1) {
						sent = append(sent, s.send(phone))
					}
					revocations, failed := s.fastRevocations(s.store)
					revocations.Fast.Queue = c.queue
					ctx := t.Context()
					if c.deadline > 0 {
						var cancel context.CancelFunc
						ctx, cancel = context.WithTimeout(ctx, c.deadline)
						defer cancel()
					}
					began := time.Now()
					if size == 0 {
						m, err := revocations.Revoke(ctx, phone, chat.RevokeRequest{Key: sent[0].MessageKey})
						if s.must(nil, err); m.Status != chat.Revoked {
							t.Errorf("answered %+v", m)
						}
					} else {
						outcomes, err := revocations.RevokeBatch(ctx, phone, batch(refs(sent...)...))
						if s.must(nil, err); !slices.Equal(codes(outcomes), slices.Repeat([]chat.Code{chat.OK}, size)) {
							t.Errorf("answered %v", codes(outcomes))
						}
					}
					if took := time.Since(began); took != c.took || len(*failed) != 1 || !c.says((*failed)[0]) {
						t.Errorf("took %v, want %v; said %v", took, c.took, *failed)
					}
					var records []chat.Stored
					for _, m := range sent {
						records = append(records, modified(m))
					}
					s.finished(s.notify(records...))
					if len(s.heard(carol)) != len(sent) {
						t.Errorf("the stream told of %d messages", len(s.heard(carol)))
					}
				})
			})
		}
	}
}

// Where the write's own end is not known nothing is said: the stream knows.
func TestAWriteWithoutAnAnswerIsNotToldAtOnce(t *testing.T) {
	play(t, func(t *testing.T, s *scene) {
		phone := s.online("alice", "phone")
		m := s.send(phone)
		revocations, failed := s.fastRevocations(writes{s.store, func(chat.RevokeWrite) error { return &chat.Error{Code: chat.Busy} }})
		if _, err := revocations.Revoke(t.Context(), phone, chat.RevokeRequest{Key: m.MessageKey}); chat.CodeOf(err) != chat.Busy {
			t.Error(err)
		}
		if tasks := s.queue.Take(); len(tasks) > 0 || len(*failed) > 0 {
			t.Errorf("tasks %+v, %v", tasks, *failed)
		}
	})
}

// twice repeats each write, as a store does whose answer was lost.
type twice struct{ chat.Revoker }

func (r twice) RevokeMessage(ctx context.Context, w chat.RevokeWrite) (chat.Message, error) {
	if _, err := r.Revoker.RevokeMessage(ctx, w); err != nil {
		return chat.Message{}, err
	}
	return r.Revoker.RevokeMessage(ctx, w)
}

// A write that finds itself done by its own first try is this call's all the same.
func TestARepeatedWriteIsToldAtOnce(t *testing.T) {
	play(t, func(t *testing.T, s *scene) {
		phone := s.online("alice", "phone")
		m := s.send(phone)
		revocations, _ := s.fastRevocations(twice{s.store})
		s.must(revocations.Revoke(t.Context(), phone, chat.RevokeRequest{Key: m.MessageKey}))
		s.takenBack(m)
	})
}

// A back end's revocations go the same way, and leave no device out.
func TestABackEndsRevocationIsToldAtOnce(t *testing.T) {
	play(t, func(t *testing.T, s *scene) {
		phone := s.online("alice", "phone")
		one, two := s.send(phone), s.send(phone)
		admin := &chat.Administration{Store: s.store, Clock: time.Now, Fast: chat.FastPath{Queue: s.queue}}
		outcomes, err := admin.Revoke(t.Context(), chat.Write{}, "office", batch(refs(one, two)...))
		if s.must(nil, err); !slices.Equal(codes(outcomes), []chat.Code{chat.OK, chat.OK}) {
			t.Errorf("answered %v", codes(outcomes))
		}
		s.takenBack(one, two)
		s.drain()
		s.expect(phone, "message_updated m1", "message_updated m2")
	})
}
