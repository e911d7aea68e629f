package e2e

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	unsend "unsend/clients/go"
	"unsend/shared/chat"
)

// job is a job of the Server API.
type job struct {
	State                                      string
	Channels, Found, Revoked, Refused, Removed int
}

func (c *community) job(kind, id string) (j job) {
	c.t.Helper()
	text, _ := c.api(200, "GET servers/"+c.id+"/jobs/"+kind+"/"+id, "")
	c.must(nil, json.Unmarshal([]byte(text), &j))
	return j
}

// done waits for the job's end.
func (c *community) done(kind, id string) (j job) {
	c.t.Helper()
	for deadline := time.Now().Add(6 * patience); time.Now().Before(deadline); time.Sleep(200 * time.Millisecond) {
		if j = c.job(kind, id); j.State == "done" {
			return j
		}
	}
	c.t.Fatalf("the job %s is not done: %+v", id, j)
	return j
}

// flood stores messages of an account as send would, many at a time.
func (c *community) flood(n int, name string, channels ...string) {
	c.t.Helper()
	var (
		wave sync.WaitGroup
		slot = make(chan struct{}, 16)
		errs = make(chan error, n)
	)
	for i := range n {
		slot <- struct{}{}
		wave.Go(func() {
			defer func() { <-slot }()
			now := time.Now()
			id := fmt.Sprintf("%s-%s-%05d", c.id, name, i)
			m := chat.Message{
				MessageKey: chat.MessageKey{ServerID: c.id, ChannelID: channels[i%len(channels)], Timestamp: now.UnixMilli(), MsgServerID: id},
				MsgID:      id, From: chat.Actor{AccountID: c.account(name), ClientType: chat.Web}, Version: 1, UpdatedAt: now.UnixMilli(),
				Content: chat.Content{Body: "a wave of spam"},
			}
			_, err := written(func() (chat.Sent, error) { return c.store.PutMessage(c.t.Context(), m, now) })
			errs <- err
		})
	}
	wave.Wait()
	for range n {
		c.must(nil, <-errs)
	}
}

// A spam wave of 5,000 messages: counted by a dry run, and taken back by a sweep whose process is killed in the middle. Each is
// revoked once, and each device is told of each. (It ends processes, so no test may run beside it.)
func TestASweepOfAWave(t *testing.T) {
	c := whereProcessesEnd(t)
	const wave = 5_000
	c.changeChannel("offtopic", func(*chat.Channel) {})
	c.join("alice")
	c.join("mallory")
	phone, desk := c.connect("alice", "phone"), c.connect("mallory", "phone")
	kept := phone.say("stays")
	c.flood(wave, "mallory", "lobby", "offtopic")
	path := "PUT servers/" + c.id + "/sweeps/"
	body := fmt.Sprintf(`{"accid":%q,"operator":%q,"update_info":{"postscript":"spam"}`, c.account("mallory"), c.account("owner"))
	c.api(201, path+"dry", body+`,"dry_run":true}`)
	if dry := c.done("sweep", "dry"); dry.Found != wave || dry.Revoked != 0 || dry.Channels != 2 {
		t.Errorf("the dry run counted %+v", dry)
	}
	began := time.Now()
	c.api(201, path+"wave", body+"}")
	eventually(t, "a part of the sweep", func() bool { n := c.job("sweep", "wave").Revoked; return n > 300 && n < wave })
	if c.kill("Sweep") == 0 {
		t.Error("no process was killed")
	}
	atKill := c.job("sweep", "wave")
	c.api(202, "POST servers/"+c.id+"/jobs/sweep/wave/resume", "")
	end := c.done("sweep", "wave")
	took := time.Since(began)
	t.Logf("killed at %d of %d, all done in %v: %+v", atKill.Revoked, wave, took, end)
	if end.Found != wave || end.Revoked != wave || end.Refused != 0 || atKill.Revoked >= wave {
		t.Errorf("the sweep counted %+v, %+v when it was killed", end, atKill)
	}
	if least := 2 * wave / chat.SweepUnitsPerSecond * time.Second * 9 / 10; took < least {
		t.Errorf("it took %v: faster than its pace, %v", took, least)
	}
	c.eachRevokedOnce("mallory", wave)
	for _, d := range []*device{phone, desk} {
		eventually(t, d.name+" to be told of each", func() bool { return d.revocations() == wave })
	}
	rows, err := c.store.Messages(c.ctx(), []chat.MessageKey{{ServerID: c.id, ChannelID: "lobby", Timestamp: kept.Timestamp, MsgServerID: kept.MsgServerID}})
	if err != nil || len(rows) != 1 || rows[0].Status != chat.Normal {
		t.Errorf("what somebody else said is gone: %+v, %v", rows, err)
	}
}

