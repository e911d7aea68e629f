package demo

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	unsend "unsend/clients/go"
	"unsend/scripts/unsend/wait"
)

const postscript = "wrong room"

func (p *play) send(ctx context.Context) (string, error) {
	p.sent = p.Now()
	m, err := p.post(ctx, p.phone, server, room, "1", p.text)
	if err != nil {
		return "", err
	}
	p.message = m
	return "", first(
		check(m.Body == p.text, "the answer holds another text"),
		check(m.FromAccount == "alice" && m.Status == unsend.StatusNormal, "the answer does not show alice's message as sent"),
		check(m.FromDeviceID == "phone-"+p.Run, "the answer does not name the phone"),
	)
}

func (p *play) everybodyIsTold(ctx context.Context) (string, error) {
	return p.told(ctx, p.sent, unsend.EventMessage, p.message.MessageKey, func(h heard) error {
		return first(
			check(h.Message.Body == p.text, "was told another text"),
			check(h.Message.FromAccount == "alice", "was not told that alice sent it"),
		)
	}, p.tablet, p.desk, p.carol)
}

func (p *play) revoke(ctx context.Context) (string, error) {
	p.sent = p.Now()
	m, err := p.desk.client.Revoke(ctx, unsend.RevokeRequest{MessageKey: p.message.MessageKey, Info: unsend.UpdateInfo{Postscript: postscript}})
	if err != nil {
		return "", err
	}
	age := time.Duration(m.UpdateTimestamp-m.Timestamp) * time.Millisecond
	return fmt.Sprintf("%d ms after it was sent", age.Milliseconds()), p.checkTombstone(m)
}

// checkTombstone says what a message that bob took back looks like, wherever it is seen.
func (p *play) checkTombstone(m unsend.Message) error {
	return first(
		check(m.Status == unsend.StatusRevoked, "it is not shown as taken back"),
		check(m.IsEmpty() && !strings.Contains(asText(m), p.text), "it still holds its content"),
		check(m.FromAccount == "alice", "its sender is not alice"),
		check(m.Operation != nil && m.Operation.OperatorID == "bob", "its operator is not bob"),
		check(m.Operation == nil || m.Operation.Postscript == postscript, "its postscript is another"),
		check(m.Version == p.message.Version+1, "its version did not go up by one"),
	)
}

func (p *play) everybodyForgets(ctx context.Context) (string, error) {
	key := p.message.MessageKey
	return p.told(ctx, p.sent, unsend.EventMessageUpdated, key, func(h heard) error {
		return first(
			p.checkTombstone(h.Message),
			check(h.Info != nil && h.Info.Postscript == postscript, "the notice has no update_info"),
			check(!strings.Contains(asText(h.Notice), p.text), "the notice holds the text"),
		)
	}, p.phone, p.tablet, p.carol)
}

func (p *play) historyForgets(ctx context.Context) (string, error) {
	for _, d := range []*device{p.phone, p.tablet, p.desk} {
		m, err := p.inHistory(ctx, d, p.message.MessageKey)
		if err == nil {
			err = p.checkTombstone(m)
		}
		if err != nil {
			return "", fmt.Errorf("%s: %w", d.name, err)
		}
	}
	return "", nil
}

// inHistory reads the newest page and finds the message. No text of a message that was taken back may be
// anywhere in it.
func (p *play) inHistory(ctx context.Context, d *device, key unsend.MessageKey) (unsend.Message, error) {
	page, err := d.client.History(ctx, unsend.HistoryRequest{ServerID: key.ServerID, ChannelID: key.ChannelID})
	if err != nil {
		return unsend.Message{}, err
	}
	if strings.Contains(asText(page), p.text) {
		return unsend.Message{}, errors.New("the page of history holds the text")
	}
	for _, m := range page.Messages {
		if m.MessageKey == key {
			return m, nil
		}
	}
	return unsend.Message{}, errors.New("the newest page of history does not have the message")
}

