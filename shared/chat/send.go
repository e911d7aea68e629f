package chat

import (
	"context"
	"time"
)

// Sender stores messages.
type Sender struct {
	Standings Standings
	Messages  MessageWriter
	Clock     Clock
	NewID     func(time.Time) string // a ULID: ids of one ms need not be ordered
	Retention time.Duration          // 0 keeps messages for ever
	Limit     FrameLimit
}

// Send stores the message if the account may send to the channel, and returns
// the row as it is stored. Repeating it with the same MsgID within DedupTTL
// returns the first one's row, whatever became of it. Two sequential round trips.
//
// Errors: Invalid and TooLong for the request, RateLimited, Forbidden, Busy.
func (s *Sender) Send(ctx context.Context, c Connection, r SendRequest) (Message, error) {
	if err := r.check(); err != nil {
		return Message{}, err
	}
	var standing Standing
	if err := s.Limit.beside(ctx, c.AccountID, s.Clock(), func() (err error) {
		standing, err = s.Standings.Standing(ctx, r.ServerID, r.ChannelID, c.AccountID)
		return err
	}); err != nil {
		return Message{}, err
	}
	if !mayPost(standing, r.Content) {
		return Message{}, forbidden()
	}
	sent, err := s.put(ctx, actor(c, standing), r)
	return sent.Message, err
}

// put stores the author's message, with the time at which that begins.
func (s *Sender) put(ctx context.Context, author Actor, r SendRequest) (Sent, error) {
	now := s.Clock()
	return s.Messages.PutMessage(ctx, s.message(author, r, now), now)
}

// mayPost: mentioning has permissions of its own.
func mayPost(s Standing, c Content) bool {
	return s.May(SendMessage) &&
		(!c.MentionAll || s.May(AtAll)) &&
		(len(c.MentionAccounts) == 0 || s.May(AtMember)) &&
		(len(c.MentionRoles) == 0 || s.May(MentionRole))
}

func (s *Sender) message(author Actor, r SendRequest, now time.Time) Message {
	ms := now.UnixMilli()
	return Message{
		MessageKey: MessageKey{ServerID: r.ServerID, ChannelID: r.ChannelID, Timestamp: ms, MsgServerID: s.NewID(now)},
		Type:       r.Type,
		MsgID:      r.MsgID,
		From:       author,
		ReplyTo:    r.ReplyTo,
		Status:     Normal,
		Version:    1,
		UpdatedAt:  ms,
		ExpiresAt:  s.expiry(now),
		Content:    r.Content,
	}
}

// expiry rounds up, so that a message lives for its retention at least.
func (s *Sender) expiry(now time.Time) int64 {
	if s.Retention == 0 {
		return 0
	}
	return now.Add(s.Retention).Unix() + 1
}

func actor(c Connection, s Standing) Actor {
	return Actor{AccountID: c.AccountID, Nick: s.Member.Nick, ClientType: c.ClientType, Device: c.Device()}
}
