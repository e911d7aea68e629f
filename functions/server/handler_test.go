package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"unsend/scripts/unsend/serverapi"
	"unsend/shared/chat"
	"unsend/shared/chat/chattest"
	"unsend/shared/edge"
	"unsend/shared/edge/edgetest"
)

// client calls the handler as a back end calls the function URL.
type client struct {
	*testing.T
	*edgetest.World
	handler http.Handler
}

func newClient(t *testing.T) *client {
	t.Helper()
	w := edgetest.NewWorld(t)
	window := chat.Window(120_000)
	return &client{t, w, newHandler(w.Edge(), endpoints(
		&chat.Administration{
			Store: w.Store, Jobs: &chattest.Jobs{}, Clock: w.Clock, LargeServer: 2000, NewID: edge.NewMessageID, Windows: chat.Windows{Own: &window, Moderator: &window},
		},
		&chat.Sessions{Store: w.Store, Gateway: w.Gateway, Clock: w.Clock},
	))}
}

// answered is an answer as a client reads it.
type answered struct {
	status  int
	etag    string
	header  http.Header
	text    string
	problem problem
}

// do sends a request such as "PUT /servers/s1"; headers come in pairs.
func (c *client) do(request, body string, headers ...string) answered {
	c.Helper()
	method, target, _ := strings.Cut(request, " ")
	r := httptest.NewRequestWithContext(c.Context(), method, target, strings.NewReader(body))
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	c.handler.ServeHTTP(w, r)
	document().check(c.T, r, w)
	a := answered{status: w.Code, etag: w.Header().Get("ETag"), header: w.Header(), text: w.Body.String()}
	if a.status >= 400 {
		a.readProblem(c.T, request)
	}
	return a
}

// readProblem: all errors have one shape.
func (a *answered) readProblem(t *testing.T, request string) {
	t.Helper()
	if err := json.Unmarshal([]byte(a.text), &a.problem); err != nil || a.header.Get("Content-Type") != "application/problem+json" {
		t.Fatalf("%s: %s %q (%v)", request, a.header.Get("Content-Type"), a.text, err)
	}
	if p := a.problem; p.Status != a.status || p.Type != "about:blank" || p.Title != http.StatusText(a.status) || p.Detail == "" {
		t.Errorf("%s: %d with %+v", request, a.status, p)
	}
}

// want checks the status of an answer, and its line in the log.
func (c *client) want(status int, a answered) answered {
	c.Helper()
	if a.status != status {
		c.Errorf("status %d, want %d: %s", a.status, status, a.text)
	}
	if line := c.Line(c.T); line["msg"] != "invocation" || line["route"] == "" {
		c.Errorf("line %v", line)
	}
	return a
}

// wantBody also checks the body, and the version that its ETag tells.
func (c *client) wantBody(status int, version, body string, a answered) {
	c.Helper()
	c.want(status, a)
	if a.etag != `"`+version+`"` {
		c.Errorf("ETag %s, want %s", a.etag, version)
	}
	if a.text != body {
		c.Errorf("body %s\nwant %s", a.text, body)
	}
}

// wantProblem also checks which field is to blame, and what the detail holds.
func (c *client) wantProblem(status int, field, detail string, a answered) {
	c.Helper()
	c.want(status, a)
	if a.problem.Field != field || !strings.Contains(a.problem.Detail, detail) {
		c.Errorf("problem %+v, want field %q and %q", a.problem, field, detail)
	}
}

func TestServers(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	c.wantProblem(404, "", "no such server", c.do("GET /servers/s9", ""))
	const everyone = `{"role_id":"everyone","priority":0,"allow":["SendMessage"],"deny":["RevokeMemberMessage"],"revoke_window_ms":null,"moderator_window_ms":null}`
	const body = `{"server_id":"s9","owner":"olga","revoke_window_ms":-1,"moderator_window_ms":null,"roles":[` + everyone + `]}`
	c.wantBody(201, "v1", body, c.do("PUT /servers/s9", `{"owner":"olga","revoke_window_ms":-1}`, "If-None-Match", "*"))
	c.wantBody(200, "v1", body, c.do("PUT /servers/s9", `{"owner":"olga","revoke_window_ms":-1}`))
	c.wantBody(200, "v1", body, c.do("GET /servers/s9", ""))
	if m, err := c.Store.Members(t.Context(), "s9", []string{"olga"}); err != nil || !m["olga"].Active() {
		t.Errorf("the owner is %+v, %v", m["olga"], err)
	}
	c.wantProblem(409, "", "the owner is no member", c.do("PUT /servers/s9", `{"owner":"bob"}`))
	c.AddMember(t, "s9", "bob")
	c.wantBody(200, "v2", strings.NewReplacer(`"olga"`, `"bob"`, "-1", "0").Replace(body),
		c.do("PUT /servers/s9", `{"owner":"bob","revoke_window_ms":0}`, "If-Match", `"v1"`))
	a := c.do("PUT /servers/s9", `{"owner":"olga"}`, "If-Match", `"v1"`)
	if c.wantProblem(412, "", "another version", a); a.etag != `"v2"` {
		t.Errorf("412 with ETag %s", a.etag)
	}
	a = c.do("PUT /servers/s9", `{"owner":"bob"}`, "If-None-Match", "*")
	if c.wantProblem(412, "", "there already", a); a.etag != `"v2"` {
		t.Errorf("412 with ETag %s", a.etag)
	}
	c.wantProblem(412, "", "another version", c.do("PUT /servers/none", `{"owner":"bob"}`, "If-Match", "*"))
	c.wantProblem(404, "", "no such server", c.do("GET /servers/none", ""))
}

