package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/sqs"

	unsend "unsend/clients/go"
	"unsend/scripts/benchmark/revocations"
)

// With FastRevocations everybody is told twice, by push and by notify; without permission, or without push, once, by notify. Not parallel:
// the others' revocations take the same ways.
func TestFastRevocations(t *testing.T) {
	c := localOnly(t) // it changes the stack
	c.oneVersionServes("Revoke")
	c.parameter("FastRevocations", "true")
	t.Cleanup(func() { c.parameter("FastRevocations", "false") })
	c.join("alice")
	c.join("carol")
	phone, tablet, carol := c.connect("alice", "phone"), c.connect("alice", "tablet"), c.connect("carol", "phone")
	twice := func(what string, m unsend.Message, devices ...*device) {
		for _, d := range devices {
			eventually(t, what+": "+d.name+" is told twice", func() bool { return d.ends(m.MsgServerID) == 2 })
		}
	}

	m := phone.say("one")
	c.must(phone.takeBack(m, ""))
	twice("a revoke", m, tablet, carol)

	several := []unsend.Message{phone.say("two"), phone.say("three")}
	var refs []unsend.MessageRef
	for _, m := range several {
		refs = append(refs, unsend.MessageRef{Timestamp: m.Timestamp, MsgServerID: m.MsgServerID})
	}
	c.must(phone.RevokeBatch(c.ctx(), unsend.RevokeBatchRequest{ServerID: c.id, ChannelID: "lobby", Messages: refs}))
	for _, m := range several {
		twice("a batch", m, tablet, carol)
	}
	for _, m := range append(several, m) {
		if got := phone.told(m.MsgServerID); len(got) > 0 {
			t.Errorf("the device that did it was told %q", got)
		}
	}

	m = phone.say("four")
	c.api(200, "POST servers/"+c.id+"/channels/lobby/messages/revoke",
		fmt.Sprintf(`{"operator":%q,"messages":[{"timestamp":%d,"msg_server_id":%q}]}`, c.account("owner"), m.Timestamp, m.MsgServerID))
	twice("a back end's", m, tablet, carol)

	t.Run("nothing holds a revoked text", TestNothingHoldsARevokedText)
	t.Run("the queue holds ids", func(t *testing.T) { c.of(t).queueHoldsIDs(phone, carol) })
	t.Run("without permission", func(t *testing.T) { c.of(t).tellsWithoutPermission(phone, carol) })
}

// What scripts/bench revocations does ends with times of both ways, and with the parameter as it was.
func TestFastRevocationsAreMeasured(t *testing.T) {
	c := localOnly(t)
	c.oneVersionServes("Revoke")
	results, err := revocations.Run(t.Context(), c.Deployment, revocations.Options{Audiences: []int{2}, Turns: 1, Times: 1}, func(line string) { t.Log(line) })
	c.must(nil, err)
	for i, r := range results {
		if r.Fast != (i == 1) || r.Devices != 2 || len(r.Answer) != 1 || len(r.First) != 1 || len(r.Last) != 1 || r.Answer[0] <= 0 || r.Last[0] < r.First[0] {
			t.Errorf("measured %+v", r)
		}
	}
	phone, carol := c.connect("owner", "phone"), c.connect("owner", "desk")
	m := phone.say("one")
	c.must(phone.takeBack(m, ""))
	carol.waitFor(unsend.EventMessageUpdated, m.MsgServerID)
}

// ends is how often it was told that the message was taken back.
func (d *device) ends(id string) (n int) {
	for _, notice := range d.notices() {
		if notice.Message.MsgServerID == id && notice.Event == unsend.EventMessageUpdated {
			n++
		}
	}
	return n
}

// of is the community in another test.
func (c *community) of(t *testing.T) *community {
	other := *c
	other.t = t
	return &other
}

// parameter changes one of the stack.
func (c *community) parameter(name, value string) {
	c.t.Helper()
	c.must(nil, c.SetParameter(context.WithoutCancel(c.t.Context()), name, value))
}

// queueHoldsIDs looks at what a revoke leaves for push, while push does not take it. The stream tells meanwhile.
func (c *community) queueHoldsIDs(phone, carol *device) {
	c.t.Helper()
	c.pause("PushTasks")
	secret := "canary-" + random()
	m := phone.say(secret)
	c.must(phone.takeBack(m, secret+" postscript"))
	carol.waitFor(unsend.EventMessageUpdated, m.MsgServerID)
	client := sqs.NewFromConfig(c.AWS())
	var body string
	eventually(c.t, "a task", func() bool {
		out, err := client.ReceiveMessage(c.ctx(), &sqs.ReceiveMessageInput{QueueUrl: &c.PushQueueURL, MaxNumberOfMessages: 10, VisibilityTimeout: 1})
		c.must(nil, err)
		for _, message := range out.Messages {
			if strings.Contains(*message.Body, m.MsgServerID) {
				body = *message.Body
			}
		}
		return body != ""
	})
	want := fmt.Sprintf(`{"v":1,"server":%q,"records":[{"kind":"MODIFY","channel":"lobby","time":%d,"id":%q}]}`, c.id, m.Timestamp, m.MsgServerID)
	if body != want {
		c.t.Errorf("the task is %s\nwant %s", body, want)
	}
	if n := carol.ends(m.MsgServerID); n != 1 {
		c.t.Errorf("told %d times, want once, by the stream", n)
	}
}

// tellsWithoutPermission takes the queue away from revoke: its answer is the same, and its line says why it is slower.
func (c *community) tellsWithoutPermission(phone, carol *device) {
	c.t.Helper()
	c.deny("RevokeRole", "sqs:SendMessage")
	m := phone.say("five")
	answer, err := phone.takeBack(m, "")
	if err != nil || answer.Status != unsend.StatusRevoked {
		c.t.Errorf("answered %+v, %v", answer, err)
	}
	carol.waitFor(unsend.EventMessageUpdated, m.MsgServerID)
	var line struct {
		Level, Message string
		Code           int
		Failed         string `json:"fast_failed"`
	}
	eventually(c.t, "the line of the revoke", func() bool {
		for text := range strings.Lines(c.logOf("revoke")) {
			if strings.Contains(text, m.MsgServerID) && json.Unmarshal([]byte(text), &line) == nil {
				return true
			}
		}
		return false
	})
	if line.Level != "WARN" || line.Code != 200 || !strings.Contains(line.Failed, "AccessDenied") {
		c.t.Errorf("the line says %+v", line)
	}
}
