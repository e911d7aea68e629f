package dynamo

import (
	"context"

	"unsend/shared/chat"
)

// History reads one page with one query.
func (s *Store) History(ctx context.Context, q chat.HistoryQuery) (chat.HistoryPage, error) {
	const op = "History"
	p, err := s.historySpan(q)
	if err != nil {
		return chat.HistoryPage{}, failed(op, err)
	}
	rows, last, err := s.page(ctx, op, p)
	if err != nil {
		return chat.HistoryPage{}, err
	}
	messages, err := decodeMessages(rows)
	if err != nil {
		return chat.HistoryPage{}, failed(op, err)
	}
	var page chat.HistoryPage
	for _, m := range messages {
		if !m.ExpiredAt(q.Now.UnixMilli()) {
			page.Messages = append(page.Messages, m)
		}
	}
	if last != "" {
		key, err := ParseMessageKey(p.pk, last)
		if err != nil {
			return chat.HistoryPage{}, failed(op, err)
		}
		page.Next = &chat.MessageRef{Timestamp: key.Timestamp, MsgServerID: key.MsgServerID}
	}
	return page, nil
}

func (s *Store) historySpan(q chat.HistoryQuery) (span, error) {
	pk, err := channelPartition(q.ServerID, q.ChannelID)
	if err != nil {
		return span{}, err
	}
	p := span{table: s.tables.Messages, pk: pk, backward: !q.Newer, limit: q.Limit}
	if q.After == nil {
		return p, nil
	}
	p.comparison, p.bound, err = historyBound(q)
	return p, err
}

// historyBound: all rows of one ms begin with its stamp and '#', and '$' is the
// character after '#'.
func historyBound(q chat.HistoryQuery) (comparison, bound string, err error) {
	at := stamp(q.After.Timestamp)
	switch {
	case at == "":
		return "", "", errBadKey
	case q.After.MsgServerID == "" && q.Newer:
		return ">=", at + "#", nil
	case q.After.MsgServerID == "":
		return "<", at + "$", nil
	}
	key, err := newKey([]string{at}, []string{at, q.After.MsgServerID})
	if q.Newer {
		return ">", key.sk, err
	}
	return "<", key.sk, err
}

// Messages reads the rows, a hundred in a request, requests at the same time.
func (s *Store) Messages(ctx context.Context, keys []chat.MessageKey) ([]chat.Message, error) {
	const op = "Messages"
	wanted := make([]itemKey, len(keys))
	for i, k := range keys {
		key, err := messageKey(k)
		if err != nil {
			return nil, failed(op, err)
		}
		wanted[i] = key
	}
	rows, err := s.batchGet(ctx, op, s.tables.Messages, wanted)
	if err != nil {
		return nil, err
	}
	var messages []chat.Message
	for _, row := range rows {
		m, err := decodeMessage(row)
		if err != nil {
			return nil, failed(op, err)
		}
		messages = append(messages, m)
	}
	return messages, nil
}
