package chat

import (
	"context"
	"errors"
	"slices"
	"time"
)

// Sessions keeps who is connected.
type Sessions struct {
	Store interface {
		ConnectionStore
		SubscriptionStore
		Memberships
		DeliveryReader
	}
	Gateway interface {
		Close(ctx context.Context, connectionID string) error
	}
	Clock          Clock
	MaxConnections int        // of one account; the oldest give way
	Limit          FrameLimit // of pings

	deliveries deliveryMemory
}

// Connect makes the connection known to the servers of its account, but for those that are known to tell
// subscribers only. It closes
// the connection's predecessor on the same device, and the account's oldest
// beyond MaxConnections. Idempotent. Three sequential round trips.
//
// The order leaves no gap: the account's row is stored before its servers are
// read, and a join commits before it reads the account's rows. Whichever comes
// first, one of the two sees the other and stores the server's row.
//
// Errors: Repeated when a later connection of the device was there first, Busy.
func (s *Sessions) Connect(ctx context.Context, c Connection) error {
	if err := s.Store.PutConnection(ctx, c); err != nil {
		return err
	}
	servers, err := s.admit(ctx, c)
	if err != nil {
		// The handshake fails, so no $disconnect will come for these rows.
		err = errors.Join(err, s.Store.RemoveConnection(context.WithoutCancel(ctx), c.AccountID, c.ID, crowdsOf(c.AccountID, servers, nil)))
	}
	return err
}

// admit makes a connection whose row is stored known to its servers: those in which it may have rows, also where it fails.
func (s *Sessions) admit(ctx context.Context, c Connection) (servers []string, err error) {
	proved := s.Clock().UnixMilli()
	memberships, connections, err := s.of(ctx, c.AccountID, proved)
	if err != nil {
		return nil, err
	}
	if superseded(c, connections) {
		return nil, &Error{Code: Repeated, Reason: "this device has connected again meanwhile"}
	}
	need, unknown := s.deliveries.needRows(memberships, s.Clock())
	return serverIDs(need), first(concurrently(
		func() error { return s.Store.PutPresences(ctx, presences(c, need, proved)) },
		func() error { return s.deliveries.learn(ctx, s.Store, unknown, s.Clock()) },
		func() error { return s.retire(ctx, surplus(c, connections, s.MaxConnections), memberships) },
	))
}

// of reads the account's servers, and its connections that have not ended before now (ms), at the same time.
func (s *Sessions) of(ctx context.Context, accountID string, now int64) (memberships []Membership, connections []Connection, err error) {
	err = first(concurrently(
		func() (err error) {
			memberships, err = s.Store.Memberships(ctx, accountID)
			return err
		},
		func() (err error) {
			connections, err = s.Store.Connections(ctx, accountID, now)
			return err
		},
	))
	return memberships, connections, err
}

func presences(c Connection, memberships []Membership, proved int64) []Presence {
	rows := make([]Presence, len(memberships))
	for i, m := range memberships {
		rows[i] = Presence{ServerID: m.ServerID, Connection: c, Roles: m.Roles, Generation: m.Generation, ProvedAt: proved}
	}
	return rows
}

// superseded: a later connection of the device was already there when this one
// looked, and did not see it. It stays; this one gives way.
func superseded(c Connection, all []Connection) bool {
	return slices.ContainsFunc(all, func(other Connection) bool { return other.Supersedes(c) })
}

// surplus are the connections that c takes the place of, and the oldest of those
// that are too many.
func surplus(c Connection, all []Connection, most int) []Connection {
	all = slices.Clone(all)
	slices.SortFunc(all, byAge)
	var gone []Connection
	all = slices.DeleteFunc(all, func(old Connection) bool {
		if !c.Supersedes(old) {
			return false
		}
		gone = append(gone, old)
		return true
	})
	return append(gone, all[:max(0, len(all)-most)]...)
}

// retire closes connections and removes their rows. A young one that answers as
// if it had gone may still be in its handshake: its row stays, so that it counts,
// and the next connect or its own ping ends it.
func (s *Sessions) retire(ctx context.Context, old []Connection, memberships []Membership) error {
	servers := serverIDs(memberships)
	closings := make([]func() error, len(old))
	for i, c := range old {
		closings[i] = func() error {
			err := s.end(ctx, c, servers)
			if errors.Is(err, errYoung) {
				return nil
			}
			return err
		}
	}
	return first(concurrently(closings...))
}

// errYoung: the connection may still be in its handshake, and cannot be closed yet.
var errYoung = errors.New("the connection is in its handshake")