// revocations is of how many messages the device was told that they were taken back.
func (d *device) revocations() int {
	ids := map[string]bool{}
	for _, n := range d.notices() {
		if n.Event == unsend.EventMessageUpdated {
			ids[n.Message.MsgServerID] = true
		}
	}
	return len(ids)
}

// eachRevokedOnce reads the rows: version 2 is one write after the sending.
func (c *community) eachRevokedOnce(name string, want int) {
	c.t.Helper()
	revoked := 0
	for _, channel := range []string{"lobby", "offtopic"} {
		q := chat.HistoryQuery{ServerID: c.id, ChannelID: channel, Limit: 1_000, Now: time.Now()}
		for {
			page, err := c.store.History(c.ctx(), q)
			c.must(nil, err)
			for _, m := range page.Messages {
				if m.From.AccountID != c.account(name) {
					continue
				}
				if m.Status != chat.Revoked || m.Version != 2 || !m.Content.IsZero() || m.Revocation.Operator.AccountID != c.account("owner") {
					c.t.Fatalf("status %d, version %d, by %+v", m.Status, m.Version, m.Revocation)
				}
				revoked++
			}
			if q.After = page.Next; page.Next == nil {
				break
			}
		}
	}
	if revoked != want {
		c.t.Errorf("%d are revoked, want %d", revoked, want)
	}
}

// A back end sends as an account and takes back however old it is: every device is told, the author's own among them.
func TestMessagesOfABackEnd(t *testing.T) {
	t.Parallel()
	c := newFounded(t)
	c.api(201, "PUT "+c.memberPath("alice"), `{"nick":"Alice"}`)
	c.api(201, "PUT "+c.memberPath("bob"), `{}`)
	c.api(200, "PUT servers/"+c.id, fmt.Sprintf(`{"owner":%q,"revoke_window_ms":0,"moderator_window_ms":0}`, c.account("owner")))
	alice, bob := c.connect("alice", "phone"), c.connect("bob", "phone")
	messages := "servers/" + c.id + "/channels/lobby/messages"
	body := fmt.Sprintf(`{"from":%q,"msg_id":"m1","msg_body":"from the back end"}`, c.account("alice"))
	text, _ := c.api(201, "POST "+messages, body)
	var m unsend.Message
	c.must(nil, json.Unmarshal([]byte(text), &m))
	again, _ := c.api(200, "POST "+messages, body)
	if again != text {
		t.Errorf("the same msg_id gave %s", again)
	}
	for _, d := range []*device{alice, bob} {
		if n := d.waitFor(unsend.EventMessage, m.MsgServerID); n.Message.Body != "from the back end" || n.Message.FromNick != "Alice" {
			t.Errorf("%s was told %+v", d.name, n.Message)
		}
	}
	if _, err := alice.takeBack(m, ""); code(err) != 508 {
		t.Errorf("the author, with a window of 0: %v", err)
	}
	ref := fmt.Sprintf(`{"timestamp":%d,"msg_server_id":%q}`, m.Timestamp, m.MsgServerID)
	text, _ = c.api(200, "POST "+messages+"/revoke?acting_as="+c.account("alice"), `{"messages":[`+ref+`]}`)
	if !strings.Contains(text, `"res_code":508`) {
		t.Errorf("acting as the author: %s", text)
	}
	text, _ = c.api(200, "POST "+messages+"/revoke", fmt.Sprintf(`{"operator":%q,"messages":[%s,{"timestamp":1,"msg_server_id":"none"}],"update_info":{"postscript":"off topic"}}`, c.account("owner"), ref))
	if !strings.Contains(text, `"res_code":200,"version":2`) || !strings.Contains(text, `"res_code":404`) {
		t.Errorf("the back end's own: %s", text)
	}
	for _, d := range []*device{alice, bob} {
		if n := d.waitFor(unsend.EventMessageUpdated, m.MsgServerID); n.Message.Operation.OperatorID != c.account("owner") || n.Message.Body != "" {
			t.Errorf("%s was told %+v", d.name, n.Message)
		}
	}
}

