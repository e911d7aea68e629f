package chat

import (
	"context"
	"time"
)

// Revocations takes messages back.
type Revocations struct {
	Standings Standings
	Messages  Revoker
	Clock     Clock
	Windows   Windows // the deployment's; both set
	Limit     FrameLimit
}

// Revoke erases the message if the account sees the channel and is its author,
// or holds RevokeMemberMessage, within the window that is set now. It returns
// the message as it is, revoked by this call or an earlier one. Two sequential round trips.
//
// Errors: Invalid and TooLong for the request, RateLimited, Forbidden, NotFound, TooLate, Busy.
func (s *Revocations) Revoke(ctx context.Context, c Connection, r RevokeRequest) (Message, error) {
	if err := firstOf(r.Key.check, r.Info.check); err != nil {
		return Message{}, err
	}
	var standing Standing
	if err := s.Limit.beside(ctx, c.AccountID, s.Clock(), func() (err error) {
		standing, err = s.Standings.Standing(ctx, r.Key.ServerID, r.Key.ChannelID, c.AccountID)
		return err
	}); err != nil {
		return Message{}, err
	}
	if !standing.CanSee() {
		return Message{}, forbidden()
	}
	return s.Messages.RevokeMessage(ctx, s.write(c, standing, r, s.Clock()))
}

func (s *Revocations) write(c Connection, standing Standing, r RevokeRequest, now time.Time) RevokeWrite {
	w := RevokeWrite{
		Key:             r.Key,
		Revocation:      Revocation{Operator: actor(c, standing), Info: r.Info},
		Now:             now,
		OwnCutoff:       standing.OwnWindow(s.Windows).Cutoff(now),
		ModeratorCutoff: NeverCutoff,
		Permitted:       standing.May(RevokeMemberMessage),
	}
	if w.Permitted {
		w.ModeratorCutoff = standing.ModeratorWindow(s.Windows).Cutoff(now)
	}
	return w
}
