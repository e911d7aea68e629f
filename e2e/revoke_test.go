package e2e

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	unsend "unsend/clients/go"
	"unsend/shared/chat"
)

// The mission: sent, taken back by a moderator, gone from the table; told on
// every device but the one that did it.
func TestAModeratorTakesAMessageBack(t *testing.T) {
	t.Parallel()
	c := newCommunity(t)
	c.join("alice")
	c.join("bob", "mod")
	c.join("carol")
	elsewhere := newCommunity(t)
	elsewhere.join("dave")

	phone, tablet := c.connect("alice", "phone"), c.connect("alice", "tablet")
	desk, laptop := c.connect("bob", "desk"), c.connect("bob", "laptop")
	tab1, tab2 := c.connect("carol", "tab1"), c.connect("carol", "tab2")
	dave := elsewhere.connect("dave", "phone")

	m := phone.say("the code is 4711")
	for _, d := range []*device{tablet, desk, laptop, tab1, tab2} {
		if n := d.waitFor(unsend.EventMessage, m.MsgServerID); n.Message.Body != "the code is 4711" {
			t.Errorf("%s got another text", d.name)
		}
	}
	revoked, err := desk.takeBack(m, "wrong room")
	if err != nil {
		t.Fatal(err)
	}
	if !revoked.IsEmpty() || revoked.Status != unsend.StatusRevoked || revoked.Version != 2 {
		t.Errorf("the answer: status %d, version %d, content left: %v", revoked.Status, revoked.Version, !revoked.IsEmpty())
	}
	c.expectErased(m)
	marker := c.marker()
	both := []string{"message v1", "message_updated v2"}
	tablet.expect(m.MsgServerID, marker, both...)
	laptop.expect(m.MsgServerID, marker, both...)
	tab1.expect(m.MsgServerID, marker, both...)
	tab2.expect(m.MsgServerID, marker, both...)
	phone.expect(m.MsgServerID, marker, "message_updated v2")
	desk.expect(m.MsgServerID, marker, "message v1")
	if got := dave.notices(); len(got) > 0 {
		t.Errorf("a device in another server was told %d things", len(got))
	}

	n := phone.waitFor(unsend.EventMessageUpdated, m.MsgServerID)
	if !n.Message.IsEmpty() || n.Info == nil || n.Info.Postscript != "wrong room" {
		t.Errorf("the notice: content left: %v, update_info %v", !n.Message.IsEmpty(), n.Info)
	}
	if op := n.Message.Operation; op == nil || op.OperatorID != c.account("bob") || n.Message.FromAccount != c.account("alice") {
		t.Errorf("sender and operator are mixed up: %v", op)
	}
	messages, err := tab1.page("lobby")
	if err != nil || len(messages) != 2 || messages[1].Status != unsend.StatusRevoked || !messages[1].IsEmpty() {
		t.Errorf("history: %d messages, %v", len(messages), err)
	}
}

// expectErased reads the row as it is stored, past the store that would hide what is left:
// nothing of the content is in any text of it, however deep.
func (c *community) expectErased(m unsend.Message) {
	c.t.Helper()
	texts, err := c.Row(c.ctx(), m.MessageKey)
	c.must(nil, err)
	if len(texts) == 0 {
		c.t.Fatal("the message has no row")
	}
	for _, secret := range []string{m.Body, m.Attach, m.Ext, m.PushContent, m.PushPayload} {
		if secret != "" && slices.ContainsFunc(texts, func(text string) bool { return strings.Contains(text, secret) }) {
			c.t.Error("the row still holds some of the content")
		}
	}
	rows, err := c.store.Messages(c.ctx(), []chat.MessageKey{chat.MessageKey(m.MessageKey)})
	if err != nil || len(rows) != 1 || rows[0].Status != chat.Revoked || !rows[0].Content.IsZero() {
		c.t.Errorf("the row was not erased: %d rows, %v", len(rows), err)
	}
}

// A revoke follows the send's answer at once, many times over: it never comes too early.
func TestARevokeAtZeroMilliseconds(t *testing.T) {
	t.Parallel()
	c := newCommunity(t)
	c.join("alice")
	phone := c.connect("alice", "phone")
	for range 30 {
		if _, err := phone.takeBack(phone.say("at once"), ""); err != nil {
			t.Fatal(err)
		}
	}
}

