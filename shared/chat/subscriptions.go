package chat

import (
	"context"
	"fmt"
	"slices"
)

// Limits of subscribing.
const (
	MaxChannelsPerFrame     = 100
	DefaultMaxSubscriptions = 100 // of a connection
)

// SubscribeRequest names channels of a server.
type SubscribeRequest struct {
	ServerID   string
	ChannelIDs []string
}

// Subscribed is what became of one channel of a request.
type Subscribed struct {
	ChannelID string
	Err       error // nil: done
}

// Subscriptions keeps which channels of large servers a connection is told of.
type Subscriptions struct {
	Store  SubscriptionStore
	Sights SightReader
	Clock  Clock
	Limit  FrameLimit
	// Most bounds the channels that a connection is subscribed to at a time.
	Most int
}

// Subscribe has the connection told of the channels from now on, in servers that tell subscribers only; in others
// it changes nothing for now. What the account may see is judged again at each notice, so a subscription to a
// channel out of sight says nothing until it is in sight again. It ends with the connection. Idempotent. Three
// sequential round trips.
//
// What was taken back before may have been missed: clients sync after the answer.
//
// Errors, for each channel: Forbidden, RateLimited for those beyond Most. For the request: Invalid, RateLimited, Busy.
func (s *Subscriptions) Subscribe(ctx context.Context, c Connection, r SubscribeRequest) ([]Subscribed, error) {
	if err := r.check(); err != nil {
		return nil, err
	}
	var (
		proved = s.Clock()
		sights Sights
		former []ChannelRef
	)
	if err := s.Limit.beside(ctx, c.AccountID, proved, func() error {
		return first(concurrently(
			func() (err error) {
				sights, err = s.Sights.SightsOf(ctx, r.ServerID, c.AccountID, r.ChannelIDs)
				return err
			},
			func() (err error) {
				former, err = s.Store.Subscriptions(ctx, c.AccountID, c.ID)
				return err
			},
		))
	}); err != nil {
		return nil, err
	}
	answers, rows := s.admitted(c, r, sights, former)
	for i := range rows {
		rows[i].ProvedAt = proved.UnixMilli()
	}
	if len(rows) == 0 {
		return answers, nil
	}
	return answers, s.Store.Subscribe(ctx, rows, s.Most)
}

// admitted answers for each channel and gives the rows of those that are subscribed to.
func (s *Subscriptions) admitted(c Connection, r SubscribeRequest, sights Sights, former []ChannelRef) ([]Subscribed, []Presence) {
	var rows []Presence
	answers := make([]Subscribed, len(r.ChannelIDs))
	access := sights.access()
	room := s.Most - len(former)
	for i, channel := range r.ChannelIDs {
		answers[i].ChannelID = channel
		switch known := slices.Contains(former, ChannelRef{r.ServerID, channel}); {
		case access[channel] == "":
			answers[i].Err = forbidden()
			continue
		case !known && room <= 0:
			answers[i].Err = &Error{Code: RateLimited, Reason: fmt.Sprintf("subscribed to %d channels already", s.Most)}
			continue
		case !known:
			room--
		}
		rows = append(rows, Presence{
			ServerID: r.ServerID, ChannelID: channel, Connection: c, Roles: sights.Member.Roles, Generation: sights.Member.Generation,
		})
	}
	return answers, rows
}

// Unsubscribe ends it. Of channels that the connection is not subscribed to it says the same, and writes nothing.
// Idempotent. Three sequential round trips.
//
// Errors: Invalid, RateLimited, Busy.
func (s *Subscriptions) Unsubscribe(ctx context.Context, c Connection, r SubscribeRequest) ([]Subscribed, error) {
	if err := r.check(); err != nil {
		return nil, err
	}
	var former []ChannelRef
	if err := s.Limit.beside(ctx, c.AccountID, s.Clock(), func() (err error) {
		former, err = s.Store.Subscriptions(ctx, c.AccountID, c.ID)
		return err
	}); err != nil {
		return nil, err
	}
	var channels []ChannelRef
	answers := make([]Subscribed, len(r.ChannelIDs))
	for i, channel := range r.ChannelIDs {
		answers[i].ChannelID = channel
		if ref := (ChannelRef{r.ServerID, channel}); slices.Contains(former, ref) {
			channels = append(channels, ref)
		}
	}
	if len(channels) == 0 {
		return answers, nil
	}
	return answers, s.Store.Unsubscribe(ctx, c, channels)
}

func (r SubscribeRequest) check() error {
	if err := CheckID("server_id", r.ServerID); err != nil {
		return err
	}
	if n := len(r.ChannelIDs); n == 0 || n > MaxChannelsPerFrame {
		return InvalidField("channel_ids", fmt.Sprintf("must hold 1 to %d channels", MaxChannelsPerFrame))
	}
	for i, channel := range r.ChannelIDs {
		if err := CheckID("channel_ids", channel); err != nil {
			return err
		}
		if slices.Contains(r.ChannelIDs[:i], channel) {
			return InvalidField("channel_ids", "names a channel twice")
		}
	}
	return nil
}
