package chat_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"unsend/shared/chat"
	"unsend/shared/chat/chattest"
)

// scene is a community with people online, over the fake store and a gateway
// that can be made to misbehave. Its clock is the test's own (synctest), so a
// client that hangs for a second costs none.
type scene struct {
	t        *testing.T
	store    *chattest.Store
	gateway  *chattest.Gateway
	queue    *chattest.Queue
	notifier *chat.Notifier
	ids      int

	largeServer int
}

// newScene has the server s1 with the public channel c1 and the members alice,
// bob (a moderator) and carol; and the server s2 with dave.
func newScene(t *testing.T) *scene {
	t.Helper()
	s := &scene{t: t, store: chattest.NewStore(), gateway: chattest.NewGateway(), queue: &chattest.Queue{}}
	s.notifier = &chat.Notifier{
		Messages: s.store, Audience: s.store, Deliveries: s.store, Rights: s.store, Sessions: s.store, Gateway: s.gateway,
		Queue: s.queue, Encode: encodeForTest, Clock: time.Now, Concurrency: 64, Budget: 3 * time.Second, DirectPushLimit: 500,
	}
	for server, members := range map[string][]string{"s1": {"alice", "bob", "carol"}, "s2": {"dave"}} {
		s.must(s.store.ChangeServer(t.Context(), server, chat.Act{At: time.Now()}, func(v *chat.Server) error {
			v.OwnerID = "owner"
			v.Roles = []chat.Role{{ID: chat.Everyone, Grant: chat.Grant{Allow: chat.MaskOf(chat.SendMessage)}}, {ID: "mod", Grant: chat.Grant{Allow: chat.MaskOf(chat.RevokeMemberMessage)}}}
			return nil
		}))
		s.must(s.store.ChangeChannel(t.Context(), server, "c1", chat.Act{At: time.Now()}, func(*chat.Channel) error { return nil }))
		for _, account := range members {
			s.member(server, account, func(m *chat.Member) error { m.Join(time.Now()); return nil })
		}
	}
	s.member("s1", "bob", func(m *chat.Member) error { m.Roles = []string{"mod"}; return nil })
	time.Sleep(time.Minute) // what was set up is older than any overlap
	return s
}

// encodeForTest makes one frame of a list of notices: "event id" for each.
func encodeForTest(notices []chat.Notice) ([][]byte, error) {
	lines := make([]string, len(notices))
	for i, n := range notices {
		lines[i] = fmt.Sprintf("%s %s", n.Event, n.Message.MsgServerID)
	}
	return [][]byte{[]byte(strings.Join(lines, "\n"))}, nil
}

func (s *scene) must(_ any, err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *scene) communities() *chat.Communities {
	return &chat.Communities{Store: s.store, Clock: time.Now, LargeServer: s.largeServer}
}

func (s *scene) sessions() *chat.Sessions {
	return &chat.Sessions{Store: s.store, Gateway: s.gateway, Clock: time.Now, MaxConnections: 10}
}

func (s *scene) member(server, account string, change func(*chat.Member) error) {
	s.t.Helper()
	s.must(s.communities().ChangeMember(s.t.Context(), server, account, chat.Act{}, change))
}

// online connects a device; the connection's id is "account/device".
func (s *scene) online(account, device string) chat.Connection {
	s.t.Helper()
	c := chat.Connection{
		ID: account + "/" + device, AccountID: account, DeviceID: device, ClientType: chat.Web,
		ConnectedAt: time.Now().UnixMilli(), TokenExpiresAt: time.Now().Add(time.Hour).UnixMilli(),
	}
	if err := s.sessions().Connect(s.t.Context(), c); err != nil {
		s.t.Fatal(err)
	}
	return c
}

