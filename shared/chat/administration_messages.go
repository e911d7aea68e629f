package chat

import (
	"context"
	"time"
)

// Send stores a message of the author's, a member who is not banned. The back end's own permissions are enough; an account that
// it acts as is the author, and its permissions bind it. No device of the author's is the one that sent: all of
// them are told. Repeated with the same MsgID within DedupTTL it gives the first one's row.
//
// Errors: Invalid and TooLong for the request, NotFound, Forbidden, Conflict, Busy.
func (a *Administration) Send(ctx context.Context, w Write, authorID string, r SendRequest) (Sent, error) {
	authorID, err := w.account("from", authorID)
	if err != nil {
		return Sent{}, err
	}
	if err := r.check(); err != nil {
		return Sent{}, err
	}
	s, err := a.known(ctx, w, r.ServerID, r.ChannelID, authorID)
	if err != nil {
		return Sent{}, err
	}
	switch {
	case w.ActingAs != "" && !mayPost(s.Standing, r.Content):
		return Sent{}, forbidden()
	case s.Member.Banned:
		return Sent{}, conflict("the author is banned from the server")
	case !s.Member.Joined:
		return Sent{}, conflict("the author is no member of the server")
	}
	sender := Sender{Messages: a.Store, Clock: a.Clock, NewID: a.NewID, Retention: a.Retention}
	return sender.put(ctx, s.backEnd(authorID), r)
}

// backEnd is the account as it acts by a back end: with no device, so that all of its devices are told. The scene is of that account.
func (s Standing) backEnd(accountID string) Actor {
	return Actor{AccountID: accountID, Nick: s.Member.Nick, ClientType: REST}
}

// Revoke takes messages of a channel back in the operator's name, however old they are: each by a write of its own, and one
// says nothing of another. An account that the back end acts as is the operator, and its sight, permission and windows bind it
// as if it revoked by itself. No device is left out of the telling. The outcomes are in the order of the request.
//
// Errors, for each message: Forbidden, NotFound, TooLate, Busy. For the request, which then changes nothing: Invalid and
// TooLong, NotFound, Forbidden, Busy.
func (a *Administration) Revoke(ctx context.Context, w Write, operatorID string, r RevokeBatchRequest) ([]RevokeOutcome, error) {
	operatorID, err := w.account("operator", operatorID)
	if err != nil {
		return nil, err
	}
	if err := r.check(); err != nil {
		return nil, err
	}
	s, err := a.known(ctx, w, r.ServerID, r.ChannelID, operatorID)
	if err != nil {
		return nil, err
	}
	if s.actor != nil && !s.actor.CanSee() {
		return nil, forbidden()
	}
	revocation := Revocation{Operator: s.backEnd(operatorID), Info: r.Info}
	return r.each(ctx, a.Store, a.Fast, func(key MessageKey) RevokeWrite {
		if s.actor == nil {
			return unbound(revocation, key, a.Clock())
		}
		return s.actor.revocation(a.Windows, revocation, key, a.Clock())
	}), nil
}

// unbound is the write of a back end's own revoke: neither window nor permission binds it.
func unbound(r Revocation, key MessageKey, now time.Time) RevokeWrite {
	return RevokeWrite{Key: key, Revocation: r, Now: now, OwnCutoff: NeverCutoff, ModeratorCutoff: NoLimit.Cutoff(now), Permitted: true}
}

// account is in whose name something is sent or taken back: that which the back end acts as, or any that the field names.
func (w Write) account(field, id string) (string, error) {
	switch {
	case w.ActingAs == "":
		return id, CheckID(field, id)
	case id != "" && id != w.ActingAs:
		return "", InvalidField(field, "is another than acting_as")
	}
	return w.ActingAs, nil
}
