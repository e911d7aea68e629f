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
	Fast      FastPath
}

// Revoke erases the message if the account sees the channel and is its author,
// or holds RevokeMemberMessage, within the window that is set now. It returns
// the message as it is, revoked by this call or an earlier one. Two sequential round trips, and one more to a fast path's queue.
//
// Errors: Invalid and TooLong for the request, RateLimited, Forbidden, NotFound, TooLate, Busy.
func (s *Revocations) Revoke(ctx context.Context, c Connection, r RevokeRequest) (Message, error) {
	if err := firstOf(r.Key.check, r.Info.check); err != nil {
		return Message{}, err
	}
	standing, err := s.standing(ctx, c, r.Key.ServerID, r.Key.ChannelID)
	if err != nil {
		return Message{}, err
	}
	w := s.write(c, standing, r)
	m, err := s.Messages.RevokeMessage(ctx, w)
	if err == nil && w.did(m) {
		s.Fast.tell(ctx, []MessageKey{m.MessageKey})
	}
	return m, err
}

// RevokeOutcome is what became of one message of a batch.
type RevokeOutcome struct {
	MessageRef
	Message Message // as it is now, where Err is nil
	Err     error   // nil: it is revoked, by this call or an earlier one
}

// writesAtATime bounds the writes of a batch that are under way.
const writesAtATime = 16

// RevokeBatch is Revoke for messages of one channel: rights are read once for all of them, then each message is
// judged by a write of its own, at the time when that begins. The outcomes are in the order of the request, and
// one says nothing of another. 1 + n/16 sequential round trips, rounded up, and one more to a fast path's queue.
//
// Errors, for each message: Forbidden, NotFound, TooLate, Busy. For the request, which then changes nothing: Invalid
// and TooLong, RateLimited, Forbidden where the channel may not be seen, Busy.
func (s *Revocations) RevokeBatch(ctx context.Context, c Connection, r RevokeBatchRequest) ([]RevokeOutcome, error) {
	if err := r.check(); err != nil {
		return nil, err
	}
	standing, err := s.standing(ctx, c, r.ServerID, r.ChannelID)
	if err != nil {
		return nil, err
	}
	return r.each(ctx, s.Messages, s.Fast, func(key MessageKey) RevokeWrite {
		return s.write(c, standing, RevokeRequest{Key: key, Info: r.Info})
	}), nil
}

// each takes the messages back by the writes, writesAtATime of them at a time, and has all that it took back told by one task of
// the fast path. The outcomes are in their order.
func (r RevokeBatchRequest) each(ctx context.Context, messages Revoker, fast FastPath, write func(MessageKey) RevokeWrite) []RevokeOutcome {
	outcomes := make([]RevokeOutcome, len(r.Messages))
	due, did := make([]int, len(outcomes)), make([]bool, len(outcomes))
	for i, ref := range r.Messages {
		outcomes[i].MessageRef, due[i] = ref, i
	}
	forEach(writesAtATime, due, func(i int) {
		o := &outcomes[i]
		o.Err = Guard(func() (err error) {
			w := write(r.key(o.MessageRef))
			o.Message, err = messages.RevokeMessage(ctx, w)
			did[i] = err == nil && w.did(o.Message)
			return err
		})
	})
	var revoked []MessageKey
	for i := range outcomes {
		if did[i] {
			revoked = append(revoked, outcomes[i].Message.MessageKey)
		}
	}
	fast.tell(ctx, revoked)
	return outcomes
}

// standing is the account's in the channel, which it sees.
func (s *Revocations) standing(ctx context.Context, c Connection, serverID, channelID string) (standing Standing, err error) {
	if err := s.Limit.leniently().beside(ctx, c.AccountID, s.Clock(), func() (err error) {
		standing, err = s.Standings.Standing(ctx, serverID, channelID, c.AccountID)
		return err
	}); err != nil {
		return Standing{}, err
	}
	if !standing.CanSee() {
		return Standing{}, forbidden()
	}
	return standing, nil
}

// write judges the message at the time when it is made.
func (s *Revocations) write(c Connection, standing Standing, r RevokeRequest) RevokeWrite {
	return standing.revocation(s.Windows, Revocation{Operator: actor(c, standing), Info: r.Info}, r.Key, s.Clock())
}

// revocation is the write of a member's revoke, as its rights and windows bind it.
func (s Standing) revocation(deployment Windows, r Revocation, key MessageKey, now time.Time) RevokeWrite {
	w := RevokeWrite{
		Key:             key,
		Revocation:      r,
		Now:             now,
		OwnCutoff:       s.OwnWindow(deployment).Cutoff(now),
		ModeratorCutoff: NeverCutoff,
		Permitted:       s.May(RevokeMemberMessage),
	}
	if w.Permitted {
		w.ModeratorCutoff = s.ModeratorWindow(deployment).Cutoff(now)
	}
	return w
}