func TestServersActingAs(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	c.wantProblem(403, "", "of its own only", c.do("PUT /servers/s9?acting_as=bob", `{"owner":"olga"}`))
	c.want(201, c.do("PUT /servers/s9?acting_as=olga", `{"owner":"olga"}`))
	c.AddMember(t, "s9", "bob")
	c.wantProblem(403, "", "lacks ManageServer", c.do("PUT /servers/s9?acting_as=bob", `{"owner":"olga","revoke_window_ms":5}`))
	c.wantProblem(403, "", "owner alone", c.do("PUT /servers/s9?acting_as=bob", `{"owner":"bob"}`))
	c.want(200, c.do("PUT /servers/s9?acting_as=olga", `{"owner":"bob"}`))
	c.wantProblem(403, "", "owner alone", c.do("PUT /servers/s9?acting_as=olga", `{"owner":"olga"}`))
}

func TestRoles(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	c.wantProblem(404, "", "no such server", c.do("PUT /servers/none/roles/vip", `{}`))
	c.wantProblem(404, "", "no such role", c.do("GET /servers/s1/roles/vip", ""))
	const vip = `{"role_id":"vip","priority":7,"allow":["AtAll"],"deny":["SendMessage"],"revoke_window_ms":null,"moderator_window_ms":0}`
	const put = `{"priority":7,"allow":["AtAll"],"deny":["SendMessage"],"moderator_window_ms":0}`
	c.wantBody(201, "v2", vip, c.do("PUT /servers/s1/roles/vip", put))
	c.wantBody(200, "v2", vip, c.do("PUT /servers/s1/roles/vip", put))
	c.wantBody(200, "v2", vip, c.do("GET /servers/s1/roles/vip", ""))
	c.wantProblem(412, "", "there already", c.do("PUT /servers/s1/roles/vip", put, "If-None-Match", "*"))
	c.wantProblem(412, "", "another version", c.do("DELETE /servers/s1/roles/vip", "", "If-Match", `"v1"`))
	if a := c.want(204, c.do("DELETE /servers/s1/roles/vip", "")); a.etag != `"v3"` || a.text != "" {
		t.Errorf("ETag %s, body %q", a.etag, a.text)
	}
	c.wantProblem(404, "", "no such role", c.do("DELETE /servers/s1/roles/vip", ""))
	c.wantProblem(409, "", "everyone cannot be deleted", c.do("DELETE /servers/s1/roles/everyone", ""))
	c.wantProblem(409, "", "does not come back", c.do("PUT /servers/s1/roles/vip", put))
	for i := range 19 { // mod is there
		c.want(201, c.do(fmt.Sprint("PUT /servers/s1/roles/r", i), `{}`))
	}
	c.wantProblem(409, "", "a server has at most 20 roles besides everyone", c.do("PUT /servers/s1/roles/more", `{}`))
	c.want(200, c.do("PUT /servers/s1/roles/r3", `{"priority":1}`))
}

