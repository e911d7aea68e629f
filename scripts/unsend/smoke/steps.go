package smoke

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	unsend "unsend/clients/go"
	"unsend/scripts/unsend/play"
	"unsend/scripts/unsend/wait"
)

// What to do about a step, where the step itself does not say it.
const (
	adviceAPI   = "Look at the log of the function server. Your credentials need lambda:InvokeFunctionUrl and lambda:InvokeFunction on its alias live."
	adviceToken = "Look at the log of authorize, whose key reason names the rule, and of connect. If the stack's token parameters were changed just now, repeat this in five minutes."
	advicePush  = "Look at the logs of notify and push, and at the alarms NoticesAreLate and NoticesWereGivenUp: the stream or the @connections API is in trouble. Nothing is lost: devices sync."
	adviceAct   = "Look at the log of the function that answers this action, for the code and its error, and at the alarms FunctionsFail and RequestsFail."
	adviceRight = "This is a hole: somebody may do or see what they must not. Roll the deployment back, and tell its authors."
)

func (r *run) steps() []play.Step {
	return []play.Step{
		{Title: "the Server API makes a server, two channels, a role and two members", Do: r.make, Advice: adviceAPI},
		{Title: "the Server API refuses a request without a signature: 403", Do: r.unsigned, Advice: adviceRight},
		{Title: "the author's phone connects: Authorization header", Do: r.connectPhone, Advice: adviceToken},
		{Title: "the moderator's browser connects: sub-protocols bearer, TOKEN", Do: r.connectBrowser, Advice: adviceToken},
		{Title: "a token of another secret is refused", Do: r.forged, Advice: adviceRight},
		{Title: "the phone sends, and the browser is told", Do: r.sends, Advice: advicePush},
		{Title: "the phone takes it back, and the browser is told, without the text", Do: r.takesBack, Advice: advicePush},
		{Title: "history shows a tombstone without the text, to both", Do: r.historyForgets, Advice: adviceAct},
		{Title: "sync tells the browser of it", Do: r.syncTells, Advice: "Sync reads the index updates of the table Messages: look at the log of read, and at the index in DynamoDB's console."},
		{Title: "the browser, a moderator's, takes the phone's next message back, and the phone is told", Do: r.moderates, Advice: advicePush},
		{Title: "a revoke after the window is refused: 508, and the message stays", Do: r.tooLate, Advice: adviceRight},
		{Title: "a stranger may neither send, read nor take back: 403", Do: r.strangerIsRefused, Advice: adviceRight},
		{Title: "no device was told of its own doings, nor the stranger of anything", Do: r.silence, Advice: adviceRight},
	}
}

func (r *run) unsigned(ctx context.Context) (string, error) {
	status, err := r.Unsigned(ctx, r.server)
	if err != nil {
		return "", err
	}
	return "", play.Check(status == http.StatusForbidden, fmt.Sprintf("answered with HTTP %d, want 403", status))
}

func (r *run) forged(ctx context.Context) (string, error) {
	client, _, err := r.Dial(ctx, r.author, "forged", Forged)
	if err == nil {
		_ = client.Close() // the step has failed
		return "", errors.New("it was accepted")
	}
	refusal, ok := errors.AsType[*unsend.DialError](err)
	if !ok || (refusal.Status != http.StatusForbidden && refusal.Status != http.StatusUnauthorized) {
		return "", fmt.Errorf("want HTTP 401 or 403, got: %w", err)
	}
	return fmt.Sprintf("HTTP %d", refusal.Status), nil
}

// sends also begins the moderator's sync, whose cursor is from before the revoke.
func (r *run) sends(ctx context.Context) (string, error) {
	page, err := r.browser.Client.Sync(ctx, r.server, "")
	if err != nil {
		return "", by(r.browser, err)
	}
	r.cursor = page.Cursor
	if r.first, err = r.send(ctx, r.phone, room, "1"); err != nil {
		return "", err
	}
	return play.Told(ctx, r.asked, unsend.EventMessage, r.first.MessageKey, func(h play.Heard) error {
		return play.Check(h.Message.Body == r.text && h.Message.FromAccount == r.author, "was told another text or sender")
	}, r.browser)
}

func (r *run) takesBack(ctx context.Context) (string, error) {
	return r.revoke(ctx, r.first, r.phone, r.browser)
}

func (r *run) moderates(ctx context.Context) (_ string, err error) {
	if r.second, err = r.send(ctx, r.phone, room, "2"); err != nil {
		return "", err
	}
	if _, err := play.Told(ctx, r.asked, unsend.EventMessage, r.second.MessageKey, play.Anything, r.browser); err != nil {
		return "", err
	}
	return r.revoke(ctx, r.second, r.browser, r.phone)
}

