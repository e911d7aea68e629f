package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/legacy"

	"unsend/shared/chat"
	"unsend/shared/edge/edgetest"
)

const documentFile = "../../docs/openapi.yaml"

// document is docs/openapi.yaml, and which of its operations' statuses the tests have met.
var document = sync.OnceValue(func() *described {
	loaded, err := openapi3.NewLoader().LoadFromFile(documentFile)
	if err != nil {
		panic(err)
	}
	if err := loaded.Validate(context.Background()); err != nil {
		panic(err)
	}
	loaded.Servers = nil // the tests have no host
	router, err := legacy.NewRouter(loaded)
	if err != nil {
		panic(err)
	}
	return &described{doc: loaded, router: router, met: map[string]bool{}}
})

type described struct {
	doc    *openapi3.T
	router routers.Router
	mu     sync.Mutex
	met    map[string]bool
}

// check holds an answer to the document: its operation, status, headers and body.
func (d *described) check(t *testing.T, r *http.Request, w *httptest.ResponseRecorder) {
	t.Helper()
	route, params, err := d.router.FindRoute(r)
	// The router takes /servers for /servers/{server}, too.
	if err != nil || slices.Contains(slices.Collect(maps.Values(params)), "") {
		// The document does not know it, so the handler must not either.
		if w.Code != http.StatusNotFound && w.Code != http.StatusMethodNotAllowed {
			t.Errorf("%s %s is not documented, and is answered with %d", r.Method, r.URL, w.Code)
		}
		return
	}
	if err := openapi3filter.ValidateResponse(t.Context(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{Request: r, PathParams: params, Route: route},
		Status:                 w.Code, Header: w.Header(), Body: io.NopCloser(bytes.NewReader(w.Body.Bytes())),
		Options: &openapi3filter.Options{IncludeResponseStatus: true},
	}); err != nil {
		t.Errorf("%s %s: %v\n%s", r.Method, r.URL, err, w.Body)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.met[fmt.Sprint(route.Operation.OperationID, " ", w.Code)] = true
}

// documented are all operations' statuses.
func (d *described) documented() (all []string) {
	for _, path := range d.doc.Paths.Map() {
		for _, operation := range path.Operations() {
			for status := range operation.Responses.Map() {
				all = append(all, operation.OperationID+" "+status)
			}
		}
	}
	slices.Sort(all)
	return all
}

// TestMain also asks, after all tests, whether everything that is documented has occurred.
func TestMain(m *testing.M) {
	code := edgetest.Main(m)
	if whole := flag.Lookup("test.run").Value.String() == "" && flag.Lookup("test.skip").Value.String() == "" && flag.Lookup("test.list").Value.String() == ""; whole && code == 0 {
		for _, each := range document().documented() {
			if !document().met[each] {
				fmt.Printf("%s documents %s, which no test has met\n", documentFile, each)
				code = 1
			}
		}
	}
	os.Exit(code)
}

// The document has the handler's endpoints, and no others.
func TestTheDocumentHasEveryEndpoint(t *testing.T) {
	t.Parallel()
	documented := map[string]bool{}
	for path, item := range document().doc.Paths.Map() {
		for method := range item.Operations() {
			documented[method+" "+path] = true
		}
	}
	served := map[string]bool{}
	for _, each := range endpoints(&chat.Administration{}, &chat.Sessions{}) {
		served[each.pattern] = true
	}
	if !maps.Equal(documented, served) {
		t.Errorf("documented %v\nserved %v", slices.Sorted(maps.Keys(documented)), slices.Sorted(maps.Keys(served)))
	}
}

// The parameters that an operation takes are those that are documented.
func TestTheDocumentHasEveryQueryParameter(t *testing.T) {
	t.Parallel()
	for _, each := range endpoints(&chat.Administration{}, &chat.Sessions{}) {
		method, path, _ := strings.Cut(each.pattern, " ")
		var documented []string
		for _, p := range document().doc.Paths.Value(path).GetOperation(method).Parameters {
			if p.Value.In == openapi3.ParameterInQuery {
				documented = append(documented, p.Value.Name)
			}
		}
		if !slices.Equal(documented, each.query) {
			t.Errorf("%s documents %v, and takes %v", each.pattern, documented, each.query)
		}
	}
}

// right is a request of each operation that succeeds, and one whose path leads to nothing; empty where every path leads somewhere.
var right = map[string]struct{ request, body, nowhere string }{
	"getServer":            {"GET /servers/s1", "", "GET /servers/none"},
	"putServer":            {"PUT /servers/s1", `{"owner":"owner","revoke_window_ms":1}`, ""},
	"getRole":              {"GET /servers/s1/roles/mod", "", "GET /servers/s1/roles/none"},
	"putRole":              {"PUT /servers/s1/roles/vip", `{"allow":["AtAll"]}`, "PUT /servers/none/roles/vip"},
	"deleteRole":           {"DELETE /servers/s1/roles/mod", "", "DELETE /servers/s1/roles/none"},
	"getChannel":           {"GET /servers/s1/channels/c1", "", "GET /servers/s1/channels/none"},
	"putChannel":           {"PUT /servers/s1/channels/c1", `{"revoke_window_ms":1}`, "PUT /servers/none/channels/c1"},
	"putRoleOverride":      {"PUT /servers/s1/channels/c1/roles/mod", `{"deny":["AtAll"]}`, "PUT /servers/s1/channels/c1/roles/none"},
	"deleteRoleOverride":   {"DELETE /servers/s1/channels/c1/roles/mod", "", "DELETE /servers/s1/channels/none/roles/mod"},
	"getMember":            {"GET /servers/s1/members/alice", "", "GET /servers/s1/members/none"},
	"putMember":            {"PUT /servers/s1/members/dave", `{"nick":"D"}`, "PUT /servers/none/members/dave"},
	"deleteMember":         {"DELETE /servers/s1/members/alice", "", "DELETE /servers/s1/members/none"},
	"putBan":               {"PUT /servers/s1/members/alice/ban", "", "PUT /servers/none/members/alice/ban"},
	"deleteBan":            {"DELETE /servers/s1/members/alice/ban", "", "DELETE /servers/none/members/alice/ban"},
	"getPersonal":          {"GET /servers/s1/channels/c1/members/alice", "", "GET /servers/s1/channels/none/members/alice"},
	"putMemberOverride":    {"PUT /servers/s1/channels/c1/members/alice/override", `{"deny":["AtAll"]}`, "PUT /servers/s1/channels/c1/members/none/override"},
	"deleteMemberOverride": {"DELETE /servers/s1/channels/c1/members/alice/override", "", "DELETE /servers/s1/channels/none/members/alice/override"},
	"getPermissions":       {"GET /servers/s1/channels/c1/members/alice/permissions", "", "GET /servers/s1/channels/none/members/alice/permissions"},
	"putWhitelisted":       {"PUT /servers/s1/channels/c1/whitelist/alice", "", "PUT /servers/s1/channels/c1/whitelist/none"},
	"deleteWhitelisted":    {"DELETE /servers/s1/channels/c1/whitelist/alice", "", "DELETE /servers/s1/channels/none/whitelist/alice"},
	"putBlacklisted":       {"PUT /servers/s1/channels/c1/blacklist/alice", "", "PUT /servers/s1/channels/none/blacklist/alice"},
	"deleteBlacklisted":    {"DELETE /servers/s1/channels/c1/blacklist/alice", "", "DELETE /servers/s1/channels/none/blacklist/alice"},
	"deleteServer":         {"DELETE /servers/s1", "", "DELETE /servers/none"},
	"deleteChannel":        {"DELETE /servers/s1/channels/c1", "", "DELETE /servers/s1/channels/none"},
	"postMessage":          {"POST /servers/s1/channels/c1/messages", `{"from":"alice","msg_id":"m1","msg_body":"hi"}`, "POST /servers/s1/channels/none/messages"},
	"postRevoke":           {"POST /servers/s1/channels/c1/messages/revoke", `{"operator":"olga","messages":[{"timestamp":1,"msg_server_id":"m"}]}`, "POST /servers/s1/channels/none/messages/revoke"},
	"putSweep":             {"PUT /servers/s1/sweeps/one", `{"accid":"alice","operator":"olga"}`, "PUT /servers/none/sweeps/one"},
	"getJobs":              {"GET /servers/s1/jobs", "", ""},
	"postResume":           {"POST /servers/s1/jobs/sweep/begun/resume", "", "POST /servers/s1/jobs/sweep/none/resume"},
	"getJob":               {"GET /servers/s1/jobs/sweep/begun", "", "GET /servers/s1/jobs/sweep/none"},
	"getChannels":          {"GET /servers/s1/channels", "", "GET /servers/none/channels"},
	"getMembers":           {"GET /servers/s1/members", "", "GET /servers/none/members"},
	"putMembers":           {"PUT /servers/s1/members", `{"members":[{"accid":"dave"}]}`, "PUT /servers/none/members"},
	"deleteMembers":        {"POST /servers/s1/members/remove", `{"accids":["alice"]}`, "POST /servers/none/members/remove"},
	"getBans":              {"GET /servers/s1/bans", "", "GET /servers/none/bans"},
	"getPersonals":         {"GET /servers/s1/channels/c1/members", "", "GET /servers/s1/channels/none/members"},
	"getWhitelist":         {"GET /servers/s1/channels/c1/whitelist", "", "GET /servers/s1/channels/none/whitelist"},
	"getBlacklist":         {"GET /servers/s1/channels/c1/blacklist", "", "GET /servers/s1/channels/none/blacklist"},
	"getAudit":             {"GET /servers/s1/audit", "", ""},
	"getServersOfAccount":  {"GET /accounts/alice/servers", "", ""},
	"getConnections":       {"GET /accounts/alice/connections", "", ""},
	"deleteConnections":    {"DELETE /accounts/alice/connections", "", ""},
	"deleteConnection":     {"DELETE /accounts/alice/connections/one=", "", "DELETE /accounts/alice/connections/none"},
}

// TestWhatEveryOperationAnswers meets, for each operation, what they have in common.
func TestWhatEveryOperationAnswers(t *testing.T) {
	t.Parallel()
	for id, each := range right {
		t.Run(id, func(t *testing.T) {
			t.Parallel()
			c := newClient(t)
			connection := chat.Connection{ID: "one=", AccountID: "alice", ClientType: chat.Web, ConnectedAt: c.Now.UnixMilli() - 60_000}
			if err := c.Store.PutConnection(t.Context(), connection); err != nil {
				t.Fatal(err)
			}
			if _, _, err := c.Store.PutJob(t.Context(), begun, chat.Act{At: c.Now, Action: chat.ActionPutSweep, Door: chat.APIDoor}); err != nil {
				t.Fatal(err)
			}
			c.Store.Before = func(string) error { return &chat.Error{Code: chat.Busy} }
			c.want(503, c.do(each.request, each.body))
			c.Store.Before = func(string) error { return io.ErrUnexpectedEOF }
			c.want(500, c.do(each.request, each.body))
			c.Store.Before = nil
			before := c.Store.Dump()
			c.want(400, c.do(each.request+"?colour=red", each.body))
			if each.nowhere != "" {
				c.want(404, c.do(each.nowhere, each.body))
			}
			c.refusesWrites(id, each.request, each.body)
			if c.Store.Dump() != before {
				t.Error("a refused request has stored something")
			}
			if a := c.do(each.request, each.body); a.status >= 300 {
				t.Errorf("%d: %s", a.status, a.text)
			}
		})
	}
	if n := len(endpoints(&chat.Administration{}, &chat.Sessions{})); len(right) != n {
		t.Errorf("%d of %d operations are tried", len(right), n)
	}
}

// refusesWrites: a write is bound by the permissions of an account, by versions and by size.
func (c *client) refusesWrites(id, request, body string) {
	c.Helper()
	if strings.HasPrefix(request, "GET") {
		return
	}
	c.want(413, c.do(request, strings.Repeat(" ", maxBody+1)))
	if strings.HasSuffix(id, "Connection") || strings.HasSuffix(id, "Connections") || id == "postResume" {
		return
	}
	if id == "putMembers" || id == "deleteMembers" { // each of several is refused by itself, and none has the one version
		a := c.want(200, c.do(request+"?acting_as=stranger", body))
		if !strings.Contains(a.text, `"status":403`) {
			c.Error(a.text)
		}
		c.wantProblem(400, "If-Match", "one row", c.do(request, body, "If-Match", `"v99"`))
		return
	}
	c.want(403, c.do(request+"?acting_as=stranger", forAnActor(body)))
	if slices.Contains(unversioned, id) {
		c.wantProblem(400, "If-Match", "one row", c.do(request, body, "If-Match", `"v99"`))
		return
	}
	c.want(412, c.do(request, body, "If-Match", `"v99"`))
}

// unversioned are the writes of what has no version.
var unversioned = []string{"postMessage", "postRevoke", "putSweep", "postResume"}

// begun is a sweep that is at work.
var begun = chat.Job{
	JobRef: chat.JobRef{ServerID: "s1", Kind: chat.SweepJob, ID: "begun"}, Sweep: &chat.Sweep{AccountID: "alice", Operator: chat.Actor{AccountID: "olga"}}, CreatedAt: 1,
}

// forAnActor leaves out who acts, as acting_as says it.
func forAnActor(body string) string {
	return strings.NewReplacer(`"operator":"olga",`, "", `,"operator":"olga"`, "", `"from":"alice",`, "").Replace(body)
}

// TestConflicts meets each operation's limits and rules.
func TestConflicts(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	c.want(201, c.do("PUT /servers/s9", `{"owner":"olga"}`))
	c.want(201, c.do("PUT /servers/s9/channels/c1", `{}`))
	for i := range 99 {
		c.want(201, c.do(fmt.Sprint("PUT /servers/s9/channels/x", i), `{}`))
		c.want(201, c.do(fmt.Sprint("PUT /servers/of-dave", i), `{"owner":"dave"}`))
	}
	c.wantProblem(409, "", "a server has at most 100 channels", c.do("PUT /servers/s9/channels/more", `{}`))
	c.want(201, c.do("PUT /servers/s9/members/dave", `{}`))
	c.want(201, c.do("PUT /servers/s9/members/dave/ban", ``))
	c.want(201, c.do("PUT /servers/s1/members/dave", `{}`))
	c.wantProblem(409, "", "an account has at most 100 servers", c.do("DELETE /servers/s9/members/dave/ban", ``))
	c.wantProblem(409, "", "an account has at most 100 servers", c.do("PUT /servers/s2/members/dave", `{}`))
	c.wantProblem(409, "", "an account has at most 100 servers", c.do("PUT /servers/more", `{"owner":"dave"}`))
	for i := range chat.MaxMembersPerList {
		if _, err := c.Store.ChangePersonal(t.Context(), "s1", "c1", fmt.Sprint("x", i), chat.Act{At: c.Now}, func(p *chat.Personal) error {
			p.WhiteGeneration, p.Black = 1, true
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	for _, list := range []string{"whitelist", "blacklist"} {
		c.wantProblem(409, "", "a list has at most 1000 accounts", c.do("PUT /servers/s1/channels/c1/"+list+"/alice", ``))
	}
}