func TestBadRequests(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	before := c.Store.Dump()
	for _, bad := range []struct{ request, body, field, detail string }{
		{"PUT /servers/s1", ``, "", "is not valid JSON"},
		{"PUT /servers/s1", `[]`, "", "is no JSON object"},
		{"PUT /servers/s1", `{}`, "owner", "is missing"},
		{"PUT /servers/s1", `{"owner":"o","colour":"SECRET"}`, "colour", "is unknown"},
		{"PUT /servers/s1", `{"owner":"o","SECRET":1}`, "", "holds an unknown field"},
		{"PUT /servers/s1", `{"owner":"o","owner":"SECRET"}`, "owner", "is given twice"},
		{"PUT /servers/s1", `{"owner":7}`, "owner", "has the wrong type"},
		{"PUT /servers/s1", `{"owner":"SECRET#"}`, "owner", "holds #"},
		{"PUT /servers/s1", `{"owner":"o","revoke_window_ms":-2}`, "revoke_window_ms", "must be -1"},
		{"PUT /servers/s1", `{"owner":"o","moderator_window_ms":1.5}`, "moderator_window_ms", "no whole number"},
		{"PUT /servers/%23SECRET", `{"owner":"o"}`, "server_id", "holds #"},
		{"PUT /servers/s1?actingas=SECRET", `{"owner":"o"}`, "", "known are: acting_as"},
		{"PUT /servers/s1?acting_as=", `{"owner":"o"}`, "acting_as", "is empty"},
		{"PUT /servers/s1?acting_as=a&acting_as=b", `{"owner":"o"}`, "acting_as", "is given twice"},
		{"PUT /servers/s1?acting_as=%23SECRET", `{"owner":"o"}`, "acting_as", "holds #"},
		{"PUT /servers/s1?a=%zz", `{"owner":"o"}`, "", "malformed"},
		{"GET /servers/s1?acting_as=bob", ``, "", "unknown parameter"},
		{"PUT /servers/s1/roles/" + strings.Repeat("x", 21), `{}`, "role_id", "longer than an id may be"},
		{"PUT /servers/s1/roles/vip", `{"allow":["SECRET"]}`, "allow", "known are ManageServer, ManageChannel"},
		{"PUT /servers/s1/roles/vip", `{"allow":["AtAll"],"deny":["AtAll"]}`, "deny", "AtAll"},
		{"PUT /servers/s1/roles/vip", `{"priority":-1}`, "priority", "must be from 0"},
		{"PUT /servers/s1/roles/vip", `{"allow":["AtAll"],"deny":"AtAll"}`, "deny", "has the wrong type"},
		{"DELETE /servers/s1/roles/mod", `{"x":1}`, "x", "is unknown"},
	} {
		a := c.do(bad.request, bad.body)
		line := fmt.Sprint(c.log(), a.text)
		if a.status != 400 || a.problem.Field != bad.field || !strings.Contains(a.problem.Detail, bad.detail) || strings.Contains(line, "SECRET") {
			t.Errorf("%s %s: %s\nand the log %s", bad.request, bad.body, a.text, line)
		}
	}
	for _, header := range [][2]string{{"If-Match", `v1`}, {"If-Match", `"v1`}, {"If-Match", `v1"`}, {"If-Match", `"v1" "v2"`}, {"If-Match", ``}, {"If-None-Match", `"v1"`}} {
		c.wantProblem(400, header[0], "must be *", c.do("PUT /servers/s1", `{"owner":"owner"}`, header[0], header[1]))
	}
	for _, tag := range []string{`W/"v1"`, `"v01"`, `"x"`, `"v2"`, `"v2", "v3"`} {
		c.want(412, c.do("PUT /servers/s1", `{"owner":"owner"}`, "If-Match", tag))
	}
	large := `{"owner":"` + strings.Repeat("x", 256<<10) + `"}`
	c.wantProblem(413, "", "256 KB", c.do("PUT /servers/s1", large))
	if after := c.Store.Dump(); after != before {
		t.Errorf("stored by requests that were refused: %s", after)
	}
}

// log is the text of the next line of the log.
func (c *client) log() string { return fmt.Sprint(c.Line(c.T)) }

func TestUnknownResources(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	for _, request := range []string{"GET /", "GET /server", "GET /servers/", "GET /servers/s1/", "GET /servers//roles/x", "GET /servers/../x", "PUT /servers"} {
		c.wantProblem(404, "", "no such resource", c.do(request, ""))
	}
	a := c.do("POST /servers/s1", "")
	if c.wantProblem(405, "", "GET, PUT, DELETE", a); a.header.Get("Allow") != "GET, PUT, DELETE" {
		t.Errorf("Allow: %s", a.header.Get("Allow"))
	}
}

// The command line tells by these answers that a deployment is of an earlier release, and says to deploy.
func TestWhatTheCommandLineTakesForAnEarlierRelease(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	for request, want := range map[string]bool{
		"GET /servers/s1/novelties": true, "POST /servers/s1": true, "GET /servers/s1?novelty=1": true, "GET /servers/s1/members?limit=1&novelty=1": true,
		"GET /servers/none": false, "GET /servers/s1/roles/none": false, "GET /servers/s1/members?limit=x": false, "PUT /servers/s1": false,
	} {
		a := c.do(request, "")
		p := serverapi.Problem{Status: a.status, Detail: a.problem.Detail}
		if a.status < 400 || p.Older() != want {
			t.Errorf("%s: scripts/unsend takes %v for an earlier release: %v, want %v", request, &p, p.Older(), want)
		}
	}
}

func TestFailingStores(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	var nilMap map[string]int
	for _, failure := range []struct {
		status int
		fail   func() error
	}{
		{503, func() error { return &chat.Error{Code: chat.Busy, Err: errors.New("throttled")} }},
		{500, func() error { return errors.New("SECRET") }},
		{500, func() error { nilMap["x"]++; return nil }},
	} {
		c.Store.Before = func(string) error { return failure.fail() }
		a := c.do("PUT /servers/s1", `{"owner":"owner"}`)
		if strings.Contains(a.text, "SECRET") || (a.status == 503) != (a.header.Get("Retry-After") != "") {
			t.Errorf("%d %s, Retry-After %q", a.status, a.text, a.header.Get("Retry-After"))
		}
		c.want(failure.status, a)
		c.Store.Before = nil
		c.want(200, c.do("PUT /servers/s1", `{"owner":"owner"}`))
	}
}

func TestLogNamesWhatARequestIsAbout(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	c.do("PUT /servers/s1/roles/mod?acting_as=owner", `{}`)
	line := c.Line(t)
	if line["route"] != "PUT /servers/{server}/roles/{role}" || line["server"] != "s1" || line["account"] != "owner" || line["code"] != 403.0 {
		t.Errorf("line %v", line)
	}
}
