package demo

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	unsend "unsend/clients/go"
	"unsend/scripts/unsend/play"
	"unsend/scripts/unsend/wait"
)

const postscript = "wrong room"

func (p *run) send(ctx context.Context) (string, error) {
	p.sent = p.Now()
	m, err := p.post(ctx, p.phone, server, room, "1", p.text)
	if err != nil {
		return "", err
	}
	p.message = m
	return "", play.First(
		play.Check(m.Body == p.text, "the answer holds another text"),
		play.Check(m.FromAccount == "alice" && m.Status == unsend.StatusNormal, "the answer does not show alice's message as sent"),
		play.Check(m.FromDeviceID == "phone-"+p.Run, "the answer does not name the phone"),
	)
}

func (p *run) everybodyIsTold(ctx context.Context) (string, error) {
	return play.Told(ctx, p.sent, unsend.EventMessage, p.message.MessageKey, func(h play.Heard) error {
		return play.First(
			play.Check(h.Message.Body == p.text, "was told another text"),
			play.Check(h.Message.FromAccount == "alice", "was not told that alice sent it"),
		)
	}, p.tablet, p.desk, p.carol)
}

func (p *run) revoke(ctx context.Context) (string, error) {
	p.sent = p.Now()
	m, err := p.desk.Client.Revoke(ctx, unsend.RevokeRequest{MessageKey: p.message.MessageKey, Info: unsend.UpdateInfo{Postscript: postscript}})
	if err != nil {
		return "", err
	}
	age := time.Duration(m.UpdateTimestamp-m.Timestamp) * time.Millisecond
	return fmt.Sprintf("%d ms after it was sent", age.Milliseconds()), p.checkTombstone(m)
}

// checkTombstone says what a message that bob took back looks like, wherever it is seen.
func (p *run) checkTombstone(m unsend.Message) error {
	return play.First(
		play.Check(m.Status == unsend.StatusRevoked, "it is not shown as taken back"),
		play.Check(m.IsEmpty() && !strings.Contains(play.AsText(m), p.text), "it still holds its content"),
		play.Check(m.FromAccount == "alice", "its sender is not alice"),
		play.Check(m.Operation != nil && m.Operation.OperatorID == "bob", "its operator is not bob"),
		play.Check(m.Operation == nil || m.Operation.Postscript == postscript, "its postscript is another"),
		play.Check(m.Version == p.message.Version+1, "its version did not go up by one"),
	)
}

func (p *run) everybodyForgets(ctx context.Context) (string, error) {
	key := p.message.MessageKey
	return play.Told(ctx, p.sent, unsend.EventMessageUpdated, key, func(h play.Heard) error {
		return play.First(
			p.checkTombstone(h.Message),
			play.Check(h.Info != nil && h.Info.Postscript == postscript, "the notice has no update_info"),
			play.Check(!strings.Contains(play.AsText(h.Notice), p.text), "the notice holds the text"),
		)
	}, p.phone, p.tablet, p.carol)
}

func (p *run) historyForgets(ctx context.Context) (string, error) {
	for _, d := range []*play.Device{p.phone, p.tablet, p.desk} {
		m, err := p.inHistory(ctx, d, p.message.MessageKey)
		if err == nil {
			err = p.checkTombstone(m)
		}
		if err != nil {
			return "", fmt.Errorf("%s: %w", d.Name, err)
		}
	}
	return "", nil
}

// inHistory reads the newest page and finds the message. No text of a message that was taken back may be
// anywhere in it.
func (p *run) inHistory(ctx context.Context, d *play.Device, key unsend.MessageKey) (unsend.Message, error) {
	page, err := d.Client.History(ctx, unsend.HistoryRequest{ServerID: key.ServerID, ChannelID: key.ChannelID})
	if err != nil {
		return unsend.Message{}, err
	}
	if strings.Contains(play.AsText(page), p.text) {
		return unsend.Message{}, errors.New("the page of history holds the text")
	}
	return play.Find(page, key)
}

func (p *run) tableForgets(ctx context.Context) (string, error) {
	if p.Row == nil {
		return "passed over: no access to the table", nil
	}
	texts, err := p.Row(ctx, p.message.MessageKey)
	if err != nil {
		return "", fmt.Errorf("read the message's row: %w", err)
	}
	if len(texts) == 0 {
		return "", errors.New("the table has no row of the message")
	}
	for _, text := range texts {
		if strings.Contains(text, p.text) {
			return "", errors.New("the message's row still holds the text")
		}
	}
	return "", nil
}

func (p *run) revokeAgain(ctx context.Context) (string, error) {
	for _, d := range []*play.Device{p.desk, p.tablet} {
		m, err := d.Client.Revoke(ctx, unsend.RevokeRequest{MessageKey: p.message.MessageKey, Info: unsend.UpdateInfo{Postscript: "second thoughts"}})
		if err == nil {
			err = p.checkTombstone(m)
		}
		if err != nil {
			return "", fmt.Errorf("%s: %w", d.Name, err)
		}
	}
	return "", nil
}

