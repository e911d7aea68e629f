package e2e

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	unsend "unsend/clients/go"
)

// api asks the Server API, as "PUT servers/s1", with the administrator's credentials, and wants the status.
func (c *community) api(status int, request, body string, headers ...string) (text string, header http.Header) {
	c.t.Helper()
	method, path, _ := strings.Cut(request, " ")
	r, err := http.NewRequestWithContext(c.ctx(), method, c.ServerURL+path, bytes.NewReader([]byte(body)))
	c.must(nil, err)
	r.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	keys, err := c.AWS().Credentials.Retrieve(c.ctx())
	c.must(nil, err)
	sum := sha256.Sum256([]byte(body))
	c.must(nil, v4.NewSigner().SignHTTP(c.ctx(), keys, r, hex.EncodeToString(sum[:]), "lambda", c.Region, time.Now()))
	response, err := http.DefaultClient.Do(r)
	c.must(nil, err)
	defer func() { _ = response.Body.Close() }()
	answer, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	c.must(nil, err)
	if response.StatusCode != status {
		c.t.Fatalf("%s: %s, want %d: %s", request, response.Status, status, answer)
	}
	return string(answer), response.Header
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
	response, err := http.Get(c.ServerURL + "servers/" + c.id)
	c.must(nil, err)
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusForbidden {
		t.Errorf("status %d for a request without a signature", response.StatusCode)
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
