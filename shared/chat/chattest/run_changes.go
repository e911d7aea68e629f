package chattest

import (
	"fmt"
	"sync"
	"time"

	"unsend/shared/chat"
)

func (s *suite) rights(since int64, channels ...string) chat.Rights {
	s.Helper()
	return got(s.store.Rights(s.Context(), s.server, channels, since))(s)
}

func byAccount(e chat.ListEntry) string { return e.AccountID }

var changeTests = map[string]func(*suite){
	"rights of a server that does not exist": func(s *suite) {
		r := s.rights(0, s.channel)
		if r.Server.ID != "" || len(r.Channels)+len(r.Lists)+len(r.Changed) != 0 || r.TooMany {
			s.Errorf("%+v", r)
		}
	},
	"policies of the channels asked for": func(s *suite) {
		server, channel, _, _ := everything(s)
		got(s.store.ChangeChannel(s.Context(), s.server, "unasked", chat.Act{At: s.now}, func(*chat.Channel) error { return nil }))(s)
		r := s.rights(0, s.channel, s.channel, "absent")
		same(s, r.Server, server)
		same(s, r.Channels, map[string]chat.Channel{s.channel: channel})
	},
	"more channels than one request holds": func(s *suite) {
		ids := []string{s.channel}
		for i := range 120 {
			ids = append(ids, fmt.Sprint("absent", i))
		}
		_, channel, _, _ := everything(s)
		same(s, s.rights(0, ids...).Channels, map[string]chat.Channel{s.channel: channel})
	},
	"lists hold those on a list, as long as they are": func(s *suite) {
		alice, bob := s.account("alice"), s.account("bob")
		set := func(white int64, black bool) func(*chat.Personal) error {
			return func(p *chat.Personal) error { p.WhiteGeneration, p.Black = white, black; return nil }
		}
		is := func(want ...chat.ListEntry) {
			s.Helper()
			same(s, sorted(s.rights(0, s.channel).Lists[s.channel], byAccount), want)
		}
		s.personal("alice", set(2, false))
		is(chat.ListEntry{AccountID: alice, WhiteGeneration: 2})
		s.personal("bob", set(0, true))
		is(chat.ListEntry{AccountID: alice, WhiteGeneration: 2}, chat.ListEntry{AccountID: bob, Black: true})
		s.personal("alice", set(3, true))
		is(chat.ListEntry{AccountID: alice, WhiteGeneration: 3, Black: true}, chat.ListEntry{AccountID: bob, Black: true})
		s.personal("alice", set(0, false))
		is(chat.ListEntry{AccountID: bob, Black: true})
		s.personal("carol", func(p *chat.Personal) error { p.Override.Allow, p.OverrideGeneration = 1, 1; return nil })
		is(chat.ListEntry{AccountID: bob, Black: true})
		if other := s.rights(0, "other").Lists; len(other["other"]) != 0 {
			s.Error("entries in another channel's lists")
		}
	},
	"a change is seen from its own ms on": func(s *suite) {
		at, alice := s.now.UnixMilli(), s.account("alice")
		s.member("alice", join(s.now))
		same(s, s.rights(at-1).Changed, map[string]int64{alice: at})
		same(s, s.rights(at).Changed, map[string]int64{alice: at})
		same(s, len(s.rights(at+1).Changed), 0)
		same(s, s.rights(-5).Changed, map[string]int64{alice: at})
		if _, ok := got(s.store.Rights(s.Context(), s.server+"x", nil, 0))(s).Changed[alice]; ok {
			s.Error("a change of another server")
		}
	},
	"the latest change of an account counts": func(s *suite) {
		s.member("alice", join(s.now))
		s.now = s.now.Add(time.Second)
		s.member("alice", leave)
		same(s, s.rights(0).Changed, map[string]int64{s.account("alice"): s.now.UnixMilli()})
	},
	"what changes an account's sight leaves a change": func(s *suite) {
		s.member("alice", join(s.now))
		for name, step := range map[string]struct {
			change func()
			leaves bool
		}{
			"roles": {func() { s.member("alice", func(m *chat.Member) error { m.Roles = []string{"mod"}; return nil }) }, true},
			"ban":   {func() { s.member("alice", ban) }, true},
			"leave": {func() { s.member("alice", leave) }, true},
			"nick":  {func() { s.member("alice", func(m *chat.Member) error { m.Nick += "x"; return nil }) }, false},
			"white": {func() { s.personal("alice", func(p *chat.Personal) error { p.WhiteGeneration++; return nil }) }, true},
			"black": {func() { s.personal("alice", func(p *chat.Personal) error { p.Black = !p.Black; return nil }) }, true},
			"override": {func() {
				s.personal("alice", func(p *chat.Personal) error { p.Override.Allow++; p.OverrideGeneration = 1; return nil })
			}, false},
		} {
			s.now = s.now.Add(time.Hour)
			step.change()
			_, left := s.rights(s.now.UnixMilli()).Changed[s.account("alice")]
			if left != step.leaves {
				s.Errorf("%s: a change %v, want %v", name, left, step.leaves)
			}
		}
	},
	"a rejoining within one change leaves a change": func(s *suite) {
		s.member("alice", join(s.now))
		s.now = s.now.Add(time.Hour)
		s.member("alice", func(m *chat.Member) error { m.Leave(); m.Join(s.now); return nil })
		same(s, len(s.rights(s.now.UnixMilli()).Changed), 1)
	},
	"over a thousand changes are too many": func(s *suite) {
		// Changes of channels and of the server count, and name no account.
		s.changeServer(func(v *chat.Server) error { v.OwnerID = "owner"; return nil })
		s.changeChannel(func(*chat.Channel) error { return nil })
		s.bans(chat.MaxChanges - 2)
		r := s.rights(0)
		if r.TooMany || len(r.Changed) != chat.MaxChanges-2 {
			s.Errorf("%d accounts of %d changes, too many: %v", len(r.Changed), chat.MaxChanges, r.TooMany)
		}
		s.member("one more", ban)
		if r := s.rights(s.now.UnixMilli()); !r.TooMany || r.Changed != nil {
			s.Errorf("one more: too many %v, with %d accounts; want none of them, as they are not all", r.TooMany, len(r.Changed))
		}
		if s.rights(s.now.UnixMilli() + 1).TooMany {
			s.Error("those before the time asked for count")
		}
	},
	"what changes who sees a channel leaves a change": func(s *suite) {
		counter, ok := s.store.(ChangeCounter)
		if !ok {
			s.Skip("this store does not count its change rows")
		}
		for name, step := range map[string]struct {
			change func()
			leaves bool
		}{
			"owner": {func() { s.changeServer(func(v *chat.Server) error { v.OwnerID = s.account("heir"); return nil }) }, true},
			"role":  {func() { s.changeServer(addRole) }, true},
			"permission": {func() {
				s.changeServer(func(v *chat.Server) error { addRole(v); v.Windows.Own = window(3); return nil })
			}, true},
			"windows": {func() {
				s.changeServer(func(v *chat.Server) error { v.Windows.Moderator = later(v.Windows.Moderator); return nil })
			}, false},
			"view mode": {func() { s.changeChannel(func(c *chat.Channel) error { c.ViewMode ^= 1; return nil }) }, true},
			"white role": {func() {
				s.changeChannel(func(c *chat.Channel) error { c.WhiteRoles = append(c.WhiteRoles, "a"); return nil })
			}, true},
			"black role": {func() {
				s.changeChannel(func(c *chat.Channel) error { c.BlackRoles = append(c.BlackRoles, "a"); return nil })
			}, true},
			"override": {func() {
				s.changeChannel(func(c *chat.Channel) error { c.Overrides = map[string]chat.Grant{"a": {Deny: 1}}; return nil })
			}, false},
		} {
			sub := newSuite(s.T, s.store)
			s.server, s.channel, s.now = sub.server, sub.channel, sub.now
			s.changeServer(func(*chat.Server) error { return nil })
			s.member("heir", join(s.now))
			s.changeChannel(func(*chat.Channel) error { return nil })
			before := counter.ChangeRows(s.server)
			s.now = s.now.Add(time.Second)
			step.change()
			if left := counter.ChangeRows(s.server) > before; left != step.leaves {
				s.Errorf("%s: a change %v, want %v", name, left, step.leaves)
			}
		}
	},
}

// ChangeCounter is a store that tells how many change rows a server has: those
// of channels and of the server itself show in [chat.Rights] only when there are too many.
type ChangeCounter interface{ ChangeRows(serverID string) int }

func addRole(v *chat.Server) error {
	v.Roles = append(v.Roles, chat.Role{ID: fmt.Sprint("role", len(v.Roles))})
	return nil
}

func later(w *chat.Window) *chat.Window {
	if w == nil {
		return window(1)
	}
	return window(*w + 1)
}

// bans leaves n changes of as many accounts, at s.now.
func (s *suite) bans(n int) {
	work := make(chan int)
	var running sync.WaitGroup
	for range 8 {
		running.Go(func() {
			for i := range work {
				if _, err := s.store.ChangeMember(s.Context(), s.server, fmt.Sprint("banned", i), chat.Act{At: s.now}, ban); err != nil {
					s.Error(err)
				}
			}
		})
	}
	for i := range n {
		work <- i
	}
	close(work)
	running.Wait()
}
