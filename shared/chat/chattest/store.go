// Package chattest holds what tests of chat and of its adapters share: a store
// and a gateway in memory, and the conformance suite that every store passes.
//
// The store keeps the contract of [chat.Store] as its comments state it, not as
// one database happens to keep it. [Run] is that contract as tests.
package chattest

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"sync"

	"unsend/shared/chat"
)

// Store is a chat.Store in memory. It is safe for concurrent use, and each
// operation takes effect at one moment. What goes in and comes out is copied, so
// a caller that keeps a value cannot change what is stored.
//
// The hooks let a test make an operation fail, or run something between a
// caller's operations. They are called without locks held, so they may use the
// store themselves. Set them before the store is used concurrently.
type Store struct {
	// Before runs before an operation, by the name of its method; its error is
	// the operation's and nothing is read or written.
	Before func(op string) error
	// After runs when an operation has taken effect; its error is the
	// operation's: a write whose answer was lost.
	After func(op string) error
	// Stored runs when a message row was written, as a table's stream tells it; with the lock held, so it must not use
	// the store.
	Stored func(chat.Stored)

	mu    sync.Mutex
	calls map[string]int
	data
}

// data is all that is stored. Each map's key is the row's whole key.
type data struct {
	messages  map[channelID]map[chat.MessageRef]chat.Message
	markers   map[markerID]marker
	servers   map[string]chat.Server
	channels  map[channelID]chat.Channel
	members   map[memberID]chat.Member
	personals map[personalID]chat.Personal
	changes   map[changeID]bool
	audit     map[auditID]chat.AuditEntry
	gone      map[goneID]bool
	jobs      map[chat.JobRef]chat.Job
	serversOf map[string]int // how many servers an account is in

	connections map[connectionID]chat.Connection
	presences   map[presenceID]chat.Presence
	audiences   map[chat.Crowd][]string // the connections of presences by crowd, in order; a crowd not in it is to be sorted anew
	frames      map[framesID]int

	subscriptions map[connectionID]map[chat.ChannelRef]bool
	deliveries    map[string]chat.Delivery // by server; Members is counted
}

type (
	channelID    struct{ server, channel string }
	memberID     struct{ server, account string }
	personalID   struct{ server, channel, account string }
	connectionID struct{ account, connection string }
	goneID       struct{ server, kind, id string }
	presenceID   struct {
		crowd      chat.Crowd
		connection string
	}
	framesID struct {
		account string
		window  int64
	}
	changeID struct {
		server           string
		at               int64 // ms
		account, channel string
	}
)

var _ chat.Store = (*Store)(nil)

// NewStore makes an empty one.
func NewStore() *Store {
	return &Store{calls: map[string]int{}, data: data{
		messages:    map[channelID]map[chat.MessageRef]chat.Message{},
		markers:     map[markerID]marker{},
		servers:     map[string]chat.Server{},
		channels:    map[channelID]chat.Channel{},
		members:     map[memberID]chat.Member{},
		personals:   map[personalID]chat.Personal{},
		changes:     map[changeID]bool{},
		audit:       map[auditID]chat.AuditEntry{},
		gone:        map[goneID]bool{},
		jobs:        map[chat.JobRef]chat.Job{},
		serversOf:   map[string]int{},
		connections: map[connectionID]chat.Connection{},
		presences:   map[presenceID]chat.Presence{},
		audiences:   map[chat.Crowd][]string{},
		frames:      map[framesID]int{},

		subscriptions: map[connectionID]map[chat.ChannelRef]bool{},
		deliveries:    map[string]chat.Delivery{},
	}}
}

// Calls is how often an operation was begun, by the name of its method.
func (s *Store) Calls(op string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls[op]
}

// Dump is everything that is stored, as JSON text without HTML escaping: a test
// searches it for what must be gone.
func (s *Store) Dump() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	for _, rows := range []any{
		s.allMessages(), dumped(s.markers), dumped(s.servers), dumped(s.channels), dumped(s.members),
		dumped(s.personals), dumped(s.changes), dumped(s.audit), dumped(s.connections), dumped(s.presences), dumped(s.deliveries),
		dumped(s.gone), dumped(s.jobs),
	} {
		if err := encoder.Encode(rows); err != nil {
			panic(err) // only types that JSON cannot hold: a mistake in this package
		}
	}
	return text.String()
}

func (s *Store) allMessages() []chat.Message {
	var all []chat.Message
	for _, rows := range s.messages {
		all = append(all, slices.Collect(maps.Values(rows))...)
	}
	slices.SortFunc(all, func(a, b chat.Message) int {
		return cmp.Or(cmp.Compare(a.ServerID, b.ServerID), cmp.Compare(a.ChannelID, b.ChannelID), compareRefs(ref(a), ref(b)))
	})
	return all
}

// dumped has the rows by their keys' text, in a stable order.
func dumped[K comparable, V any](rows map[K]V) map[string]V {
	byText := make(map[string]V, len(rows))
	for key, row := range rows {
		byText[fmt.Sprintf("%+v", key)] = row
	}
	return byText
}

// do runs an operation: f, with the lock held, between the hooks.
func do[T any](ctx context.Context, s *Store, op string, f func() (T, error)) (T, error) {
	var none T
	if err := s.begin(ctx, op); err != nil {
		return none, err
	}
	result, err := locked(s, f)
	if err == nil {
		err = s.end(op)
	}
	if err != nil {
		return none, err
	}
	return result, nil
}

func locked[T any](s *Store, f func() (T, error)) (T, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return f()
}

func (s *Store) begin(ctx context.Context, op string) error {
	s.mu.Lock()
	s.calls[op]++
	s.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return &chat.Error{Code: chat.Busy, Err: fmt.Errorf("%s: %w", op, err)}
	}
	if s.Before == nil {
		return nil
	}
	return s.Before(op)
}

func (s *Store) end(op string) error {
	if s.After == nil {
		return nil
	}
	return s.After(op)
}

// ChangeRows is how many change rows the server has.
func (s *Store) ChangeRows(serverID string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for id := range s.changes {
		if id.server == serverID {
			n++
		}
	}
	return n
}
