package e2e

import (
	"fmt"
	"testing"
	"time"

	unsend "unsend/clients/go"
	"unsend/shared/chat"
	"unsend/shared/queue"
)

func (c *community) delivery() chat.Delivery {
	c.t.Helper()
	deliveries, err := c.store.Deliveries(c.ctx(), []string{c.id})
	c.must(nil, err)
	return deliveries[c.id]
}

// becameLarge makes the server one that began to be a large one so long ago.
func (c *community) becameLarge(ago time.Duration) {
	c.t.Helper()
	was := c.delivery()
	c.must(nil, c.store.ChangeDelivery(c.ctx(), c.id, was, chat.Delivery{Large: true, Since: time.Now().Add(-ago).UnixMilli()}))
}

func (d *device) subscribe(channels ...string) {
	d.c.t.Helper()
	answers, err := d.Subscribe(d.c.ctx(), d.c.id, channels...)
	d.c.must(nil, err)
	for _, a := range answers {
		if a.Code != 200 {
			d.c.t.Errorf("%s may not subscribe to %s: %d %s", d.name, a.ChannelID, a.Code, a.Reason)
		}
	}
}

// A large server tells those who subscribed to the channel, and says so; who did not, catches up with sync.
func TestALargeServerTellsSubscribersOnly(t *testing.T) {
	t.Parallel()
	c := newCommunity(t)
	for _, name := range []string{"alice", "bob", "carol"} {
		c.join(name)
	}
	alice, bob, carol := c.connect("alice", "phone"), c.connect("bob", "phone"), c.connect("carol", "phone")
	c.becameLarge(chat.Transition)
	if page, err := carol.Sync(c.ctx(), c.id, ""); err != nil || page.Delivery != unsend.DeliverySubscribers {
		t.Errorf("sync says %q, %v", page.Delivery, err)
	}
	before, err := carol.Sync(c.ctx(), c.id, "")
	c.must(nil, err)
	alice.subscribe("lobby")
	bob.subscribe("lobby")
	m := alice.say("to subscribers")
	notice := bob.waitFor(unsend.EventMessage, m.MsgServerID)
	if notice.Message.NotifyReason != 2 {
		t.Errorf("notify_reason %d, want 2: subscribers", notice.Message.NotifyReason)
	}
	if _, err := alice.takeBack(m, "wrong room"); err != nil {
		t.Fatal(err)
	}
	bob.waitFor(unsend.EventMessageUpdated, m.MsgServerID)
	// Told again, as in between: whoever heard of the marker would have heard of the message, had anybody told.
	c.becameLarge(0)
	marker := alice.say("marker")
	carol.expect(m.MsgServerID, marker.MsgServerID)
	if got := alice.told(m.MsgServerID); len(got) > 0 {
		t.Errorf("the device that did it was told %q", got)
	}
	eventually(t, "carol learns of it by sync", func() bool {
		page, err := carol.Sync(c.ctx(), c.id, before.Cursor)
		return err == nil && len(page.Updates) > 0 && page.Updates[0].MsgServerID == m.MsgServerID
	})
	answers, err := bob.Unsubscribe(c.ctx(), c.id, "lobby")
	if err != nil || len(answers) != 1 || answers[0].Code != 200 {
		t.Errorf("unsubscribe: %v, %v", answers, err)
	}
	c.must(nil, carol.Close())
}

// A task for a whole audience, as it is left when nothing of it could be done: push leaves the shards to itself, one
// by one.
func TestPushTellsAllShards(t *testing.T) {
	t.Parallel()
	c := newCommunity(t)
	alice := c.connect("owner", "phone")
	m := alice.say("to whoever subscribes")
	var devices []*device
	for i := range 6 {
		name := fmt.Sprint("member", i)
		c.join(name)
		devices = append(devices, c.connect(name, "phone"))
		devices[i].subscribe("lobby")
	}
	c.becameLarge(chat.Transition)
	task := chat.Task{ServerID: c.id, Records: []chat.Stored{{Key: chat.MessageKey(m.MessageKey), Kind: chat.Inserted}}}
	c.must(nil, queue.New(c.AWS(), c.PushQueueURL).Enqueue(c.ctx(), task))
	for _, d := range devices {
		d.waitFor(unsend.EventMessage, m.MsgServerID)
	}
}

// A server becomes a large one while people are online, and a small one again: nobody misses a notice.
func TestTheModeChangesWhilePeopleAreOnline(t *testing.T) {
	t.Parallel()
	c := newCommunity(t)
	c.join("alice")
	c.join("carol")
	alice, carol := c.connect("alice", "phone"), c.connect("carol", "old") // carol's client knows nothing of subscribing
	communities := chat.Communities{Store: c.store, Clock: time.Now, LargeServer: c.delivery().Members + 1}
	change := func(want chat.Mode, change func(*chat.Member)) {
		t.Helper()
		c.must(communities.ChangeMember(c.ctx(), c.id, c.account("extra"), chat.Act{}, func(m *chat.Member) error { change(m); return nil }))
		if got := c.delivery().Mode(time.Now()); got != want {
			t.Errorf("mode %q, want %q", got, want)
		}
	}
	told := func(devices ...*device) {
		t.Helper()
		m := alice.say("while it changes")
		if _, err := alice.takeBack(m, ""); err != nil {
			t.Fatal(err)
		}
		for _, d := range devices {
			d.waitFor(unsend.EventMessageUpdated, m.MsgServerID)
		}
	}
	told(carol)
	change(chat.ToBoth, func(m *chat.Member) { m.Join(time.Now()) })
	bob := c.connect("extra", "phone")
	bob.subscribe("lobby")
	told(carol, bob)
	c.becameLarge(chat.Transition) // long after: carol's old client would have been disconnected, and would know now
	carol.subscribe("lobby")
	told(carol, bob)
	communities.LargeServer *= 2
	change(chat.ToBoth, func(m *chat.Member) { m.Leave() })
	told(carol, c.connect("carol", "new"))
}

// Where nothing may be seen, nothing can be subscribed to.
func TestSubscribingToWhatIsNotToBeSeen(t *testing.T) {
	t.Parallel()
	c := newCommunity(t)
	c.join("carol")
	c.changeChannel("crew", func(ch *chat.Channel) { ch.ViewMode = chat.Private })
	for name, want := range map[string][]int{"carol": {200, 403, 403}, "stranger": {403, 403, 403}} {
		answers, err := c.connect(name, "phone").Subscribe(c.ctx(), c.id, "lobby", "crew", "nowhere")
		c.must(nil, err)
		for i, a := range answers {
			if a.Code != want[i] {
				t.Errorf("%s: %s is answered with %d, want %d", name, a.ChannelID, a.Code, want[i])
			}
		}
	}
}
