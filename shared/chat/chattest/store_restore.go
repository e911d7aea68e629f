package chattest

import (
	"context"

	"unsend/shared/chat"
)

// TablePage counts a page of all messages.
func (s *Store) TablePage(ctx context.Context, after *chat.MessageKey, limit int) (chat.TablePage, error) {
	return do(ctx, s, "TablePage", func() (chat.TablePage, error) {
		page := chat.TablePage{Rows: map[chat.ChannelRef]int{}}
		all := s.allMessages()
		if after != nil {
			for i, m := range all {
				if m.MessageKey == *after {
					all = all[i+1:]
					break
				}
			}
		}
		if len(all) >= limit { // as with a table, only reading on tells that nothing follows
			all = all[:limit]
			page.Next = &all[limit-1].MessageKey
		}
		for _, m := range all {
			page.Rows[chat.ChannelRef{ServerID: m.ServerID, ChannelID: m.ChannelID}]++
		}
		return page, nil
	})
}

// Gone lists what was deleted of the server.
func (s *Store) Gone(ctx context.Context, serverID string) (chat.Gone, error) {
	return do(ctx, s, "Gone", func() (chat.Gone, error) {
		gone := chat.Gone{Server: s.gone[goneID{serverID, goneServer, ""}], Channels: map[string]bool{}}
		for id := range s.gone {
			if id.server == serverID && id.kind == goneChannel {
				gone.Channels[id.id] = true
			}
		}
		return gone, nil
	})
}

// ReapplyRevocation revokes a normal row as the entry says.
func (s *Store) ReapplyRevocation(ctx context.Context, e chat.RevokeEntry) (bool, error) {
	return do(ctx, s, "ReapplyRevocation", func() (bool, error) {
		rows := s.channel(e.ServerID, e.ChannelID)
		at := chat.MessageRef{Timestamp: e.Timestamp, MsgServerID: e.MsgServerID}
		m, ok := rows[at]
		if !ok || m.Status != chat.Normal {
			return false, nil
		}
		m.Content = chat.Content{}
		m.Status, m.Version, m.UpdatedAt = chat.Revoked, e.Version, e.RevokedAt
		m.Revocation = &chat.Revocation{Operator: e.Actor(), Info: chat.UpdateInfo{Postscript: e.Reason}}
		rows[at] = m
		s.tell(m.MessageKey, chat.Modified)
		return true, nil
	})
}

// PointInTime is a store with a copy of the messages of this moment. What else it has it shares with this store: a table of messages that is
// restored from this point in time, beside tables that are in use. While it is used, this store must not be.
func (s *Store) PointInTime() *Store {
	s.mu.Lock()
	defer s.mu.Unlock()
	restored := &Store{calls: map[string]int{}, data: s.data}
	restored.messages = make(map[channelID]map[chat.MessageRef]chat.Message, len(s.messages))
	for id, rows := range s.messages {
		copied := make(map[chat.MessageRef]chat.Message, len(rows))
		for at, m := range rows {
			copied[at] = cloneMessage(m)
		}
		restored.messages[id] = copied
	}
	return restored
}
