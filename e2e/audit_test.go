package e2e

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"
)

// auditEntry is an entry of either kind, as the Server API lists it.
type auditEntry struct {
	At          int64
	Kind        string
	Action      string
	Operator    string
	Principal   string
	Door        string
	DeviceID    string `json:"device_id"`
	ChannelID   string `json:"channel_id"`
	RoleID      string `json:"role_id"`
	Accid       string
	MsgServerID string `json:"msg_server_id"`
	Author      string
	Reason      string
	Version     int64
	Changes     []string
}

// listAudit walks the server's audit through the Server API, in pages of limit.
func (c *community) listAudit(limit int) (all []auditEntry) {
	c.t.Helper()
	for cursor := ""; ; {
		text, _ := c.api(200, fmt.Sprint("GET servers/", c.id, "/audit?limit=", limit, cursor), "")
		var page struct {
			Entries []auditEntry
			Next    string
		}
		c.must(nil, json.Unmarshal([]byte(text), &page))
		all = append(all, page.Entries...)
		if page.Next == "" {
			return all
		}
		cursor = "&cursor=" + page.Next
	}
}

// What was done in a server, by whom and through which door, is listed in the order in which it was done.
func TestAuditListsWhoDidWhat(t *testing.T) {
	t.Parallel()
	c := newFounded(t)
	c.api(201, "PUT "+c.memberPath("alice"), `{}`)
	c.api(201, "PUT "+c.memberPath("bob"), `{"roles":["mod"]}`)
	alice, bob := c.connect("alice", "phone"), c.connect("bob", "desk")
	m := alice.say("not to be kept in the audit")
	before := len(c.listAudit(100))

	c.api(200, "PUT servers/"+c.id+"/roles/mod?acting_as="+c.account("owner"), `{"priority":1,"allow":["RevokeMemberMessage","SendMessage"]}`)
	if _, err := bob.takeBack(m, "wrong room"); err != nil {
		t.Fatal(err)
	}
	c.api(201, "PUT "+c.memberPath("alice")+"/ban", ``)
	c.api(200, "PUT "+c.memberPath("alice")+"/ban", ``)
	var got []auditEntry
	eventually(t, "the revocation is listed", func() bool { got = c.listAudit(100)[before:]; return len(got) == 3 })
	if walked := c.listAudit(2)[before:]; !slices.EqualFunc(walked, got, func(a, b auditEntry) bool { return fmt.Sprint(a) == fmt.Sprint(b) }) {
		t.Errorf("in pages of 2: %+v", walked)
	}
	for i, e := range got {
		if i > 0 && e.At < got[i-1].At {
			t.Errorf("%+v is listed after what was done later", e)
		}
		if e.Kind == "policy" && e.Principal == "" && !c.Local() { // the local stack does not tell a function who signed
			t.Errorf("nobody has signed %+v", e)
		}
		got[i].At, got[i].Principal = 0, ""
	}
	want := []auditEntry{
		{Kind: "policy", Action: "put_role", Operator: c.account("owner"), Door: "api", RoleID: "mod", Version: 3, Changes: []string{"role mod: allow +SendMessage"}},
		{Kind: "revoke", Operator: c.account("bob"), DeviceID: "desk", Door: "websocket", ChannelID: "lobby", MsgServerID: m.MsgServerID, Author: c.account("alice"), Reason: "wrong room"},
		{Kind: "policy", Action: "put_ban", Door: "api", Accid: c.account("alice"), Version: 2, Changes: []string{"banned"}},
	}
	if fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", want) {
		t.Errorf("listed %+v\nwant %+v", got, want)
	}
	text, _ := c.api(200, "GET servers/"+c.id+"/audit", "")
	c.search("the audit", text, "not to be kept")
	if text, _ := c.api(200, "GET servers/nowhere-"+c.id+"/audit", ""); text != `{"entries":[]}` {
		t.Errorf("of a server that never was: %s", text)
	}
}
