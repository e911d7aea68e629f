package e2e

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	eventtypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"

	unsend "unsend/clients/go"
	"unsend/shared/chat"
)

// audit is everything that was taken back in the server.
func (c *community) audit() (all []chat.RevokeEntry) {
	c.t.Helper()
	page, err := c.store.Audit(c.ctx(), chat.AuditQuery{ServerID: c.id, Until: chat.MaxTimestamp, Limit: 100, Now: time.Now()})
	c.must(nil, err)
	for _, e := range page.Entries {
		if e.Revoke != nil {
			all = append(all, *e.Revoke)
		}
	}
	return all
}

func TestWhoTookWhatBackIsKept(t *testing.T) {
	t.Parallel()
	c := newCommunity(t)
	c.join("alice")
	c.join("bob", "mod")
	alice, bob := c.connect("alice", "phone"), c.connect("bob", "desk")
	own, others, kept := alice.say("of her own accord"), alice.say("by a moderator"), alice.say("kept")
	var want []chat.RevokeEntry
	for _, x := range []struct {
		by     *device
		m      unsend.Message
		reason string
	}{{alice, own, ""}, {bob, others, "wrong room"}} {
		revoked, err := x.by.takeBack(x.m, x.reason)
		c.must(nil, err)
		account, id, _ := strings.Cut(x.by.name, "/")
		want = append(want, chat.RevokeEntry{
			MessageKey: chat.MessageKey(x.m.MessageKey), Version: 2, RevokedAt: revoked.UpdateTimestamp, AuthorID: c.account("alice"), Reason: x.reason,
			Operator: chat.Who{AccountID: c.account(account), DeviceID: id, ClientType: chat.Web}, Door: chat.WebSocketDoor,
		})
	}
	if _, err := bob.takeBack(own, "again"); err != nil { // the first one's stays
		t.Fatal(err)
	}
	var got []chat.RevokeEntry
	eventually(t, "both revocations are in the audit", func() bool { got = c.audit(); return len(got) == 2 })
	for i, e := range got {
		if least := time.UnixMilli(e.RevokedAt).Add(24 * time.Hour).Unix(); e.ExpiresAt != 0 && e.ExpiresAt < least {
			t.Errorf("an entry ends at %d, less than the least retention after it was made", e.ExpiresAt)
		}
		got[i].ExpiresAt = 0
	}
	if !slices.Equal(got, want) {
		t.Errorf("the audit holds %+v, want %+v", got, want)
	}
	if slices.ContainsFunc(got, func(e chat.RevokeEntry) bool { return e.MsgServerID == kept.MsgServerID }) {
		t.Error("the audit holds a message that was not taken back")
	}
}

// heardEvent is what a rule's target gets.
type heardEvent struct {
	Source     string
	DetailType string `json:"detail-type"`
	Detail     struct {
		ID              string
		ServerID        string `json:"server_id"`
		ChannelID       string `json:"channel_id"`
		MsgServerID     string `json:"msg_server_id"`
		Timestamp       int64
		Version         int64
		Sender          heardWho
		Operator        heardWho
		UpdateTimestamp int64  `json:"update_timestamp"`
		PushContent     string `json:"push_content"`
		PushPayload     string `json:"push_payload"`
	}
	text string
}

type heardWho struct {
	Account    string `json:"accid"`
	DeviceID   string `json:"device_id"`
	ClientType int    `json:"client_type"`
}

// listener is a queue that a rule puts the server's events into. Both go with the test.
type listener struct {
	*community
	queue string
	all   []heardEvent
}

func (c *community) listen() *listener {
	c.t.Helper()
	if c.EventBus == "" {
		c.t.Skip("this deployment tells no event bus: its parameter EventBusName is empty")
	}
	buses, queues := eventbridge.NewFromConfig(c.AWS()), sqs.NewFromConfig(c.AWS())
	name := aws.String("e2e-" + c.id)
	made, err := queues.CreateQueue(c.ctx(), &sqs.CreateQueueInput{QueueName: name})
	c.must(nil, err)
	l := &listener{community: c, queue: *made.QueueUrl}
	c.t.Cleanup(func() { _, _ = queues.DeleteQueue(c.finally(), &sqs.DeleteQueueInput{QueueUrl: &l.queue}) })
	arn := l.attribute(queues, sqstypes.QueueAttributeNameQueueArn)
	rule, err := buses.PutRule(c.ctx(), &eventbridge.PutRuleInput{Name: name, EventBusName: &c.EventBus,
		EventPattern: aws.String(`{"source":["unsend"],"detail":{"server_id":["` + c.id + `"]}}`)})
	c.must(nil, err)
	c.t.Cleanup(func() {
		_, _ = buses.RemoveTargets(c.finally(), &eventbridge.RemoveTargetsInput{Rule: name, EventBusName: &c.EventBus, Ids: []string{"queue"}})
		_, _ = buses.DeleteRule(c.finally(), &eventbridge.DeleteRuleInput{Name: name, EventBusName: &c.EventBus})
	})
	c.must(queues.SetQueueAttributes(c.ctx(), &sqs.SetQueueAttributesInput{QueueUrl: &l.queue, Attributes: map[string]string{
		"Policy": `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"events.amazonaws.com"},"Action":"sqs:SendMessage",` +
			`"Resource":"` + arn + `","Condition":{"ArnEquals":{"aws:SourceArn":"` + *rule.RuleArn + `"}}}]}`}}))
	out, err := buses.PutTargets(c.ctx(), &eventbridge.PutTargetsInput{Rule: name, EventBusName: &c.EventBus,
		Targets: []eventtypes.Target{{Id: aws.String("queue"), Arn: &arn}}})
	c.must(nil, err)
	if out.FailedEntryCount > 0 {
		c.t.Fatalf("%v", *out.FailedEntries[0].ErrorCode)
	}
	return l
}

