// Package e2e tests a deployed stack as its users meet it: devices over
// WebSockets, administrators with the store, and nothing in between. It takes
// the stack that UNSEND_STACK describes (scripts/test deploys a local one; scripts/dev keeps one in
// .unsend/stack.json), and skips with a reason where there is none.
package e2e

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	unsend "unsend/clients/go"
	"unsend/scripts/unsend/deployment"
	"unsend/shared/chat"
	"unsend/shared/dynamo"
	"unsend/shared/token"
)

const (
	// patience bounds every wait for something that must come.
	patience = 20 * time.Second

	web = int(chat.Web)
)

// target is the deployment under test, with an administrator's access to it.
type target struct {
	*deployment.Deployment
	store  *dynamo.Store
	secret []byte
}

var found = sync.OnceValues(func() (*target, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	d, err := deployment.Find(ctx, deployment.Choice{File: os.Getenv("UNSEND_STACK")})
	if err != nil {
		return nil, err
	}
	secret, err := d.TokenSecret(ctx)
	if err != nil {
		return nil, err
	}
	return &target{Deployment: d, store: d.Store(), secret: secret}, nil
})

// underTest skips the test where no stack is there.
func underTest(t *testing.T) *target {
	t.Helper()
	if os.Getenv("UNSEND_STACK") == "" {
		t.Skip("no stack to test: UNSEND_STACK names none. scripts/test deploys one; with scripts/dev running, set UNSEND_STACK=.unsend/stack.json")
	}
	d, err := found()
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// community is a server of the test's own, with the channel "lobby".
type community struct {
	*target
	t  *testing.T
	id string
}

// newCommunity makes a server owned by "owner"; everyone may send, "mod" may
// revoke members' messages. Accounts are of this test alone: see account.
func newCommunity(t *testing.T) *community {
	t.Helper()
	c := &community{target: underTest(t), t: t, id: "e2e-" + random()}
	c.changeServer(func(s *chat.Server) {
		s.OwnerID = c.account("owner")
		s.Roles = []chat.Role{
			{ID: chat.Everyone, Grant: chat.Grant{Allow: chat.MaskOf(chat.SendMessage)}},
			{ID: "mod", Priority: 1, Grant: chat.Grant{Allow: chat.MaskOf(chat.RevokeMemberMessage)}},
		}
	})
	c.changeChannel("lobby", func(*chat.Channel) {})
	c.join("owner")
	return c
}

func random() string {
	b := make([]byte, 6)
	_, _ = rand.Read(b) // never fails
	return hex.EncodeToString(b)
}

// account is a name for this test's own: tests share a deployment, and an
// account's connections are limited.
func (c *community) account(name string) string { return name + "-" + c.id }

func (c *community) must(_ any, err error) {
	c.t.Helper()
	if err != nil {
		c.t.Fatal(err)
	}
}

// written repeats a write of the test's own, which can be repeated, while a busy machine lets it take too long.
func written[T any](write func() (T, error)) (T, error) {
	as, err := write()
	for try := 1; chat.CodeOf(err) == chat.Busy && try < 8; try++ {
		as, err = write()
	}
	return as, err
}

func (c *community) ctx() context.Context {
	ctx, cancel := context.WithTimeout(c.t.Context(), patience)
	c.t.Cleanup(cancel)
	return ctx
}

// finally is for what a test leaves behind: its own context has ended then.
func (c *community) finally() context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	time.AfterFunc(patience, cancel)
	return ctx
}

func (c *community) changeServer(change func(*chat.Server)) {
	c.t.Helper()
	c.must(written(func() (chat.Server, error) {
		return c.store.ChangeServer(c.ctx(), c.id, chat.Act{At: time.Now()}, func(s *chat.Server) error { change(s); return nil })
	}))
}

func (c *community) changeChannel(id string, change func(*chat.Channel)) {
	c.t.Helper()
	c.must(written(func() (chat.Channel, error) {
		return c.store.ChangeChannel(c.ctx(), c.id, id, chat.Act{At: time.Now()}, func(ch *chat.Channel) error { change(ch); return nil })
	}))
}

func (c *community) changeMember(name string, change func(*chat.Member)) {
	c.t.Helper()
	communities := chat.Communities{Store: c.store, Clock: time.Now}
	c.must(written(func() (chat.Member, error) {
		return communities.ChangeMember(c.ctx(), c.id, c.account(name), chat.Act{}, func(m *chat.Member) error { change(m); return nil })
	}))
}

func (c *community) changePersonal(channel, name string, change func(*chat.Personal)) {
	c.t.Helper()
	c.must(written(func() (chat.Personal, error) {
		return c.store.ChangePersonal(c.ctx(), c.id, channel, c.account(name), chat.Act{At: time.Now()}, func(p *chat.Personal) error { change(p); return nil })
	}))
}

