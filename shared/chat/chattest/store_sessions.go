package chattest

import (
	"cmp"
	"context"
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
	return s.write(ctx, "PutPresences", func() {
		for _, row := range rows {
			id := presenceID{row.ServerID, row.Connection.ID}
			if _, ok := s.presences[id]; !ok {
				delete(s.audiences, id.server)
			}
			s.presences[id] = clonePresence(row)
		}
	})
}

// RemoveConnection removes the account's row of the connection and its rows in the servers.
func (s *Store) RemoveConnection(ctx context.Context, accountID, id string, serverIDs []string) error {
	return s.write(ctx, "RemoveConnection", func() {
		delete(s.connections, connectionID{accountID, id})
		for _, server := range serverIDs {
			s.removePresence(presenceID{server, id})
		}
	})
}

// RemovePresences removes connections from one server's audience.
func (s *Store) RemovePresences(ctx context.Context, serverID string, ids []string) error {
	return s.write(ctx, "RemovePresences", func() {
		for _, id := range ids {
			s.removePresence(presenceID{serverID, id})
		}
	})
}

// removePresence keeps what is sorted of the audience, as a push removes rows while it goes through them.
func (s *Store) removePresence(id presenceID) {
	delete(s.presences, id)
	ids := s.audiences[id.server]
	if at, found := slices.BinarySearch(ids, id.connection); found {
		s.audiences[id.server] = slices.Delete(ids, at, at+1)
	}
}

// audience is the server's connections in the order of their ids.
func (s *Store) audience(server string) []string {
	ids, ok := s.audiences[server]
	if ok {
		return ids
	}
	for id := range s.presences {
		if id.server == server {
			ids = append(ids, id.connection)
		}
	}
	slices.Sort(ids)
	s.audiences[server] = ids
	return ids
}

// Audience reads a page of the server's connections, in the order of their ids.
func (s *Store) Audience(ctx context.Context, serverID, cursor string, limit int, now int64) (chat.AudiencePage, error) {
	return do(ctx, s, "Audience", func() (chat.AudiencePage, error) {
		ids := s.audience(serverID)
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
			if row := s.presences[presenceID{serverID, id}]; row.Connection.EndsAt() >= now {
				page.Rows = append(page.Rows, clonePresence(row))
			}
		}
		return page, nil
	})
}

// Presences reads rows of the server's audience.
func (s *Store) Presences(ctx context.Context, serverID string, ids []string, now int64) ([]chat.Presence, error) {
	return do(ctx, s, "Presences", func() ([]chat.Presence, error) {
		var rows []chat.Presence
		for _, id := range slices.Compact(slices.Sorted(slices.Values(ids))) {
			if row, ok := s.presences[presenceID{serverID, id}]; ok && row.Connection.EndsAt() >= now {
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
