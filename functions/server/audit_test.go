package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambdaurl"

	"unsend/shared/chat"
	"unsend/shared/edge/edgetest"
)

// listed is a page of an audit, each entry as it came.
type listed struct {
	Entries []json.RawMessage
	Next    string
}

func (c *client) page(request string) (p listed) {
	c.Helper()
	if err := json.Unmarshal([]byte(c.want(200, c.do(request, "")).text), &p); err != nil {
		c.Fatal(err)
	}
	return p
}

// since forgets what made the world: its clock goes on, and the audit is looked at from then on.
func (c *client) since() string {
	c.Now = c.Now.Add(time.Second)
	return fmt.Sprint("?from=", c.Now.UnixMilli())
}

func (c *client) wantEntries(request string, want ...string) {
	c.Helper()
	var got []string
	for _, e := range c.page(request).Entries {
		got = append(got, string(e))
	}
	if !slices.Equal(got, want) {
		c.Errorf("entries\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestAuditOfBothKinds(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	c.AddMember(t, "s1", "owner")
	from := c.since()
	at := c.Now.UnixMilli()
	c.want(200, c.do("PUT /servers/s1/roles/mod?acting_as=owner", `{"priority":1,"allow":["AtAll"],"moderator_window_ms":60000}`))
	c.want(200, c.do("PUT /servers/s1/roles/mod?acting_as=owner", `{"priority":1,"allow":["AtAll"],"moderator_window_ms":60000}`)) // nothing
	c.Now = c.Now.Add(time.Millisecond)
	c.want(201, c.do("PUT /servers/s1/members/alice/ban", ``))
	c.Now = c.Now.Add(time.Millisecond)
	c.want(201, c.do("PUT /servers/s1/channels/c1/blacklist/bob", ``))
	if failures := c.Store.PutAudit(t.Context(), []chat.RevokeEntry{{
		MessageKey: chat.MessageKey{ServerID: "s1", ChannelID: "c1", Timestamp: 7, MsgServerID: "m"}, Version: 2, RevokedAt: c.Now.UnixMilli() + 1,
		Operator: chat.Who{AccountID: "bob", DeviceID: "desk", ClientType: chat.PC}, Door: chat.WebSocketDoor, AuthorID: "alice", Reason: "wrong <room>",
	}}); failures != nil {
		t.Fatal(failures)
	}
	role := fmt.Sprint(`{"at":`, at, `,"kind":"policy","action":"put_role","operator":"owner","principal":"","door":"api","role_id":"mod","version":2,`+
		`"changes":["role mod: allow +AtAll -RevokeMemberMessage","role mod: moderator_window_ms: null -> 60000"]}`)
	ban := fmt.Sprint(`{"at":`, at+1, `,"kind":"policy","action":"put_ban","operator":"","principal":"","door":"api","accid":"alice","version":2,"changes":["banned"]}`)
	black := fmt.Sprint(`{"at":`, at+2, `,"kind":"policy","action":"put_blacklisted","operator":"","principal":"","door":"api","channel_id":"c1","accid":"bob","version":1,"changes":["blacklist: added"]}`)
	revoke := fmt.Sprint(`{"at":`, at+3, `,"kind":"revoke","operator":"bob","device_id":"desk","client_type":4,"door":"websocket","channel_id":"c1","timestamp":7,"msg_server_id":"m","author":"alice","reason":"wrong <room>"}`)
	c.wantEntries("GET /servers/s1/audit"+from, role, ban, black, revoke)
	c.wantEntries(fmt.Sprint("GET /servers/s1/audit?from=", at+1, "&until=", at+3), ban, black)
	c.wantEntries("GET /servers/s1/audit?until=0")

	var walked []string
	for cursor, pages := "", 0; pages == 0 || cursor != ""; pages++ {
		p := c.page("GET /servers/s1/audit" + from + "&limit=1" + cursor)
		if len(p.Entries) > 1 || pages > 9 {
			t.Fatalf("page %d: %d entries", pages, len(p.Entries))
		}
		for _, e := range p.Entries {
			walked = append(walked, string(e))
		}
		if cursor = ""; p.Next != "" {
			cursor = "&cursor=" + p.Next
		}
	}
	if want := []string{role, ban, black, revoke}; !slices.Equal(walked, want) {
		t.Errorf("walked\n%s", strings.Join(walked, "\n"))
	}
}

// A server that is not there is not missing: what was done in it may be asked for all the same.
func TestAuditOfAServerThatIsNotThere(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	if a := c.want(200, c.do("GET /servers/none/audit", "")); a.text != `{"entries":[]}` || a.etag != "" {
		t.Errorf("%s, ETag %s", a.text, a.etag)
	}
}

func TestAuditRefuses(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	for _, bad := range [][3]string{
		{"from=x", "from", "whole number"}, {"from=-1", "from", "no time"}, {"until=1000000000000000", "until", "no time"}, {"until=1.5", "until", "whole number"},
		{"limit=0", "limit", "from 1 to 100"}, {"limit=101", "limit", "from 1 to 100"}, {"limit=9999999999999999999", "limit", "whole number"},
		{"cursor=x", "cursor", "none that an answer gave"}, {"cursor=AQ", "cursor", "none that an answer gave"}, {"cursor=" + formatCursor("alice"), "cursor", "none that an answer gave"},
		{"acting_as=bob", "", "unknown parameter"},
	} {
		c.wantProblem(400, bad[1], bad[2], c.do("GET /servers/s1/audit?"+bad[0], ""))
	}
	c.wantProblem(400, "server_id", "holds #", c.do("GET /servers/%23/audit", ""))
}

// Whoever has signed a request is in the entry of what it changed.
func TestAuditNamesWhoSigned(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	from := c.since()
	event := edgetest.Load[events.LambdaFunctionURLRequest](t, "server")
	response, err := lambdaurl.Wrap(c.handler)(t.Context(), &event)
	if err != nil || response.StatusCode != 200 {
		t.Fatalf("%+v, %v", response, err)
	}
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		t.Fatal(err)
	}
	c.Line(t)
	c.wantEntries("GET /servers/s1/audit"+from, fmt.Sprint(`{"at":`, c.Now.UnixMilli(), `,"kind":"policy","action":"put_member","operator":"",`+
		`"principal":"arn:aws:iam::123456789012:user/backend","door":"api","accid":"alice","version":2,"changes":["nick","roles: +mod"]}`))
}

// Every operation that writes leaves entries, and says in them what was asked for; what it refuses leaves none.
func TestEveryWriteIsInTheAudit(t *testing.T) {
	t.Parallel()
	met := map[string]bool{}
	for id, each := range right {
		method, path, _ := strings.Cut(each.request, " ")
		if method == "GET" || !strings.HasPrefix(path, "/servers/") || slices.Contains(unversioned, id) && id != "putSweep" { // messages are no policy
			continue
		}
		c := newClient(t)
		if strings.HasPrefix(id, "delete") { // there must be something to delete
			for _, put := range []string{"/channels/c1/roles/mod", "/channels/c1/members/alice/override"} {
				c.want(201, c.do("PUT /servers/s1"+put, `{"deny":["AtAll"]}`))
			}
			for _, put := range []string{"/members/alice/ban", "/channels/c1/whitelist/alice", "/channels/c1/blacklist/alice"} {
				c.want(201, c.do("PUT /servers/s1"+put, ``))
			}
		}
		from := c.since()
		if a := c.do(each.request, each.body, "If-Match", `"v99"`); a.status != 412 && a.problem.Field != "If-Match" {
			t.Errorf("%s at another version: %d", id, a.status)
		}
		c.Line(t)
		c.wantEntries("GET /servers/s1/audit" + from)
		c.do(each.request, each.body)
		c.Line(t)
		entries := c.page("GET /servers/s1/audit" + from).Entries
		if len(entries) != 1 {
			t.Errorf("%s left %d entries", id, len(entries))
			continue
		}
		var e struct{ Action string }
		if err := json.Unmarshal(entries[0], &e); err != nil {
			t.Fatal(err)
		}
		met[e.Action] = true
		if got := strings.ReplaceAll(e.Action, "_", ""); got != strings.ToLower(strings.TrimSuffix(id, "s")) {
			t.Errorf("%s is in the audit as %s", id, e.Action)
		}
	}
	met[string(chat.ActionPutPersonal)] = true // which seed alone does
	var all []string
	for _, action := range chat.Actions() {
		all = append(all, string(action))
	}
	slices.Sort(all)
	if got := slices.Sorted(maps.Keys(met)); !slices.Equal(got, all) {
		t.Errorf("actions %v, want %v", got, all)
	}
	enum := document().doc.Components.Schemas["PolicyEntry"].Value.Properties["action"].Value.Enum
	if len(enum) != len(all) || slices.ContainsFunc(enum, func(e any) bool { return !slices.Contains(all, e.(string)) }) {
		t.Errorf("documented actions %v, want %v", enum, all)
	}
}