func (s *scene) send(from chat.Connection) chat.Message {
	s.t.Helper()
	s.ids++
	sender := chat.Sender{Standings: s.store, Messages: s.store, Clock: time.Now,
		NewID: func(time.Time) string { return fmt.Sprintf("m%d", s.ids) }}
	m, err := sender.Send(s.t.Context(), from, chat.SendRequest{ServerID: "s1", ChannelID: "c1",
		MsgID: fmt.Sprint(s.ids), Content: chat.Content{Body: "hello"}})
	if err != nil {
		s.t.Fatal(err)
	}
	return m
}

func (s *scene) revoke(by chat.Connection, m chat.Message) {
	s.t.Helper()
	revocations := chat.Revocations{Standings: s.store, Messages: s.store, Clock: time.Now,
		Windows: chat.Windows{Own: window(120_000), Moderator: window(120_000)}}
	s.must(revocations.Revoke(s.t.Context(), by, chat.RevokeRequest{Key: m.MessageKey}))
}

func inserted(m chat.Message) chat.Stored { return chat.Stored{Key: m.MessageKey, Kind: chat.Inserted} }
func modified(m chat.Message) chat.Stored { return chat.Stored{Key: m.MessageKey, Kind: chat.Modified} }

func (s *scene) notify(records ...chat.Stored) chat.Report {
	return s.notifier.Notify(s.t.Context(), records)
}

// finished: nothing is left, for the stream or for the queue.
func (s *scene) finished(r chat.Report) {
	s.t.Helper()
	if len(r.Unfinished) > 0 || len(r.Errs) > 0 || r.Queued > 0 {
		s.t.Errorf("unfinished %v, %d tasks queued: %v", r.Unfinished, r.Queued, errors.Join(r.Errs...))
	}
}

// queued: the stream is done with it, and the queue has n tasks.
func (s *scene) queued(r chat.Report, n int) {
	s.t.Helper()
	if len(r.Unfinished) > 0 || r.Queued != n {
		s.t.Errorf("unfinished %v, %d tasks queued, want %d", r.Unfinished, r.Queued, n)
	}
}

// drain works on the queue's tasks one by one until there are none, waiting for each one's delay.
func (s *scene) drain() (all chat.Report) {
	s.t.Helper()
	for range 1000 {
		tasks := s.queue.Take()
		if len(tasks) == 0 {
			return all
		}
		for _, task := range tasks {
			time.Sleep(task.Delay)
			r := s.notifier.Push(s.t.Context(), []chat.Task{task})
			all.Unfinished = append(all.Unfinished, r.Unfinished...)
			all.Errs, all.Posts, all.Closed = append(all.Errs, r.Errs...), all.Posts+r.Posts, all.Closed+r.Closed
		}
	}
	s.t.Fatal("the queue never ends")
	return all
}

// heard are the notices that a connection took, in order.
func (s *scene) heard(c chat.Connection) []string {
	var all []string
	for _, frame := range s.gateway.Frames(c.ID) {
		all = append(all, strings.Split(string(frame), "\n")...)
	}
	return all
}

func (s *scene) expect(c chat.Connection, want ...string) {
	s.t.Helper()
	if got := s.heard(c); !slices.Equal(got, want) {
		s.t.Errorf("%s heard %q, want %q", c.ID, got, want)
	}
}

func (s *scene) rows(account string) int {
	s.t.Helper()
	list, err := s.store.Connections(s.t.Context(), account, time.Now().UnixMilli())
	s.must(nil, err)
	return len(list)
}

func (s *scene) audience() []string {
	s.t.Helper()
	page, err := s.store.Audience(s.t.Context(), chat.Crowd{ServerID: "s1"}, "", 1000, time.Now().UnixMilli())
	s.must(nil, err)
	var ids []string
	for _, row := range page.Rows {
		ids = append(ids, row.Connection.ID)
	}
	slices.Sort(ids)
	return ids
}

// play runs a test with a clock of its own.
func play(t *testing.T, f func(t *testing.T, s *scene)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { f(t, newScene(t)) })
}

