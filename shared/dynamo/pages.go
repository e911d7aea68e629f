package dynamo

import (
	"context"
	"strings"

	"unsend/shared/chat"
)

// rowsPerBanPage bounds what is read for a page of bans, which are few among many members: 1,000 rows of some 100 bytes are 25 units.
const rowsPerBanPage = 1_000

// ChannelPage reads policies from among the server's rows, with one query.
func (s *Store) ChannelPage(ctx context.Context, serverID, after string, limit int) (chat.Page[chat.Channel], error) {
	const op = "ChannelPage"
	p, err := channelSpan(serverID)
	if err != nil {
		return chat.Page[chat.Channel]{}, failed(op, err)
	}
	p.limit = limit
	if after != "" {
		key, err := channelKey(serverID, after)
		if err != nil {
			return chat.Page[chat.Channel]{}, failed(op, err)
		}
		p.after = key.sk
	}
	return pageOf(ctx, s, op, p, limit, func(id string, row item) (chat.Channel, error) { return decodeChannel(serverID, id, row) })
}

// MemberPage reads members with one query. Those who have left are read, too, and left out.
func (s *Store) MemberPage(ctx context.Context, serverID, after string, limit int) (chat.Page[chat.Member], error) {
	return s.membersHaving(ctx, "MemberPage", serverID, span{after: after, filter: having(attrJoined), limit: limit}, limit)
}

// BanPage reads at most rowsPerBanPage members with one query, and leaves out those who are not banned.
func (s *Store) BanPage(ctx context.Context, serverID, after string, limit int) (chat.Page[chat.Member], error) {
	return s.membersHaving(ctx, "BanPage", serverID, span{after: after, filter: having(attrBanned), limit: rowsPerBanPage}, limit)
}

func (s *Store) membersHaving(ctx context.Context, op, serverID string, p span, limit int) (page chat.Page[chat.Member], err error) {
	if p.pk, err = memberPartition(serverID); err != nil {
		return page, failed(op, err)
	}
	return pageOf(ctx, s, op, p, limit, func(account string, row item) (chat.Member, error) { return decodeMember(serverID, account, row) })
}

// PersonalPage reads what a channel holds for accounts with one query.
func (s *Store) PersonalPage(ctx context.Context, serverID, channelID, after string, limit int) (page chat.Page[chat.Personal], err error) {
	const op = "PersonalPage"
	pk, err := personalPartition(serverID, channelID)
	if err != nil {
		return page, failed(op, err)
	}
	return pageOf(ctx, s, op, span{pk: pk, after: after, limit: limit}, limit, func(account string, row item) (chat.Personal, error) {
		return decodePersonal(serverID, channelID, account, row)
	})
}

// ListPage reads entries of both of the channel's lists with one query, and leaves out those of the other.
func (s *Store) ListPage(ctx context.Context, serverID, channelID string, list chat.List, after string, limit int) (page chat.Page[chat.ListEntry], err error) {
	const op = "ListPage"
	pk, err := listPartition(serverID, channelID)
	if err != nil {
		return page, failed(op, err)
	}
	entry := attrWhite
	if list == chat.BlackList {
		entry = attrBlack
	}
	return pageOf(ctx, s, op, span{pk: pk, after: after, filter: having(entry), limit: limit}, limit, func(_ string, row item) (chat.ListEntry, error) {
		return decodeListEntry(row)
	})
}

// pageOf reads a page of a span of the community, whose rows' ids end their sort keys. Where more was found than asked for,
// the next page begins there.
func pageOf[T any](ctx context.Context, s *Store, op string, p span, limit int, decode func(id string, row item) (T, error)) (page chat.Page[T], err error) {
	p.table = s.tables.Community
	rows, last, err := s.page(ctx, op, p)
	if err != nil {
		return page, err
	}
	if len(rows) > limit {
		rows, last = rows[:limit], textOf(rows[limit-1][attrSK])
	}
	for _, row := range rows {
		each, err := decode(idOf(textOf(row[attrSK])), row)
		if err != nil {
			return chat.Page[T]{}, failed(op, err)
		}
		page.Rows = append(page.Rows, each)
	}
	page.Next = idOf(last)
	return page, nil
}

// idOf is the last part of a sort key.
func idOf(sk string) string { return sk[strings.LastIndex(sk, separator)+1:] }
