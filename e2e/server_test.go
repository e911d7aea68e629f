package e2e

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	unsend "unsend/clients/go"
)

// apiAnswer is an answer of the Server API.
type apiAnswer struct {
	status int
	header http.Header
	text   string
	err    error
}

// api asks the Server API, as "PUT servers/s1", with the administrator's credentials, and wants the status.
func (c *community) api(status int, request, body string, headers ...string) (text string, header http.Header) {
	c.t.Helper()
	answer := c.signed(request, body, headers...)
	c.must(nil, answer.err)
	if answer.status != status {
		c.t.Fatalf("%.200s: %d, want %d: %s", request, answer.status, status, answer.text)
	}
	return answer.text, answer.header
}

// signed makes the request, in any goroutine.
func (c *community) signed(request, body string, headers ...string) apiAnswer {
	method, path, _ := strings.Cut(request, " ")
	r, err := http.NewRequestWithContext(c.ctx(), method, c.ServerURL+path, strings.NewReader(body))
	if err != nil {
		return apiAnswer{err: err}
	}
	r.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	return c.answered(r, "lambda", []byte(body))
}

// answered signs a request of this body for the service, in any goroutine, and reads the answer.
func (c *community) answered(r *http.Request, service string, body []byte) apiAnswer {
	keys, err := c.AWS().Credentials.Retrieve(r.Context())
	if err != nil {
		return apiAnswer{err: err}
	}
	sum := sha256.Sum256(body)
	if err := v4.NewSigner().SignHTTP(r.Context(), keys, r, hex.EncodeToString(sum[:]), service, c.Region, time.Now()); err != nil {
		return apiAnswer{err: err}
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return apiAnswer{err: err}
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	return apiAnswer{response.StatusCode, response.Header, string(text), err}
}

// newFounded is a community that the Server API has made: as newCommunity's.
func newFounded(t *testing.T) *community {
	t.Helper()
	c := &community{target: underTest(t), t: t, id: "e2e-" + random()}
	if c.ServerURL == "" {
		t.Skip("the deployment has no output ServerApiUrl: deploy this version")
	}
	c.api(201, "PUT servers/"+c.id, fmt.Sprintf(`{"owner":%q}`, c.account("owner")), "If-None-Match", "*")
	c.api(201, "PUT servers/"+c.id+"/roles/mod", `{"priority":1,"allow":["RevokeMemberMessage"]}`)
	c.api(201, "PUT servers/"+c.id+"/channels/lobby", `{}`)
	return c
}

func (c *community) memberPath(name string) string {
	return "servers/" + c.id + "/members/" + c.account(name)
}

func TestTheServerAPIRefusesWhatIsUnsigned(t *testing.T) {
	t.Parallel()
	c := newFounded(t)
	before, _ := c.api(200, "GET servers/"+c.id, ``)
	for method, body := range map[string]string{http.MethodGet: ``, http.MethodPut: fmt.Sprintf(`{"owner":%q,"revoke_window_ms":0}`, c.account("owner"))} {
		r, err := http.NewRequestWithContext(c.ctx(), method, c.ServerURL+"servers/"+c.id, strings.NewReader(body))
		c.must(nil, err)
		response, err := http.DefaultClient.Do(r)
		c.must(nil, err)
		_ = response.Body.Close()
		if response.StatusCode != http.StatusForbidden {
			t.Errorf("%s: status %d without a signature", method, response.StatusCode)
		}
	}
	if after, _ := c.api(200, "GET servers/"+c.id, ``); after != before {
		t.Errorf("an unsigned request has made it %s", after)
	}
}

// What is wrong is told so that it can be mended, and changes nothing.
func TestBadRequestsToTheServerAPI(t *testing.T) {
	t.Parallel()
	c := newFounded(t)
	server := "servers/" + c.id
	c.api(201, "PUT "+server+"/roles/gone", `{}`)
	c.api(204, "DELETE "+server+"/roles/gone", ``)
	if text, _ := c.api(409, "PUT "+server+"/roles/gone", `{}`); !strings.Contains(text, "does not come back") {
		t.Error(text)
	}
	for i := range 19 { // mod is there
		c.api(201, fmt.Sprint("PUT ", server, "/roles/r", i), `{}`)
	}
	before, header := c.api(200, "GET "+server, ``)
	for _, bad := range []struct {
		status        int
		request, body string
		detail        string
	}{
		{400, "PUT " + server + "/roles/r1", `{"colour":"red"}`, `"detail":"colour: is unknown"`},
		{400, "PUT " + server + "/roles/r1", `{"allow":["ReadMinds"]}`, `known are ManageServer, ManageChannel, ManageRole,`},
		{400, "PUT " + server + "/roles/r1?acting=x", `{}`, `known are: acting_as`},
		{400, "GET " + server + "/members?limit=1000", ``, `"field":"limit"`},
		{413, "PUT " + server + "/roles/r1", `{"allow":["` + strings.Repeat("x", 256<<10) + `"]}`, `256 KB`},
		{404, "PUT servers/nowhere/roles/r1", `{}`, `no such server`},
		{404, "GET " + server + "/channels/nowhere/whitelist", ``, `no such channel`},
		{404, "GET " + server + "/nothing", ``, `no such resource`},
		{405, "DELETE " + server + "/members", ``, `GET, PUT`},
		{409, "PUT " + server + "/roles/more", `{}`, `at most 20 roles`},
		{409, "DELETE " + c.memberPath("owner"), ``, `the owner cannot leave`},
	} {
		text, header := c.api(bad.status, bad.request, bad.body)
		if !strings.Contains(text, bad.detail) || header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s: %s %s, want %s", bad.request, header.Get("Content-Type"), text, bad.detail)
		}
	}
	if after, now := c.api(200, "GET "+server, ``); after != before || now.Get("ETag") != header.Get("ETag") {
		t.Errorf("a refused request has made it %s, %s", after, now.Get("ETag"))
	}
}

