package e2e

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	unsend "unsend/clients/go"
	"unsend/shared/chat"
)

// takeBackAll is one frame for messages of the lobby.
func (d *device) takeBackAll(messages ...unsend.Message) []unsend.RevokeOutcome {
	d.c.t.Helper()
	r := unsend.RevokeBatchRequest{ServerID: d.c.id, ChannelID: "lobby", Info: unsend.UpdateInfo{Postscript: "all of it"}}
	for _, m := range messages {
		r.Messages = append(r.Messages, unsend.MessageRef{Timestamp: m.Timestamp, MsgServerID: m.MsgServerID})
	}
	outcomes, err := d.RevokeBatch(d.c.ctx(), r)
	if err != nil || len(outcomes) != len(messages) {
		d.c.t.Fatalf("%s: %d outcomes of %d messages, %v", d.name, len(outcomes), len(messages), err)
	}
	for i, o := range outcomes {
		if o.MessageRef != r.Messages[i] {
			d.c.t.Errorf("%s: outcome %d is that of %v, want %v", d.name, i, o.MessageRef, r.Messages[i])
		}
	}
	return outcomes
}

func outcomeCodes(outcomes []unsend.RevokeOutcome) []int {
	codes := make([]int, len(outcomes))
	for i, o := range outcomes {
		codes[i] = code(o.Err())
	}
	return codes
}

// One frame, an outcome for each: own and another's, too late, unknown, and taken back before.
func TestABatchIsTakenBackInParts(t *testing.T) {
	t.Parallel()
	c := newCommunity(t)
	c.join("alice")
	c.join("bob", "mod")
	short, always := chat.Window(6_000), chat.NoLimit
	c.changeChannel("lobby", func(ch *chat.Channel) { ch.Windows = chat.Windows{Own: &short, Moderator: &always} })
	phone, tablet, desk := c.connect("alice", "phone"), c.connect("alice", "tablet"), c.connect("bob", "desk")
	late := phone.say("an old one")
	time.Sleep(6100 * time.Millisecond)
	own, theirs, former := phone.say("mine"), desk.say("bob's"), phone.say("taken back already")
	first, err := desk.takeBack(former, "first")
	c.must(nil, err)
	unknown := own
	unknown.MsgServerID = "01JZZZZZZZZZZZZZZZZZZZZZZZ"

	author := phone.takeBackAll(own, theirs, late, unknown, former)
	if got, want := outcomeCodes(author), []int{200, 403, 508, 404, 200}; !slices.Equal(got, want) {
		t.Errorf("the author was answered %v, want %v", got, want)
	}
	moderator := desk.takeBackAll(own, theirs, late, unknown, former)
	if got, want := outcomeCodes(moderator), []int{200, 200, 200, 404, 200}; !slices.Equal(got, want) {
		t.Errorf("the moderator was answered %v, want %v", got, want)
	}
	if author[0] != moderator[0] || author[4] != moderator[4] || author[4].UpdateTimestamp != first.UpdateTimestamp || author[4].Version != 2 {
		t.Errorf("repeating is another result: %v, %v; the first was at %d", author, moderator, first.UpdateTimestamp)
	}
	for _, m := range []unsend.Message{own, theirs, late, former} {
		c.expectErased(m)
	}
	marker := c.marker()
	for _, m := range []unsend.Message{own, theirs, late, former} {
		tablet.waitFor(unsend.EventMessageUpdated, m.MsgServerID)
	}
	desk.waitFor(unsend.EventMessageUpdated, own.MsgServerID)
	desk.expect(late.MsgServerID, marker, "message v1")
	if n := tablet.waitFor(unsend.EventMessageUpdated, own.MsgServerID); n.Info == nil || n.Info.Postscript != "all of it" || n.Message.Operation.OperatorID != c.account("alice") {
		t.Errorf("the notice says %v, %v", n.Info, n.Message.Operation)
	}
}

// A moderator's sweep: a hundred messages in one frame, and another device is told in far fewer frames than that.
func TestAHundredMessagesAreTakenBackAtOnce(t *testing.T) {
	t.Parallel()
	const n = 100
	c := newCommunity(t)
	c.join("bob", "mod")
	raw := c.raw("owner")
	desk := c.connect("bob", "desk")
	messages, waiting := make([]unsend.Message, n), map[string]bool{}
	for i := range messages {
		// Their author is another test's matter, and the limit of frames, too.
		key := chat.MessageKey{ServerID: c.id, ChannelID: "lobby", Timestamp: time.Now().UnixMilli(), MsgServerID: fmt.Sprintf("01KSPAM%019d", i)}
		m := chat.Message{MessageKey: key, MsgID: fmt.Sprint("spam", i), Version: 1, UpdatedAt: key.Timestamp,
			From: chat.Actor{AccountID: c.account("mallory"), Device: "phone"}, Content: chat.Content{Body: "buy this now"}}
		c.must(written(func() (chat.Sent, error) { return c.store.PutMessage(c.ctx(), m, time.Now()) }))
		messages[i].MessageKey, messages[i].Body = unsend.MessageKey(key), "buy this now"
		waiting[key.MsgServerID] = true
	}
	marker := c.marker()
	desk.waitFor(unsend.EventMessage, marker)

	began := time.Now()
	for i, o := range desk.takeBackAll(messages...) {
		if o.Code != 200 || o.Version != 2 {
			t.Fatalf("message %d: %+v", i, o)
		}
	}
	t.Logf("answered after %v", time.Since(began))
	frames := 0
	for len(waiting) > 0 {
		updated := 0
		for _, notice := range raw.nextNotices() {
			if notice.Event == unsend.EventMessageUpdated {
				updated++
				delete(waiting, notice.Message.MsgServerID)
			}
		}
		if updated > 0 {
			frames++
		}
	}
	t.Logf("%d messages told in %d frames after %v", n, frames, time.Since(began))
	if frames > n/4 {
		t.Errorf("%d frames for %d messages", frames, n)
	}
	c.expectErased(messages[n-1])
	desk.expect(messages[0].MsgServerID, c.marker(), "message v1")
}

// nextNotices are those of the next frame; none where it is another one.
func (r *rawDevice) nextNotices() []unsend.Notice {
	r.c.t.Helper()
	var frame struct {
		Notices []unsend.Notice `json:"notices"`
	}
	r.c.must(nil, json.Unmarshal([]byte(r.next()), &frame))
	return frame.Notices
}