func TestEveryDeviceIsToldButTheOneThatDidIt(t *testing.T) {
	play(t, func(t *testing.T, s *scene) {
		phone, tablet := s.online("alice", "phone"), s.online("alice", "tablet")
		desk, laptop := s.online("bob", "desk"), s.online("bob", "laptop")
		tab1, tab2 := s.online("carol", "tab1"), s.online("carol", "tab2")
		elsewhere := s.online("dave", "phone")

		m := s.send(phone)
		s.finished(s.notify(inserted(m)))
		s.revoke(desk, m)
		s.finished(s.notify(modified(m)))

		s.expect(phone, "message_updated m1")
		s.expect(desk, "message m1")
		for _, c := range []chat.Connection{tablet, laptop, tab1, tab2} {
			s.expect(c, "message m1", "message_updated m1")
		}
		s.expect(elsewhere)
	})
}

// A device that names no id is its connection: another connection of the account
// is another device.
func TestUnnamedDevicesAreTheirConnections(t *testing.T) {
	play(t, func(t *testing.T, s *scene) {
		one, two := s.online("alice", ""), s.online("bob", "")
		third := chat.Connection{ID: "alice/3", AccountID: "alice", ClientType: chat.Web,
			ConnectedAt: time.Now().UnixMilli(), TokenExpiresAt: time.Now().Add(time.Hour).UnixMilli()}
		s.must(nil, s.sessions().Connect(t.Context(), third))
		s.finished(s.notify(inserted(s.send(one))))
		s.expect(one)
		s.expect(two, "message m1")
		s.expect(third, "message m1")
	})
}

// A revocation by a back end has no device: everybody is told.
func TestAnActWithoutDeviceExcludesNobody(t *testing.T) {
	play(t, func(t *testing.T, s *scene) {
		phone := s.online("alice", "phone")
		m := s.send(phone)
		s.must(s.store.RevokeMessage(t.Context(), chat.RevokeWrite{Key: m.MessageKey, Now: time.Now(), Permitted: true,
			Revocation: chat.Revocation{Operator: chat.Actor{AccountID: "alice", ClientType: chat.REST}}}))
		s.finished(s.notify(modified(m)))
		s.expect(phone, "message_updated m1")
	})
}

// Each of these happens between the send and the push, and takes carol's sight.
func TestNoFrameToWhoLostSightBeforeThePush(t *testing.T) {
	for name, lose := range map[string]func(s *scene){
		"ban":   func(s *scene) { s.member("s1", "carol", func(m *chat.Member) error { m.Banned = true; return nil }) },
		"leave": func(s *scene) { s.member("s1", "carol", func(m *chat.Member) error { m.Leave(); return nil }) },
		"ban whose audience rows stay": func(s *scene) {
			s.must(s.store.ChangeMember(s.t.Context(), "s1", "carol", chat.Act{At: time.Now()}, func(m *chat.Member) error { m.Banned = true; return nil }))
		},
		"leave and rejoin do not bring the old rows' white entry back": func(s *scene) {
			s.must(s.store.ChangePersonal(s.t.Context(), "s1", "c1", "carol", chat.Act{At: time.Now()}, func(p *chat.Personal) error { p.WhiteGeneration = 1; return nil }))
			s.private()
			s.must(s.store.ChangeMember(s.t.Context(), "s1", "carol", chat.Act{At: time.Now()}, func(m *chat.Member) error {
				m.Leave()
				m.Join(time.Now())
				return nil
			}))
		},
		"black list": func(s *scene) {
			s.must(s.store.ChangePersonal(s.t.Context(), "s1", "c1", "carol", chat.Act{At: time.Now()}, func(p *chat.Personal) error { p.Black = true; return nil }))
		},
		"private channel": (*scene).private,
		"role's black entry": func(s *scene) {
			s.must(s.store.ChangeChannel(s.t.Context(), "s1", "c1", chat.Act{At: time.Now()}, func(c *chat.Channel) error { c.BlackRoles = []string{chat.Everyone}; return nil }))
		},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, func(t *testing.T, s *scene) {
				phone, carol := s.online("alice", "phone"), s.online("carol", "phone")
				time.Sleep(time.Minute) // her proof is older than any overlap
				m := s.send(phone)
				lose(s)
				s.finished(s.notify(inserted(m)))
				s.expect(carol)
			})
		})
	}
}

