package chat_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"unsend/shared/chat"
	"unsend/shared/chat/chattest"
)

// crowd are n members of s1 with a device each.
func (s *scene) crowd(n int) []chat.Connection {
	s.t.Helper()
	var devices []chat.Connection
	for i := range n {
		name := fmt.Sprintf("user%d", i)
		s.member("s1", name, func(m *chat.Member) error { m.Join(time.Now()); return nil })
		devices = append(devices, s.online(name, "phone"))
	}
	return devices
}

// An account with ten sockets that it never reads must not pass for a quota
// that is spent: nobody is told twice, and nothing is left for the stream to repeat.
func TestSocketsThatAreNotReadCostTheirOwnerOnly(t *testing.T) {
	for _, well := range []int{1, 20, 80, 98} {
		t.Run(fmt.Sprint(well), func(t *testing.T) {
			play(t, func(t *testing.T, s *scene) {
				devices := s.crowd(well)
				s.member("s1", "mallory", func(m *chat.Member) error { m.Join(time.Now()); return nil })
				for i := range 10 {
					s.gateway.Behave(s.online("mallory", fmt.Sprint(i)).ID, chattest.Always(chat.ErrThrottled))
				}
				s.finished(s.notify(inserted(s.send(s.online("alice", "phone")))))
				for _, c := range devices {
					s.expect(c, "message m1")
				}
				for i := range 10 {
					if s.gateway.Closings(fmt.Sprintf("mallory/%d", i)) != 1 {
						t.Errorf("socket %d stays open", i)
					}
				}
			})
		})
	}
}

// The accounts of other servers tell a slow client from a spent quota, too.
func TestASlowClientAloneInItsServer(t *testing.T) {
	play(t, func(t *testing.T, s *scene) {
		phone, dave := s.online("alice", "phone"), s.online("dave", "phone")
		s.gateway.Behave(dave.ID, chattest.Always(chat.ErrThrottled))
		carol := s.online("carol", "phone")
		other := s.send(phone)
		other.ServerID = "s2"
		s.must(s.store.PutMessage(t.Context(), other, time.Now()))
		r := s.notify(inserted(other))
		if s.queued(r, 1); r.Closed != 0 {
			t.Errorf("nobody else was told yet, and %d are closed", r.Closed)
		}
		s.finished(s.notify(inserted(s.send(phone))))
		s.expect(carol, "message m2")
		s.finished(s.notify(inserted(other)))
		if s.gateway.Closings(dave.ID) != 1 {
			t.Error("a client that never reads stays, though others are well")
		}
	})
}

// Devices of one server that hang leave the others of the batch their share.
func TestAHangingServerLeavesTheOthersTime(t *testing.T) {
	play(t, func(t *testing.T, s *scene) {
		s.notifier.Concurrency = 32
		for i := range 100 {
			name := fmt.Sprintf("x%d", i/10)
			s.member("s2", name, func(m *chat.Member) error { m.Join(time.Now()); return nil })
			s.gateway.Behave(s.online(name, fmt.Sprint(i)).ID, chattest.Hang)
		}
		devices := s.crowd(300)
		for _, c := range devices {
			s.gateway.Behave(c.ID, func(context.Context, int) error { time.Sleep(20 * time.Millisecond); return nil })
		}
		m := s.send(s.online("alice", "phone"))
		other := m
		other.ServerID = "s2"
		s.must(s.store.PutMessage(t.Context(), other, time.Now()))
		s.queued(s.notify(inserted(other), inserted(m)), 1)
		if tasks := s.queue.Take(); len(tasks) != 1 || tasks[0].ServerID != "s2" {
			t.Errorf("put off is %+v, want the hanging server alone", tasks)
		}
		for _, c := range devices {
			s.expect(c, "message m1")
		}
	})
}

// slowRights lets a test act after a reading, and lets the reading take its time.
type slowRights struct {
	chat.RightsReader
	n     atomic.Int32
	after func(n int32)
}

func (r *slowRights) Rights(ctx context.Context, server string, channels []string, since int64) (chat.Rights, error) {
	got, err := r.RightsReader.Rights(ctx, server, channels, since)
	r.after(r.n.Add(1))
	return got, errors.Join(err, ctx.Err())
}

// However long rights take to be read, none older than a second is acted on.
func TestRightsThatAreReadSlowly(t *testing.T) {
	for _, slow := range []time.Duration{900 * time.Millisecond, 1100 * time.Millisecond, 5 * time.Second} {
		t.Run(slow.String(), func(t *testing.T) {
			play(t, func(t *testing.T, s *scene) {
				s.notifier.Budget = time.Minute
				s.notifier.Concurrency = 1
				phone, bob, carol := s.online("alice", "phone"), s.online("bob", "desk"), s.online("carol", "phone")
				var banned, heard time.Time
				s.notifier.Rights = &slowRights{RightsReader: s.store, after: func(n int32) {
					if n == 1 {
						return
					}
					if banned.IsZero() {
						s.member("s1", "carol", func(m *chat.Member) error { m.Banned = true; return nil })
						banned = time.Now()
					}
					time.Sleep(slow)
				}}
				s.gateway.Behave(bob.ID, func(context.Context, int) error { time.Sleep(950 * time.Millisecond); return nil })
				s.gateway.Behave(carol.ID, func(context.Context, int) error {
					time.Sleep(900 * time.Millisecond)
					heard = time.Now()
					return nil
				})
				s.notify(inserted(s.send(phone)))
				if !banned.IsZero() && heard.Sub(banned) > 2*time.Second {
					t.Errorf("a frame %v after the ban was answered", heard.Sub(banned))
				}
			})
		})
	}
}