// revoke takes the message back with one device, and wants the other told.
func (r *run) revoke(ctx context.Context, m unsend.Message, operator, told *play.Device) (string, error) {
	r.asked = r.Now()
	answer, err := operator.Client.Revoke(ctx, unsend.RevokeRequest{MessageKey: m.MessageKey, Info: unsend.UpdateInfo{Postscript: "smoke test"}})
	if err != nil {
		return "", by(operator, err)
	}
	if err := r.tombstone(answer, operator.Account); err != nil {
		return "", fmt.Errorf("%s, the answer: %w", operator.Name, err)
	}
	return play.Told(ctx, r.asked, unsend.EventMessageUpdated, m.MessageKey, func(h play.Heard) error {
		return r.tombstone(h.Message, operator.Account)
	}, told)
}

// tombstone says what a message that was taken back looks like, wherever it is seen.
func (r *run) tombstone(m unsend.Message, operator string) error {
	return play.First(
		play.Check(m.Status == unsend.StatusRevoked, "it is not shown as taken back"),
		play.Check(m.IsEmpty() && !strings.Contains(play.AsText(m), r.text), "it still holds its content"),
		play.Check(m.Operation != nil && m.Operation.OperatorID == operator, "its operator is another"),
	)
}

func (r *run) historyForgets(ctx context.Context) (string, error) {
	for _, d := range []*play.Device{r.phone, r.browser} {
		m, err := r.inHistory(ctx, d, r.first.MessageKey)
		if err == nil {
			err = r.tombstone(m, r.author)
		}
		if err != nil {
			return "", by(d, err)
		}
	}
	return "", nil
}

func (r *run) inHistory(ctx context.Context, d *play.Device, key unsend.MessageKey) (unsend.Message, error) {
	page, err := d.Client.History(ctx, unsend.HistoryRequest{ServerID: key.ServerID, ChannelID: key.ChannelID})
	if err != nil {
		return unsend.Message{}, err
	}
	return play.Find(page, key)
}

// syncTells asks until it is told: the index that it reads follows the table a moment later.
func (r *run) syncTells(ctx context.Context) (string, error) {
	for {
		page, err := r.browser.Client.Sync(ctx, r.server, r.cursor)
		if err != nil {
			return "", by(r.browser, err)
		}
		for _, u := range page.Updates {
			if u.MessageKey == r.first.MessageKey {
				return "", play.Check(u.Status == unsend.StatusRevoked && u.Operation.OperatorID == r.author, "it is told as something else")
			}
		}
		if wait.For(ctx, 500*time.Millisecond) != nil {
			return "", errors.New("it was not told in time")
		}
	}
}

func (r *run) tooLate(ctx context.Context) (string, error) {
	m, err := r.send(ctx, r.phone, hasty, "3")
	if err != nil {
		return "", err
	}
	if _, err := play.Told(ctx, r.asked, unsend.EventMessage, m.MessageKey, play.Anything, r.browser); err != nil {
		return "", err
	}
	if err := r.pause(ctx); err != nil {
		return "", err
	}
	if err := play.TooLate(ctx, m.MessageKey, r.phone, r.browser); err != nil {
		return "", err
	}
	now, err := r.inHistory(ctx, r.phone, m.MessageKey)
	return "", play.First(err, play.Check(now.Status == unsend.StatusNormal && now.Body == r.text, "the message changed all the same"))
}

func (r *run) strangerIsRefused(ctx context.Context) (_ string, err error) {
	if r.outsider, _, err = r.connect(ctx, "the stranger", r.stranger, "laptop", Header); err != nil {
		return "", err
	}
	c := r.outsider.Client
	_, sending := c.Send(ctx, unsend.SendRequest{ServerID: r.server, ChannelID: room, MsgID: r.Run + "-4", Content: unsend.Content{Body: "let me in"}})
	_, reading := c.History(ctx, unsend.HistoryRequest{ServerID: r.server, ChannelID: room})
	_, revoking := c.Revoke(ctx, unsend.RevokeRequest{MessageKey: r.second.MessageKey})
	for _, each := range []struct {
		what string
		err  error
	}{{"send", sending}, {"history", reading}, {"revoke", revoking}} {
		if err := play.Refused(each.err, unsend.CodeForbidden); err != nil {
			return "", fmt.Errorf("%s: %w", each.what, err)
		}
	}
	return "", nil
}

// silence sends each member's device a marker, after which nothing else may have come.
func (r *run) silence(ctx context.Context) (string, error) {
	for _, marker := range []struct {
		from, to *play.Device
		id       string
	}{{r.phone, r.browser, "marker-1"}, {r.browser, r.phone, "marker-2"}} {
		m, err := r.send(ctx, marker.from, room, marker.id)
		if err != nil {
			return "", err
		}
		if _, err := play.Told(ctx, r.asked, unsend.EventMessage, m.MessageKey, play.Anything, marker.to); err != nil {
			return "", err
		}
	}
	if err := wait.For(ctx, r.Grace); err != nil {
		return "", err
	}
	return "", play.NothingElse(r.Run, r.phone, r.browser, r.outsider)
}