func (s *scene) private() {
	s.must(s.store.ChangeChannel(s.t.Context(), "s1", "c1", chat.Act{At: time.Now()}, func(c *chat.Channel) error { c.ViewMode = chat.Private; return nil }))
}

func TestWhoGainsSightIsTold(t *testing.T) {
	play(t, func(t *testing.T, s *scene) {
		desk, carol := s.online("bob", "desk"), s.online("carol", "phone")
		s.must(s.store.ChangeChannel(t.Context(), "s1", "c1", chat.Act{At: time.Now()}, func(c *chat.Channel) error {
			c.ViewMode, c.WhiteRoles = chat.Private, []string{"mod"}
			return nil
		}))
		s.finished(s.notify(inserted(s.send(desk))))
		s.expect(carol)
		s.member("s1", "carol", func(m *chat.Member) error { m.Roles = []string{"mod"}; return nil })
		s.finished(s.notify(inserted(s.send(desk))))
		s.expect(carol, "message m2")
	})
}

// The promise is two seconds from the ban's answer to the last frame, also in the
// middle of a long push: the ban comes after the rights were read, and slow posts
// to others fill the time until it is carol's turn.
func TestABanInTheMiddleOfAPush(t *testing.T) {
	play(t, func(t *testing.T, s *scene) {
		s.notifier.Concurrency = 1
		phone := s.online("alice", "phone")
		var all []chat.Connection
		for i := range 10 {
			all = append(all, s.online("bob", fmt.Sprintf("bob%d", i)), s.online("carol", fmt.Sprintf("carol%d", i)))
		}
		var banned time.Time
		var late []string
		s.gateway.BeforePost = func(id string) {
			if banned.IsZero() {
				s.must(s.store.ChangeMember(t.Context(), "s1", "carol", chat.Act{At: time.Now()}, func(m *chat.Member) error { m.Banned = true; return nil }))
				banned = time.Now()
			}
			time.Sleep(400 * time.Millisecond)
			if strings.HasPrefix(id, "carol") && time.Since(banned) > 2*time.Second {
				late = append(late, id)
			}
		}
		s.notifier.Budget = time.Minute
		s.finished(s.notify(inserted(s.send(phone))))
		if len(late) > 0 {
			t.Errorf("frames later than 2 s after the ban: %v", late)
		}
		for _, c := range all {
			if c.AccountID == "bob" {
				s.expect(c, "message m1")
			}
		}
		if sum := chat.RightsMaxAge + chat.PostTimeout; sum > 2*time.Second {
			t.Errorf("RightsMaxAge + PostTimeout = %v, more than the promised 2 s", sum)
		}
	})
}

func TestTroubledConnectionsHarmNobody(t *testing.T) {
	play(t, func(t *testing.T, s *scene) {
		phone := s.online("alice", "phone")
		dead, hanging, full := s.online("carol", "dead"), s.online("carol", "hanging"), s.online("carol", "full")
		var well []chat.Connection
		for i := range 9 {
			well = append(well, s.online("bob", fmt.Sprint(i)))
		}
		time.Sleep(time.Minute)
		young := s.online("carol", "young")
		s.gateway.Behave(dead.ID, chattest.Always(chat.ErrGone))
		s.gateway.Behave(young.ID, chattest.Always(chat.ErrGone))
		s.gateway.Behave(full.ID, chattest.Always(chat.ErrThrottled))
		s.gateway.Behave(hanging.ID, chattest.Hang)
		began := time.Now()
		var late atomic.Int64
		s.gateway.BeforePost = func(id string) {
			if strings.HasPrefix(id, "bob") && time.Since(began) > 0 {
				late.Add(1)
			}
		}
		s.finished(s.notify(inserted(s.send(phone))))

		for _, c := range well {
			s.expect(c, "message m1")
		}
		if n := late.Load(); n > 0 {
			t.Errorf("%d healthy clients waited for the troubled ones", n)
		}
		for _, c := range []chat.Connection{hanging, full} {
			if s.gateway.Closings(c.ID) != 1 {
				t.Errorf("%s was not closed, so its client will not come back", c.ID)
			}
		}
		if s.gateway.Closings(young.ID) != 0 {
			t.Error("a connection that may not be postable yet was closed")
		}
		rows := s.audience()
		for _, c := range []chat.Connection{hanging, full, young, phone} {
			if !slices.Contains(rows, c.ID) {
				t.Errorf("the row of the live connection %s was removed", c.ID)
			}
		}
		if slices.Contains(rows, dead.ID) || s.rows("carol") != 3 {
			t.Errorf("the dead connection's rows remain: %v", rows)
		}
	})
}