// What was revoked while a job waited for its turn, or in the middle of its
// posts, is not shown.
func TestARevokeDuringAPushIsSeen(t *testing.T) {
	play(t, func(t *testing.T, s *scene) {
		s.notifier.Concurrency, s.notifier.Budget = 1, time.Minute
		phone := s.online("alice", "phone")
		devices := s.crowd(10)
		m := s.send(phone)
		var revoked time.Time
		shown := map[string]bool{}
		s.gateway.BeforePost = func(id string) {
			if revoked.IsZero() {
				s.revoke(phone, m)
				revoked = time.Now()
			}
			time.Sleep(300 * time.Millisecond)
			if time.Since(revoked) > chat.RightsMaxAge+chat.PostTimeout {
				shown[id] = true
			}
		}
		s.finished(s.notify(inserted(m)))
		if len(shown) > 0 || s.gateway.Attempts(devices[0].ID)+s.gateway.Attempts(devices[9].ID) == 2 {
			t.Errorf("the text was shown long after the revoke was answered: %v", shown)
		}
	})
}

// Connections that replace one another faster than their handshakes end are all
// found by the next one, and by their own pings: none stays as a ghost.
func TestReplacedDuringTheHandshake(t *testing.T) {
	play(t, func(t *testing.T, s *scene) {
		connection := func(i int) chat.Connection {
			return chat.Connection{ID: fmt.Sprintf("carol/%02d", i), AccountID: "carol", DeviceID: "phone", ClientType: chat.Web,
				ConnectedAt: time.Now().UnixMilli() + int64(i), TokenExpiresAt: time.Now().Add(time.Hour).UnixMilli()}
		}
		const n = 20
		var all []chat.Connection
		for i := range n {
			all = append(all, connection(i))
		}
		for _, c := range all {
			handshaking := chat.Sessions{Store: s.store, Gateway: notPostable{s.gateway}, Clock: time.Now, MaxConnections: 10}
			s.must(nil, handshaking.Connect(t.Context(), c))
		}
		if rows := s.rows("carol"); rows != n {
			t.Errorf("%d rows of %d connections that may all live", rows, n)
		}
		if _, err := s.sessions().Ping(t.Context(), all[0]); err != nil || s.gateway.Closings(all[0].ID) != 1 {
			t.Errorf("a superseded connection pings on: %v", err)
		}
		time.Sleep(time.Minute)
		s.online("carol", "phone")
		for _, c := range all {
			if s.gateway.Closings(c.ID) == 0 {
				t.Errorf("%s lives on", c.ID)
			}
		}
		if rows := s.rows("carol"); rows != 1 {
			t.Errorf("%d rows, want the last one's", rows)
		}
	})
}

type notPostable struct{ *chattest.Gateway }

func (notPostable) Close(context.Context, string) error { return chat.ErrGone }

// A connect that fails half-way leaves no row: no $disconnect will come for it.
func TestAFailedConnectLeavesNothing(t *testing.T) {
	play(t, func(t *testing.T, s *scene) {
		s.store.Before = func(op string) error {
			if op == "PutPresences" {
				return &chat.Error{Code: chat.Busy}
			}
			return nil
		}
		c := chat.Connection{ID: "c", AccountID: "carol", ConnectedAt: time.Now().UnixMilli(), TokenExpiresAt: time.Now().Add(time.Hour).UnixMilli()}
		if err := s.sessions().Connect(t.Context(), c); chat.CodeOf(err) != chat.Busy {
			t.Errorf("%v", err)
		}
		s.store.Before = nil
		if s.rows("carol") != 0 {
			t.Error("a row of a connection that was refused stays")
		}
	})
}

// slowHistory takes as long as there is much to read.
type slowHistory struct {
	chat.HistoryReader
	d time.Duration
}

func (h slowHistory) History(ctx context.Context, q chat.HistoryQuery) (chat.HistoryPage, error) {
	select {
	case <-time.After(h.d):
		return h.HistoryReader.History(ctx, q)
	case <-ctx.Done():
		return chat.HistoryPage{}, ctx.Err()
	}
}

// Who may not see a channel cannot tell from the time of the refusal what it holds.
func TestARefusalTakesTheSameTime(t *testing.T) {
	play(t, func(t *testing.T, s *scene) {
		dave := s.online("dave", "phone")
		for _, d := range []time.Duration{0, time.Second} {
			began := time.Now()
			histories := chat.Histories{Standings: s.store, Messages: slowHistory{s.store, d}, Clock: time.Now}
			_, err := histories.History(t.Context(), dave, chat.HistoryRequest{ServerID: "s1", ChannelID: "c1"})
			if took := time.Since(began); chat.CodeOf(err) != chat.Forbidden || took != 0 {
				t.Errorf("a page of %v: %v after %v", d, err, took)
			}
		}
	})
}
