package chat_test

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"unsend/shared/chat"
	"unsend/shared/chat/chattest"
)

// schedule lets operations pass one by one, in the order that a test chooses.
type schedule struct {
	mu      sync.Mutex
	waiting []turn
}

// turn is an operation that waits. Its name makes the order of those that wait
// the same in each run.
type turn struct {
	name string
	pass chan struct{}
}

// gate is a store whose operations wait for their turn.
type gate struct {
	*chattest.Store
	flow     string
	schedule *schedule
}

func (g gate) pass(operation string) {
	t := turn{g.flow + operation, make(chan struct{})}
	g.schedule.mu.Lock()
	g.schedule.waiting = append(g.schedule.waiting, t)
	g.schedule.mu.Unlock()
	<-t.pass
}

func (g gate) PutConnection(ctx context.Context, c chat.Connection) error {
	g.pass("PutConnection")
	return g.Store.PutConnection(ctx, c)
}

func (g gate) Connections(ctx context.Context, account string, now int64) ([]chat.Connection, error) {
	g.pass("Connections")
	return g.Store.Connections(ctx, account, now)
}

func (g gate) Memberships(ctx context.Context, account string) ([]chat.Membership, error) {
	g.pass("Memberships")
	return g.Store.Memberships(ctx, account)
}

func (g gate) PutPresences(ctx context.Context, rows []chat.Presence) error {
	g.pass("PutPresences")
	return g.Store.PutPresences(ctx, rows)
}

func (g gate) RemovePresences(ctx context.Context, server string, ids []string) error {
	g.pass("RemovePresences")
	return g.Store.RemovePresences(ctx, server, ids)
}

func (g gate) ChangeMember(ctx context.Context, server, account string, by chat.Act, change func(*chat.Member) error) (chat.Member, error) {
	g.pass("ChangeMember")
	return g.Store.ChangeMember(ctx, server, account, by, change)
}

// interleave runs the flows in the order that choices say, and returns how many
// operations were ready at each step. Missing choices are 0.
func interleave(store *chattest.Store, choices []int, flows ...func(gate)) (ready []int) {
	s := &schedule{}
	var running sync.WaitGroup
	for i, flow := range flows {
		running.Go(func() { flow(gate{Store: store, flow: string(rune('a' + i)), schedule: s}) })
	}
	for step := 0; ; step++ {
		synctest.Wait()
		if len(s.waiting) == 0 {
			running.Wait()
			return ready
		}
		slices.SortFunc(s.waiting, func(a, b turn) int { return cmp.Compare(a.name, b.name) })
		choice := 0
		if step < len(choices) {
			choice = choices[step]
		}
		ready = append(ready, len(s.waiting))
		next := s.waiting[choice]
		s.waiting = slices.Delete(s.waiting, choice, choice+1)
		close(next.pass)
	}
}

// everyInterleaving runs scenario once for each order its operations can have.
func everyInterleaving(t *testing.T, scenario func(t *testing.T, choices []int) (ready []int)) {
	t.Helper()
	var choices []int
	for runs := 1; ; runs++ {
		var ready []int
		synctest.Test(t, func(t *testing.T) { ready = scenario(t, choices) })
		if t.Failed() {
			t.Fatalf("after the choices %v (run %d)", choices, runs)
		}
		choices = append(choices, make([]int, len(ready)-len(choices))...)
		last := len(choices) - 1
		for last >= 0 && choices[last] == ready[last]-1 {
			last--
		}
		if last < 0 {
			t.Logf("%d orders", runs)
			return
		}
		choices = append(choices[:last:last], choices[last]+1)
	}
}

// A connect and a join of the same account, in every order of their reads and
// writes: afterwards a message reaches the device.
func TestAConnectRacingAJoinIsTold(t *testing.T) {
	everyInterleaving(t, func(t *testing.T, choices []int) []int {
		s := newScene(t)
		phone := s.online("alice", "phone")
		erin := chat.Connection{ID: "erin/phone", AccountID: "erin", DeviceID: "phone", ClientType: chat.IOS,
			ConnectedAt: time.Now().UnixMilli(), TokenExpiresAt: time.Now().Add(time.Hour).UnixMilli()}
		ready := interleave(s.store, choices,
			func(g gate) {
				sessions := chat.Sessions{Store: g, Gateway: s.gateway, Clock: time.Now, MaxConnections: 10}
				s.must(nil, sessions.Connect(t.Context(), erin))
			},
			func(g gate) {
				communities := chat.Communities{Store: g, Clock: time.Now}
				s.must(communities.ChangeMember(t.Context(), "s1", "erin", chat.Act{}, func(m *chat.Member) error { m.Join(time.Now()); return nil }))
			})
		s.finished(s.notify(inserted(s.send(phone))))
		s.expect(erin, "message m1")
		return ready
	})
}

// A connect and a ban, in every order: no frame, even where a row was left.
func TestAConnectRacingABanIsNotTold(t *testing.T) {
	everyInterleaving(t, func(t *testing.T, choices []int) []int {
		s := newScene(t)
		phone := s.online("alice", "phone")
		carol := chat.Connection{ID: "carol/phone", AccountID: "carol", DeviceID: "phone", ClientType: chat.IOS,
			ConnectedAt: time.Now().UnixMilli(), TokenExpiresAt: time.Now().Add(time.Hour).UnixMilli()}
		ready := interleave(s.store, choices,
			func(g gate) {
				sessions := chat.Sessions{Store: g, Gateway: s.gateway, Clock: time.Now, MaxConnections: 10}
				s.must(nil, sessions.Connect(t.Context(), carol))
			},
			func(g gate) {
				communities := chat.Communities{Store: g, Clock: time.Now}
				s.must(communities.ChangeMember(t.Context(), "s1", "carol", chat.Act{}, func(m *chat.Member) error { m.Banned = true; return nil }))
			})
		s.finished(s.notify(inserted(s.send(phone))))
		s.expect(carol)
		return ready
	})
}

