package chat

import (
	"context"
	"sync"
	"time"
)

// Delivery is how notices reach a server's members: in a small one every
// connection of theirs is told, in a large one those that subscribed to the channel.
//
// When a server grows or shrinks past the limit both are told until every connection that began before has ended:
// nobody who is online misses a notice for it.
type Delivery struct {
	Members int   // how many the server has
	Large   bool  // what it is, or is becoming
	Since   int64 // ms; when it began to become that; 0: it was small from the start
}

// Mode says who is told.
type Mode string

// The modes.
const (
	ToAll         Mode = "all"         // every connection of the members
	ToBoth        Mode = "both"        // as well as subscribers, in between
	ToSubscribers Mode = "subscribers" // the channel's subscribers only
)

// Transition is how long both are told. It outlives every connection that
// began before, and those that began while somebody still knew of nothing else (deliveryKnown).
const Transition = ConnectionTTL

// Mode is who is told at now.
func (d Delivery) Mode(now time.Time) Mode {
	switch {
	case d.Since > 0 && now.UnixMilli()-d.Since < Transition.Milliseconds():
		return ToBoth
	case d.Large:
		return ToSubscribers
	}
	return ToAll
}

// DefaultLargeServer is QChat's number of members from which on a server is large.
const DefaultLargeServer = 2_000

// weighed is the delivery that the number of members calls for. A server is
// large from largeServer members on, and small again below three quarters of that: one that stays about the limit
// does not change all the time. 0: none is large.
func (d Delivery) weighed(largeServer int, now time.Time) Delivery {
	large := d.Large
	switch {
	case largeServer > 0 && d.Members >= largeServer:
		large = true
	case largeServer <= 0 || d.Members < largeServer-largeServer/4:
		large = false
	}
	if large != d.Large {
		d.Large, d.Since = large, now.UnixMilli()
	}
	return d
}

// crowds are the lists of connections that notices of the channels go through.
func (m Mode) crowds(serverID string, channelIDs []string) []Crowd {
	var crowds []Crowd
	if m != ToSubscribers {
		crowds = append(crowds, Crowd{ServerID: serverID})
	}
	if m != ToAll {
		for _, channel := range channelIDs {
			crowds = append(crowds, subscribersOf(ChannelRef{serverID, channel})...)
		}
	}
	return crowds
}

// DeliveryReader reads how notices reach the members of servers.
type DeliveryReader interface {
	// Deliveries reads strongly. Servers that are not there are small and without members.
	Deliveries(ctx context.Context, serverIDs []string) (map[string]Delivery, error)
}

// deliveryKnown is for how long it is taken for granted that a server tells
// subscribers only. A connection that began then, and has no row in the server for it, ends while both are told: 2 h
// (API Gateway's limit) and this are less than Transition.
const deliveryKnown = 10 * time.Minute

// deliveryMemory remembers which servers tell subscribers only, so that connections need no rows there. It is advice,
// kept for as long as the process lives; without it rows are written that nobody reads.
type deliveryMemory struct {
	mu    sync.Mutex
	known map[string]knownDelivery
}

type knownDelivery struct {
	readAt      time.Time
	subscribers bool
}

const mostKnownDeliveries = 50_000

// needRows are the servers in which a connection needs a row; unknown are those that nothing is known of.
func (m *deliveryMemory) needRows(memberships []Membership, now time.Time) (need []Membership, unknown []string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, membership := range memberships {
		known, ok := m.known[membership.ServerID]
		fresh := ok && now.Sub(known.readAt) < deliveryKnown
		if !fresh {
			unknown = append(unknown, membership.ServerID)
		}
		if !fresh || !known.subscribers {
			need = append(need, membership)
		}
	}
	return need, unknown
}

// learn reads what is unknown, for the connections to come.
func (m *deliveryMemory) learn(ctx context.Context, reader DeliveryReader, unknown []string, now time.Time) error {
	if len(unknown) == 0 {
		return nil
	}
	deliveries, err := reader.Deliveries(ctx, unknown)
	if err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.known == nil || len(m.known) > mostKnownDeliveries {
		m.known = make(map[string]knownDelivery)
	}
	for _, id := range unknown {
		m.known[id] = knownDelivery{readAt: now, subscribers: deliveries[id].Mode(now) == ToSubscribers}
	}
	return nil
}
