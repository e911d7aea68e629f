package seed

import (
	"context"
	"fmt"

	"unsend/shared/chat"
)

// Store is what a file is written through.
type Store interface {
	chat.CommunityWriter
	chat.ConnectionStore
	chat.DeliveryReader
}

// Kind is a kind of thing that a file describes.
type Kind string

// The kinds, in the order in which they are written.
const (
	Servers  Kind = "servers"
	Members  Kind = "members"
	Channels Kind = "channels"
	Entries  Kind = "channel entries" // overrides and list entries of single accounts
)

// Kinds lists the kinds in order.
var Kinds = []Kind{Servers, Members, Channels, Entries}

// Count is what became of the things of one kind.
type Count struct{ Created, Changed, Unchanged int }

// Summary is what became of a file.
type Summary map[Kind]Count

// Unchanged tells whether nothing had to be written.
func (s Summary) Unchanged() bool {
	for _, c := range s {
		if c.Created+c.Changed > 0 {
			return false
		}
	}
	return true
}

// Total is how many things a file names.
func (f File) Total() (n int) {
	for _, s := range f.Servers {
		n += 1 + len(s.Members) + len(s.Channels)
		for _, c := range s.Channels {
			n += len(c.personals())
		}
	}
	return n
}

// writer writes one file.
type writer struct {
	store    Store
	clock    chat.Clock
	large    int
	act      chat.Act
	summary  Summary
	progress func(done int)
	done     int
}

// Apply writes the file. Repeated, also after it failed half-way, it writes what is
// missing. progress is told how many of [File.Total] things are done.
//
// Members are changed through [chat.Communities], so that somebody who is online while
// the file makes them a member is told of messages from then on. A server is large from so many members on; 0: never.
// by is what the audit keeps of whoever writes; times and actions are set here.
func Apply(ctx context.Context, store Store, clock chat.Clock, large int, by chat.Act, f File, progress func(done int)) (Summary, error) {
	w := &writer{store: store, clock: clock, large: large, act: by, summary: Summary{}, progress: progress}
	for _, s := range f.Servers {
		if err := w.checkStored(ctx, s); err != nil {
			return nil, err
		}
	}
	for _, s := range f.Servers {
		if err := w.server(ctx, s); err != nil {
			return w.summary, fmt.Errorf("server %q: %w", s.ID.Value, err)
		}
	}
	return w.summary, nil
}

func (w *writer) server(ctx context.Context, s Server) error {
	if err := w.policy(ctx, s); err != nil {
		return err
	}
	generations := map[string]int64{}
	for _, m := range s.Members {
		row, err := w.member(ctx, s.ID.Value, m)
		if err != nil {
			return fmt.Errorf("member %q: %w", m.Account.Value, err)
		}
		generations[m.Account.Value] = row.Generation
	}
	if err := w.communities().Weigh(ctx, s.ID.Value); err != nil { // the deployment's limit may be another by now
		return fmt.Errorf("weigh it: %w", err)
	}
	for _, c := range s.Channels {
		if err := w.channel(ctx, s.ID.Value, c); err != nil {
			return fmt.Errorf("channel %q: %w", c.ID.Value, err)
		}
		for _, p := range c.personals() {
			if err := w.personal(ctx, s.ID.Value, c.ID.Value, p, generations[p.account]); err != nil {
				return fmt.Errorf("channel %q, account %q: %w", c.ID.Value, p.account, err)
			}
		}
	}
	return nil
}

// count counts one thing. version is the row's before it was written, and
// altered whether it had to be.
func (w *writer) count(kind Kind, version int64, altered bool) {
	c := w.summary[kind]
	switch {
	case !altered:
		c.Unchanged++
	case version == 0:
		c.Created++
	default:
		c.Changed++
	}
	w.summary[kind] = c
	w.done++
	w.progress(w.done)
}

// by is an action, now.
func (w *writer) by(action chat.Action) chat.Act {
	act := w.act
	act.At, act.Action = w.clock(), action
	return act
}

func (w *writer) policy(ctx context.Context, s Server) error {
	var version int64
	var altered bool
	_, err := w.store.ChangeServer(ctx, s.ID.Value, w.by(chat.ActionPutServer), func(row *chat.Server) error {
		wanted := s.wanted(*row)
		version, altered = row.Version, !sameServer(*row, wanted)
		if altered {
			*row = wanted
		}
		return nil
	})
	if err == nil {
		w.count(Servers, version, altered)
	}
	return err
}

func (w *writer) member(ctx context.Context, serverID string, m Member) (chat.Member, error) {
	var version int64
	var altered bool
	row, err := w.communities().ChangeMember(ctx, serverID, m.Account.Value, w.by(chat.ActionPutMember), func(row *chat.Member) error {
		wanted := m.wanted(*row, w.clock())
		version, altered = row.Version, !sameMember(*row, wanted)
		if altered {
			*row = wanted
		}
		return nil
	})
	if err == nil {
		w.count(Members, version, altered)
	}
	return row, err
}

func (w *writer) communities() *chat.Communities {
	return &chat.Communities{Store: w.store, Clock: w.clock, LargeServer: w.large}
}

func (w *writer) channel(ctx context.Context, serverID string, c Channel) error {
	var version int64
	var altered bool
	_, err := w.store.ChangeChannel(ctx, serverID, c.ID.Value, w.by(chat.ActionPutChannel), func(row *chat.Channel) error {
		wanted := c.wanted(*row)
		version, altered = row.Version, !sameChannel(*row, wanted)
		if altered {
			*row = wanted
		}
		return nil
	})
	if err == nil {
		w.count(Channels, version, altered)
	}
	return err
}

func (w *writer) personal(ctx context.Context, serverID, channelID string, p personal, generation int64) error {
	var version int64
	var altered bool
	_, err := w.store.ChangePersonal(ctx, serverID, channelID, p.account, w.by(chat.ActionPutPersonal), func(row *chat.Personal) error {
		wanted := p.wanted(*row, generation)
		version, altered = row.Version, *row != wanted
		*row = wanted
		return nil
	})
	if err == nil {
		w.count(Entries, version, altered)
	}
	return err
}
