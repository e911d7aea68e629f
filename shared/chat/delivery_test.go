package chat_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"unsend/shared/chat"
)

func (s *scene) subscriptions() *chat.Subscriptions {
	return &chat.Subscriptions{Store: s.store, Sights: s.store, Clock: time.Now, Most: 100}
}

func (s *scene) subscribe(c chat.Connection, channels ...string) []chat.Subscribed {
	s.t.Helper()
	answers, err := s.subscriptions().Subscribe(s.t.Context(), c, chat.SubscribeRequest{ServerID: "s1", ChannelIDs: channels})
	s.must(nil, err)
	return answers
}

func (s *scene) mode() chat.Mode {
	s.t.Helper()
	deliveries, err := s.store.Deliveries(s.t.Context(), []string{"s1"})
	s.must(nil, err)
	return deliveries["s1"].Mode(time.Now())
}

// grow has n members more join, or leave again.
func (s *scene) grow(n int) {
	s.t.Helper()
	for i := range max(n, -n) {
		s.member("s1", fmt.Sprint("extra", i), func(m *chat.Member) error {
			if n < 0 {
				m.Leave()
				return nil
			}
			m.Join(time.Now())
			return nil
		})
	}
}

// large makes s1 a server that tells subscribers only.
func (s *scene) large() {
	s.t.Helper()
	s.largeServer = 4
	s.grow(3)
	time.Sleep(chat.Transition)
	if s.mode() != chat.ToSubscribers {
		s.t.Fatalf("mode %s", s.mode())
	}
}

func TestTheModeFollowsTheMembers(t *testing.T) {
	play(t, func(t *testing.T, s *scene) { // alice, bob and carol are there
		want := func(mode chat.Mode) {
			t.Helper()
			if got := s.mode(); got != mode {
				t.Errorf("mode %s, want %s", got, mode)
			}
		}
		want(chat.ToAll)
		s.largeServer = 4
		s.grow(1)
		want(chat.ToBoth)
		time.Sleep(chat.Transition - time.Millisecond)
		want(chat.ToBoth)
		time.Sleep(time.Millisecond)
		want(chat.ToSubscribers)
		s.grow(-1) // three are no reason to change yet
		want(chat.ToSubscribers)
		s.member("s1", "carol", func(m *chat.Member) error { m.Leave(); return nil })
		s.grow(1)
		s.grow(-1) // two are
		want(chat.ToBoth)
		time.Sleep(chat.Transition)
		want(chat.ToAll)
	})
}

func TestLargeServersTellSubscribersOnly(t *testing.T) {
	play(t, func(t *testing.T, s *scene) {
		s.large()
		alice, bob, carol := s.online("alice", "phone"), s.online("bob", "phone"), s.online("carol", "phone")
		s.subscribe(alice, "c1")
		s.subscribe(bob, "c1")
		m := s.send(alice)
		s.finished(s.notify(inserted(m)))
		s.revoke(alice, m)
		s.finished(s.notify(modified(m)))
		s.expect(alice)
		s.expect(bob, "message m1", "message_updated m1")
		s.expect(carol)
		s.must(s.subscriptions().Unsubscribe(t.Context(), bob, chat.SubscribeRequest{ServerID: "s1", ChannelIDs: []string{"c1"}}))
		s.finished(s.notify(inserted(s.send(alice))))
		s.expect(bob, "message m1", "message_updated m1")
	})
}

// Whoever is online while a server becomes large, or small again, misses nothing, whatever it knows of it.
func TestNoNoticeIsLostWhileTheModeChanges(t *testing.T) {
	play(t, func(t *testing.T, s *scene) {
		var (
			alice = s.online("alice", "phone")
			carol = s.online("carol", "old") // never subscribes: it does not know
			bob   chat.Connection
			want  []string
			hears = func(c chat.Connection, what string) {
				t.Helper()
				if !slices.Contains(s.heard(c), what) {
					t.Errorf("%s missed %s in mode %s", c.ID, what, s.mode())
				}
			}
		)
		s.largeServer = 4
		s.grow(1)
		bob = s.online("bob", "phone")
		s.subscribe(bob, "c1")
		for range 2 { // both, for as long as carol's connection can last
			m := s.send(alice)
			s.finished(s.notify(inserted(m)))
			want = append(want, "message "+m.MsgServerID)
			for _, what := range want {
				hears(carol, what)
				hears(bob, what)
			}
			time.Sleep(chat.Transition/2 - 15*time.Minute)
		}
		time.Sleep(time.Hour)
		if s.mode() != chat.ToSubscribers {
			t.Fatal(s.mode())
		}
		alice, bob = s.online("alice", "phone"), s.online("bob", "phone")
		s.subscribe(bob, "c1")
		s.largeServer = 5 // three are less than three quarters of it
		s.grow(-1)
		if s.mode() != chat.ToBoth {
			t.Fatal(s.mode())
		}
		m := s.send(alice)
		s.finished(s.notify(inserted(m)))
		hears(bob, "message "+m.MsgServerID)
		carol = s.online("carol", "new") // connects while both are told
		m = s.send(alice)
		s.finished(s.notify(inserted(m)))
		hears(carol, "message "+m.MsgServerID)
		hears(bob, "message "+m.MsgServerID)
	})
}

