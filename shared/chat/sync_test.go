package chat_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"unsend/shared/chat"
)

func (s *scene) sync(c chat.Connection, from *chat.UpdateRef) chat.SyncPage {
	s.t.Helper()
	syncs := chat.Syncs{Updates: s.store, Sights: s.store, Clock: time.Now, Retention: 24 * time.Hour}
	page, err := syncs.Sync(s.t.Context(), c, chat.SyncRequest{ServerID: "s1", From: from})
	if err != nil {
		s.t.Fatal(err)
	}
	return page
}

// caughtUp syncs until there is no more, and gives the ids that were taken back.
func (s *scene) caughtUp(c chat.Connection, from chat.UpdateRef) (ids []string, last chat.SyncPage) {
	s.t.Helper()
	for page := s.sync(c, &from); ; page = s.sync(c, &page.Next) {
		for _, u := range page.Updates {
			ids = append(ids, u.MsgServerID)
		}
		if !page.More {
			return ids, page
		}
	}
}

// Whoever was away learns of every revocation, however many, by the time of revoking and not of sending.
func TestWhoWasAwayCatchesUp(t *testing.T) {
	play(t, func(t *testing.T, s *scene) {
		phone, carol := s.online("alice", "phone"), s.online("carol", "phone")
		var messages []chat.Message
		for range 250 {
			messages = append(messages, s.send(phone))
		}
		time.Sleep(2 * time.Minute)
		first := s.sync(carol, nil)
		if len(first.Updates) > 0 || first.More || first.Reset || len(first.Access) != 1 {
			t.Errorf("a first sync gives a cursor and stamps: %+v", first)
		}
		time.Sleep(time.Minute)
		var want []string
		for _, m := range messages {
			s.revokeNoLimit(phone, m)
			want = append(want, m.MsgServerID)
			time.Sleep(time.Millisecond)
		}
		got, last := s.caughtUp(carol, first.Next)
		if !slices.Equal(got, want) {
			t.Errorf("%d of %d revocations, or in another order", len(got), len(want))
		}
		again, _ := s.caughtUp(carol, last.Next)
		if len(again) != len(want) {
			t.Errorf("%d again, want those of the last minute: an index may lag", len(again))
		}
		time.Sleep(2 * chat.SyncOverlap)
		_, quiet := s.caughtUp(carol, last.Next)
		if none, _ := s.caughtUp(carol, quiet.Next); len(none) > 0 {
			t.Errorf("%d again after a quiet time", len(none))
		}
	})
}

func (s *scene) revokeNoLimit(by chat.Connection, m chat.Message) {
	s.t.Helper()
	revocations := chat.Revocations{Standings: s.store, Messages: s.store, Clock: time.Now,
		Windows: chat.Windows{Own: window(chat.NoLimit), Moderator: window(chat.NoLimit)}}
	s.must(revocations.Revoke(s.t.Context(), by, chat.RevokeRequest{Key: m.MessageKey, Info: chat.UpdateInfo{Postscript: "gone"}}))
}

// What happens in a channel that the account does not see is not told.
func TestSyncTellsOnlyWhatMayBeSeen(t *testing.T) {
	play(t, func(t *testing.T, s *scene) {
		phone, carol := s.online("alice", "phone"), s.online("carol", "phone")
		m := s.send(phone)
		first := s.sync(carol, nil)
		s.revokeNoLimit(phone, m)
		s.private()
		if ids, last := s.caughtUp(carol, first.Next); len(ids) > 0 || len(last.Access) > 0 {
			t.Errorf("told of %v in a channel that is hidden", ids)
		}
		s.must(s.store.ChangePersonal(t.Context(), "s1", "c1", "carol", chat.Act{At: time.Now()}, func(p *chat.Personal) error { p.WhiteGeneration = 1; return nil }))
		if ids, _ := s.caughtUp(carol, first.Next); !slices.Equal(ids, []string{"m1"}) {
			t.Errorf("told of %v when it may be seen again", ids)
		}
	})
}

func TestSyncIsForMembers(t *testing.T) {
	play(t, func(t *testing.T, s *scene) {
		syncs := chat.Syncs{Updates: s.store, Sights: s.store, Clock: time.Now}
		s.member("s1", "carol", func(m *chat.Member) error { m.Banned = true; return nil })
		for name, c := range map[string]struct {
			account, server string
			from            *chat.UpdateRef
			want            chat.Code
		}{
			"member":        {"bob", "s1", nil, chat.OK},
			"banned":        {"carol", "s1", nil, chat.Forbidden},
			"stranger":      {"dave", "s1", nil, chat.Forbidden},
			"no server":     {"bob", "s9", nil, chat.Forbidden},
			"bad id":        {"bob", "s#1", nil, chat.Invalid},
			"negative time": {"bob", "s1", &chat.UpdateRef{UpdatedAt: -1}, chat.Invalid},
		} {
			_, err := syncs.Sync(t.Context(), chat.Connection{AccountID: c.account}, chat.SyncRequest{ServerID: c.server, From: c.from})
			if chat.CodeOf(err) != c.want {
				t.Errorf("%s: %d, want %d", name, chat.CodeOf(err), c.want)
			}
		}
	})
}

