package dynamo

import (
	"cmp"
	"context"
	"strings"

	"unsend/shared/chat"
)

// ChannelIDs reads the keys of the channels' rows.
func (s *Store) ChannelIDs(ctx context.Context, serverID string) ([]string, error) {
	const op = "ChannelIDs"
	p, err := channelSpan(serverID)
	if err != nil {
		return nil, failed(op, err)
	}
	p.table, p.filter = s.tables.Community, keysOnly
	rows, err := s.all(ctx, op, p, 0)
	if err != nil {
		return nil, err
	}
	ids := make([]string, len(rows))
	for i, row := range rows {
		ids[i] = strings.TrimPrefix(textOf(row[attrSK]), channelKind+separator)
	}
	return ids, nil
}

// keysOnly has keys returned, and nothing else.
var keysOnly = &filter{projection: "#pk, #sk", names: map[string]string{"#sk": attrSK}}

// areaSpan is the rows of the area.
func (s *Store) areaSpan(a chat.Area) (p span, err error) {
	p.table = s.tables.Community
	switch a.Rows {
	case chat.MessageRows:
		p.table = s.tables.Messages
		p.pk, err = channelPartition(a.ServerID, a.ChannelID)
	case chat.PersonalRows:
		p.pk, err = personalPartition(a.ServerID, a.ChannelID)
	case chat.ListRows:
		p.pk, err = listPartition(a.ServerID, a.ChannelID)
	case chat.MemberRows:
		p.pk, err = memberPartition(a.ServerID)
	default:
		return s.rowSpan(a)
	}
	return p, err
}

// rowSpan is the one row that a channel has of its kind, or all that its server has of them.
func (s *Store) rowSpan(a chat.Area) (span, error) {
	of := channelKey
	if a.Rows == chat.TallyRows {
		of = listTallyKey
	}
	channel := cmp.Or(a.ChannelID, "-") // any: only the partition counts then
	key, err := of(a.ServerID, channel)
	p := span{table: s.tables.Community, pk: key.pk}
	if a.ChannelID != "" {
		p.bound, p.end = key.sk, key.sk
	}
	return p, err
}

// Remains reads the keys of the area's first rows, for which it pays as for the rows.
func (s *Store) Remains(ctx context.Context, area chat.Area, limit int) (chat.Remnant, error) {
	const op = "Remains"
	p, err := s.areaSpan(area)
	if err != nil {
		return chat.Remnant{}, failed(op, err)
	}
	p.limit, p.filter = limit, keysOnly
	out, err := s.weighed(ctx, op, p)
	if err != nil {
		return chat.Remnant{}, err
	}
	remnant := chat.Remnant{KB: kbOf(out)}
	for _, row := range out.Items {
		remnant.Rows = append(remnant.Rows, textOf(row[attrSK]))
	}
	return remnant, nil
}

// Remove deletes 25 rows in a request. A member goes in a transaction of its own, with what its account has of the server.
func (s *Store) Remove(ctx context.Context, area chat.Area, rows []string) error {
	const op = "Remove"
	p, err := s.areaSpan(area)
	if err != nil {
		return failed(op, err)
	}
	if area.Rows == chat.MemberRows {
		var removals []func(context.Context) error
		for _, account := range rows {
			removals = append(removals, func(ctx context.Context) error { return s.removeMember(ctx, op, area.ServerID, account) })
		}
		return s.parallel(ctx, removals...)
	}
	var batch batchWrite
	for _, row := range rows {
		batch.delete(itemKey{p.pk, row})
	}
	return batch.run(ctx, s, op, p.table)
}

// removeMember deletes the member, and from its account the server and what is counted of it.
func (s *Store) removeMember(ctx context.Context, op, serverID, accountID string) error {
	key, err := memberKey(serverID, accountID)
	if err != nil {
		return failed(op, err)
	}
	return s.written(ctx, op, func(ctx context.Context) error {
		row, err := s.get(ctx, op, s.tables.Community, key)
		if err != nil || row == nil {
			return err
		}
		member, err := decodeMember(serverID, accountID, row)
		if err != nil {
			return failed(op, err)
		}
		w := transaction{table: s.tables.Community}
		w.deleteAt(key, member.Version)
		if member.Active() {
			w.delete(membershipKey(accountID, serverID))
			w.membershipCounted(op, member, chat.Member{AccountID: accountID})
		}
		if w.err != nil {
			return failed(op, w.err)
		}
		return w.run(ctx, s, op)
	})
}
