package chattest

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"unsend/shared/chat"
)

// PutConnection stores the account's row of the connection.
func (s *Store) PutConnection(ctx context.Context, c chat.Connection) error {
	return s.write(ctx, "PutConnection", func() { s.connections[connectionID{c.AccountID, c.ID}] = c })
}

// Connections reads the account's connections that have not ended before now.
func (s *Store) Connections(ctx context.Context, accountID string, now int64) ([]chat.Connection, error) {
	return do(ctx, s, "Connections", func() ([]chat.Connection, error) {
		var found []chat.Connection
		for id, c := range s.connections {
			if id.account == accountID && c.EndsAt() >= now {
				found = append(found, c)
			}
		}
		slices.SortFunc(found, func(a, b chat.Connection) int { return cmp.Compare(a.ID, b.ID) })
		return found, nil
	})
}

// PutPresences stores connections in the audiences of servers.
func (s *Store) PutPresences(ctx context.Context, rows []chat.Presence) error {
	return s.write(ctx, "PutPresences", func() { s.putPresences(rows) })
}

func (s *Store) putPresences(rows []chat.Presence) {
	for _, row := range rows {
		id := presenceID{row.Crowd(), row.Connection.ID}
		if _, ok := s.presences[id]; !ok {
			delete(s.audiences, id.crowd)
		}
		s.presences[id] = clonePresence(row)
	}
}

// RemoveConnection removes the account's row of the connection and its rows in the crowds.
func (s *Store) RemoveConnection(ctx context.Context, accountID, id string, crowds []chat.Crowd) error {
	return s.write(ctx, "RemoveConnection", func() {
		delete(s.connections, connectionID{accountID, id})
		for _, crowd := range crowds {
			s.removePresence(presenceID{crowd, id})
			if crowd.ChannelID != "" {
				delete(s.subscriptions, connectionID{accountID, id})
			}
		}
	})
}

// RemovePresences removes connections from one server's audience.
func (s *Store) RemovePresences(ctx context.Context, serverID string, ids []string) error {
	return s.write(ctx, "RemovePresences", func() {
		for _, id := range ids {
			s.removePresence(presenceID{chat.Crowd{ServerID: serverID}, id})
		}
	})
}

// Subscriptions reads the channels that the connection is subscribed to.
func (s *Store) Subscriptions(ctx context.Context, accountID, id string) ([]chat.ChannelRef, error) {
	return do(ctx, s, "Subscriptions", func() ([]chat.ChannelRef, error) {
		channels := slices.Collect(maps.Keys(s.subscriptions[connectionID{accountID, id}]))
		slices.SortFunc(channels, func(a, b chat.ChannelRef) int {
			return cmp.Or(cmp.Compare(a.ServerID, b.ServerID), cmp.Compare(a.ChannelID, b.ChannelID))
		})
		return channels, nil
	})
}

// Subscribe stores rows of one connection, with its list.
func (s *Store) Subscribe(ctx context.Context, rows []chat.Presence, most int) error {
	_, err := do(ctx, s, "Subscribe", func() (struct{}, error) {
		if len(rows) == 0 {
			return struct{}{}, nil
		}
		id := connectionID{rows[0].Connection.AccountID, rows[0].Connection.ID}
		channels := maps.Clone(s.subscriptions[id])
		if channels == nil {
			channels = map[chat.ChannelRef]bool{}
		}
		for _, row := range rows {
			channels[chat.ChannelRef{ServerID: row.ServerID, ChannelID: row.ChannelID}] = true
		}
		if len(channels) > most {
			return struct{}{}, &chat.Error{Code: chat.RateLimited}
		}
		s.subscriptions[id] = channels
		s.putPresences(rows)
		return struct{}{}, nil
	})
	return err
}

// Unsubscribe removes the rows of the channels and the channels from the list.
func (s *Store) Unsubscribe(ctx context.Context, c chat.Connection, channels []chat.ChannelRef) error {
	return s.write(ctx, "Unsubscribe", func() {
		for _, channel := range channels {
			row := chat.Presence{ServerID: channel.ServerID, ChannelID: channel.ChannelID, Connection: c}
			s.removePresence(presenceID{row.Crowd(), c.ID})
			delete(s.subscriptions[connectionID{c.AccountID, c.ID}], channel)
		}
	})
}

// removePresence keeps what is sorted of the audience, as a push removes rows while it goes through them.
func (s *Store) removePresence(id presenceID) {
	delete(s.presences, id)
	ids := s.audiences[id.crowd]
	if at, found := slices.BinarySearch(ids, id.connection); found {
		s.audiences[id.crowd] = slices.Delete(ids, at, at+1)
	}
}

// audience is the crowd's connections in the order of their ids. Where one crowd is not sorted all are,
// since somebody is about to go through many of them.
func (s *Store) audience(crowd chat.Crowd) []string {
	if ids, ok := s.audiences[crowd]; ok {
		return ids
	}
	clear(s.audiences)
	for id := range s.presences {
		s.audiences[id.crowd] = append(s.audiences[id.crowd], id.connection)
	}
	for _, ids := range s.audiences {
		slices.Sort(ids)
	}
	ids := s.audiences[crowd]
	s.audiences[crowd] = ids // also where nobody is in it
	return ids
}

// Audience reads a page of the crowd's connections, in the order of their ids.
func (s *Store) Audience(ctx context.Context, crowd chat.Crowd, cursor string, limit int, now int64) (chat.AudiencePage, error) {
	return do(ctx, s, "Audience", func() (chat.AudiencePage, error) {
		ids := s.audience(crowd)
		at, found := slices.BinarySearch(ids, cursor)
		if found {
			at++
		}
		ids = ids[at:]
		var page chat.AudiencePage
		if len(ids) > limit {
			ids = ids[:limit]
			page.Next = ids[limit-1]
		}
		for _, id := range ids {
			if row := s.presences[presenceID{crowd, id}]; row.Connection.EndsAt() >= now {
				page.Rows = append(page.Rows, clonePresence(row))
			}
		}
		return page, nil
	})
}

// Presences reads rows of the crowd.
func (s *Store) Presences(ctx context.Context, crowd chat.Crowd, ids []string, now int64) ([]chat.Presence, error) {
	return do(ctx, s, "Presences", func() ([]chat.Presence, error) {
		var rows []chat.Presence
		for _, id := range slices.Compact(slices.Sorted(slices.Values(ids))) {
			if row, ok := s.presences[presenceID{crowd, id}]; ok && row.Connection.EndsAt() >= now {
				rows = append(rows, clonePresence(row))
			}
		}
		return rows, nil
	})
}

// CountFrame counts a frame of the account.
func (s *Store) CountFrame(ctx context.Context, account string, now time.Time) (int, error) {
	return do(ctx, s, "CountFrame", func() (int, error) {
		id := framesID{account, now.UnixMilli() / chat.FrameWindow.Milliseconds()}
		s.frames[id]++
		return s.frames[id], nil
	})
}

func (s *Store) write(ctx context.Context, op string, f func()) error {
	_, err := do(ctx, s, op, func() (struct{}, error) {
		f()
		return struct{}{}, nil
	})
	return err
}

func clonePresence(p chat.Presence) chat.Presence {
	p.Roles = cloneList(p.Roles)
	return p
}
