package chat

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"time"
)

// syncPageSize bounds the updates of a page: about as many as a frame holds, of 350 bytes each. Where it holds
// fewer the rest comes with the next page.
const syncPageSize = 300

// Syncs tells devices what was taken back while they were away.
type Syncs struct {
	Updates   UpdateReader
	Sights    SightReader
	Clock     Clock
	Retention time.Duration // of messages; 0 keeps them for ever
	Limit     FrameLimit
}

// SyncPage is what a device has missed.
type SyncPage struct {
	Updates []Update
	// Next is where the next sync begins. More: right away, for there is more.
	Next UpdateRef
	More bool
	// Access has a stamp for each channel that the account sees. It differs from
	// an earlier one when the account's sight of the channel may have changed in between: then the
	// client reads the history that it keeps again, for it was not told of everything. Only on the
	// last page.
	Access map[string]string
	// Mode says who is told of what happens in the server: clients subscribe where it is not all. With Access.
	Mode Mode
	// Reset: the cursor is older than messages are kept. The client drops what it
	// keeps of the server and reads the history again.
	Reset bool
}

// Sync gives the revocations since the cursor in the channels that the account
// sees now. Some come more than once, none is left out: the next cursor lies
// SyncOverlap before this reading. Without a cursor it gives the first one, and
// the stamps. Two sequential round trips.
//
// Errors: Invalid for the request, RateLimited, Forbidden, Busy.
func (s *Syncs) Sync(ctx context.Context, c Connection, r SyncRequest) (SyncPage, error) {
	if err := r.check(); err != nil {
		return SyncPage{}, err
	}
	now := s.Clock()
	page := SyncPage{Next: UpdateRef{UpdatedAt: now.Add(-SyncOverlap).UnixMilli()}, Reset: s.tooOld(r.From, now)}
	var (
		sights Sights
		found  UpdatePage
	)
	reading, stop := context.WithCancel(ctx)
	defer stop()
	errs := concurrently(
		func() error {
			err := s.Limit.beside(ctx, c.AccountID, now, func() (err error) {
				sights, err = s.Sights.Sights(ctx, r.ServerID, c.AccountID)
				return err
			})
			if err != nil || !sights.isMember() {
				stop() // a refusal must not take longer the more there is to tell
			}
			return err
		},
		func() (err error) {
			if r.From != nil && !page.Reset {
				found, err = s.Updates.Updates(reading, r.ServerID, *r.From, syncPageSize)
			}
			return err
		},
	)
	if err := errs[0]; err != nil {
		return SyncPage{}, err
	}
	access := sights.access()
	if access == nil {
		return SyncPage{}, forbidden()
	}
	if err := errs[1]; err != nil {
		return SyncPage{}, err
	}
	for _, update := range found.Updates {
		if access[update.ChannelID] != "" {
			page.Updates = append(page.Updates, update)
		}
	}
	if found.Next != nil {
		page.Next, page.More = discreet(*r.From, *found.Next, access), true
		return page, nil
	}
	page.Access, page.Mode = access, sights.Delivery.Mode(now)
	return page, nil
}

// discreet is where the next page begins, without the ids of a message that the account does not see: at the beginning of
// the ms, whose updates then come once more. Only a page that lies in one ms altogether has to go on behind its last.
func discreet(from, next UpdateRef, access map[string]string) UpdateRef {
	if access[next.ChannelID] != "" || next.UpdatedAt <= from.UpdatedAt {
		return next
	}
	return UpdateRef{UpdatedAt: next.UpdatedAt}
}

// tooOld: what was revoked before the retention's start may have ended with its
// row, and the index with it.
func (s *Syncs) tooOld(from *UpdateRef, now time.Time) bool {
	return from != nil && s.Retention > 0 && from.UpdatedAt < now.Add(-s.Retention).UnixMilli()
}

// access has the stamps of the channels that the account sees; nil when it is no member.
func (s Sights) access() map[string]string {
	if !s.isMember() {
		return nil
	}
	standing := Standing{Server: s.Server, Member: s.Member}
	stamps := make(map[string]string, len(s.Channels))
	for _, channel := range s.Channels {
		standing.Channel, standing.Personal = channel, s.Personals[channel.ID]
		if standing.CanSee() {
			stamps[channel.ID] = standing.sightStamp()
		}
	}
	return stamps
}

func (s Sights) isMember() bool { return Standing{Server: s.Server, Member: s.Member}.IsMember() }

// sightStamp differs whenever one of the rows that sight comes from changed in
// what decides about it.
func (s Standing) sightStamp() string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%d.%d.%d.%d", s.Server.Sight, s.Channel.Sight, s.Member.Sight, s.Personal.Sight))
	return base64.RawURLEncoding.EncodeToString(sum[:9])
}