// Whoever changes the limit has servers weighed again, without anybody joining or leaving.
func TestWeigh(t *testing.T) {
	play(t, func(t *testing.T, s *scene) {
		weigh := func(limit int, want chat.Mode) {
			t.Helper()
			s.largeServer = limit
			s.must(nil, s.communities().Weigh(t.Context(), "s1"))
			if got := s.mode(); got != want {
				t.Errorf("with the limit %d mode %s, want %s", limit, got, want)
			}
		}
		weigh(0, chat.ToAll)
		weigh(4, chat.ToAll)
		weigh(3, chat.ToBoth)
		time.Sleep(chat.Transition)
		weigh(3, chat.ToSubscribers)
		weigh(0, chat.ToBoth)
		time.Sleep(chat.Transition)
		weigh(0, chat.ToAll)
		if code := chat.CodeOf(s.communities().Weigh(t.Context(), "s#1")); code != chat.Invalid {
			t.Errorf("a bad id: %d", code)
		}
	})
}

// A process that remembers that subscribers only are told leaves out rows. It must have forgotten before it matters.
func TestConnectLeavesOutRowsThatNobodyReads(t *testing.T) {
	play(t, func(t *testing.T, s *scene) {
		sessions := s.sessions() // one process
		connect := func(device string) chat.Connection {
			c := chat.Connection{ID: "carol/" + device, AccountID: "carol", DeviceID: device,
				ConnectedAt: time.Now().UnixMilli(), TokenExpiresAt: time.Now().Add(9 * time.Hour).UnixMilli()}
			s.must(nil, sessions.Connect(t.Context(), c))
			return c
		}
		rows := func() int {
			page, err := s.store.Audience(t.Context(), chat.Crowd{ServerID: "s1"}, "", 100, time.Now().UnixMilli())
			s.must(nil, err)
			return len(page.Rows)
		}
		s.large()
		connect("first") // nothing is known yet
		if n := rows(); n != 1 {
			t.Errorf("%d rows, want one: it was not known", n)
		}
		connect("second")
		if n := rows(); n != 1 {
			t.Errorf("%d rows, want one: it is known that nobody reads the second", n)
		}
		s.largeServer = 6
		s.grow(-3) // all are told again, and the process has not heard of it
		if s.mode() != chat.ToBoth {
			t.Fatal(s.mode())
		}
		time.Sleep(10 * time.Minute)
		connect("third")
		if n := rows(); n != 2 {
			t.Errorf("%d rows, want two: what is known is too old", n)
		}
	})
}

func TestSubscribeAnswersForEachChannel(t *testing.T) {
	play(t, func(t *testing.T, s *scene) {
		for i := range 5 {
			s.must(s.store.ChangeChannel(t.Context(), "s1", fmt.Sprint("p", i), chat.Act{At: time.Now()}, func(*chat.Channel) error { return nil }))
		}
		s.must(s.store.ChangeChannel(t.Context(), "s1", "private", chat.Act{At: time.Now()}, func(c *chat.Channel) error { c.ViewMode = chat.Private; return nil }))
		carol, subscriptions := s.online("carol", "phone"), s.subscriptions()
		subscriptions.Most = 3
		ask := func(c chat.Connection, channels ...string) (codes []chat.Code) {
			answers, err := subscriptions.Subscribe(t.Context(), c, chat.SubscribeRequest{ServerID: "s1", ChannelIDs: channels})
			s.must(nil, err)
			for i, answer := range answers {
				if answer.ChannelID != channels[i] {
					t.Errorf("%s is answered for %s", answer.ChannelID, channels[i])
				}
				codes = append(codes, chat.CodeOf(answer.Err))
			}
			return codes
		}
		for _, c := range []struct {
			channels []string
			want     []chat.Code
		}{
			{[]string{"private", "p0", "nowhere"}, []chat.Code{403, 200, 403}},
			{[]string{"p0", "p1", "p2", "p3", "private"}, []chat.Code{200, 200, 200, 416, 403}},
			{[]string{"p4", "p2"}, []chat.Code{416, 200}},
		} {
			if got := ask(carol, c.channels...); !slices.Equal(got, c.want) {
				t.Errorf("%v: %v, want %v", c.channels, got, c.want)
			}
		}
		if got := ask(s.online("dave", "phone"), "p0"); !slices.Equal(got, []chat.Code{403}) {
			t.Errorf("of another server: %v", got)
		}
	})
}

