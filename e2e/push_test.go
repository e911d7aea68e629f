package e2e

import (
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sqs"

	unsend "unsend/clients/go"
	"unsend/shared/chat"
	"unsend/shared/queue"
)

// The task that notify would leave: push, with its own role, finds the device and
// tells it what the row says now.
func TestPushTellsWhatNotifyLeft(t *testing.T) {
	t.Parallel()
	c := newCommunity(t)
	c.join("alice")
	c.join("carol")
	alice, carol := c.connect("alice", "phone"), c.connect("carol", "phone")
	m := alice.say("taken back")
	if _, err := alice.takeBack(m, ""); err != nil {
		t.Fatal(err)
	}
	carol.waitFor(unsend.EventMessageUpdated, m.MsgServerID)
	before := carol.count(m.MsgServerID)
	connections, err := c.store.Connections(c.ctx(), c.account("carol"), time.Now().UnixMilli())
	c.must(nil, err)
	record := chat.Stored{Key: chat.MessageKey(m.MessageKey), Kind: chat.Modified}
	q := queue.New(c.AWS(), c.PushQueueURL)
	for i, part := range []*chat.Part{nil, {After: "!"}, {Only: []string{connections[0].ID}}} {
		c.must(nil, q.Enqueue(c.ctx(), chat.Task{ServerID: c.id, Records: []chat.Stored{record}, Part: part}))
		eventually(t, fmt.Sprintf("carol is told by task %d", i), func() bool { return carol.count(m.MsgServerID) > before+i })
	}
	if got := alice.told(m.MsgServerID); len(got) > 0 {
		t.Errorf("the device that did it was told %q", got)
	}
}

// count is how many notices of the message came, repeated ones included.
func (d *device) count(id string) (n int) {
	for _, notice := range d.notices() {
		if notice.Message.MsgServerID == id {
			n++
		}
	}
	return n
}

// What is no task does no harm to the tasks beside it, and waits to become a dead letter.
func TestPushSurvivesWhatIsNoTask(t *testing.T) {
	t.Parallel()
	c := newCommunity(t)
	c.join("carol")
	carol := c.connect("carol", "phone")
	m := c.connect("owner", "phone").say("hello")
	carol.waitFor(unsend.EventMessage, m.MsgServerID)
	text := "no task"
	_, err := sqs.NewFromConfig(c.AWS()).SendMessage(c.ctx(), &sqs.SendMessageInput{QueueUrl: &c.PushQueueURL, MessageBody: &text})
	c.must(nil, err)
	task := chat.Task{ServerID: c.id, Records: []chat.Stored{{Key: chat.MessageKey(m.MessageKey), Kind: chat.Inserted}}}
	c.must(nil, queue.New(c.AWS(), c.PushQueueURL).Enqueue(c.ctx(), task))
	eventually(t, "the task beside it is done", func() bool { return carol.count(m.MsgServerID) > 1 })
}

// More devices than notify tells by itself: DirectPushLimit is low on the local stack.
func TestMoreDevicesThanNotifyTells(t *testing.T) {
	t.Parallel()
	c := newCommunity(t)
	const accounts, devices = 5, 5
	var all []*device
	for i := range accounts {
		name := fmt.Sprintf("crowd%d", i)
		c.join(name)
		for j := range devices {
			all = append(all, c.connect(name, fmt.Sprint("device", j)))
		}
	}
	m := all[0].say("for everybody")
	for _, d := range all[1:] {
		d.waitFor(unsend.EventMessage, m.MsgServerID)
	}
	if _, err := all[0].takeBack(m, ""); err != nil {
		t.Fatal(err)
	}
	for _, d := range all[1:] {
		d.waitFor(unsend.EventMessageUpdated, m.MsgServerID)
	}
}