// A client that was full for a moment is told when it recovers, and stays connected.
func TestAMomentOfBackPressure(t *testing.T) {
	play(t, func(t *testing.T, s *scene) {
		phone, carol := s.online("alice", "phone"), s.online("carol", "phone")
		s.online("bob", "desk")
		s.gateway.Behave(carol.ID, func(_ context.Context, attempt int) error {
			if attempt < 3 {
				return chat.ErrThrottled
			}
			return nil
		})
		report := s.notify(inserted(s.send(phone)))
		s.finished(report)
		s.expect(carol, "message m1")
		if report.Closed != 0 || report.Retried != 2 {
			t.Errorf("closed %d, retried %d", report.Closed, report.Retried)
		}
	})
}

// A quota that is spent answers 429 for most of a page: that is nobody's fault.
func TestAStormOfTooManyRequestsClosesNobody(t *testing.T) {
	for _, share := range []int{1, 2, 5} { // every n-th connection is answered 429
		t.Run(fmt.Sprintf("one in %d", share), func(t *testing.T) {
			play(t, func(t *testing.T, s *scene) {
				phone := s.online("alice", "phone")
				all := s.crowd(10)
				for i, c := range all {
					if i%share == 0 {
						s.gateway.Behave(c.ID, chattest.Always(chat.ErrThrottled))
					}
				}
				m := s.send(phone)
				r := s.notify(inserted(m))
				if s.queued(r, 1); r.Closed != 0 {
					t.Errorf("%d closed", r.Closed)
				}
				for _, c := range all {
					s.gateway.Behave(c.ID, nil)
				}
				if r := s.drain(); len(r.Unfinished) > 0 || r.Closed > 0 || r.Posts > len(all) {
					t.Errorf("unfinished %v, closed %d, %d posts: only those are left who were not told", r.Unfinished, r.Closed, r.Posts)
				}
				for _, c := range all {
					if got := s.heard(c); len(got) == 0 {
						t.Errorf("%s was never told", c.ID)
					}
				}
			})
		})
	}
}

func TestWhatARecordSays(t *testing.T) {
	for _, c := range []struct {
		name    string
		kind    chat.StoredKind
		revoked bool
		age     time.Duration
		want    []string
	}{
		{"inserted, normal", chat.Inserted, false, 0, []string{"message m1"}},
		{"inserted, revoked meanwhile", chat.Inserted, true, 0, nil},
		{"modified, revoked", chat.Modified, true, 0, []string{"message_updated m1"}},
		{"modified, but normal", chat.Modified, false, 0, nil},
		{"a message 15 min old", chat.Inserted, false, 15 * time.Minute, []string{"message m1"}},
		{"a message older than that", chat.Inserted, false, 15*time.Minute + time.Millisecond, nil},
		{"a revocation of an hour ago", chat.Modified, true, 45 * time.Minute, []string{"message_updated m1"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			play(t, func(t *testing.T, s *scene) {
				phone, carol := s.online("alice", "phone"), s.online("carol", "phone")
				m := s.send(phone)
				if c.revoked {
					s.revoke(phone, m)
				}
				time.Sleep(c.age)
				s.finished(s.notify(chat.Stored{Key: m.MessageKey, Kind: c.kind}))
				s.expect(carol, c.want...)
			})
		})
	}
	t.Run("a row that is gone", func(t *testing.T) {
		play(t, func(t *testing.T, s *scene) {
			s.finished(s.notify(chat.Stored{Key: chat.MessageKey{ServerID: "s1", ChannelID: "c1", Timestamp: 1, MsgServerID: "x"}, Kind: chat.Modified}))
		})
	})
}