func TestTheWindowEnds(t *testing.T) {
	t.Parallel()
	c := newCommunity(t)
	c.join("alice")
	c.join("bob", "mod")
	never, short := chat.Never, chat.Window(300)
	c.changeChannel("short", func(ch *chat.Channel) { ch.Windows = chat.Windows{Own: &short, Moderator: &never} })
	phone, desk := c.connect("alice", "phone"), c.connect("bob", "desk")
	m := phone.sayIn("short", "soon too late")
	if _, err := desk.takeBack(m, ""); code(err) != 508 {
		t.Errorf("a moderator whose window is never: %v", err)
	}
	time.Sleep(350 * time.Millisecond)
	_, err := phone.takeBack(m, "")
	if code(err) != 508 {
		t.Errorf("the author after the window: %v", err)
	}
}

func TestFiftyRevokesAtOnce(t *testing.T) {
	t.Parallel()
	const n = 50
	c := newCommunity(t)
	c.join("alice")
	phone := c.connect("alice", "phone")
	devices := make([]*device, n)
	for i := range n {
		name := fmt.Sprintf("mod%d", i)
		c.join(name, "mod")
		devices[i] = c.connect(name, "desk")
	}
	m := phone.say("everybody wants this gone")
	for _, d := range devices {
		d.waitFor(unsend.EventMessage, m.MsgServerID)
	}
	answers, errs := make([]unsend.Message, n), make([]error, n)
	var all sync.WaitGroup
	for i, d := range devices {
		all.Go(func() {
			for range 5 { // so many at once can be too much for a machine, and who is told so repeats it
				if answers[i], errs[i] = d.takeBack(m, fmt.Sprintf("by %d", i)); code(errs[i]) != 503 {
					return
				}
			}
		})
	}
	all.Wait()
	for i := range n {
		if errs[i] != nil {
			t.Fatalf("revoke %d: %v", i, errs[i])
		}
		if *answers[i].Operation != *answers[0].Operation || answers[i].Version != 2 {
			t.Errorf("revoke %d was answered %v, the first %v", i, answers[i].Operation, answers[0].Operation)
		}
	}
	winner := answers[0].Operation.OperatorID
	marker := c.marker()
	phone.expect(m.MsgServerID, marker, "message_updated v2")
	for i, d := range devices {
		want := []string{"message v1", "message_updated v2"}
		if winner == c.account(fmt.Sprintf("mod%d", i)) {
			want = want[:1]
		}
		d.expect(m.MsgServerID, marker, want...)
	}
}

func TestTheSameMsgIDTwentyTimesAtOnce(t *testing.T) {
	t.Parallel()
	const n = 20
	c := newCommunity(t)
	c.join("alice")
	r := unsend.SendRequest{ServerID: c.id, ChannelID: "lobby", MsgID: "once", Content: unsend.Content{Body: "only once"}}
	devices := make([]*device, 5)
	for i := range devices {
		devices[i] = c.connect("alice", fmt.Sprint(i))
	}
	answers, errs := make([]unsend.Message, n), make([]error, n)
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { answers[i], errs[i] = devices[i%len(devices)].Send(c.ctx(), r) })
	}
	all.Wait()
	for i := range n {
		if errs[i] != nil || answers[i].MessageKey != answers[0].MessageKey || answers[i].Version != 1 {
			t.Fatalf("send %d: %v, %v", i, answers[i].MessageKey, errs[i])
		}
	}
	if messages, err := devices[0].page("lobby"); err != nil || len(messages) != 1 {
		t.Fatalf("%d rows, %v; want one", len(messages), err)
	}
	if _, err := devices[0].takeBack(answers[0], ""); err != nil {
		t.Fatal(err)
	}
	again, err := devices[1].Send(c.ctx(), r)
	if err != nil || again.MessageKey != answers[0].MessageKey || again.Status != unsend.StatusRevoked || !again.IsEmpty() {
		t.Errorf("sent again after the revoke: %v, status %d, %v", again.MessageKey, again.Status, err)
	}
	if messages, err := devices[0].page("lobby"); err != nil || len(messages) != 1 {
		t.Errorf("%d rows, %v; want one still", len(messages), err)
	}
}