func TestASecondConnectionOfADeviceReplacesTheFirst(t *testing.T) {
	play(t, func(t *testing.T, s *scene) {
		first := s.online("carol", "phone")
		tab := s.online("carol", "tab")
		time.Sleep(time.Second)
		second := first
		second.ID, second.ConnectedAt = "carol/phone again", time.Now().UnixMilli()
		s.must(nil, s.sessions().Connect(t.Context(), second))
		if s.gateway.Closings(first.ID) != 1 || s.gateway.Closings(tab.ID) != 0 {
			t.Error("the device's first connection must be closed, and no other")
		}
		// The first one's $disconnect comes late; it must not take the second's rows.
		s.must(nil, s.sessions().Disconnect(t.Context(), first))
		s.finished(s.notify(inserted(s.send(s.online("alice", "phone")))))
		s.expect(first)
		s.expect(second, "message m1")
		s.expect(tab, "message m1")
	})
}

// Two connects of one device at the same time, in every order: one stays.
func TestTwoConnectsOfOneDevice(t *testing.T) {
	everyInterleaving(t, func(t *testing.T, choices []int) []int {
		s := newScene(t)
		refused := map[string]bool{}
		connect := func(id string) func(gate) {
			return func(g gate) {
				sessions := chat.Sessions{Store: g, Gateway: s.gateway, Clock: time.Now, MaxConnections: 10}
				err := sessions.Connect(t.Context(), chat.Connection{ID: id, AccountID: "carol", DeviceID: "phone",
					ConnectedAt: time.Now().UnixMilli(), TokenExpiresAt: time.Now().Add(time.Hour).UnixMilli()})
				if refused[id] = chat.CodeOf(err) == chat.Repeated; err != nil && !refused[id] {
					t.Error(err)
				}
			}
		}
		ready := interleave(s.store, choices, connect("a"), connect("b"))
		if s.gateway.Closings("b") != 0 || refused["b"] {
			t.Error("the later of the two gave way")
		}
		if s.gateway.Closings("a") == 0 && !refused["a"] {
			t.Error("both stayed")
		}
		if rows, err := s.store.Connections(t.Context(), "carol", 0); err != nil || len(rows) != 1 || rows[0].ID != "b" {
			t.Errorf("rows %v, %v; want b's alone", rows, err)
		}
		return ready
	})
}

func TestTheOldestConnectionGivesWay(t *testing.T) {
	play(t, func(t *testing.T, s *scene) {
		for _, device := range []string{"1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12"} {
			s.online("carol", device)
			time.Sleep(time.Millisecond)
		}
		if got := s.rows("carol"); got != 10 {
			t.Errorf("%d connections, want 10", got)
		}
		if s.gateway.Closings("carol/1") != 1 || s.gateway.Closings("carol/2") != 1 || s.gateway.Closings("carol/3") != 0 {
			t.Error("not the two oldest were closed")
		}
	})
}

func TestPing(t *testing.T) {
	play(t, func(t *testing.T, s *scene) {
		carol := s.online("carol", "phone")
		at, err := s.sessions().Ping(t.Context(), carol)
		if err != nil || !at.Equal(time.Now()) || s.gateway.Closings(carol.ID) != 0 {
			t.Errorf("ping of a known connection: %v, %v", at, err)
		}
		s.must(nil, s.sessions().Disconnect(t.Context(), carol))
		if _, err := s.sessions().Ping(t.Context(), carol); err != nil || s.gateway.Closings(carol.ID) != 1 {
			t.Errorf("ping of a connection without rows must close it: %v", err)
		}
	})
}

// A leave takes the rows of those who are online; a join gives them.
func TestMembershipFollowsWhoIsOnline(t *testing.T) {
	play(t, func(t *testing.T, s *scene) {
		carol := s.online("carol", "phone")
		s.member("s1", "carol", func(m *chat.Member) error { m.Leave(); return nil })
		if slices.Contains(s.audience(), carol.ID) {
			t.Error("who left is still in the audience")
		}
		s.member("s1", "carol", func(m *chat.Member) error { m.Join(time.Now()); return nil })
		s.finished(s.notify(inserted(s.send(s.online("alice", "phone")))))
		s.expect(carol, "message m1")
	})
}

// Both were told as a mistake of ours, which rolls a deployment back; and the rows of a connection whose handshake failed stayed among those
// that a server tells, where nothing but a notice found them.
func TestAConnectionThatCannotBeClosed(t *testing.T) {
	play(t, func(t *testing.T, s *scene) {
		old := s.online("alice", "phone")
		time.Sleep(time.Minute)
		for _, why := range []error{chat.ErrThrottled, chat.ErrTimeout} {
			s.gateway.BeforeClose = func(string) error { return why }
			next := old
			next.ID, next.ConnectedAt = "next", time.Now().UnixMilli()
			if err := s.sessions().Connect(t.Context(), next); chat.CodeOf(err) != chat.Busy {
				t.Errorf("connect, %v: %v", why, err)
			}
			if dump := s.store.Dump(); strings.Contains(dump, "next") {
				t.Errorf("left of the handshake that failed: %s", dump)
			}
			unknown := old
			unknown.ID = "unknown"
			if _, err := s.sessions().Ping(t.Context(), unknown); chat.CodeOf(err) != chat.Busy {
				t.Errorf("ping, %v: %v", why, err)
			}
		}
	})
}