func TestABurstIsOnePostForEachDevice(t *testing.T) {
	play(t, func(t *testing.T, s *scene) {
		phone, carol := s.online("alice", "phone"), s.online("carol", "phone")
		var records []chat.Stored
		for range 20 {
			records = append(records, inserted(s.send(phone)))
		}
		records = append(records, records[0]) // delivered twice by the stream
		s.finished(s.notify(records...))
		if got := len(s.gateway.Frames(carol.ID)); got != 1 || len(s.heard(carol)) != 20 {
			t.Errorf("%d frames with %d notices, want 1 with 20", got, len(s.heard(carol)))
		}
	})
}

func TestAnExpiredTokenEndsTheConnection(t *testing.T) {
	play(t, func(t *testing.T, s *scene) {
		desk, carol := s.online("bob", "desk"), s.online("carol", "phone")
		time.Sleep(time.Until(time.UnixMilli(carol.TokenExpiresAt)))
		desk.ID, desk.ConnectedAt = "bob/again", time.Now().UnixMilli()
		desk.TokenExpiresAt += 1000
		s.must(nil, s.sessions().Connect(t.Context(), desk))
		s.finished(s.notify(inserted(s.send(desk))))
		s.expect(carol)
		if s.gateway.Closings(carol.ID) != 1 || slices.Contains(s.audience(), carol.ID) {
			t.Error("the connection of an expired token was left")
		}
	})
}

// faulty makes some of a store's reads fail or panic for one server.
type faulty struct {
	*chattest.Store
	server string
	fault  func() error
}

func (f faulty) Rights(ctx context.Context, server string, channels []string, since int64) (chat.Rights, error) {
	if server == f.server {
		return chat.Rights{}, f.fault()
	}
	return f.Store.Rights(ctx, server, channels, since)
}

func TestOneServersTroubleIsNotAnothers(t *testing.T) {
	for name, fault := range map[string]func() error{
		"error": func() error { return &chat.Error{Code: chat.Busy} },
		"panic": func() error { panic("what somebody wrote") },
	} {
		t.Run(name, func(t *testing.T) {
			play(t, func(t *testing.T, s *scene) {
				phone, dave := s.online("alice", "phone"), s.online("dave", "phone")
				s.online("carol", "phone")
				s.notifier.Rights = faulty{Store: s.store, server: "s1", fault: fault}
				m := s.send(phone)
				other := m
				other.ServerID, other.MsgServerID = "s2", "m2"
				s.must(s.store.PutMessage(t.Context(), other, time.Now()))
				report := s.notify(inserted(m), inserted(other))
				s.queued(report, 1)
				if tasks := s.queue.Take(); len(tasks) != 1 || tasks[0].ServerID != "s1" || tasks[0].Delay == 0 {
					t.Errorf("put off is %+v, want the server in trouble", tasks)
				}
				s.expect(dave, "message m2")
				if text := fmt.Sprint(report.Errs); strings.Contains(text, "what somebody wrote") {
					t.Error("the error holds the value of the panic")
				}
			})
		})
	}
}

// counted counts how many member rows pushes read.
type counted struct {
	*chattest.Store
	members *int
}

func (c counted) Members(ctx context.Context, server string, accounts []string) (map[string]chat.Member, error) {
	*c.members += len(accounts)
	return c.Store.Members(ctx, server, accounts)
}