// What each kind of person gets, over the wire.
func TestPeople(t *testing.T) {
	t.Parallel()
	c := newCommunity(t)
	c.join("author")
	author := c.connect("author", "phone")
	people := []struct {
		name                   string
		prepare                func(name string)
		send, read, own, other int
	}{
		{"boss", func(name string) { c.changeServer(func(s *chat.Server) { s.OwnerID = c.account(name) }) }, 200, 200, 200, 200},
		{"plain", func(string) {}, 200, 200, 200, 403},
		{"moderator", func(name string) { c.changeMember(name, func(m *chat.Member) { m.Roles = []string{"mod"} }) }, 200, 200, 200, 200},
		{"banned", func(name string) {
			c.changeMember(name, func(m *chat.Member) { m.Banned, m.Roles = true, []string{"mod"} })
		}, 403, 403, 403, 403},
		{"departed", func(name string) { c.changeMember(name, func(m *chat.Member) { m.Leave() }) }, 403, 403, 403, 403},
		{"rejoined", func(name string) {
			c.changeMember(name, func(m *chat.Member) { m.Roles = []string{"mod"} })
			c.changeMember(name, func(m *chat.Member) { m.Leave() })
			c.changeMember(name, func(m *chat.Member) { m.Join(time.Now()) })
		}, 200, 200, 200, 403},
		{"blacklisted", func(name string) { c.changePersonal("lobby", name, func(p *chat.Personal) { p.Black = true }) }, 403, 403, 403, 403},
	}
	for _, p := range people {
		c.join(p.name)
		d := c.connect(p.name, "phone")
		own, theirs := d.say("mine"), author.say("theirs")
		p.prepare(p.name)
		d.tries(p.send, p.read, p.own, p.other, own, theirs)
	}
	stranger, theirs := c.connect("stranger", "phone"), author.say("theirs")
	stranger.tries(403, 403, 403, 403, theirs, theirs)
}

func (d *device) tries(send, read, own, other int, mine, theirs unsend.Message) {
	d.c.t.Helper()
	_, sendErr := d.Send(d.c.ctx(), unsend.SendRequest{ServerID: d.c.id, ChannelID: "lobby", Content: unsend.Content{Body: "try"}})
	_, readErr := d.page("lobby")
	_, ownErr := d.takeBack(mine, "")
	_, otherErr := d.takeBack(theirs, "")
	got := []int{code(sendErr), code(readErr), code(ownErr), code(otherErr)}
	if want := []int{send, read, own, other}; !slices.Equal(got, want) {
		d.c.t.Errorf("%s: send, read, revoke own, revoke other's: %v, want %v", d.name, got, want)
	}
}

// What is not there and what may not be seen look the same; only a message
// missing from a visible channel is 404.
func TestNothingTellsWhatIsHidden(t *testing.T) {
	t.Parallel()
	c := newCommunity(t)
	c.join("alice")
	c.changeChannel("secret", func(ch *chat.Channel) { ch.ViewMode = chat.Private })
	c.changeChannel("other", func(*chat.Channel) {})
	phone := c.connect("alice", "phone")
	m := phone.say("here")
	for name, x := range map[string]struct {
		change func(*unsend.MessageKey)
		want   int
	}{
		"a hidden channel":     {func(k *unsend.MessageKey) { k.ChannelID = "secret" }, 403},
		"a channel not there":  {func(k *unsend.MessageKey) { k.ChannelID = "nowhere" }, 403},
		"a server not there":   {func(k *unsend.MessageKey) { k.ServerID = "nowhere" }, 403},
		"another channel's id": {func(k *unsend.MessageKey) { k.ChannelID = "other" }, 404},
		"a time beside":        {func(k *unsend.MessageKey) { k.Timestamp++ }, 404},
		"an id beside":         {func(k *unsend.MessageKey) { k.MsgServerID = "01JZZZZZZZZZZZZZZZZZZZZZZZ" }, 404},
	} {
		key := m
		x.change(&key.MessageKey)
		if _, err := phone.takeBack(key, ""); code(err) != x.want {
			t.Errorf("%s: %v, want %d", name, err, x.want)
		}
	}
}
