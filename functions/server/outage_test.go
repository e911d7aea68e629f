package main

import (
	"context"
	"encoding/json"
	"io"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"unsend/shared/chat"
	"unsend/shared/outage"
)

// Whatever is down: the same request again makes it so, once, and what an earlier one has done by halves is whole then.
func TestOutages(t *testing.T) {
	outage.Play(t, "server", run, func(c *outage.Case, h handler) outage.Scene {
		c.Found()
		scene := outageScenes[c.Of]
		if scene == nil {
			c.Fatalf("there is no scene for %s", c.Of)
		}
		request, body, check := scene(c)
		return outage.Scene{
			Invoke: func(ctx context.Context) string {
				code, answer := invoked(c, ctx, h, request, body)
				wholeOrNone(c, code, answer)
				return code
			},
			Check: check,
		}
	})
}

// pages are where the answer to a question has its rows, of which there is one, and what that is of.
var pages = map[string]struct{ list, id string }{"a list": {"channels", "channel_id"}, "the audit": {"entries", "accid"}}

// wholeOrNone checks that an answer that is a page has its row, and another none.
func wholeOrNone(c *outage.Case, code string, answer map[string]any) {
	c.Helper()
	page, ok := pages[c.Of]
	if !ok {
		return
	}
	of := map[string]string{"a list": outage.Channel, "the audit": c.Bob()}[c.Of]
	rows, _ := answer[page.list].([]any)
	if code != "200" && len(rows) == 0 {
		return
	}
	if code != "200" || len(rows) != 1 || rows[0].(map[string]any)[page.id] != of {
		c.Errorf("%s of %v, want one of %s", code, rows, of)
	}
}

// invoked is the status of the answer, and what that says; any status that is not an error is 200.
func invoked(c *outage.Case, ctx context.Context, h handler, request, body string) (code string, answer map[string]any) {
	c.Helper()
	var event events.LambdaFunctionURLRequest
	method, target, _ := strings.Cut(request, " ")
	event.RawPath, event.RawQueryString, _ = strings.Cut(target, "?")
	event.RequestContext.HTTP.Method, event.RequestContext.HTTP.Path, event.Body = method, event.RawPath, body
	response, err := h(ctx, &event)
	c.Must(response, err)
	text, err := io.ReadAll(response.Body)
	c.Must(text, err)
	if len(text) > 0 {
		c.Must(nil, json.Unmarshal(text, &answer))
	}
	if response.StatusCode < 300 {
		return outage.Parts("200", answer["results"]), answer
	}
	return strconv.Itoa(response.StatusCode), answer
}

// outageScenes make the request and its body, and what must be so at last.
var outageScenes = map[string]func(*outage.Case) (request, body string, check func()){
	"a member joins": func(c *outage.Case) (string, string, func()) {
		phone := c.Connect(c.Connection("carol-"+c.ID, "phone", time.Minute))
		return "PUT /servers/" + c.ServerID() + "/members/carol-" + c.ID, `{"nick":"Carol"}`, func() {
			c.OnlyConnected("carol-"+c.ID, phone.ID)
			counted(c, "carol-"+c.ID, 3)
		}
	},
	"a member leaves": func(c *outage.Case) (string, string, func()) {
		return "DELETE /servers/" + c.ServerID() + "/members/" + c.Alice(), "", func() { counted(c, c.Alice(), 1) }
	},
	"a list": func(c *outage.Case) (string, string, func()) {
		return "GET /servers/" + c.ServerID() + "/channels", "", nil
	},
	"the audit": func(c *outage.Case) (string, string, func()) {
		c.Prepared(func() error {
			_, err := c.Store.ChangeMember(c.Context(), c.ServerID(), c.Bob(), c.Act(chat.ActionPutMember, time.Now()), func(m *chat.Member) error { m.Nick = "Bob"; return nil })
			return err
		})
		return "GET /servers/" + c.ServerID() + "/audit", "", nil
	},
	"a message": func(c *outage.Case) (string, string, func()) {
		return "POST /servers/" + c.ServerID() + "/channels/" + outage.Channel + "/messages", `{"from":"` + c.Alice() + `","msg_id":"m1","msg_body":"SECRET"}`, func() {
			if rows := c.Messages(); len(rows) != 1 || rows[0].Status != chat.Normal {
				c.Errorf("stored %+v", rows)
			}
		}
	},
	"a repeated message": func(c *outage.Case) (string, string, func()) {
		m := c.Send("m1", 0)
		return "POST /servers/" + c.ServerID() + "/channels/" + outage.Channel + "/messages", `{"from":"` + c.Alice() + `","msg_id":"m1","msg_body":"SECRET"}`, func() {
			if rows := c.Messages(); len(rows) != 1 || rows[0].MsgServerID != m.MsgServerID {
				c.Errorf("stored %+v", rows)
			}
		}
	},
	"revocations": func(c *outage.Case) (string, string, func()) {
		m := c.Send("m1", 0)
		place := `{"timestamp":` + strconv.FormatInt(m.Timestamp, 10) + `,"msg_server_id":"` + m.MsgServerID + `"}`
		return "POST /servers/" + c.ServerID() + "/channels/" + outage.Channel + "/messages/revoke", `{"operator":"office","messages":[` + place + `]}`, func() {
			if rows := c.Messages(); len(rows) != 1 || rows[0].Status != chat.Revoked || rows[0].Version != 2 {
				c.Errorf("stored %+v", rows)
			}
		}
	},
	"connections are ended": func(c *outage.Case) (string, string, func()) {
		phone := c.Connect(c.Connection(c.Alice(), "phone", time.Minute))
		return "DELETE /accounts/" + c.Alice() + "/connections", "", func() {
			if c.OnlyConnected(c.Alice()); c.Cloud.IsOpen(phone.ID) {
				c.Error("it is open")
			}
		}
	},
	"a sweep": func(c *outage.Case) (string, string, func()) {
		return "PUT /servers/" + c.ServerID() + "/sweeps/spam", `{"accid":"` + c.Alice() + `","operator":"office"}`, func() {
			jobs, _, err := c.Store.Jobs(c.Context(), c.ServerID(), nil, 10)
			c.Must(jobs, err)
			if len(jobs) != 1 || len(c.Cloud.Take(outage.SweepQueue)) == 0 {
				c.Errorf("%d jobs, and nobody works on them", len(jobs))
			}
		}
	},
}

// counted checks that the server has so many members, that the account knows whether it is one, and that the audit has one entry of it.
func counted(c *outage.Case, account string, members int) {
	c.Helper()
	deliveries, err := c.Store.Deliveries(c.Context(), []string{c.ServerID()})
	c.Must(deliveries, err)
	rows, err := c.Store.Members(c.Context(), c.ServerID(), []string{account})
	c.Must(rows, err)
	servers, err := c.Store.Memberships(c.Context(), account)
	c.Must(servers, err)
	if got := deliveries[c.ServerID()].Members; got != members || rows[account].Joined != (len(servers) == 1) {
		c.Errorf("%d members, want %d; %+v in %v", got, members, rows[account], servers)
	}
	page, err := c.Store.Audit(c.Context(), chat.AuditQuery{ServerID: c.ServerID(), Until: chat.MaxTimestamp, Limit: 50, Now: time.Now()})
	c.Must(page, err)
	entries := map[int64]int{}
	for _, entry := range page.Entries {
		if e := entry.Policy; e != nil && e.AccountID == account {
			entries[e.Version]++
		}
	}
	if entries[rows[account].Version] != 1 || len(entries) != 1 { // a copy of the model has none of what was before
		c.Errorf("entries by version: %v of version %d", entries, rows[account].Version)
	}
}
