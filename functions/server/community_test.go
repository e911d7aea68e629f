package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"unsend/shared/chat"
)

func TestChannels(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	c.wantProblem(404, "", "no such channel", c.do("GET /servers/s1/channels/new", ""))
	c.wantProblem(404, "", "no such server", c.do("PUT /servers/none/channels/new", `{}`))
	const body = `{"server_id":"s1","channel_id":"new","view_mode":"private","revoke_window_ms":null,"moderator_window_ms":7,"white_roles":["everyone","mod"],"black_roles":[],"role_overrides":{}}`
	const put = `{"view_mode":"private","moderator_window_ms":7,"white_roles":["mod","everyone"]}`
	c.wantBody(201, "v1", body, c.do("PUT /servers/s1/channels/new", put))
	c.wantBody(200, "v1", body, c.do("PUT /servers/s1/channels/new", put))
	c.wantProblem(412, "", "another version", c.do("PUT /servers/s1/channels/new", `{}`, "If-Match", `"v2"`))
	const override = `{"allow":["SendMessage"],"deny":["AtAll"]}`
	c.wantBody(201, "v2", override, c.do("PUT /servers/s1/channels/new/roles/mod", override))
	c.wantBody(200, "v2", override, c.do("PUT /servers/s1/channels/new/roles/mod", override))
	c.wantBody(200, "v2", strings.Replace(body, `"role_overrides":{}`, `"role_overrides":{"mod":`+override+`}`, 1), c.do("GET /servers/s1/channels/new", ""))
	c.wantProblem(404, "", "no such role", c.do("PUT /servers/s1/channels/new/roles/none", override))
	c.wantProblem(404, "", "no such channel", c.do("PUT /servers/s1/channels/none/roles/mod", override))
	c.wantProblem(400, "deny", "belongs to the server alone", c.do("PUT /servers/s1/channels/new/roles/mod", `{"deny":["ManageServer"]}`))
	for range 2 {
		if a := c.want(204, c.do("DELETE /servers/s1/channels/new/roles/mod", "")); a.etag != `"v3"` {
			t.Errorf("ETag %s", a.etag)
		}
	}
	for body, field := range map[string]string{
		`{"view_mode":"secret"}`: "view_mode", `{"white_roles":["none"]}`: "white_roles", `{"black_roles":["mod","mod"]}`: "black_roles", `{"owner":"x"}`: "owner",
	} {
		if a := c.want(400, c.do("PUT /servers/s1/channels/new", body)); a.problem.Field != field {
			t.Errorf("%s: %+v", body, a.problem)
		}
	}
}

// An override and a list hold what the server has: a role that is gone leaves nothing in the way.
func TestAChannelForgetsRolesThatAreGone(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	c.want(201, c.do("PUT /servers/s1/roles/vip", `{}`))
	c.want(201, c.do("PUT /servers/s1/channels/c1/roles/vip", `{"deny":["SendMessage"]}`))
	c.want(204, c.do("DELETE /servers/s1/roles/vip", ""))
	a := c.want(200, c.do("PUT /servers/s1/channels/c1", `{}`))
	if strings.Contains(a.text, "vip") {
		t.Error(a.text)
	}
}

func TestMembers(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	c.wantProblem(404, "", "no such member", c.do("GET /servers/s1/members/dave", ""))
	c.wantProblem(404, "", "no such member", c.do("DELETE /servers/s1/members/dave", ""))
	body := fmt.Sprintf(`{"server_id":"s1","accid":"dave","nick":"Dave","roles":["mod"],"joined":true,"joined_at":%d,"banned":false}`, c.Now.UnixMilli())
	const put = `{"nick":"Dave","roles":["mod"]}`
	c.wantBody(201, "v1", body, c.do("PUT /servers/s1/members/dave", put, "If-None-Match", "*"))
	c.wantBody(200, "v1", body, c.do("PUT /servers/s1/members/dave", put))
	c.wantProblem(412, "", "there already", c.do("PUT /servers/s1/members/dave", put, "If-None-Match", "*"))
	banned := strings.Replace(body, `"banned":false`, `"banned":true`, 1)
	c.wantBody(201, "v2", banned, c.do("PUT /servers/s1/members/dave/ban", ""))
	c.wantBody(200, "v2", banned, c.do("PUT /servers/s1/members/dave/ban", "{}"))
	c.want(204, c.do("DELETE /servers/s1/members/dave/ban", ""))
	c.want(204, c.do("DELETE /servers/s1/members/dave/ban", ""))
	c.wantBody(200, "v3", body, c.do("GET /servers/s1/members/dave", ""))
	c.want(204, c.do("DELETE /servers/s1/members/dave", "", "If-Match", `"v3"`))
	c.want(204, c.do("DELETE /servers/s1/members/dave", ""))
	c.wantBody(200, "v4", strings.NewReplacer(`["mod"]`, `[]`, `"joined":true`, `"joined":false`).Replace(body), c.do("GET /servers/s1/members/dave", ""))
	c.want(201, c.do("PUT /servers/s9", `{"owner":"olga"}`))
	c.wantProblem(409, "", "the owner cannot leave", c.do("DELETE /servers/s9/members/olga", ""))
	c.wantProblem(409, "", "the owner cannot be banned", c.do("PUT /servers/s9/members/olga/ban", ""))
	for body, field := range map[string]string{
		`{"roles":["none"]}`: "roles", `{"roles":["everyone"]}`: "roles", `{"nick":"a\u0007"}`: "nick", `{"nick":"` + strings.Repeat("x", 65) + `"}`: "nick",
	} {
		if a := c.want(400, c.do("PUT /servers/s1/members/dave", body)); a.problem.Field != field {
			t.Errorf("%s: %+v", body, a.problem)
		}
	}
}