// Two administrators write what they have both read: one of them is told, with the version of now, and nothing is overwritten.
func TestTwoWritersByTheServerAPI(t *testing.T) {
	t.Parallel()
	c := newFounded(t)
	lobby := "servers/" + c.id + "/channels/lobby"
	_, read := c.api(200, "GET "+lobby, ``)
	statuses, tags := make([]int, 2), make([]string, 2)
	var both sync.WaitGroup
	for i := range 2 {
		both.Go(func() {
			response := c.signed("PUT "+lobby, fmt.Sprintf(`{"revoke_window_ms":%d}`, i+1), "If-Match", read.Get("ETag"))
			statuses[i], tags[i] = response.status, response.header.Get("ETag")
		})
	}
	both.Wait()
	winner := slices.Index(statuses, http.StatusOK)
	if winner < 0 || statuses[1-winner] != http.StatusPreconditionFailed || tags[0] != tags[1] || tags[0] == read.Get("ETag") {
		t.Fatalf("%v with ETags %v, both after %s", statuses, tags, read.Get("ETag"))
	}
	text, now := c.api(200, "GET "+lobby, ``)
	if !strings.Contains(text, fmt.Sprintf(`"revoke_window_ms":%d,`, winner+1)) || now.Get("ETag") != tags[winner] {
		t.Errorf("%s at %s, want that of writer %d", text, now.Get("ETag"), winner)
	}
}

// Written by the hundred and read back by pages, by the function's own role.
func TestListsByTheServerAPI(t *testing.T) {
	t.Parallel()
	c := newFounded(t)
	server := "servers/" + c.id
	var members, accounts []string
	for i := range 100 {
		account := c.account(fmt.Sprintf("m%02d", i))
		accounts = append(accounts, account)
		members = append(members, fmt.Sprintf(`{"accid":%q}`, account))
	}
	began := time.Now()
	text, _ := c.api(200, "PUT "+server+"/members", `{"members":[`+strings.Join(members, ",")+`]}`)
	if n := strings.Count(text, `"status":201`); n != 100 {
		t.Fatalf("%d of 100 joined: %s", n, text)
	}
	t.Logf("100 members took %v", time.Since(began))
	c.api(201, "PUT "+server+"/channels/lobby/whitelist/"+accounts[0], ``)
	c.api(201, "PUT "+server+"/channels/lobby/blacklist/"+accounts[1], ``)
	c.api(201, "PUT "+server+"/members/"+accounts[2]+"/ban", ``)
	for path, want := range map[string][]string{
		"/members":                  append(slices.Clone(accounts), c.account("owner")),
		"/bans":                     accounts[2:3],
		"/channels":                 {"lobby"},
		"/channels/lobby/members":   accounts[:2],
		"/channels/lobby/whitelist": accounts[:1],
		"/channels/lobby/blacklist": accounts[1:2],
	} {
		if got := c.everyPage(server + path); !slices.Equal(got, want) {
			t.Errorf("%s: %d, want %d", path, len(got), len(want))
		}
	}
	list, err := json.Marshal(map[string][]string{"accids": accounts})
	c.must(nil, err)
	text, _ = c.api(200, "POST "+server+"/members/remove", string(list))
	if n := strings.Count(text, `"status":204`); n != 100 || len(c.everyPage(server+"/members")) != 1 {
		t.Errorf("%d of 100 left: %s", n, text)
	}
}

