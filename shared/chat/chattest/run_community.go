package chattest

import (
	"errors"
	"fmt"
	"time"

	"unsend/shared/chat"
)

func join(now time.Time) func(*chat.Member) error {
	return func(m *chat.Member) error { m.Join(now); return nil }
}

func leave(m *chat.Member) error { m.Leave(); return nil }
func ban(m *chat.Member) error   { m.Banned = true; return nil }
func unban(m *chat.Member) error { m.Banned = false; return nil }

func (s *suite) member(account string, change func(*chat.Member) error) chat.Member {
	s.Helper()
	return got(s.store.ChangeMember(s.Context(), s.server, s.account(account), chat.Act{At: s.now}, change))(s)
}

func (s *suite) personal(account string, change func(*chat.Personal) error) chat.Personal {
	s.Helper()
	return got(s.store.ChangePersonal(s.Context(), s.server, s.channel, s.account(account), chat.Act{At: s.now}, change))(s)
}

func (s *suite) changeServer(change func(*chat.Server) error) chat.Server {
	s.Helper()
	return got(s.store.ChangeServer(s.Context(), s.server, chat.Act{At: s.now}, change))(s)
}

func (s *suite) changeChannel(change func(*chat.Channel) error) chat.Channel {
	s.Helper()
	return got(s.store.ChangeChannel(s.Context(), s.server, s.channel, chat.Act{At: s.now}, change))(s)
}

func (s *suite) standing(account string) chat.Standing {
	s.Helper()
	return got(s.store.Standing(s.Context(), s.server, s.channel, s.account(account)))(s)
}

func (s *suite) count() int {
	s.Helper()
	return got(s.store.Deliveries(s.Context(), []string{s.server}))(s)[s.server].Members
}

func window(w chat.Window) *chat.Window { return &w }

// everything sets every field there is, with the values that are easily lost.
func everything(s *suite) (chat.Server, chat.Channel, chat.Member, chat.Personal) {
	grant := chat.Grant{Allow: 1<<32 - 1, Deny: chat.MaskOf(chat.SendMessage)}
	server := s.changeServer(func(v *chat.Server) error {
		v.OwnerID = "owner"
		v.Roles = []chat.Role{
			{ID: chat.Everyone, Grant: grant, Windows: chat.Windows{Own: window(chat.Never), Moderator: window(chat.NoLimit)}},
			{ID: "mod", Priority: -3, Windows: chat.Windows{Moderator: window(1)}},
		}
		v.Windows = chat.Windows{Own: window(chat.MaxTimestamp)}
		return nil
	})
	channel := s.changeChannel(func(v *chat.Channel) error {
		v.ViewMode, v.Windows = chat.Private, chat.Windows{Moderator: window(chat.Never)}
		v.Overrides = map[string]chat.Grant{"mod": grant, chat.Everyone: {}}
		v.WhiteRoles, v.BlackRoles = []string{"mod", "a"}, []string{"b"}
		return nil
	})
	member := s.member("alice", func(m *chat.Member) error {
		m.Join(s.now)
		m.Nick, m.Roles = "Al", []string{"mod", "a"}
		return nil
	})
	personal := s.personal("alice", func(p *chat.Personal) error {
		p.Override, p.OverrideGeneration, p.WhiteGeneration, p.Black = grant, 1, 1, true
		return nil
	})
	return server, channel, member, personal
}

