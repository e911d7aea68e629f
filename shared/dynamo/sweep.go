package dynamo

import (
	"cmp"
	"context"
	"strings"

	"unsend/shared/chat"
)

// traceRow is what a sweep reads of a message.
type traceRow struct {
	Status    int       `dynamodbav:"status"`
	UpdatedAt int64     `dynamodbav:"updated_at"`
	ExpiresAt int64     `dynamodbav:"ttl"`
	Operator  *actorRow `dynamodbav:"operator"`
}

// Traces reads one page with one query. It pays for the rows of the range, and is sent no content.
func (s *Store) Traces(ctx context.Context, q chat.TraceQuery) (chat.TracePage, error) {
	const op = "Traces"
	p, err := s.traceSpan(q)
	if err != nil {
		return chat.TracePage{}, failed(op, err)
	}
	out, err := s.client.Query(ctx, p.input())
	if err != nil {
		return chat.TracePage{}, failed(op, err)
	}
	page := chat.TracePage{Read: int(out.ScannedCount)}
	for _, row := range out.Items {
		key, err := ParseMessageKey(textOf(row[attrPK]), textOf(row[attrSK]))
		if err != nil {
			return chat.TracePage{}, failed(op, err)
		}
		stored, err := decode[traceRow](row)
		if err != nil {
			return chat.TracePage{}, failed(op, err)
		}
		trace := chat.Trace{
			MessageRef: chat.MessageRef{Timestamp: key.Timestamp, MsgServerID: key.MsgServerID},
			Status:     chat.Status(stored.Status), UpdatedAt: stored.UpdatedAt, ExpiresAt: stored.ExpiresAt,
		}
		if stored.Operator != nil {
			trace.OperatorID = stored.Operator.Account
		}
		page.Traces = append(page.Traces, trace)
	}
	if last := textOf(out.LastEvaluatedKey[attrSK]); last != "" {
		key, err := ParseMessageKey(p.pk, last)
		if err != nil {
			return chat.TracePage{}, failed(op, err)
		}
		page.Next = &chat.MessageRef{Timestamp: key.Timestamp, MsgServerID: key.MsgServerID}
	}
	return page, nil
}

func (s *Store) traceSpan(q chat.TraceQuery) (span, error) {
	pk, err := channelPartition(q.ServerID, q.ChannelID)
	if err != nil {
		return span{}, err
	}
	since, until := stamp(q.Since), stamp(q.Until)
	if since == "" || until == "" {
		return span{}, errBadKey
	}
	p := span{
		table: s.tables.Messages, pk: pk, bound: since, end: until + afterSeparator, backward: true, limit: q.Limit,
		filter: &filter{
			condition:  "#sender.#account = :account",
			projection: "#pk, #sk, #status, #updated_at, #operator.#account, #ttl",
			names: map[string]string{
				"#sender": attrSender, "#account": attrAccount, "#status": attrStatus, "#updated_at": attrUpdatedAt, "#operator": attrOperator, "#ttl": attrTTL,
			},
			values: item{":account": text(q.AccountID)},
		},
	}
	if q.After != nil {
		key, err := messageKey(chat.MessageKey{ServerID: q.ServerID, ChannelID: q.ChannelID, Timestamp: q.After.Timestamp, MsgServerID: q.After.MsgServerID})
		if err != nil {
			return span{}, err
		}
		p.after = key.sk
	}
	return p, nil
}

// ChannelIDs reads the keys of the channels' rows.
func (s *Store) ChannelIDs(ctx context.Context, serverID string) ([]string, error) {
	const op = "ChannelIDs"
	p, err := s.channelSpan(serverID)
	if err != nil {
		return nil, failed(op, err)
	}
	p.filter = keysOnly
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

// channelSpan is the rows of all channels of the server.
func (s *Store) channelSpan(serverID string) (span, error) {
	policy, err := serverKey(serverID)
	return span{table: s.tables.Community, pk: policy.pk, bound: channelKind + separator, end: channelKind + afterSeparator}, err
}

// areaSpan is the rows of the area.
func (s *Store) areaSpan(a chat.Area) (p span, err error) {
	p.table = s.tables.Community
	switch {
	case a.Rows == chat.MessageRows:
		p.table = s.tables.Messages
		p.pk, err = channelPartition(a.ServerID, a.ChannelID)
	case a.Rows == chat.PersonalRows:
		p.pk, err = partition("personal", a.ServerID, a.ChannelID)
	case a.Rows == chat.ListRows:
		p.pk, err = listPartition(a.ServerID, a.ChannelID)
	case a.Rows == chat.MemberRows:
		p.pk, err = partition("members", a.ServerID)
	default:
		return s.rowSpan(a)
	}
	return p, err
}

// rowSpan is the one row that a channel has of its kind, or all that its server has of them.
func (s *Store) rowSpan(a chat.Area) (span, error) {
	of := func(server, channel string) (itemKey, error) { return channelKey(server, channel) }
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

// Remains reads the keys of the area's first rows.
func (s *Store) Remains(ctx context.Context, area chat.Area, limit int) ([]string, error) {
	const op = "Remains"
	p, err := s.areaSpan(area)
	if err != nil {
		return nil, failed(op, err)
	}
	p.limit, p.filter = limit, keysOnly
	found, _, err := s.page(ctx, op, p)
	rows := make([]string, len(found))
	for i, row := range found {
		rows[i] = textOf(row[attrSK])
	}
	return rows, err
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
