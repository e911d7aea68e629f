package chat

import (
	"context"
	"slices"
)

// Communities changes who is in which server, and keeps the audiences of those
// who are online in step.
type Communities struct {
	Store interface {
		CommunityWriter
		ConnectionStore
		DeliveryReader
	}
	Clock Clock
	// LargeServer is how many members make a server a large one; 0: none is.
	LargeServer int
}

// ChangeMember changes a member row (join, leave, ban, roles, nick) and then the
// rows of the account's connections in this server: who joins is told from then on
// without reconnecting, who leaves or is banned has no rows left. change must be
// pure: it may be called more than once. Idempotent. by.At is set to the time of the change.
//
// The rows are a hint only. Whoever lost a right gets no frame from 2 s after the
// answer on even when this dies between its writes: a push finds the change. Whether the server is a large one is
// weighed after the write; where this dies before, the next member's change does it.
//
// Errors: what change returns, Invalid, Busy.
func (s *Communities) ChangeMember(ctx context.Context, serverID, accountID string, by Act, change func(*Member) error) (Member, error) {
	return s.alter(ctx, serverID, accountID, by, change, func(m Member) error {
		if !m.moved() {
			return nil
		}
		return s.Weigh(ctx, serverID)
	})
}

// alter is ChangeMember with something else than the weighing beside the rows of the connections.
func (s *Communities) alter(ctx context.Context, serverID, accountID string, by Act, change func(*Member) error, beside ...func(Member) error) (Member, error) {
	if err := firstOf(
		func() error { return CheckID("server_id", serverID) },
		func() error { return CheckID("accid", accountID) },
	); err != nil {
		return Member{}, err
	}
	by.At = s.Clock()
	member, err := s.Store.ChangeMember(ctx, serverID, accountID, by, change)
	if err != nil {
		return Member{}, err
	}
	then := []func() error{func() error { return s.follow(ctx, member, by.At.UnixMilli()) }}
	for _, f := range beside {
		then = append(then, func() error { return f(member) })
	}
	return member, first(concurrently(then...))
}

// moved: the last change of the row may have been a joining or a leaving.
func (m Member) moved() bool { return m.Version > 0 && m.Sight == m.Version }

// Weigh makes the server a large one, or a small one again, when it has come to that: by its members, or since
// LargeServer is another than it was. Idempotent.
//
// Errors: Invalid, Busy.
func (s *Communities) Weigh(ctx context.Context, serverID string) error {
	if err := CheckID("server_id", serverID); err != nil {
		return err
	}
	deliveries, err := s.Store.Deliveries(ctx, []string{serverID})
	if err != nil {
		return err
	}
	was := deliveries[serverID]
	is := was.weighed(s.LargeServer, s.Clock())
	if is == was {
		return nil
	}
	return s.Store.ChangeDelivery(ctx, serverID, was, is)
}

// follow gives the account's connections the rows that the member row calls for.
// Their proof is as old as the write's start: however late the rows arrive, a push
// that meets them reads every change since, another one's of this member included.
func (s *Communities) follow(ctx context.Context, m Member, at int64) error {
	connections, err := s.Store.Connections(ctx, m.AccountID, at)
	if err != nil || len(connections) == 0 {
		return err
	}
	if !m.Active() {
		return s.Store.RemovePresences(ctx, m.ServerID, connectionIDs(connections))
	}
	rows := make([]Presence, len(connections))
	for i, c := range connections {
		rows[i] = Presence{ServerID: m.ServerID, Connection: c, Roles: slices.Clone(m.Roles), Generation: m.Generation, ProvedAt: at}
	}
	return s.Store.PutPresences(ctx, rows)
}

func connectionIDs(connections []Connection) []string {
	ids := make([]string, len(connections))
	for i, c := range connections {
		ids[i] = c.ID
	}
	return ids
}
