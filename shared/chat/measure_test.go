package chat_test

import (
	"slices"
	"testing"
	"time"

	"unsend/shared/chat"
)

// A revocation's time ends with the last post, and a message that was sent has none.
func TestTheTimeOfARevocation(t *testing.T) {
	play(t, func(t *testing.T, s *scene) {
		phone, bob, carol := s.online("alice", "phone"), s.online("bob", "desk"), s.online("carol", "phone")
		m := s.send(phone)
		if r := s.notify(inserted(m)); len(r.RevokesTold) != 0 || r.Audience != 3 || r.Posts != 2 {
			t.Errorf("a message sent: %+v", r)
		}
		s.revoke(bob, m)
		time.Sleep(300 * time.Millisecond) // the stream's
		s.gateway.BeforePost = func(id string) {
			if id == carol.ID {
				time.Sleep(200 * time.Millisecond)
			}
		}
		if r := s.notify(modified(m)); !slices.Equal(r.RevokesTold, []int64{500}) || r.Audience != 3 {
			t.Errorf("told after %v of %d", r.RevokesTold, r.Audience)
		}
	})
}

// What the queue goes on with ends there: notify tells no time of it, and each part its own. Nobody counts twice.
func TestTheTimeOfARevocationThatIsQueued(t *testing.T) {
	play(t, func(t *testing.T, s *scene) {
		s.notifier.DirectPushLimit = 10
		phone := s.online("alice", "phone")
		s.crowd(40)
		m := s.send(phone)
		s.revoke(phone, m)
		first := s.notify(modified(m))
		if len(first.RevokesTold) != 0 || first.Queued != 1 || first.Audience != 10 {
			t.Errorf("notify: %+v", first)
		}
		time.Sleep(2 * time.Second)
		rest := s.notifier.Push(t.Context(), s.queue.Take())
		if !slices.Equal(rest.RevokesTold, []int64{2000}) || first.Audience+rest.Audience != 41 {
			t.Errorf("push: %+v", rest)
		}
	})
}

// Who is tried again later is no new audience, and the time ends when they are told.
func TestTheTimeOfARevocationThatSomebodyTookLater(t *testing.T) {
	play(t, func(t *testing.T, s *scene) {
		phone, carol := s.online("alice", "phone"), s.online("carol", "phone")
		m := s.send(phone)
		s.revoke(phone, m)
		s.queue.Take()
		s.store.Before = func(op string) error {
			if op == "Rights" {
				return &chat.Error{Code: chat.Busy}
			}
			return nil
		}
		first := s.notify(modified(m))
		s.store.Before = nil
		tasks := s.queue.Take()
		if len(first.RevokesTold) != 0 || first.Audience != 2 || len(tasks) == 0 {
			t.Errorf("notify: %+v, %d tasks", first, len(tasks))
		}
		rest := s.notifier.Push(t.Context(), tasks)
		if len(rest.RevokesTold) != 1 || rest.Audience != 0 {
			t.Errorf("push: %+v", rest)
		}
		s.expect(carol, "message_updated m1")
	})
}

// A clock that is behind the writer's makes no time before 0.
func TestTheTimeOfARevocationFromTheFuture(t *testing.T) {
	play(t, func(t *testing.T, s *scene) {
		phone := s.online("alice", "phone")
		s.online("bob", "desk")
		m := s.send(phone)
		s.revoke(phone, m)
		at := time.Now()
		s.notifier.Clock = func() time.Time { return at.Add(-time.Second) }
		if r := s.notify(modified(m)); !slices.Equal(r.RevokesTold, []int64{0}) {
			t.Errorf("told after %v", r.RevokesTold)
		}
	})
}
