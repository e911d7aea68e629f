package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"unsend/shared/chat"
	"unsend/shared/chat/chattest"
	"unsend/shared/edge"
	"unsend/shared/edge/edgetest"
)

// The message is stored as a member's own, told to all of its devices, and once for each msg_id.
func TestSending(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	const messages = "POST /servers/s1/channels/c1/messages"
	a := c.want(201, c.do(messages, `{"from":"alice","msg_id":"m1","msg_body":"<hi> & bye","reply_to":{"timestamp":5,"msg_server_id":"q"}}`))
	var m struct {
		ID      string `json:"msg_server_id"`
		Body    string `json:"msg_body"`
		From    string `json:"from_accid"`
		Device  string `json:"from_device_id"`
		Client  int    `json:"from_client_type"`
		Version int    `json:"version"`
	}
	if err := json.Unmarshal([]byte(a.text), &m); err != nil || m.Body != "<hi> & bye" || m.From != "alice" || m.Client != 32 || m.Device != "" || m.Version != 1 {
		t.Errorf("%s: %v", a.text, err)
	}
	again := c.want(200, c.do(messages, `{"from":"alice","msg_id":"m1","msg_body":"another"}`))
	if again.text != a.text {
		t.Errorf("the same msg_id: %s", again.text)
	}
	c.wantProblem(400, "from", "is missing", c.do(messages, `{"msg_id":"m2","msg_body":"hi"}`))
	c.wantProblem(400, "msg_id", "is missing", c.do(messages, `{"from":"alice","msg_body":"hi"}`))
	c.wantProblem(400, "msg_body", "is empty", c.do(messages, `{"from":"alice","msg_id":"m2"}`))
	c.wantProblem(400, "colour", "is unknown", c.do(messages, `{"from":"alice","msg_id":"m2","colour":1}`))
	c.wantProblem(400, "msg_body", "longer than 5000 characters", c.do(messages, `{"from":"alice","msg_id":"m2","msg_body":"`+strings.Repeat("x", 5001)+`"}`))
	c.wantProblem(409, "", "no member", c.do(messages, `{"from":"stranger","msg_id":"m2","msg_body":"hi"}`))
	c.want(201, c.do("PUT /servers/s1/members/alice/ban", ""))
	c.wantProblem(409, "", "banned", c.do(messages, `{"from":"alice","msg_id":"m2","msg_body":"hi"}`))
}

// An account that the back end acts as sends as itself, and only what it may.
func TestSendingActingAs(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	const messages = "POST /servers/s1/channels/c1/messages?acting_as=alice"
	c.want(201, c.do(messages, `{"msg_id":"m1","msg_body":"hi"}`))
	c.want(201, c.do(messages, `{"from":"alice","msg_id":"m2","msg_body":"hi"}`))
	c.wantProblem(400, "from", "another than acting_as", c.do(messages, `{"from":"bob","msg_id":"m3","msg_body":"hi"}`))
	c.want(403, c.do(messages, `{"msg_id":"m3","msg_body":"hi","mention_all":true}`))
	c.want(403, c.do("POST /servers/s1/channels/hidden/messages?acting_as=alice", `{"msg_id":"m3","msg_body":"hi"}`))
	c.want(201, c.do("POST /servers/s1/channels/hidden/messages", `{"from":"alice","msg_id":"m3","msg_body":"from above","mention_all":true}`))
}

// old is a message that no window reaches any more.
func (c *client) old(id string) string {
	c.Helper()
	m := c.PutMessage(c.T, "alice", "s1", "c1", id, "SECRET")
	c.Now = c.Now.Add(time.Hour)
	return fmt.Sprintf(`{"timestamp":%d,"msg_server_id":%q}`, m.Timestamp, m.MsgServerID)
}

func TestTakingBack(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	const revoke = "POST /servers/s1/channels/c1/messages/revoke"
	first, second, third := c.old("m1"), c.old("m2"), c.old("m3")
	a := c.want(200, c.do(revoke, `{"operator":"office","messages":[`+first+`,{"timestamp":1,"msg_server_id":"none"}],"update_info":{"postscript":"spam"}}`))
	if !strings.Contains(a.text, `"msg_server_id":"m1","res_code":200,"version":2`) || !strings.Contains(a.text, `"msg_server_id":"none","res_code":404`) {
		t.Error(a.text)
	}
	if strings.Count(c.Store.Dump(), "SECRET") != 2 || !strings.Contains(c.Store.Dump(), `"Operator":{"AccountID":"office","Nick":"","ClientType":32,"Device":""}`) {
		t.Error("it is still stored, or not the office's doing")
	}
	a = c.want(200, c.do(revoke+"?acting_as=bob", `{"messages":[`+first+`,`+second+`]}`)) // a moderator, and too late
	if !strings.Contains(a.text, `"msg_server_id":"m1","res_code":200,"version":2`) || !strings.Contains(a.text, `"msg_server_id":"m2","res_code":508`) {
		t.Error(a.text)
	}
	c.wantProblem(400, "operator", "another than acting_as", c.do(revoke+"?acting_as=bob", `{"operator":"office","messages":[`+third+`]}`))
	c.wantProblem(400, "operator", "is missing", c.do(revoke, `{"messages":[`+third+`]}`))
	c.wantProblem(400, "messages", "must hold 1 to 100", c.do(revoke, `{"operator":"office","messages":[]}`))
	c.wantProblem(400, "messages", "twice", c.do(revoke, `{"operator":"office","messages":[`+third+`,`+third+`]}`))
	c.wantProblem(400, "update_info.postscript", "longer than 512", c.do(revoke, `{"operator":"office","messages":[`+third+`],"update_info":{"postscript":"`+strings.Repeat("x", 513)+`"}}`))
	c.want(403, c.do("POST /servers/s1/channels/hidden/messages/revoke?acting_as=bob", `{"messages":[`+third+`]}`))
}

