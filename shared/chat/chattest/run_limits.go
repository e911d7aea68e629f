package chattest

import (
	"fmt"

	"unsend/shared/chat"
)

// trying calls f until it is not Busy: of many who write one row at once some are asked to come again.
func trying(f func() error) error {
	for {
		if err := f(); chat.CodeOf(err) != chat.Busy {
			return err
		}
	}
}

// race lets n write at once, of whom room find room; the others are told of the limit.
func (s *suite) race(n, room int, write func(i int) error) {
	s.Helper()
	codes := map[chat.Code]int{}
	for _, err := range atOnce(n, func(i int) error { return trying(func() error { return write(i) }) }) {
		codes[chat.CodeOf(err)]++
	}
	same(s, codes, map[chat.Code]int{chat.OK: room, chat.Conflict: n - room})
}

// fill writes n, eight at a time.
func (s *suite) fill(n int, write func(i int) error) {
	s.Helper()
	for _, err := range atOnce(8, func(worker int) error {
		for i := worker; i < n; i += 8 {
			if err := trying(func() error { return write(i) }); err != nil {
				return err
			}
		}
		return nil
	}) {
		s.ok(err)
	}
}

var limitTests = map[string]func(*suite){
	"of 20 channels at once none is over": func(s *suite) {
		put := func(i int) error {
			_, err := s.store.ChangeChannel(s.Context(), s.server, fmt.Sprint("c", i), chat.Act{At: s.now}, func(*chat.Channel) error { return nil })
			return err
		}
		s.fill(chat.MaxChannelsPerServer-5, put)
		s.race(20, 5, func(i int) error { return put(1_000 + i) })
		s.ok(put(3)) // one that is there
		s.code(put(9_999), chat.Conflict)
	},
	"of 20 servers at once an account is in none over": func(s *suite) {
		change := func(i int, change func(*chat.Member) error) error {
			_, err := s.store.ChangeMember(s.Context(), fmt.Sprint(s.server, "-", i), s.account("alice"), chat.Act{At: s.now}, change)
			return err
		}
		joins := func(i int) error { return change(i, join(s.now)) }
		s.fill(chat.MaxServersPerAccount-5, joins)
		s.race(20, 5, func(i int) error { return joins(1_000 + i) })
		s.code(joins(9_999), chat.Conflict)
		s.ok(change(0, leave))
		s.ok(joins(9_999))
		s.ok(change(1, ban)) // a ban makes room
		s.ok(joins(9_998))
		s.code(change(1, unban), chat.Conflict)
		same(s, len(got(s.store.Memberships(s.Context(), s.account("alice")))(s)), chat.MaxServersPerAccount)
	},
	"of 20 entries at once a list has none over": func(s *suite) {
		set := func(i int, set func(*chat.Personal)) error {
			_, err := s.store.ChangePersonal(s.Context(), s.server, s.channel, fmt.Sprint("a", i), chat.Act{At: s.now}, func(p *chat.Personal) error { set(p); return nil })
			return err
		}
		white := func(i int) error { return set(i, func(p *chat.Personal) { p.WhiteGeneration = 1 }) }
		s.fill(chat.MaxMembersPerList-5, white)
		s.race(20, 5, func(i int) error { return white(10_000 + i) })
		s.ok(set(20_000, func(p *chat.Personal) { p.Black = true })) // the lists are counted apart
		s.code(set(20_000, func(p *chat.Personal) { p.WhiteGeneration = 2 }), chat.Conflict)
		s.ok(set(7, func(p *chat.Personal) { p.WhiteGeneration = 5 })) // one that is on it
		s.ok(set(8, func(p *chat.Personal) { p.WhiteGeneration, p.Black = 0, true }))
		s.ok(set(20_000, func(p *chat.Personal) { p.WhiteGeneration = 2 }))
		entries := s.rights(0, s.channel).Lists[s.channel]
		same(s, len(entries), chat.MaxMembersPerList+1)
	},
	"a role that is gone does not come back": func(s *suite) {
		roles := func(ids ...string) error {
			_, err := s.store.ChangeServer(s.Context(), s.server, chat.Act{At: s.now}, func(v *chat.Server) error {
				v.Roles = nil
				for _, id := range ids {
					v.Roles = append(v.Roles, chat.Role{ID: id})
				}
				return nil
			})
			return err
		}
		s.ok(roles(chat.Everyone, "a", "b"))
		s.ok(roles("b"))
		s.code(roles("a", "b"), chat.Conflict)
		s.ok(roles("b", chat.Everyone, "c"))
		s.ok(roles())
		s.code(roles("c"), chat.Conflict)
		s.ok(roles("d"))
		same(s, s.standing("alice").Server.Roles, []chat.Role{{ID: "d"}})
	},
}