func (l *listener) attribute(queues *sqs.Client, name sqstypes.QueueAttributeName) string {
	l.t.Helper()
	out, err := queues.GetQueueAttributes(l.ctx(), &sqs.GetQueueAttributesInput{QueueUrl: &l.queue, AttributeNames: []sqstypes.QueueAttributeName{name}})
	l.must(nil, err)
	return out.Attributes[string(name)]
}

// events are those that came so far, each id once, by their ids.
func (l *listener) events() map[string]heardEvent {
	l.t.Helper()
	queues := sqs.NewFromConfig(l.AWS())
	out, err := queues.ReceiveMessage(l.ctx(), &sqs.ReceiveMessageInput{QueueUrl: &l.queue, MaxNumberOfMessages: 10})
	l.must(nil, err)
	for _, m := range out.Messages {
		event := heardEvent{text: *m.Body}
		l.must(nil, json.Unmarshal([]byte(*m.Body), &event))
		l.all = append(l.all, event)
		l.must(queues.DeleteMessage(l.ctx(), &sqs.DeleteMessageInput{QueueUrl: &l.queue, ReceiptHandle: m.ReceiptHandle}))
	}
	byID := map[string]heardEvent{}
	for _, event := range l.all {
		byID[event.Detail.ID] = event
	}
	return byID
}

// wait gives the event of the id.
func (l *listener) wait(id string) (event heardEvent) {
	l.t.Helper()
	eventually(l.t, "the event "+id, func() (ok bool) { event, ok = l.events()[id]; return ok })
	return event
}

func TestTheBusIsToldByIDs(t *testing.T) {
	t.Parallel()
	c := newCommunity(t)
	l := c.listen()
	c.join("alice")
	c.join("bob", "mod")
	alice, bob := c.connect("alice", "phone"), c.connect("bob", "desk")
	const secret = "canary of the bus"
	m, err := alice.Send(c.ctx(), unsend.SendRequest{ServerID: c.id, ChannelID: "lobby",
		Content: unsend.Content{Body: secret, Ext: secret, PushContent: secret, PushPayload: secret}})
	c.must(nil, err)
	sent := l.wait(fmt.Sprintf("%s/lobby/%s/1", c.id, m.MsgServerID))
	revoked, err := bob.Revoke(c.ctx(), unsend.RevokeRequest{MessageKey: m.MessageKey,
		Info: unsend.UpdateInfo{Postscript: "wrong room", PushContent: "taken back", PushPayload: `{"badge":0}`}})
	c.must(nil, err)
	gone := l.wait(fmt.Sprintf("%s/lobby/%s/2", c.id, m.MsgServerID))

	for _, e := range []heardEvent{sent, gone} {
		if d := e.Detail; e.Source != "unsend" || d.ServerID != c.id || d.ChannelID != "lobby" || d.MsgServerID != m.MsgServerID || d.Timestamp != m.Timestamp {
			t.Errorf("an event of another message: %s", e.text)
		}
		c.search("an event", e.text, secret)
	}
	if want := (heardWho{c.account("alice"), "phone", web}); sent.DetailType != "message.sent" || sent.Detail.Sender != want {
		t.Errorf("sent: %s", sent.text)
	}
	d, want := gone.Detail, heardWho{c.account("bob"), "desk", web}
	if gone.DetailType != "message.revoked" || d.Operator != want || d.UpdateTimestamp != revoked.UpdateTimestamp ||
		d.PushContent != "taken back" || d.PushPayload != `{"badge":0}` {
		t.Errorf("revoked: %s", gone.text)
	}
	if strings.Contains(gone.text, "wrong room") {
		t.Errorf("the event says why, which is the audit's: %s", gone.text)
	}
}