// A back end's revocations are told at once, where there is a fast path; its failing fails nothing.
func TestTakingBackAtOnce(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	queue := &chattest.Queue{}
	c.handler = newHandler(c.Edge(), endpoints(
		&chat.Administration{Store: c.Store, Clock: c.Clock, Fast: chat.FastPath{Queue: queue, Failed: edge.FastPathFailed}},
		&chat.Sessions{Store: c.Store, Gateway: c.Gateway, Clock: c.Clock},
	))
	const revoke = "POST /servers/s1/channels/c1/messages/revoke"
	c.want(200, c.do(revoke, `{"operator":"office","messages":[`+c.old("m1")+`,`+c.old("m2")+`]}`))
	if tasks := queue.Take(); len(tasks) != 1 || len(tasks[0].Records) != 2 {
		t.Errorf("tasks %+v", tasks)
	}
	queue.Fail = func(chat.Task) error { return errors.New("no queue") }
	a := c.do(revoke, `{"operator":"office","messages":[`+c.old("m3")+`]}`)
	if line := c.Line(t); a.status != 200 || line["level"] != "WARN" || line["code"] != 200.0 || line["fast_failed"] != "no queue" {
		t.Errorf("%d: %v", a.status, line)
	}
}

func TestSweepsAndJobs(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	const sweep = "PUT /servers/s1/sweeps/spam"
	a := c.want(201, c.do(sweep, `{"accid":"alice","channel_id":"c1","since":7,"operator":"office","dry_run":true}`))
	now := c.Now.UnixMilli()
	want := fmt.Sprintf(`{"server_id":"s1","kind":"sweep","job_id":"spam","state":"running","created_at":%d,"updated_at":%d,"finished_at":0,`+
		`"sweep":{"accid":"alice","channel_id":"c1","since":7,"until":%d,"operator":"office","dry_run":true,"update_info":{}},"channels":0,"found":0,"revoked":0,"refused":0,"removed":0}`, now, now, now)
	if a.text != want {
		t.Errorf("%s\nwant %s", a.text, want)
	}
	c.Now = c.Now.Add(time.Minute)
	again := c.want(200, c.do(sweep, `{"accid":"alice","channel_id":"c1","since":7,"operator":"office","dry_run":true}`))
	if got := c.want(200, c.do("GET /servers/s1/jobs/sweep/spam", "")); got.text != want || again.text != want {
		t.Errorf("%s\n%s", got.text, again.text)
	}
	c.wantProblem(409, "", "differs in channel_id, dry_run, since", c.do(sweep, `{"accid":"alice","operator":"office"}`))
	c.wantProblem(400, "accid", "is missing", c.do(sweep, `{"operator":"office"}`))
	c.wantProblem(400, "operator", "is missing", c.do(sweep, `{"accid":"alice"}`))
	c.wantProblem(400, "since", "no time in ms", c.do(sweep, `{"accid":"alice","operator":"office","since":-1}`))
	c.wantProblem(404, "", "no such channel", c.do(sweep, `{"accid":"alice","operator":"office","channel_id":"none"}`))
	c.wantProblem(400, "kind", "known are [sweep channel server]", c.do("GET /servers/s1/jobs/party/spam", ""))
	c.wantProblem(400, "cursor", "none that an answer gave", c.do("GET /servers/s1/jobs?cursor=AXg", ""))
	for i := range 4 {
		c.want(201, c.do(fmt.Sprint("PUT /servers/s1/sweeps/x", i), `{"accid":"alice","operator":"office"}`))
	}
	var ids []string
	for next := ""; ; {
		var page struct {
			Jobs []struct {
				ID string `json:"job_id"`
			}
			Next string
		}
		a := c.want(200, c.do("GET /servers/s1/jobs?limit=2"+next, ""))
		if err := json.Unmarshal([]byte(a.text), &page); err != nil {
			t.Fatal(err)
		}
		for _, job := range page.Jobs {
			ids = append(ids, job.ID)
		}
		if page.Next == "" {
			break
		}
		next = "&cursor=" + page.Next
	}
	if got := strings.Join(ids, " "); got != "spam x0 x1 x2 x3" {
		t.Errorf("jobs %s", got)
	}
}