// What is deleted is unreadable at once, nobody is told of it any more, and its rows go.
func TestDeletions(t *testing.T) {
	t.Parallel()
	c := newFounded(t)
	c.api(201, "PUT "+c.memberPath("alice"), `{}`)
	c.api(201, "PUT servers/"+c.id+"/channels/extra", `{}`)
	c.api(201, "PUT servers/"+c.id+"/channels/extra/blacklist/"+c.account("eve"), "")
	c.flood(120, "alice", "extra")
	c.flood(30, "alice", "lobby")
	alice := c.connect("alice", "phone")
	c.api(202, "DELETE servers/"+c.id+"/channels/extra", "")
	if _, err := alice.page("extra"); code(err) != 403 {
		t.Errorf("the history of a deleted channel: %v", err)
	}
	if _, err := alice.Send(c.ctx(), unsend.SendRequest{ServerID: c.id, ChannelID: "extra", Content: unsend.Content{Body: "x"}}); code(err) != 403 {
		t.Errorf("a message to a deleted channel: %v", err)
	}
	if _, page := alice.synced(""); page.Access["extra"] != "" || page.Access["lobby"] == "" {
		t.Errorf("sync still knows the channel: %v", page.Access)
	}
	c.api(409, "PUT servers/"+c.id+"/channels/extra", `{}`)
	if end := c.done("channel", "extra"); end.Channels != 1 || end.Removed < 122 {
		t.Errorf("the channel's job: %+v", end)
	}
	c.nothingIsLeft("extra")
	c.api(202, "DELETE servers/"+c.id, "")
	if _, err := alice.page("lobby"); code(err) != 403 {
		t.Errorf("the history of a deleted server: %v", err)
	}
	if _, err := alice.Sync(c.ctx(), c.id, ""); code(err) != 403 {
		t.Errorf("sync of a deleted server: %v", err)
	}
	c.api(404, "GET servers/"+c.id, "")
	c.api(409, "PUT servers/"+c.id, fmt.Sprintf(`{"owner":%q}`, c.account("owner")))
	if end := c.done("server", c.id); end.Channels != 1 || end.Removed < 33 {
		t.Errorf("the server's job: %+v", end)
	}
	c.nothingIsLeft("lobby")
	if text, _ := c.api(200, "GET accounts/"+c.account("alice")+"/servers", ""); text != `{"servers":[]}` {
		t.Errorf("alice is still in %s", text)
	}
}

func (c *community) nothingIsLeft(channel string) {
	c.t.Helper()
	page, err := c.store.History(c.ctx(), chat.HistoryQuery{ServerID: c.id, ChannelID: channel, Limit: 10, Now: time.Now()})
	c.must(nil, err)
	standing, err := c.store.Standing(c.ctx(), c.id, channel, c.account("eve"))
	c.must(nil, err)
	if len(page.Messages) > 0 || standing.Personal.Version > 0 || standing.Channel.Version > 0 {
		c.t.Errorf("left are %d messages, %+v", len(page.Messages), standing)
	}
}