func TestOverridesAndListsOfAccounts(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	const personal, white, black = "/servers/s1/channels/c1/members/alice", "/servers/s1/channels/c1/whitelist/alice", "/servers/s1/channels/c1/blacklist/alice"
	is := func(version, override string, whitelisted, blacklisted bool, a answered) {
		t.Helper()
		status := a.status
		c.wantBody(status, version, fmt.Sprintf(`{"accid":"alice","override":%s,"whitelisted":%t,"blacklisted":%t}`, override, whitelisted, blacklisted), a)
		if status != 200 && status != 201 {
			t.Errorf("status %d", status)
		}
	}
	const nothing, deny = `{"allow":[],"deny":[]}`, `{"allow":[],"deny":["SendMessage"]}`
	c.want(200, c.do("GET "+personal, ""))
	is("v1", deny, false, false, c.do("PUT "+personal+"/override", deny))
	is("v1", deny, false, false, c.do("PUT "+personal+"/override", deny))
	is("v2", deny, true, false, c.do("PUT "+white, ""))
	is("v2", deny, true, false, c.do("PUT "+white, ""))
	is("v3", deny, true, true, c.do("PUT "+black, "{}"))
	is("v3", deny, true, true, c.do("PUT "+black, ""))
	is("v3", deny, true, true, c.do("GET "+personal, ""))
	c.wantProblem(412, "", "another version", c.do("DELETE "+black, "", "If-Match", `"v2"`))
	// What belongs to a membership ends with it; the black list is for good.
	c.want(204, c.do("DELETE /servers/s1/members/alice", ""))
	is("v3", nothing, false, true, c.do("GET "+personal, ""))
	c.wantProblem(404, "", "no such member", c.do("PUT "+white, ""))
	c.wantProblem(404, "", "no such member", c.do("PUT "+personal+"/override", deny))
	c.want(201, c.do("PUT /servers/s1/members/alice", "{}"))
	is("v3", nothing, false, true, c.do("GET "+personal, ""))
	c.want(204, c.do("DELETE "+personal+"/override", ""))
	c.want(204, c.do("DELETE "+white, ""))
	c.want(204, c.do("DELETE "+black, ""))
	is("v6", nothing, false, false, c.do("GET "+personal, ""))
	is("v7", nothing, true, false, c.do("PUT "+white, "")) // with the membership of now
	is("v8", deny, true, false, c.do("PUT "+personal+"/override", deny))
	c.wantProblem(404, "", "no such channel", c.do("PUT /servers/s1/channels/none/blacklist/alice", ""))
}

func TestPermissions(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	const path = "/servers/s1/channels/c1/members/"
	is := func(account, permission string, want decisionBody) {
		t.Helper()
		var body permissionsBody
		a := c.want(200, c.do("GET "+path+account+"/permissions", ""))
		if err := json.Unmarshal([]byte(a.text), &body); err != nil || len(body.Permissions) != 27 {
			t.Fatalf("%v in %s", err, a.text)
		}
		if got := body.Permissions[permission]; got != want {
			t.Errorf("%s of %s: %+v, want %+v", permission, account, got, want)
		}
	}
	is("alice", "SendMessage", decisionBody{true, chat.ByEveryone, "everyone"})
	is("alice", "AtAll", decisionBody{Level: chat.ByNone})
	is("bob", "RevokeMemberMessage", decisionBody{true, chat.ByRole, "mod"})
	is("nobody", "SendMessage", decisionBody{Level: chat.ByMembership})
	c.want(201, c.do("PUT /servers/s1/channels/c1/roles/mod", `{"deny":["RevokeMemberMessage"]}`))
	is("bob", "RevokeMemberMessage", decisionBody{Level: chat.ByRoleOverride, Role: "mod"})
	c.want(201, c.do("PUT "+path+"bob/override", `{"allow":["RevokeMemberMessage"]}`))
	is("bob", "RevokeMemberMessage", decisionBody{Allowed: true, Level: chat.ByMemberOverride})
	c.want(201, c.do("PUT /servers/s1/channels/c1/blacklist/bob", ""))
	is("bob", "RevokeMemberMessage", decisionBody{Level: chat.ByBlackList})
	c.want(201, c.do("PUT /servers/s1/members/bob/ban", ""))
	is("bob", "RevokeMemberMessage", decisionBody{Level: chat.ByBan})
	c.want(404, c.do("GET /servers/s1/channels/none/members/bob/permissions", ""))
}

// Two administrators who read the same version: one of them is told.
func TestTwoWritersNeverOverwriteEachOtherUnseen(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	var wait sync.WaitGroup
	for range 2 {
		wait.Go(func() {
			for range 10 {
				lengthen(c)
			}
		})
	}
	wait.Wait()
	server, err := c.Store.Standing(t.Context(), "s1", "c1", "")
	if err != nil {
		t.Fatal(err)
	}
	if own := server.Channel.Windows.Own; own == nil || *own != 20 {
		t.Errorf("the sum of 20 additions is %v", own)
	}
}

// lengthen reads the channel's window and writes it back one longer, until nobody was faster.
func lengthen(c *client) {
	for {
		read := c.do("GET /servers/s1/channels/c1", "")
		var body struct {
			Own int64 `json:"revoke_window_ms"`
		}
		if err := json.Unmarshal([]byte(read.text), &body); err != nil {
			c.Error(err)
			return
		}
		switch a := c.do("PUT /servers/s1/channels/c1", fmt.Sprintf(`{"revoke_window_ms":%d}`, body.Own+1), "If-Match", read.etag); a.status {
		case http.StatusOK:
			return
		case http.StatusPreconditionFailed:
		default:
			c.Errorf("status %d: %s", a.status, a.text)
			return
		}
	}
}
