package chattest

import (
	"context"
	"maps"
	"slices"

	"unsend/shared/chat"
)

// ChannelPage reads the policies of the server's channels.
func (s *Store) ChannelPage(ctx context.Context, serverID, after string, limit int) (chat.Page[chat.Channel], error) {
	return do(ctx, s, "ChannelPage", func() (chat.Page[chat.Channel], error) {
		rows := map[string]chat.Channel{}
		for id, c := range s.channels {
			if id.server == serverID {
				rows[id.channel] = cloneChannel(c)
			}
		}
		return paged(rows, after, limit, func(chat.Channel) bool { return true }), nil
	})
}

// MemberPage reads who is a member.
func (s *Store) MemberPage(ctx context.Context, serverID, after string, limit int) (chat.Page[chat.Member], error) {
	return do(ctx, s, "MemberPage", func() (chat.Page[chat.Member], error) {
		return paged(s.membersOf(serverID), after, limit, func(m chat.Member) bool { return m.Joined }), nil
	})
}

// BanPage reads who is banned.
func (s *Store) BanPage(ctx context.Context, serverID, after string, limit int) (chat.Page[chat.Member], error) {
	return do(ctx, s, "BanPage", func() (chat.Page[chat.Member], error) {
		return paged(s.membersOf(serverID), after, limit, func(m chat.Member) bool { return m.Banned }), nil
	})
}

func (s *Store) membersOf(server string) map[string]chat.Member {
	rows := map[string]chat.Member{}
	for id, m := range s.members {
		if id.server == server {
			rows[id.account] = cloneMember(m)
		}
	}
	return rows
}

// PersonalPage reads what the channel holds for accounts.
func (s *Store) PersonalPage(ctx context.Context, serverID, channel, after string, limit int) (chat.Page[chat.Personal], error) {
	return do(ctx, s, "PersonalPage", func() (chat.Page[chat.Personal], error) {
		rows := map[string]chat.Personal{}
		for id, p := range s.personals {
			if id.server == serverID && id.channel == channel {
				rows[id.account] = p
			}
		}
		return paged(rows, after, limit, func(chat.Personal) bool { return true }), nil
	})
}

// ListPage reads a list of the channel.
func (s *Store) ListPage(ctx context.Context, serverID, channel string, list chat.List, after string, limit int) (chat.Page[chat.ListEntry], error) {
	return do(ctx, s, "ListPage", func() (chat.Page[chat.ListEntry], error) {
		rows := map[string]chat.ListEntry{}
		for _, entry := range s.lists(serverID, channel) {
			rows[entry.AccountID] = entry
		}
		return paged(rows, after, limit, func(e chat.ListEntry) bool {
			if list == chat.BlackList {
				return e.Black
			}
			return e.WhiteGeneration != 0
		}), nil
	})
}

// paged reads limit rows and leaves out those that are not wanted: its pages are as short as a caller must expect.
func paged[T any](rows map[string]T, after string, limit int, wanted func(T) bool) (page chat.Page[T]) {
	ids := slices.DeleteFunc(slices.Sorted(maps.Keys(rows)), func(id string) bool { return id <= after })
	if len(ids) > limit {
		ids = ids[:limit]
		page.Next = ids[limit-1]
	}
	for _, id := range ids {
		if wanted(rows[id]) {
			page.Rows = append(page.Rows, rows[id])
		}
	}
	return page
}