// end closes a connection and removes its rows.
func (s *Sessions) end(ctx context.Context, c Connection, servers []string) error {
	var channels []ChannelRef
	errs := concurrently(
		func() error { return s.shut(ctx, c.ID) },
		func() (err error) {
			channels, err = s.Store.Subscriptions(ctx, c.AccountID, c.ID)
			return err
		},
	)
	if errors.Is(errs[0], ErrGone) {
		if errs[0] = nil; c.youngAt(s.Clock()) {
			return errYoung
		}
	}
	if err := first(errs); err != nil {
		return err
	}
	return s.Store.RemoveConnection(ctx, c.AccountID, c.ID, crowdsOf(c.AccountID, servers, channels))
}

// List reads the account's connections, the oldest first.
//
// Errors: Invalid, Busy.
func (s *Sessions) List(ctx context.Context, accountID string) ([]Connection, error) {
	if err := CheckID("accid", accountID); err != nil {
		return nil, err
	}
	list, err := s.Store.Connections(ctx, accountID, s.Clock().UnixMilli())
	slices.SortFunc(list, byAge)
	return list, err
}

// End closes a connection of the account, or all of them where none is named, and removes their rows. Whoever still has a
// token connects again: a back end refuses it new ones before.
//
// Errors: Invalid, NotFound for a connection that is not there, Busy, also for one that is still in its handshake.
func (s *Sessions) End(ctx context.Context, accountID, connectionID string) error {
	if err := firstOf(
		func() error { return CheckID("accid", accountID) },
		func() error { return checkOptionalID("connection_id", connectionID) },
	); err != nil {
		return err
	}
	memberships, connections, err := s.of(ctx, accountID, s.Clock().UnixMilli())
	if err != nil {
		return err
	}
	return s.endAll(ctx, connections, connectionID, serverIDs(memberships))
}

func (s *Sessions) endAll(ctx context.Context, connections []Connection, only string, servers []string) error {
	var endings []func() error
	for _, c := range connections {
		if only == "" || c.ID == only {
			endings = append(endings, func() error { return s.end(ctx, c, servers) })
		}
	}
	if only != "" && len(endings) == 0 {
		return noSuch("connection")
	}
	err := first(concurrently(endings...))
	if errors.Is(err, errYoung) {
		return &Error{Code: Busy, Reason: "a connection is in its handshake, try again", Err: err}
	}
	return err
}

func serverIDs(memberships []Membership) []string {
	ids := make([]string, len(memberships))
	for i, m := range memberships {
		ids[i] = m.ServerID
	}
	return ids
}

// Disconnect forgets the connection. Idempotent, and harmless when it comes late:
// it touches the rows of this connection id alone. Rows in servers that the
// account has left meanwhile were removed by [Communities.ChangeMember], and end with their TTL at
// the latest. Two sequential round trips.
func (s *Sessions) Disconnect(ctx context.Context, c Connection) error {
	crowds, err := crowdsOfConnection(ctx, s.Store, c)
	if err != nil {
		return err
	}
	return s.Store.RemoveConnection(ctx, c.AccountID, c.ID, crowds)
}

// crowdsOfConnection are the lists that the connection can stand in.
func crowdsOfConnection(ctx context.Context, store interface {
	SubscriptionStore
	Memberships
}, c Connection) ([]Crowd, error) {
	var (
		memberships []Membership
		channels    []ChannelRef
	)
	err := first(concurrently(
		func() (err error) {
			memberships, err = store.Memberships(ctx, c.AccountID)
			return err
		},
		func() (err error) {
			channels, err = store.Subscriptions(ctx, c.AccountID, c.ID)
			return err
		},
	))
	return crowdsOf(c.AccountID, serverIDs(memberships), channels), err
}

// Ping gives the server's time. A connection whose row is gone would never be
// told anything, and one that another of its device has superseded is none: it is
// closed, so that its client connects again. One round trip for any other.
//
// Errors: RateLimited, Busy.
func (s *Sessions) Ping(ctx context.Context, c Connection) (time.Time, error) {
	now := s.Clock()
	var connections []Connection
	if err := s.Limit.leniently().beside(ctx, c.AccountID, now, func() (err error) {
		connections, err = s.Store.Connections(ctx, c.AccountID, now.UnixMilli())
		return err
	}); err != nil {
		return time.Time{}, err
	}
	known := slices.ContainsFunc(connections, func(other Connection) bool { return other.ID == c.ID })
	if !known || superseded(c, connections) {
		if err := s.shut(ctx, c.ID); err != nil && !errors.Is(err, ErrGone) {
			return time.Time{}, err
		}
	}
	return now, nil
}

// shut closes a connection, on behalf of somebody who waits for it: Busy where the gateway is.
func (s *Sessions) shut(ctx context.Context, connectionID string) error {
	err := s.Gateway.Close(ctx, connectionID)
	if errors.Is(err, ErrThrottled) || errors.Is(err, ErrTimeout) {
		return &Error{Code: Busy, Err: err}
	}
	return err
}
