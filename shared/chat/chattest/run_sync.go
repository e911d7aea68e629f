package chattest

import (
	"fmt"
	"slices"
	"time"

	"unsend/shared/chat"
)

// updates walks the server's updates from a place on, in pages of limit.
func (s *suite) updates(from chat.UpdateRef, limit int) (all []chat.Update, pages int) {
	s.Helper()
	for {
		page := got(s.store.Updates(s.Context(), s.server, from, limit))(s)
		all = append(all, page.Updates...)
		if pages++; page.Next == nil {
			return all, pages
		}
		if len(page.Updates) == 0 || len(page.Updates) > limit || pages > 1_000 {
			s.Fatalf("page %d has %d updates, and there are more", pages, len(page.Updates))
		}
		from = *page.Next
	}
}

func (s *suite) revokedAt(at time.Time) chat.Message {
	s.Helper()
	w := s.revoke(s.put("alice"), "bob")
	w.Now = at
	return got(s.store.RevokeMessage(s.Context(), w))(s)
}

func updateOf(m chat.Message) chat.Update {
	return chat.Update{MessageKey: m.MessageKey, Version: m.Version, UpdatedAt: m.UpdatedAt, Revocation: *m.Revocation}
}

var syncTests = map[string]func(*suite){
	"nothing was taken back": func(s *suite) {
		s.put("alice")
		all, pages := s.updates(chat.UpdateRef{}, 10)
		same(s, []int{len(all), pages}, []int{0, 1})
	},
	"an update is what was said of the revoke": func(s *suite) {
		m := s.revokedAt(s.now.Add(time.Second))
		all, _ := s.updates(chat.UpdateRef{}, 10)
		same(s, all, []chat.Update{updateOf(m)})
	},
	"from a ms on, that one included": func(s *suite) {
		var all []chat.Update
		for i := range 3 {
			all = append(all, updateOf(s.revokedAt(s.now.Add(time.Duration(i)*time.Millisecond))))
		}
		for i := range 3 {
			found, _ := s.updates(chat.UpdateRef{UpdatedAt: all[i].UpdatedAt}, 10)
			same(s, found, all[i:])
		}
		found, _ := s.updates(chat.UpdateRef{UpdatedAt: all[2].UpdatedAt + 1}, 10)
		same(s, len(found), 0)
	},
	"pages of any size meet each update once, by time": func(s *suite) {
		var ids []string
		for i := range 23 {
			s.channel = fmt.Sprintf("c%d-%s", i%3, s.server)
			ids = append(ids, s.revokedAt(s.now.Add(time.Duration(i/4)*time.Millisecond)).MsgServerID)
		}
		for _, limit := range []int{1, 2, 5, 22, 23, 24, 100} {
			all, _ := s.updates(chat.UpdateRef{}, limit)
			var met []string
			for i, u := range all {
				met = append(met, u.MsgServerID)
				if i > 0 && u.UpdatedAt < all[i-1].UpdatedAt {
					s.Errorf("limit %d: an update is before an earlier one", limit)
				}
			}
			slices.Sort(met)
			same(s, met, ids)
		}
	},
	"another server's are its own": func(s *suite) {
		other := newSuite(s.T, s.store)
		other.revokedAt(s.now)
		all, _ := s.updates(chat.UpdateRef{}, 10)
		same(s, len(all), 0)
	},
	"a refused or repeated revoke is no update": func(s *suite) {
		m := s.put("alice")
		w := s.revoke(m, "bob")
		stranger(&w)
		_, _ = s.store.RevokeMessage(s.Context(), w)
		all, _ := s.updates(chat.UpdateRef{}, 10)
		same(s, len(all), 0)
		first := got(s.store.RevokeMessage(s.Context(), s.revoke(m, "bob")))(s)
		again := s.revoke(m, "carol")
		again.Now = again.Now.Add(time.Hour)
		got(s.store.RevokeMessage(s.Context(), again))(s)
		all, _ = s.updates(chat.UpdateRef{}, 10)
		same(s, all, []chat.Update{updateOf(first)})
	},
	"sights of a stranger in nothing": func(s *suite) {
		sights := got(s.store.Sights(s.Context(), s.server, s.account("alice")))(s)
		if sights.Server.ID != "" || sights.Member.Joined || len(sights.Channels)+len(sights.Personals) > 0 {
			s.Errorf("%+v", sights)
		}
	},
	"sights are every channel, the member, and what the channels hold for it": func(s *suite) {
		server, channel, member, personal := everything(s)
		second := got(s.store.ChangeChannel(s.Context(), s.server, "z-"+s.channel, chat.Act{At: s.now}, func(*chat.Channel) error { return nil }))(s)
		sights := got(s.store.Sights(s.Context(), s.server, s.account("alice")))(s)
		same(s, sights.Server, server)
		same(s, sights.Member, member)
		same(s, sights.Channels, []chat.Channel{channel, second})
		same(s, sights.Personals, map[string]chat.Personal{s.channel: personal})
		some := got(s.store.SightsOf(s.Context(), s.server, s.account("alice"), []string{s.channel, "never"}))(s)
		same(s, some, chat.Sights{Server: server, Member: member, Channels: []chat.Channel{channel}, Personals: sights.Personals})
		none := got(s.store.SightsOf(s.Context(), s.server, s.account("alice"), nil))(s)
		same(s, none.Server, server)
	},
}