// An account that the back end acts as has one sweep at work in a server; the back end's own are as many as it likes.
func TestAnAccountsSecondSweep(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	const mine = `{"accid":"alice","dry_run":true}`
	c.want(201, c.do("PUT /servers/s1/sweeps/one?acting_as=alice", mine))
	c.want(200, c.do("PUT /servers/s1/sweeps/one?acting_as=alice", mine))
	c.wantProblem(409, "", "one is at work: wait until it is done", c.do("PUT /servers/s1/sweeps/two?acting_as=alice", mine))
	c.want(404, c.do("GET /servers/s1/jobs/sweep/two", ""))
	for i := range 3 {
		c.want(201, c.do(fmt.Sprint("PUT /servers/s1/sweeps/x", i), `{"accid":"alice","operator":"alice"}`))
	}
	job, err := c.Store.Job(t.Context(), chat.JobRef{ServerID: "s1", Kind: chat.SweepJob, ID: "one"})
	if err != nil {
		t.Fatal(err)
	}
	job.FinishedAt = c.Now.UnixMilli()
	if _, err := c.Store.SaveJob(t.Context(), job); err != nil {
		t.Fatal(err)
	}
	c.want(201, c.do("PUT /servers/s1/sweeps/two?acting_as=alice", mine))
}

// What is deleted is gone at once, and does not come back; the job that clears up can be read.
func TestDeletions(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	a := c.do("DELETE /servers/s1/channels/c1", "", "If-Match", `"v7"`)
	if c.wantProblem(412, "", "another version", a); a.etag != `"v1"` {
		t.Errorf("ETag %s", a.etag)
	}
	c.want(403, c.do("DELETE /servers/s1/channels/c1?acting_as=bob", ""))
	first := c.want(202, c.do("DELETE /servers/s1/channels/c1", "", "If-Match", `"v1"`))
	c.wantProblem(404, "", "no such channel", c.do("GET /servers/s1/channels/c1", ""))
	c.wantProblem(409, "", "does not come back", c.do("PUT /servers/s1/channels/c1", `{}`))
	c.wantProblem(404, "", "no such channel", c.do("POST /servers/s1/channels/c1/messages", `{"from":"alice","msg_id":"m","msg_body":"x"}`))
	if again := c.want(202, c.do("DELETE /servers/s1/channels/c1", "")); again.text != first.text {
		t.Errorf("repeated: %s", again.text)
	}
	c.wantProblem(403, "", "the owner alone", c.do("DELETE /servers/s1?acting_as=bob", ""))
	c.want(202, c.do("DELETE /servers/s1", ""))
	c.wantProblem(404, "", "no such server", c.do("GET /servers/s1", ""))
	c.wantProblem(404, "", "no such server", c.do("PUT /servers/s1/members/eve", `{}`))
	c.wantProblem(409, "", "does not come back", c.do("PUT /servers/s1", `{"owner":"olga"}`))
	job := c.want(200, c.do("GET /servers/s1/jobs/channel/c1", ""))
	if job.text != first.text {
		t.Errorf("the channel's job: %s", job.text)
	}
	if a := c.want(200, c.do("GET /servers/s1/jobs", "")); strings.Count(a.text, `"state":"running"`) != 2 {
		t.Errorf("jobs %s", a.text)
	}
	standing, err := c.Store.Standing(t.Context(), "s1", "hidden", "owner")
	if err != nil || standing.CanSee() || standing.May(chat.SendMessage) {
		t.Errorf("the owner still sees it (%v)", err)
	}
}

// A back end's messages and revocations are measured as those of devices are.
func TestMessagesAreMeasured(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	m := c.PutMessage(t, "alice", "s1", "c1", "01MINE", "text")
	old := c.PutMessage(t, "alice", "s1", "c1", "01OLD", "text")
	for _, test := range []struct{ request, body, want string }{
		{"POST /servers/s1/channels/c1/messages", `{"from":"alice","msg_id":"m1","msg_body":"x"}`, "sends 1"},
		{"POST /servers/s1/channels/c1/messages", `{"from":"nobody","msg_id":"m1","msg_body":"x"}`, ""},
		{"POST /servers/s1/channels/c1/messages/revoke", fmt.Sprintf(`{"operator":"owner","messages":[{"timestamp":%d,"msg_server_id":"01MINE"},{"timestamp":%d,"msg_server_id":"01OLD"},{"timestamp":1,"msg_server_id":"none"}]}`,
			m.Timestamp, old.Timestamp), "revokes_200 2, revokes_404 1"},
		{"POST /servers/s1/channels/c1/messages/revoke?acting_as=carol", fmt.Sprintf(`{"messages":[{"timestamp":%d,"msg_server_id":"01MINE"}]}`, m.Timestamp), "revokes_403 1"},
		{"GET /servers/s1", "", ""},
	} {
		a := c.do(test.request, test.body)
		if got := edgetest.Measured(c.Line(t)); got != test.want {
			t.Errorf("%s %s: measured %q, want %q; %s", test.request, test.body, got, test.want, a.text)
		}
	}
}