// Rights at the push cost what changed, not who is there.
func TestRightsCostWhatChanged(t *testing.T) {
	play(t, func(t *testing.T, s *scene) {
		phone := s.online("alice", "phone")
		for i := range 100 {
			account := fmt.Sprintf("user%d", i)
			s.must(s.store.ChangeMember(t.Context(), "s1", account, chat.Act{At: time.Now()}, func(m *chat.Member) error { m.Join(time.Now()); return nil }))
		}
		time.Sleep(time.Minute)
		for i := range 100 {
			s.online(fmt.Sprintf("user%d", i), "phone")
		}
		time.Sleep(time.Minute)
		read := 0
		s.notifier.Rights = counted{s.store, &read}
		s.finished(s.notify(inserted(s.send(phone))))
		if read != 0 {
			t.Errorf("%d member rows read when nothing had changed", read)
		}
		for i := range 7 {
			s.member("s1", fmt.Sprintf("user%d", i), func(m *chat.Member) error { m.Nick, m.Roles = "x", []string{"mod"}; return nil })
		}
		s.finished(s.notify(inserted(s.send(phone))))
		if read != 7 {
			t.Errorf("%d member rows read, want the 7 that changed", read)
		}
	})
}

// More changes than a push reads: everybody is judged anew, and a ban among
// those that were not read still counts.
func TestTooManyChangesJudgeEverybody(t *testing.T) {
	play(t, func(t *testing.T, s *scene) {
		phone, bob, carol := s.online("alice", "phone"), s.online("bob", "desk"), s.online("carol", "phone")
		for i := range chat.MaxChanges + 1 {
			s.must(s.store.ChangeMember(t.Context(), "s1", fmt.Sprintf("user%d", i), chat.Act{At: time.Now()}, func(m *chat.Member) error { m.Join(time.Now()); return nil }))
			time.Sleep(time.Millisecond)
		}
		s.must(s.store.ChangeMember(t.Context(), "s1", "carol", chat.Act{At: time.Now()}, func(m *chat.Member) error { m.Banned = true; return nil }))
		s.finished(s.notify(inserted(s.send(phone))))
		s.expect(bob, "message m1")
		s.expect(carol)
	})
}

// The ban's stamp is a few seconds before the proof of a connection whose rights were
// read just before the ban's commit: another clock, a slow write.
func TestABanStampedBeforeTheProof(t *testing.T) {
	for _, c := range []struct {
		before time.Duration
		read   bool
	}{{chat.ChangeOverlap, true}, {chat.ChangeOverlap + time.Millisecond, false}} {
		play(t, func(t *testing.T, s *scene) {
			phone, carol := s.online("alice", "phone"), s.online("carol", "phone")
			s.must(s.store.ChangeMember(t.Context(), "s1", "carol", chat.Act{At: time.Now().Add(-c.before)}, func(m *chat.Member) error { m.Banned = true; return nil }))
			s.finished(s.notify(inserted(s.send(phone))))
			if got := len(s.heard(carol)) == 0; got != c.read {
				t.Errorf("stamped %v before the proof: found %v", c.before, got)
			}
		})
	}
}

// Rights are looked at again between the frames of one connection.
func TestABanBetweenTwoFrames(t *testing.T) {
	play(t, func(t *testing.T, s *scene) {
		s.notifier.Budget = time.Minute
		s.notifier.Encode = func(notices []chat.Notice) ([][]byte, error) {
			return [][]byte{[]byte("message 1"), []byte("message 2"), []byte("message 3")}[:min(3, 3*len(notices))], nil
		}
		phone, carol := s.online("alice", "phone"), s.online("carol", "phone")
		s.gateway.Behave(carol.ID, func(_ context.Context, attempt int) error {
			if attempt == 1 {
				s.member("s1", "carol", func(m *chat.Member) error { m.Banned = true; return nil })
			}
			time.Sleep(900 * time.Millisecond)
			return nil
		})
		banned := time.Now()
		s.finished(s.notify(inserted(s.send(phone))))
		if n := s.gateway.Attempts(carol.ID); n > 2 || time.Since(banned) > 3*time.Second {
			t.Errorf("%d frames in %v after the ban", n, time.Since(banned))
		}
	})
}