var communityTests = map[string]func(*suite){
	"how notices reach the members of a server": func(s *suite) {
		delivery := func() chat.Delivery {
			return got(s.store.Deliveries(s.Context(), []string{s.server, s.server + "x"}))(s)[s.server]
		}
		same(s, delivery(), chat.Delivery{})
		s.member("alice", join(s.now))
		large, later := chat.Delivery{Members: 9, Large: true, Since: 5}, chat.Delivery{Since: 7}
		s.ok(s.store.ChangeDelivery(s.Context(), s.server, chat.Delivery{Members: 77}, large)) // members are counted, not told
		same(s, delivery(), chat.Delivery{Members: 1, Large: true, Since: 5})
		s.ok(s.store.ChangeDelivery(s.Context(), s.server, chat.Delivery{}, later)) // somebody who was overtaken
		same(s, delivery(), chat.Delivery{Members: 1, Large: true, Since: 5})
		s.member("bob", join(s.now))
		same(s, delivery(), chat.Delivery{Members: 2, Large: true, Since: 5})
		same(s, got(s.store.Sights(s.Context(), s.server, s.account("alice")))(s).Delivery, delivery())
		s.ok(s.store.ChangeDelivery(s.Context(), s.server, large, later))
		same(s, delivery(), chat.Delivery{Members: 2, Since: 7})
		same(s, len(got(s.store.Deliveries(s.Context(), nil))(s)), 0)
	},
	"what is not stored is the zero value": func(s *suite) {
		same(s, s.standing("alice"), chat.Standing{})
		same(s, s.count(), 0)
		if len(got(s.store.Memberships(s.Context(), s.account("alice")))(s)) != 0 {
			s.Error("a stranger has servers")
		}
	},
	"a standing is what was written": func(s *suite) {
		server, channel, member, personal := everything(s)
		same(s, s.standing("alice"), chat.Standing{Server: server, Channel: channel, Member: member, Personal: personal})
		same(s, server.Windows, chat.Windows{Own: window(chat.MaxTimestamp)})
		same(s, server.Roles[0].Windows, chat.Windows{Own: window(chat.Never), Moderator: window(chat.NoLimit)})
		same(s, []int64{server.Version, channel.Version, member.Version, personal.Version}, []int64{1, 1, 1, 1})
	},
	"a standing without a channel or an account": func(s *suite) {
		server, channel, member, _ := everything(s)
		account := s.account("alice")
		same(s, got(s.store.Standing(s.Context(), s.server, "", account))(s), chat.Standing{Server: server, Member: member})
		same(s, got(s.store.Standing(s.Context(), s.server, s.channel, ""))(s), chat.Standing{Server: server, Channel: channel})
		same(s, got(s.store.Standing(s.Context(), s.server, "", ""))(s), chat.Standing{Server: server})
	},
	"rows that are set back to nothing": func(s *suite) {
		everything(s)
		s.changeServer(func(v *chat.Server) error { *v = chat.Server{}; return nil })
		s.changeChannel(func(v *chat.Channel) error { *v = chat.Channel{Overrides: map[string]chat.Grant{}}; return nil })
		s.member("alice", func(m *chat.Member) error { *m = chat.Member{Roles: []string{}}; return nil })
		s.personal("alice", func(p *chat.Personal) error { *p = chat.Personal{}; return nil })
		account := s.account("alice")
		same(s, s.standing("alice"), chat.Standing{
			Server:   chat.Server{ID: s.server, Version: 2, Sight: 2},
			Channel:  chat.Channel{ServerID: s.server, ID: s.channel, Version: 2, Sight: 2},
			Member:   chat.Member{ServerID: s.server, AccountID: account, Version: 2, Sight: 2},
			Personal: chat.Personal{ServerID: s.server, ChannelID: s.channel, AccountID: account, Version: 2, Sight: 2},
		})
	},
	"sight is the version that last changed who sees what": func(s *suite) {
		everything(s)
		server := s.changeServer(func(v *chat.Server) error { v.Windows.Own = window(7); v.Sight = 99; return nil })
		channel := s.changeChannel(func(v *chat.Channel) error { v.Windows.Own = window(7); return nil })
		member := s.member("alice", func(m *chat.Member) error { m.Nick = "Alice B."; return nil })
		personal := s.personal("alice", func(p *chat.Personal) error { p.Override.Allow = 5; return nil })
		same(s, []int64{server.Version, channel.Version, member.Version, personal.Version}, []int64{2, 2, 2, 2})
		same(s, []int64{server.Sight, channel.Sight, member.Sight, personal.Sight}, []int64{1, 1, 1, 1})
		s.member("heir", join(s.now))
		server = s.changeServer(func(v *chat.Server) error { v.OwnerID = s.account("heir"); return nil })
		channel = s.changeChannel(func(v *chat.Channel) error { v.BlackRoles = []string{"vip"}; return nil })
		member = s.member("alice", func(m *chat.Member) error { m.Banned = !m.Banned; return nil })
		personal = s.personal("alice", func(p *chat.Personal) error { p.Black = !p.Black; return nil })
		same(s, []int64{server.Sight, channel.Sight, member.Sight, personal.Sight}, []int64{3, 3, 3, 3})
		same(s, s.standing("alice"), chat.Standing{Server: server, Channel: channel, Member: member, Personal: personal})
	},
	"a row that does not exist is given with its ids": func(s *suite) {
		stop := errors.New("stop")
		_, err := s.store.ChangePersonal(s.Context(), s.server, s.channel, s.account("alice"), chat.Act{At: s.now}, func(p *chat.Personal) error {
			same(s, *p, chat.Personal{ServerID: s.server, ChannelID: s.channel, AccountID: s.account("alice")})
			return stop
		})
		if err != stop {
			s.Errorf("%v, want the change's own error as it is", err)
		}
		same(s, s.standing("alice"), chat.Standing{})
	},
	"a change that fails writes nothing": func(s *suite) {
		server, channel, member, personal := everything(s)
		refused := &chat.Error{Code: chat.Forbidden}
		_, err1 := s.store.ChangeServer(s.Context(), s.server, chat.Act{At: s.now}, func(v *chat.Server) error { v.Roles[0].ID = "x"; return refused })
		_, err2 := s.store.ChangeChannel(s.Context(), s.server, s.channel, chat.Act{At: s.now}, func(v *chat.Channel) error { v.Overrides["x"] = chat.Grant{}; return refused })
		_, err3 := s.store.ChangeMember(s.Context(), s.server, s.account("alice"), chat.Act{At: s.now}, func(m *chat.Member) error { m.Roles[0] = "x"; return refused })
		for _, err := range []error{err1, err2, err3} {
			if err != refused {
				s.Errorf("%v, want the change's own error as it is", err)
			}
		}
		same(s, s.standing("alice"), chat.Standing{Server: server, Channel: channel, Member: member, Personal: personal})
	},
	"a change that alters nothing writes nothing": func(s *suite) {
		server, channel, member, personal := everything(s)
		same(s, s.changeServer(func(v *chat.Server) error { v.Roles = append([]chat.Role{}, v.Roles...); return nil }), server)
		same(s, s.changeChannel(func(*chat.Channel) error { return nil }), channel)
		same(s, s.member("alice", join(s.now.Add(time.Hour))), member)
		same(s, s.personal("alice", func(*chat.Personal) error { return nil }), personal)
		same(s, s.member("nobody", leave).Version, 0)
		same(s, s.personal("nobody", func(*chat.Personal) error { return nil }).Version, 0)
		same(s, s.standing("nobody"), chat.Standing{Server: server, Channel: channel})
	},
	"a new server or channel is stored as it is given": func(s *suite) {
		server := s.changeServer(func(*chat.Server) error { return nil })
		channel := s.changeChannel(func(*chat.Channel) error { return nil })
		same(s, s.standing("alice"), chat.Standing{Server: server, Channel: channel})
		same(s, []int64{server.Version, channel.Version}, []int64{1, 1})
	},
	"ids and versions are not a change's to alter": func(s *suite) {
		everything(s)
		m := s.member("alice", func(m *chat.Member) error {
			m.ServerID, m.AccountID, m.Version, m.Nick = "x", "y", 99, "Alice"
			return nil
		})
		if m.ServerID != s.server || m.AccountID != s.account("alice") || m.Version != 2 || m.Nick != "Alice" {
			s.Errorf("%+v", m)
		}
		same(s, s.standing("alice").Member, m)
	},
	"what a change was given is not what is stored": func(s *suite) {
		everything(s)
		var kept *chat.Channel
		channel := s.changeChannel(func(v *chat.Channel) error { kept = v; v.ViewMode = chat.Public; return nil })
		kept.WhiteRoles[0] = "stolen"
		kept.Overrides["mod"] = chat.Grant{}
		same(s, s.standing("alice").Channel, channel)
	},
	"a change overtaken by another begins anew": func(s *suite) {
		calls := 0
		m := s.member("alice", func(m *chat.Member) error {
			if calls++; calls == 1 {
				s.member("alice", func(m *chat.Member) error { m.Nick = "first"; return nil })
			}
			m.Nick += " second"
			return nil
		})
		same(s, m.Nick, "first second")
		same(s, calls, 2)
	},
	"of 8 changes at once none is lost": func(s *suite) {
		atOnce(8, func(i int) chat.Member {
			return s.member("alice", func(m *chat.Member) error {
				m.Roles = append(m.Roles, fmt.Sprint("role", i))
				return nil
			})
		})
		m := s.standing("alice").Member
		same(s, sorted(m.Roles, func(r string) string { return r }), []string{"role0", "role1", "role2", "role3", "role4", "role5", "role6", "role7"})
		same(s, m.Version, 8)
	},
	"a join counted once, whoever else joins": func(s *suite) {
		atOnce(8, func(i int) chat.Member { return s.member(fmt.Sprint("m", i/2, "-"), join(s.now)) })
		same(s, s.count(), 4)
	},
	"members are counted by their joining and leaving": func(s *suite) {
		for i, step := range []struct {
			change func(*chat.Member) error
			want   int
		}{{join(s.now), 1}, {join(s.now), 1}, {ban, 1}, {unban, 1}, {leave, 0}, {leave, 0}, {ban, 0}, {join(s.now), 1}} {
			s.member("alice", step.change)
			if n := s.count(); n != step.want {
				s.Fatalf("step %d: %d members, want %d", i, n, step.want)
			}
		}
	},
	"each joining is a generation, and a ban outlives them": func(s *suite) {
		s.member("alice", join(s.now))
		s.member("alice", func(m *chat.Member) error { m.Roles, m.Banned = []string{"mod"}, true; return nil })
		s.member("alice", leave)
		m := s.member("alice", join(s.now.Add(time.Second)))
		want := chat.Member{ServerID: s.server, AccountID: s.account("alice"), Joined: true, Banned: true,
			Generation: 2, JoinedAt: s.now.Add(time.Second).UnixMilli(), Version: 4, Sight: 4}
		same(s, m, want)
		same(s, s.standing("alice").Member, want)
	},
	"an account's servers are those it is in and not banned from": func(s *suite) {
		memberships := func() []chat.Membership {
			return got(s.store.Memberships(s.Context(), s.account("alice")))(s)
		}
		is := func(want ...chat.Membership) { s.Helper(); same(s, memberships(), want) }
		s.member("alice", join(s.now))
		is(chat.Membership{ServerID: s.server, Generation: 1})
		s.member("alice", func(m *chat.Member) error { m.Roles = []string{"b", "a"}; return nil })
		is(chat.Membership{ServerID: s.server, Generation: 1, Roles: []string{"b", "a"}})
		s.member("alice", ban)
		is()
		s.member("alice", unban)
		is(chat.Membership{ServerID: s.server, Generation: 1, Roles: []string{"b", "a"}})
		s.member("alice", leave)
		is()
		s.member("alice", join(s.now))
		is(chat.Membership{ServerID: s.server, Generation: 2})
	},
	"an account of many servers": func(s *suite) {
		want := []string{}
		for i := range 30 {
			id := fmt.Sprintf("%s-%02d", s.server, i)
			want = append(want, id)
			got(s.store.ChangeMember(s.Context(), id, s.account("alice"), chat.Act{At: s.now}, join(s.now)))(s)
		}
		var ids []string
		for _, m := range got(s.store.Memberships(s.Context(), s.account("alice")))(s) {
			ids = append(ids, m.ServerID)
		}
		same(s, sorted(ids, func(id string) string { return id }), want)
	},
	"members by their accounts": func(s *suite) {
		alice := s.member("alice", join(s.now))
		s.member("bob", join(s.now))
		bob := s.member("bob", leave)
		s.member("carol", ban) // never joined
		accounts := []string{s.account("alice"), s.account("bob"), s.account("carol"), s.account("nobody"), s.account("alice")}
		members := got(s.store.Members(s.Context(), s.server, accounts))(s)
		same(s, members, map[string]chat.Member{alice.AccountID: alice, bob.AccountID: bob})
	},
}