// everyPage reads a list to its end, 40 at a time.
func (c *community) everyPage(path string) (ids []string) {
	c.t.Helper()
	for cursor := ""; ; {
		var page struct {
			Channels, Members []struct {
				ChannelID string `json:"channel_id"`
				Accid     string `json:"accid"`
			}
			Accids []string
			Next   string
		}
		text, _ := c.api(200, "GET "+path+"?limit=40"+cursor, ``)
		c.must(nil, json.Unmarshal([]byte(text), &page))
		for _, row := range slices.Concat(page.Channels, page.Members) {
			ids = append(ids, row.ChannelID+row.Accid)
		}
		ids = append(ids, page.Accids...)
		if page.Next == "" {
			return ids
		}
		cursor = "&cursor=" + page.Next
	}
}

// A community that was made with the API alone: who joins while online is told, who is banned is not.
func TestACommunityByTheServerAPI(t *testing.T) {
	t.Parallel()
	c := newFounded(t)
	alice, carol := c.connect("alice", "phone"), c.connect("carol", "phone") // strangers, so far
	c.api(201, "PUT "+c.memberPath("alice"), `{"nick":"Alice"}`)
	c.api(201, "PUT "+c.memberPath("carol"), `{"nick":"Carol","roles":["mod"]}`)
	dan := c.connect("owner", "phone")
	first := alice.say("for everybody")
	carol.waitFor(unsend.EventMessage, first.MsgServerID)
	if _, err := carol.takeBack(first, "as a moderator"); err != nil {
		t.Errorf("a moderator by the API's grace: %v", err)
	}
	c.api(201, "PUT "+c.memberPath("carol")+"/ban", ``)
	banned := time.Now()
	later := alice.say("after the ban")
	dan.expect(later.MsgServerID, c.marker(), "message v1")
	time.Sleep(time.Until(banned.Add(2500 * time.Millisecond)))
	if got := carol.told(later.MsgServerID); len(got) > 0 {
		t.Errorf("a banned account was told %q", got)
	}
	c.api(204, "DELETE "+c.memberPath("carol")+"/ban", ``)
	c.api(204, "DELETE "+c.memberPath("carol"), ``)
}

// Rows of each kind are written and removed, so that each action of the role is used.
func TestListsRolesAndVersionsByTheServerAPI(t *testing.T) {
	t.Parallel()
	c := newFounded(t)
	lobby, alice := "servers/"+c.id+"/channels/lobby", c.account("alice")
	c.api(201, "PUT "+c.memberPath("alice"), `{}`)
	c.api(201, "PUT "+lobby+"/blacklist/"+alice, ``)
	text, _ := c.api(200, "GET "+lobby+"/members/"+alice+"/permissions", ``)
	if !strings.Contains(text, `"sees":{"allowed":false,"level":"black_list"}`) {
		t.Error(text)
	}
	c.api(204, "DELETE "+lobby+"/blacklist/"+alice, ``)
	c.api(204, "DELETE servers/"+c.id+"/roles/mod", ``)
	c.api(409, "PUT servers/"+c.id+"/roles/mod", `{}`)
	_, header := c.api(412, "PUT "+lobby, `{}`, "If-Match", `"v7"`)
	if header.Get("ETag") != `"v1"` {
		t.Errorf("412 with ETag %q", header.Get("ETag"))
	}
	c.api(403, "PUT "+lobby+"?acting_as="+alice, `{"view_mode":"private"}`)
	text, _ = c.api(200, "GET accounts/"+alice+"/servers", ``)
	if text != fmt.Sprintf(`{"servers":[{"server_id":%q,"roles":[]}]}`, c.id) {
		t.Error(text)
	}
}

// Ended is closed: the client notices, and comes back as another connection.
func TestEndingConnectionsByTheServerAPI(t *testing.T) {
	t.Parallel()
	c := newFounded(t)
	c.api(201, "PUT "+c.memberPath("alice"), `{}`)
	c.connect("alice", "phone")
	path := "accounts/" + c.account("alice") + "/connections"
	connections := func() (ids []string) {
		var list struct {
			Connections []struct {
				ID string `json:"connection_id"`
			}
		}
		text, _ := c.api(200, "GET "+path, ``)
		c.must(nil, json.Unmarshal([]byte(text), &list))
		for _, each := range list.Connections {
			ids = append(ids, each.ID)
		}
		return ids
	}
	before := connections()
	if len(before) != 1 {
		t.Fatalf("%d connections, want 1", len(before))
	}
	c.api(204, "DELETE "+path, ``)
	if slices.Contains(connections(), before[0]) {
		t.Error("the connection is still there")
	}
}