func (p *run) resend(ctx context.Context) (string, error) {
	m, err := p.post(ctx, p.phone, server, room, "1", p.text)
	if err != nil {
		return "", err
	}
	return "", play.First(play.Check(m.MessageKey == p.message.MessageKey, "it got another id"), p.checkTombstone(m))
}

func (p *run) memberIsRefused(ctx context.Context) (string, error) {
	m, err := p.post(ctx, p.phone, server, room, "2", "low tide at six")
	if err != nil {
		return "", err
	}
	p.message = m
	if _, err := play.Told(ctx, p.Now(), unsend.EventMessage, m.MessageKey, play.Anything, p.tablet, p.desk, p.carol); err != nil {
		return "", err
	}
	_, err = p.carol.Client.Revoke(ctx, unsend.RevokeRequest{MessageKey: m.MessageKey})
	if err := play.Refused(err, unsend.CodeForbidden); err != nil {
		return "", fmt.Errorf("carol: %w", err)
	}
	now, err := p.inHistory(ctx, p.carol, m.MessageKey)
	return "", play.First(err, play.Check(now.Status == unsend.StatusNormal && now.Body == m.Body, "the message changed all the same"))
}

func (p *run) authorRevokes(ctx context.Context) (string, error) {
	p.sent = p.Now()
	_, err := p.tablet.Client.Revoke(ctx, unsend.RevokeRequest{MessageKey: p.message.MessageKey})
	if err != nil {
		return "", fmt.Errorf("alice's tablet: %w", err)
	}
	return play.Told(ctx, p.sent, unsend.EventMessageUpdated, p.message.MessageKey, func(h play.Heard) error {
		return play.First(
			play.Check(h.Message.IsEmpty() && h.Message.Status == unsend.StatusRevoked, "the notice is no tombstone"),
			play.Check(h.Message.Operation != nil && h.Message.Operation.OperatorID == "alice", "its operator is not alice"),
		)
	}, p.phone, p.desk, p.carol)
}

func (p *run) tooLate(ctx context.Context) (string, error) {
	const text = "start at noon"
	m, err := p.post(ctx, p.phone, server, hasty, "3", text)
	if err != nil {
		return "", err
	}
	if _, err := play.Told(ctx, p.Now(), unsend.EventMessage, m.MessageKey, play.Anything, p.tablet, p.desk, p.carol); err != nil {
		return "", err
	}
	if err := wait.For(ctx, hastyWindow+50*time.Millisecond); err != nil {
		return "", err
	}
	if err := play.TooLate(ctx, m.MessageKey, p.phone, p.desk); err != nil {
		return "", err
	}
	now, err := p.inHistory(ctx, p.phone, m.MessageKey)
	return "", play.First(err, play.Check(now.Body == text, "the message changed all the same"))
}

func (p *run) privateStaysPrivate(ctx context.Context) (string, error) {
	since := p.Now()
	m, err := p.post(ctx, p.desk, server, private, "4", "surprise for carol")
	if err != nil {
		return "", err
	}
	note, err := play.Told(ctx, since, unsend.EventMessage, m.MessageKey, play.Anything, p.phone, p.tablet)
	if err != nil {
		return "", err
	}
	_, err = p.carol.Client.History(ctx, unsend.HistoryRequest{ServerID: server, ChannelID: private})
	if err := play.Refused(err, unsend.CodeForbidden); err != nil {
		return "", fmt.Errorf("carol: %w", err)
	}
	return note, nil
}

func (p *run) bannedIsRefused(ctx context.Context) (string, error) {
	c := p.mallory.Client
	_, sending := c.Send(ctx, unsend.SendRequest{ServerID: server, ChannelID: room, MsgID: p.Run + "-5", Content: unsend.Content{Body: "let me in"}})
	_, reading := c.History(ctx, unsend.HistoryRequest{ServerID: server, ChannelID: room})
	_, revoking := c.Revoke(ctx, unsend.RevokeRequest{MessageKey: p.message.MessageKey})
	for what, err := range map[string]error{"send": sending, "history": reading, "revoke": revoking} {
		if err := play.Refused(err, unsend.CodeForbidden); err != nil {
			return "", fmt.Errorf("mallory, %s: %w", what, err)
		}
	}
	return "", nil
}

// silence sends each device a marker and then wants to find nothing else.
func (p *run) silence(ctx context.Context) (string, error) {
	for _, marker := range []struct {
		from            *play.Device
		server, channel string
		to              []*play.Device
	}{
		{p.carol, server, room, []*play.Device{p.phone, p.tablet, p.desk}},
		{p.desk, server, room, []*play.Device{p.phone, p.tablet, p.carol}},
		{p.eve, other, lamp, []*play.Device{p.mallory}},
		{p.mallory, other, lamp, []*play.Device{p.eve}},
	} {
		m, err := p.post(ctx, marker.from, marker.server, marker.channel, "marker-"+marker.from.Account, "good night")
		if err != nil {
			return "", err
		}
		if _, err := play.Told(ctx, p.Now(), unsend.EventMessage, m.MessageKey, play.Anything, marker.to...); err != nil {
			return "", err
		}
	}
	if err := wait.For(ctx, p.Grace); err != nil {
		return "", err
	}
	return "", play.NothingElse(p.Run, p.devices()...)
}
