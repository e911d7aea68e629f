package chattest

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"unsend/shared/chat"
)

type markerID struct{ account, server, channel, msgID string }

// marker remembers which message an author's MsgID stored.
type marker struct {
	Message chat.MessageRef
	Until   int64 // s; the marker counts while this is later than now
}

var errTaken = errors.New("chattest: PutMessage: another message has this key")

// PutMessage stores a message and its marker, or returns what the live marker names.
func (s *Store) PutMessage(ctx context.Context, m chat.Message, now time.Time) (chat.Sent, error) {
	return do(ctx, s, "PutMessage", func() (chat.Sent, error) {
		id := markerID{m.From.AccountID, m.ServerID, m.ChannelID, m.MsgID}
		if found, ok := s.markers[id]; ok && found.Until > now.Unix() {
			return s.repeated(m, found.Message, now)
		}
		rows := s.channel(m.ServerID, m.ChannelID)
		if _, taken := rows[ref(m)]; taken {
			return chat.Sent{}, errTaken
		}
		rows[ref(m)] = cloneMessage(m)
		s.markers[id] = marker{ref(m), secondsUp(now.Add(chat.DedupTTL))}
		s.tell(m.MessageKey, chat.Inserted)
		return chat.Sent{Message: cloneMessage(m)}, nil
	})
}

func (s *Store) tell(key chat.MessageKey, kind chat.StoredKind) {
	if s.Stored != nil {
		s.Stored(chat.Stored{Key: key, Kind: kind})
	}
}

func (s *Store) repeated(m chat.Message, first chat.MessageRef, now time.Time) (chat.Sent, error) {
	stored, ok := s.channel(m.ServerID, m.ChannelID)[first]
	if !ok || stored.ExpiredAt(now.UnixMilli()) {
		return chat.Sent{}, &chat.Error{Code: chat.NotFound}
	}
	return chat.Sent{Message: cloneMessage(stored), Repeat: true}, nil
}

func secondsUp(t time.Time) int64 { return (t.UnixMilli() + 999) / 1000 }

// RevokeMessage erases the content if the write's condition holds; else the
// refusal is the first that applies.
func (s *Store) RevokeMessage(ctx context.Context, w chat.RevokeWrite) (chat.Message, error) {
	return do(ctx, s, "RevokeMessage", func() (chat.Message, error) {
		rows := s.channel(w.Key.ServerID, w.Key.ChannelID)
		at := chat.MessageRef{Timestamp: w.Key.Timestamp, MsgServerID: w.Key.MsgServerID}
		m, ok := rows[at]
		author := m.From.AccountID == w.Revocation.Operator.AccountID
		switch {
		case !ok || m.ExpiredAt(w.Now.UnixMilli()):
			return chat.Message{}, &chat.Error{Code: chat.NotFound}
		case !revocable(m, author, w):
			return refused(m, author, w)
		}
		m.Content = chat.Content{}
		m.Status, m.Version, m.UpdatedAt = chat.Revoked, m.Version+1, w.Now.UnixMilli()
		m.Revocation = &w.Revocation
		rows[at] = cloneMessage(m)
		s.tell(m.MessageKey, chat.Modified)
		return cloneMessage(m), nil
	})
}

func revocable(m chat.Message, author bool, w chat.RevokeWrite) bool {
	return m.Status == chat.Normal && (author && m.Timestamp >= w.OwnCutoff || m.Timestamp >= w.ModeratorCutoff)
}

func refused(m chat.Message, author bool, w chat.RevokeWrite) (chat.Message, error) {
	switch {
	case !author && !w.Permitted:
		return chat.Message{}, &chat.Error{Code: chat.Forbidden}
	case m.Status == chat.Revoked:
		return cloneMessage(m), nil
	case m.Status == chat.Deleted:
		return chat.Message{}, &chat.Error{Code: chat.NotFound}
	}
	return chat.Message{}, &chat.Error{Code: chat.TooLate}
}

// History reads a page of a channel.
func (s *Store) History(ctx context.Context, q chat.HistoryQuery) (chat.HistoryPage, error) {
	return do(ctx, s, "History", func() (chat.HistoryPage, error) {
		refs := s.walk(q)
		var page chat.HistoryPage
		if len(refs) >= q.Limit {
			refs = refs[:q.Limit]
			// As with a table, only reading on tells that nothing follows.
			page.Next = &chat.MessageRef{Timestamp: refs[len(refs)-1].Timestamp, MsgServerID: refs[len(refs)-1].MsgServerID}
		}
		for _, r := range refs {
			m := s.channel(q.ServerID, q.ChannelID)[r]
			if !m.ExpiredAt(q.Now.UnixMilli()) {
				page.Messages = append(page.Messages, cloneMessage(m))
			}
		}
		return page, nil
	})
}

// walk is the channel's messages from the query's beginning on, in its order.
func (s *Store) walk(q chat.HistoryQuery) []chat.MessageRef {
	order := func(a, b chat.MessageRef) int { return compareRefs(b, a) }
	if q.Newer {
		order = compareRefs
	}
	var refs []chat.MessageRef
	for r := range s.channel(q.ServerID, q.ChannelID) {
		if begins(r, q.After, order) {
			refs = append(refs, r)
		}
	}
	slices.SortFunc(refs, order)
	return refs
}

func begins(r chat.MessageRef, after *chat.MessageRef, order func(a, b chat.MessageRef) int) bool {
	switch {
	case after == nil:
		return true
	case after.MsgServerID == "":
		return order(chat.MessageRef{Timestamp: r.Timestamp}, *after) >= 0
	}
	return order(r, *after) > 0
}

// Messages reads the rows of the keys.
func (s *Store) Messages(ctx context.Context, keys []chat.MessageKey) ([]chat.Message, error) {
	return do(ctx, s, "Messages", func() ([]chat.Message, error) {
		var found []chat.Message
		seen := make(map[chat.MessageKey]bool, len(keys))
		for _, key := range keys {
			m, ok := s.channel(key.ServerID, key.ChannelID)[chat.MessageRef{Timestamp: key.Timestamp, MsgServerID: key.MsgServerID}]
			if ok && !seen[key] {
				found = append(found, cloneMessage(m))
			}
			seen[key] = true
		}
		return found, nil
	})
}

// channel is the channel's messages; a map of its own where it had none.
func (s *Store) channel(server, channel string) map[chat.MessageRef]chat.Message {
	id := channelID{server, channel}
	if s.messages[id] == nil {
		s.messages[id] = map[chat.MessageRef]chat.Message{}
	}
	return s.messages[id]
}

func ref(m chat.Message) chat.MessageRef {
	return chat.MessageRef{Timestamp: m.Timestamp, MsgServerID: m.MsgServerID}
}

// compareRefs is the order of a channel: by time, and by id within one ms.
func compareRefs(a, b chat.MessageRef) int {
	return cmp.Or(cmp.Compare(a.Timestamp, b.Timestamp), cmp.Compare(a.MsgServerID, b.MsgServerID))
}

// cloneMessage copies all that m points to. An empty list comes back as none.
func cloneMessage(m chat.Message) chat.Message {
	m.ReplyTo = clonePointer(m.ReplyTo)
	m.Revocation = clonePointer(m.Revocation)
	m.Content.MentionAccounts = cloneList(m.Content.MentionAccounts)
	m.Content.MentionRoles = cloneList(m.Content.MentionRoles)
	return m
}

func clonePointer[T any](p *T) *T {
	if p == nil {
		return nil
	}
	copied := *p
	return &copied
}

func cloneList[T any](list []T) []T {
	if len(list) == 0 {
		return nil
	}
	return slices.Clone(list)
}