// A stamp changes when sight does, though it be the same again afterwards, and
// for nothing else.
func TestAccessStamps(t *testing.T) {
	toggle := func(f func(s *scene, on bool)) func(*scene) {
		return func(s *scene) { f(s, true); f(s, false) }
	}
	for name, c := range map[string]struct {
		change func(*scene)
		differ bool
	}{
		"nothing": {func(*scene) {}, false},
		"a ban that ended": {toggle(func(s *scene, on bool) {
			s.member("s1", "carol", func(m *chat.Member) error { m.Banned = on; return nil })
		}), true},
		"left and back": {func(s *scene) {
			s.member("s1", "carol", func(m *chat.Member) error { m.Leave(); return nil })
			s.member("s1", "carol", func(m *chat.Member) error { m.Join(time.Now()); return nil })
		}, true},
		"a black entry that ended": {toggle(func(s *scene, on bool) {
			s.must(s.store.ChangePersonal(s.t.Context(), "s1", "c1", "carol", chat.Act{At: time.Now()}, func(p *chat.Personal) error { p.Black = on; return nil }))
		}), true},
		"private for a while": {toggle(func(s *scene, on bool) {
			s.must(s.store.ChangeChannel(s.t.Context(), "s1", "c1", chat.Act{At: time.Now()}, func(c *chat.Channel) error {
				c.ViewMode = map[bool]chat.ViewMode{true: chat.Private, false: chat.Public}[on]
				return nil
			}))
		}), true},
		"a role that came and went": {toggle(func(s *scene, on bool) {
			s.member("s1", "carol", func(m *chat.Member) error { m.Roles = map[bool][]string{true: {"mod"}}[on]; return nil })
		}), true},
		"a nick": {func(s *scene) {
			s.member("s1", "carol", func(m *chat.Member) error { m.Nick = "C."; return nil })
		}, false},
		"windows": {func(s *scene) {
			s.must(s.store.ChangeChannel(s.t.Context(), "s1", "c1", chat.Act{At: time.Now()}, func(c *chat.Channel) error { c.Windows.Own = window(5); return nil }))
		}, false},
		"somebody else's ban": {func(s *scene) {
			s.member("s1", "bob", func(m *chat.Member) error { m.Banned = true; return nil })
		}, false},
		"an override": {func(s *scene) {
			s.must(s.store.ChangePersonal(s.t.Context(), "s1", "c1", "carol", chat.Act{At: time.Now()}, func(p *chat.Personal) error { p.Override.Allow = 1; return nil }))
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, func(t *testing.T, s *scene) {
				carol := s.online("carol", "phone")
				before := s.sync(carol, nil).Access
				c.change(s)
				after := s.sync(carol, nil).Access
				if len(before) != 1 || len(after) != 1 || maps.Equal(before, after) == c.differ {
					t.Errorf("before %v, after %v; want different: %v", before, after, c.differ)
				}
			})
		})
	}
}

// A cursor older than messages are kept: what was revoked then may be gone, so
// everything is to be read again.
func TestSyncAfterTheRetention(t *testing.T) {
	play(t, func(t *testing.T, s *scene) {
		carol := s.online("carol", "phone")
		cursor := s.sync(carol, nil).Next
		for _, c := range []struct {
			wait  time.Duration
			reset bool
		}{{24*time.Hour - chat.SyncOverlap, false}, {time.Millisecond, true}} {
			time.Sleep(c.wait)
			if page := s.sync(carol, &cursor); page.Reset != c.reset || page.More || page.Next.UpdatedAt <= cursor.UpdatedAt {
				t.Errorf("after %v more: reset %v, more %v, cursor %v", c.wait, page.Reset, page.More, fmt.Sprint(page.Next))
			}
		}
	})
}

// A cursor says nothing of a message in a channel that is out of sight, though the page ends with one; and the walk over
// many of them comes to its end.
func TestACursorHoldsNothingHidden(t *testing.T) {
	play(t, func(t *testing.T, s *scene) {
		phone, carol := s.online("alice", "phone"), s.online("carol", "phone")
		s.must(s.store.ChangeChannel(t.Context(), "s1", "open", chat.Act{At: time.Now()}, func(*chat.Channel) error { return nil }))
		var messages []chat.Message
		for range 700 {
			messages = append(messages, s.send(phone))
		}
		from := chat.UpdateRef{UpdatedAt: time.Now().UnixMilli()}
		for i, m := range messages {
			s.revokeNoLimit(phone, m)
			if i%7 == 0 { // and several in one ms
				time.Sleep(time.Millisecond)
			}
		}
		s.must(s.store.ChangePersonal(t.Context(), "s1", "c1", "carol", chat.Act{At: time.Now()}, func(p *chat.Personal) error { p.Black = true; return nil }))
		pages := 0
		for page := s.sync(carol, &from); ; page = s.sync(carol, &page.Next) {
			if len(page.Updates) > 0 || page.Next.ChannelID != "" || page.Next.MsgServerID != "" || page.Next.Timestamp != 0 {
				t.Fatalf("page %d tells %d updates, and its cursor %+v", pages, len(page.Updates), page.Next)
			}
			if pages++; pages > 10 {
				t.Fatal("the walk has no end")
			}
			if !page.More {
				break
			}
		}
		if pages < 3 {
			t.Errorf("%d pages: the test shows little", pages)
		}
	})
}