// One server may take Budget, and posts at a time are Concurrency.
func TestBudgetAndConcurrency(t *testing.T) {
	play(t, func(t *testing.T, s *scene) {
		s.notifier.Concurrency, s.notifier.Budget = 3, 2*time.Second
		devices := s.crowd(30)
		var now, most atomic.Int64
		for _, c := range devices {
			s.gateway.Behave(c.ID, func(ctx context.Context, _ int) error {
				if n := now.Add(1); n > most.Load() {
					most.Store(n)
				}
				defer now.Add(-1)
				time.Sleep(400 * time.Millisecond)
				return nil
			})
		}
		began := time.Now()
		m := s.send(s.online("alice", "phone"))
		s.queued(s.notify(inserted(m)), 1) // 30 devices at 3 a time take 4 s
		if took := time.Since(began); took > 3*time.Second || most.Load() != 3 {
			t.Errorf("took %v with %d posts at a time", took, most.Load())
		}
		s.drain()
		for _, c := range devices {
			s.expect(c, "message m1")
		}
	})
}

// A dead connection's row in a server that its account has left goes, too.
func TestADeadConnectionOfWhoLeft(t *testing.T) {
	play(t, func(t *testing.T, s *scene) {
		phone, carol := s.online("alice", "phone"), s.online("carol", "phone")
		time.Sleep(time.Minute)
		s.gateway.Behave(carol.ID, chattest.Always(chat.ErrGone))
		s.notifier.Sessions = memberOfNothing{s.store}
		s.finished(s.notify(inserted(s.send(phone))))
		if slices.Contains(s.audience(), carol.ID) {
			t.Error("the row through which the connection was found is left")
		}
	})
}

type memberOfNothing struct{ *chattest.Store }

func (memberOfNothing) Memberships(context.Context, string) ([]chat.Membership, error) {
	return nil, nil
}

// A banned member's rows are removed, not put again.
func TestABanTakesTheRowsOfWhoIsOnline(t *testing.T) {
	play(t, func(t *testing.T, s *scene) {
		carol := s.online("carol", "phone")
		s.member("s1", "carol", func(m *chat.Member) error { m.Banned = true; return nil })
		if slices.Contains(s.audience(), carol.ID) {
			t.Error("a banned member is in the audience")
		}
		s.member("s1", "carol", func(m *chat.Member) error { m.Banned = false; return nil })
		if !slices.Contains(s.audience(), carol.ID) {
			t.Error("the ban ended, and the device is still not told")
		}
	})
}

// The rows of a change carry the time of its start as their proof: a ban that
// committed after it, but before they were put, is found.
func TestABanWhileAJoinFollows(t *testing.T) {
	play(t, func(t *testing.T, s *scene) {
		phone, carol := s.online("alice", "phone"), s.online("carol", "phone")
		slow := slowFollow{s.store, func() {
			s.must(s.store.ChangeMember(t.Context(), "s1", "carol", chat.Act{At: time.Now()}, func(m *chat.Member) error { m.Banned = true; return nil }))
			time.Sleep(time.Minute) // the process is stopped for a while
		}}
		communities := chat.Communities{Store: slow, Clock: time.Now}
		s.must(communities.ChangeMember(t.Context(), "s1", "carol", chat.Act{}, func(m *chat.Member) error { m.Roles = []string{"mod"}; return nil }))
		s.finished(s.notify(inserted(s.send(phone))))
		s.expect(carol)
	})
}

type slowFollow struct {
	*chattest.Store
	before func()
}

func (s slowFollow) Connections(ctx context.Context, account string, now int64) ([]chat.Connection, error) {
	s.before()
	return s.Store.Connections(ctx, account, now)
}
