package chattest

import (
	"context"
	"slices"

	"unsend/shared/chat"
)

// everyPage reads pages of two until the end. Each holds no more than was asked for.
func everyPage[T any](s *suite, read func(ctx context.Context, after string, limit int) (chat.Page[T], error)) (all []T) {
	s.Helper()
	const limit = 2
	for after, first := "", true; first || after != ""; first = false {
		page := got(read(s.Context(), after, limit))(s)
		if len(page.Rows) > limit || page.Next != "" && page.Next <= after {
			s.Fatalf("a page of %d rows after %q, and then %q", len(page.Rows), after, page.Next)
		}
		all = append(all, page.Rows...)
		after = page.Next
	}
	return all
}

// awkward are ids around which keys could go wrong, in their order.
func awkward() []string {
	ids := []string{"!", "$", "0", "a", "a b", "a!", "a$", "a-b", "channel", "members", "policy", "z", "é", "豆", "🙂"}
	slices.Sort(ids)
	return ids
}

func (s *suite) memberPages() []chat.Member {
	s.Helper()
	return everyPage(s, func(ctx context.Context, after string, limit int) (chat.Page[chat.Member], error) {
		return s.store.MemberPage(ctx, s.server, after, limit)
	})
}

func (s *suite) banPages() []chat.Member {
	s.Helper()
	return everyPage(s, func(ctx context.Context, after string, limit int) (chat.Page[chat.Member], error) {
		return s.store.BanPage(ctx, s.server, after, limit)
	})
}

func (s *suite) personalPages() []chat.Personal {
	s.Helper()
	return everyPage(s, func(ctx context.Context, after string, limit int) (chat.Page[chat.Personal], error) {
		return s.store.PersonalPage(ctx, s.server, s.channel, after, limit)
	})
}

func (s *suite) listPages(list chat.List) []chat.ListEntry {
	s.Helper()
	return everyPage(s, func(ctx context.Context, after string, limit int) (chat.Page[chat.ListEntry], error) {
		return s.store.ListPage(ctx, s.server, s.channel, list, after, limit)
	})
}

func (s *suite) channelPages() []chat.Channel {
	s.Helper()
	return everyPage(s, func(ctx context.Context, after string, limit int) (chat.Page[chat.Channel], error) {
		return s.store.ChannelPage(ctx, s.server, after, limit)
	})
}

var pageTests = map[string]func(*suite){
	"pages of a server that does not exist": func(s *suite) {
		same(s, len(s.channelPages())+len(s.memberPages())+len(s.banPages())+len(s.personalPages()), 0)
		same(s, len(s.listPages(chat.WhiteList))+len(s.listPages(chat.BlackList)), 0)
	},
	"channels in the order of their ids": func(s *suite) {
		s.changeServer(func(*chat.Server) error { return nil })
		s.member("alice", join(s.now)) // there is a number of members, too
		var want []chat.Channel
		for _, id := range awkward() {
			want = append(want, got(s.store.ChangeChannel(s.Context(), s.server, id, chat.Act{At: s.now}, func(c *chat.Channel) error {
				c.WhiteRoles = []string{"of " + id}
				return nil
			}))(s))
		}
		same(s, s.channelPages(), want)
		page := got(s.store.ChannelPage(s.Context(), s.server, "b", 100))(s) // which is no channel, or no more
		same(s, page, chat.Page[chat.Channel]{Rows: want[slices.IndexFunc(want, func(c chat.Channel) bool { return c.ID > "b" }):]})
	},
	"members are those who have joined, bans those who are banned": func(s *suite) {
		var joined, banned []chat.Member
		for i, id := range awkward() {
			change := func(change func(*chat.Member) error) chat.Member {
				return got(s.store.ChangeMember(s.Context(), s.server, id, chat.Act{At: s.now}, change))(s)
			}
			switch i % 5 {
			case 0, 1:
				joined = append(joined, change(join(s.now)))
			case 2: // a member who is banned
				change(join(s.now))
				m := change(ban)
				joined, banned = append(joined, m), append(banned, m)
			case 3: // a stranger who is banned
				banned = append(banned, change(ban))
			case 4: // who has left, and is no longer banned
				change(join(s.now))
				change(ban)
				change(leave)
				change(unban)
			}
		}
		same(s, s.memberPages(), joined)
		same(s, s.banPages(), banned)
	},
	"a member is read where it was left": func(s *suite) {
		for _, name := range []string{"a", "b", "c"} {
			s.member(name, join(s.now))
		}
		first := got(s.store.MemberPage(s.Context(), s.server, "", 1))(s)
		s.member("a", leave) // whose id the next page comes after
		s.member("az", join(s.now))
		var rest []string
		for after := first.Next; after != ""; {
			page := got(s.store.MemberPage(s.Context(), s.server, after, 1))(s)
			for _, m := range page.Rows {
				rest = append(rest, m.AccountID)
			}
			after = page.Next
		}
		same(s, rest, []string{s.account("az"), s.account("b"), s.account("c")})
	},
	"what a channel holds, and its two lists": func(s *suite) {
		var personals []chat.Personal
		var white, black []chat.ListEntry
		for i, id := range awkward() {
			p := got(s.store.ChangePersonal(s.Context(), s.server, s.channel, id, chat.Act{At: s.now}, func(p *chat.Personal) error {
				p.Override, p.OverrideGeneration = chat.Grant{Allow: 8}, 1
				if i%3 == 0 || i == 4 {
					p.WhiteGeneration = int64(i + 1)
				}
				p.Black = i%3 == 1
				return nil
			}))(s)
			personals = append(personals, p)
			entry := chat.ListEntry{AccountID: id, WhiteGeneration: p.WhiteGeneration, Black: p.Black}
			if p.WhiteGeneration != 0 {
				white = append(white, entry)
			}
			if p.Black {
				black = append(black, entry)
			}
		}
		same(s, s.personalPages(), personals)
		same(s, s.listPages(chat.WhiteList), white)
		same(s, s.listPages(chat.BlackList), black)
	},
	"pages are of one server and one channel": func(s *suite) {
		everything(s)
		other := newSuite(s.T, s.store)
		everything(other)
		other.server = s.server // other channels of this one
		same(s, len(s.memberPages()), 1)
		same(s, len(s.channelPages()), 1)
		same(s, len(s.personalPages()), 1)
		same(other, len(other.personalPages())+len(other.listPages(chat.WhiteList)), 0)
	},
}