func (p *play) tableForgets(ctx context.Context) (string, error) {
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

func (p *play) revokeAgain(ctx context.Context) (string, error) {
	for _, d := range []*device{p.desk, p.tablet} {
		m, err := d.client.Revoke(ctx, unsend.RevokeRequest{MessageKey: p.message.MessageKey, Info: unsend.UpdateInfo{Postscript: "second thoughts"}})
		if err == nil {
			err = p.checkTombstone(m)
		}
		if err != nil {
			return "", fmt.Errorf("%s: %w", d.name, err)
		}
	}
	return "", nil
}

func (p *play) resend(ctx context.Context) (string, error) {
	m, err := p.post(ctx, p.phone, server, room, "1", p.text)
	if err != nil {
		return "", err
	}
	return "", first(check(m.MessageKey == p.message.MessageKey, "it got another id"), p.checkTombstone(m))
}

func (p *play) memberIsRefused(ctx context.Context) (string, error) {
	m, err := p.post(ctx, p.phone, server, room, "2", "low tide at six")
	if err != nil {
		return "", err
	}
	p.message = m
	if _, err := p.told(ctx, p.Now(), unsend.EventMessage, m.MessageKey, nothing, p.tablet, p.desk, p.carol); err != nil {
		return "", err
	}
	_, err = p.carol.client.Revoke(ctx, unsend.RevokeRequest{MessageKey: m.MessageKey})
	if err := refused(err, unsend.CodeForbidden); err != nil {
		return "", fmt.Errorf("carol: %w", err)
	}
	now, err := p.inHistory(ctx, p.carol, m.MessageKey)
	return "", first(err, check(now.Status == unsend.StatusNormal && now.Body == m.Body, "the message changed all the same"))
}

func (p *play) authorRevokes(ctx context.Context) (string, error) {
	p.sent = p.Now()
	_, err := p.tablet.client.Revoke(ctx, unsend.RevokeRequest{MessageKey: p.message.MessageKey})
	if err != nil {
		return "", fmt.Errorf("alice's tablet: %w", err)
	}
	return p.told(ctx, p.sent, unsend.EventMessageUpdated, p.message.MessageKey, func(h heard) error {
		return first(
			check(h.Message.IsEmpty() && h.Message.Status == unsend.StatusRevoked, "the notice is no tombstone"),
			check(h.Message.Operation != nil && h.Message.Operation.OperatorID == "alice", "its operator is not alice"),
		)
	}, p.phone, p.desk, p.carol)
}

func (p *play) tooLate(ctx context.Context) (string, error) {
	const text = "start at noon"
	m, err := p.post(ctx, p.phone, server, hasty, "3", text)
	if err != nil {
		return "", err
	}
	if _, err := p.told(ctx, p.Now(), unsend.EventMessage, m.MessageKey, nothing, p.tablet, p.desk, p.carol); err != nil {
		return "", err
	}
	if err := wait.For(ctx, hastyWindow+50*time.Millisecond); err != nil {
		return "", err
	}
	for _, d := range []*device{p.phone, p.desk} {
		_, err := d.client.Revoke(ctx, unsend.RevokeRequest{MessageKey: m.MessageKey})
		if err := refused(err, unsend.CodeTooLate); err != nil {
			return "", fmt.Errorf("%s: %w", d.name, err)
		}
	}
	now, err := p.inHistory(ctx, p.phone, m.MessageKey)
	return "", first(err, check(now.Body == text, "the message changed all the same"))
}

func (p *play) privateStaysPrivate(ctx context.Context) (string, error) {
	since := p.Now()
	m, err := p.post(ctx, p.desk, server, private, "4", "surprise for carol")
	if err != nil {
		return "", err
	}
	note, err := p.told(ctx, since, unsend.EventMessage, m.MessageKey, nothing, p.phone, p.tablet)
	if err != nil {
		return "", err
	}
	_, err = p.carol.client.History(ctx, unsend.HistoryRequest{ServerID: server, ChannelID: private})
	if err := refused(err, unsend.CodeForbidden); err != nil {
		return "", fmt.Errorf("carol: %w", err)
	}
	return note, nil
}

func (p *play) bannedIsRefused(ctx context.Context) (string, error) {
	c := p.mallory.client
	_, sending := c.Send(ctx, unsend.SendRequest{ServerID: server, ChannelID: room, MsgID: p.Run + "-5", Content: unsend.Content{Body: "let me in"}})
	_, reading := c.History(ctx, unsend.HistoryRequest{ServerID: server, ChannelID: room})
	_, revoking := c.Revoke(ctx, unsend.RevokeRequest{MessageKey: p.message.MessageKey})
	for what, err := range map[string]error{"send": sending, "history": reading, "revoke": revoking} {
		if err := refused(err, unsend.CodeForbidden); err != nil {
			return "", fmt.Errorf("mallory, %s: %w", what, err)
		}
	}
	return "", nil
}

// silence sends each device a marker and then wants to find nothing else.
func (p *play) silence(ctx context.Context) (string, error) {
	for _, marker := range []struct {
		from            *device
		server, channel string
		to              []*device
	}{
		{p.carol, server, room, []*device{p.phone, p.tablet, p.desk}},
		{p.desk, server, room, []*device{p.phone, p.tablet, p.carol}},
		{p.eve, other, lamp, []*device{p.mallory}},
		{p.mallory, other, lamp, []*device{p.eve}},
	} {
		m, err := p.post(ctx, marker.from, marker.server, marker.channel, "marker-"+marker.from.account, "good night")
		if err != nil {
			return "", err
		}
		if _, err := p.told(ctx, p.Now(), unsend.EventMessage, m.MessageKey, nothing, marker.to...); err != nil {
			return "", err
		}
	}
	if err := wait.For(ctx, p.Grace); err != nil {
		return "", err
	}
	return "", p.nothingElse()
}

func (p *play) nothingElse() error {
	var found []error
	for _, d := range p.devices() {
		for _, n := range d.unexpected(p.Run) {
			found = append(found, fmt.Errorf("%s was told what it should not: %s in #%s by %s", d.name, n.Event, n.Message.ChannelID, n.Message.FromAccount))
		}
	}
	return errors.Join(found...)
}

func nothing(heard) error { return nil }

// refused wants one code.
func refused(err error, code int) error {
	switch got := unsend.CodeOf(err); got {
	case code:
		return nil
	case 200:
		return fmt.Errorf("was permitted, want %d", code)
	default:
		return fmt.Errorf("want %d, got: %w", code, err)
	}
}

func check(ok bool, otherwise string) error {
	if ok {
		return nil
	}
	return errors.New(otherwise)
}

func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