func (c *community) join(name string, roles ...string) {
	c.t.Helper()
	c.changeMember(name, func(m *chat.Member) { m.Join(time.Now()); m.Nick = name; m.Roles = roles })
}

func (c *community) token(name, device string) string {
	c.t.Helper()
	text, err := token.Mint(c.secret, token.Grant{AccountID: c.account(name), DeviceID: device, Audience: c.TokenAudience,
		Issuer: c.TokenIssuer, IssuedAt: time.Now(), TTL: 30 * time.Minute})
	c.must(nil, err)
	return text
}

// device is a connected client and what it was told.
type device struct {
	*unsend.Client
	c    *community
	name string

	mu    sync.Mutex
	heard []unsend.Notice
	more  chan struct{} // a value for each notice that came
}

// connect brings a device online, which is closed with the test.
func (c *community) connect(name, deviceID string) *device {
	c.t.Helper()
	client, err := unsend.Dial(c.ctx(), unsend.Options{
		URL: c.WebSocketURL, DeviceID: deviceID, ClientType: web,
		Token: func(context.Context) (string, error) { return c.token(name, ""), nil },
	})
	c.must(nil, err)
	d := &device{Client: client, c: c, name: name + "/" + deviceID, more: make(chan struct{}, 1)}
	c.t.Cleanup(func() { _ = client.Close() })
	go d.listen()
	return d
}

func (d *device) listen() {
	for n := range d.Notices() {
		d.mu.Lock()
		d.heard = append(d.heard, n)
		d.mu.Unlock()
		select {
		case d.more <- struct{}{}:
		default:
		}
	}
}

func (d *device) notices() []unsend.Notice {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.heard)
}

// told are the notices about a message, as "event v<version>", in the order of arrival and once each.
func (d *device) told(id string) []string {
	var list []string
	for _, n := range d.notices() {
		if line := fmt.Sprintf("%s v%d", n.Event, n.Message.Version); n.Message.MsgServerID == id && !slices.Contains(list, line) {
			list = append(list, line)
		}
	}
	return list
}

// waitFor waits until the device was told of the message by the event.
func (d *device) waitFor(event, id string) unsend.Notice {
	d.c.t.Helper()
	deadline := time.After(patience)
	for {
		for _, n := range d.notices() {
			if n.Event == event && n.Message.MsgServerID == id {
				return n
			}
		}
		select {
		case <-d.more:
		case <-deadline:
			d.c.t.Fatalf("%s was not told of %s by %s within %v; it heard %d notices", d.name, id, event, patience, len(d.notices()))
		}
	}
}

// expect waits for a marker that is sent after what the device is to be told of a message, and for that, and fails when anything
// else came before. A busy notify leaves notices to push, and the marker overtakes them.
func (d *device) expect(id string, marker string, want ...string) {
	d.c.t.Helper()
	d.waitFor(unsend.EventMessage, marker)
	for deadline := time.Now().Add(patience); len(d.told(id)) < len(want) && time.Now().Before(deadline); {
		time.Sleep(50 * time.Millisecond)
	}
	if got := d.told(id); !slices.Equal(got, want) {
		d.c.t.Errorf("%s was told %q of the message, want %q", d.name, got, want)
	}
}

func (d *device) say(text string) unsend.Message {
	d.c.t.Helper()
	return d.sayIn("lobby", text)
}

func (d *device) sayIn(channel, text string) unsend.Message {
	d.c.t.Helper()
	m, err := d.Send(d.c.ctx(), unsend.SendRequest{ServerID: d.c.id, ChannelID: channel, Content: unsend.Content{Body: text}})
	if err != nil {
		d.c.t.Fatalf("%s: %v", d.name, err)
	}
	return m
}

func (d *device) takeBack(m unsend.Message, postscript string) (unsend.Message, error) {
	return d.Revoke(d.c.ctx(), unsend.RevokeRequest{MessageKey: m.MessageKey, Info: unsend.UpdateInfo{Postscript: postscript}})
}

func (d *device) page(channel string) ([]unsend.Message, error) {
	p, err := d.History(d.c.ctx(), unsend.HistoryRequest{ServerID: d.c.id, ChannelID: channel})
	return p.Messages, err
}

// marker sends a message to the lobby and gives its id. A device that was told of it
// was told before of everything that happened in the lobby earlier: one channel's notices
// pass one lane of the stream.
func (c *community) marker() string {
	c.t.Helper()
	return c.connect("owner", "marker").say("marker").MsgServerID
}

func code(err error) int {
	if err == nil {
		return 200
	}
	if e, ok := errors.AsType[*unsend.Error](err); ok {
		return e.Code
	}
	return -1
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Fatalf("not within %v: %s", patience, what)
}