// A subscription says nothing while its channel is out of sight, and again when it is not.
func TestASubscriptionShowsWhatMayBeSeen(t *testing.T) {
	play(t, func(t *testing.T, s *scene) {
		s.large()
		alice, carol := s.online("alice", "phone"), s.online("carol", "phone")
		s.subscribe(carol, "c1")
		black := func(b bool) {
			s.must(s.store.ChangePersonal(t.Context(), "s1", "c1", "carol", chat.Act{At: time.Now()}, func(p *chat.Personal) error { p.Black = b; return nil }))
		}
		black(true)
		s.finished(s.notify(inserted(s.send(alice))))
		s.expect(carol)
		s.member("s1", "carol", func(m *chat.Member) error { m.Leave(); return nil })
		black(false)
		s.finished(s.notify(inserted(s.send(alice))))
		s.expect(carol)
		s.member("s1", "carol", func(m *chat.Member) error { m.Join(time.Now()); return nil })
		s.finished(s.notify(inserted(s.send(alice))))
		s.expect(carol, "message m3")
	})
}

// More subscribers than notify tells: shard by shard they are left to the queue, and told by it.
func TestSubscribersBeyondTheLimit(t *testing.T) {
	play(t, func(t *testing.T, s *scene) {
		s.large()
		s.notifier.DirectPushLimit = 64
		alice, crowd := s.online("alice", "phone"), s.crowd(900)
		for _, c := range crowd {
			s.subscribe(c, "c1")
		}
		r := s.notify(inserted(s.send(alice)))
		if len(r.Unfinished) > 0 || r.Queued != chat.SubscriberShards || r.Posts != 64 {
			t.Errorf("%d posts, %d tasks, unfinished %v: %v", r.Posts, r.Queued, r.Unfinished, r.Errs)
		}
		if r := s.drain(); len(r.Errs)+len(r.Unfinished) > 0 {
			t.Error(r.Errs)
		}
		s.each(crowd, "message m1")
		// A root task, as one that failed leaves it, goes through all shards as well.
		r = s.notifier.Push(t.Context(), []chat.Task{{ServerID: "s1", Records: []chat.Stored{inserted(s.send(alice))}}})
		if r.Queued != chat.SubscriberShards-1 {
			t.Errorf("%d tasks: %v", r.Queued, r.Errs)
		}
		s.drain()
		s.each(crowd, "message m1", "message m2")
	})
}

// What a subscriber of one channel is told when another was written to in the same batch: nothing.
func TestSubscribersOfOtherChannelsAreNotTold(t *testing.T) {
	play(t, func(t *testing.T, s *scene) {
		s.large()
		s.must(s.store.ChangeChannel(t.Context(), "s1", "c2", chat.Act{At: time.Now()}, func(*chat.Channel) error { return nil }))
		alice, bob, carol := s.online("alice", "phone"), s.online("bob", "phone"), s.online("carol", "phone")
		s.subscribe(bob, "c1")
		s.subscribe(carol, "c2")
		one, two := s.send(alice), s.send(alice)
		two.ChannelID, two.MsgID = "c2", "x"
		s.must(s.store.PutMessage(t.Context(), two, time.Now()))
		s.finished(s.notify(inserted(one), inserted(two)))
		s.expect(bob, "message m1")
		s.expect(carol, "message m2")
	})
}

// A subscriber that has gone is removed with its list, so that nothing of it is left.
func TestASubscriberThatHasGoneIsRemoved(t *testing.T) {
	play(t, func(t *testing.T, s *scene) {
		s.large()
		alice, carol := s.online("alice", "phone"), s.online("carol", "phone")
		s.subscribe(carol, "c1")
		time.Sleep(time.Minute)
		s.gateway.Behave(carol.ID, func(context.Context, int) error { return chat.ErrGone })
		s.finished(s.notify(inserted(s.send(alice))))
		left, err := s.store.Subscriptions(t.Context(), "carol", carol.ID)
		if err != nil || len(left) > 0 || s.rows("carol") != 0 {
			t.Errorf("left: %v and %d rows, %v", left, s.rows("carol"), err)
		}
	})
}

func TestSyncTellsTheMode(t *testing.T) {
	play(t, func(t *testing.T, s *scene) {
		carol := s.online("carol", "phone")
		if page := s.sync(carol, nil); page.Mode != chat.ToAll {
			t.Errorf("mode %q", page.Mode)
		}
		s.large()
		if page := s.sync(s.online("carol", "phone"), nil); page.Mode != chat.ToSubscribers {
			t.Errorf("mode %q", page.Mode)
		}
	})
}
