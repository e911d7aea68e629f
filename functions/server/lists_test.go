package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"unsend/shared/chat"
)

// everyPage reads a list to its end, so many at a time, and gives the ids of its rows.
func (c *client) everyPage(path string, limit int) (ids []string) {
	c.Helper()
	query := fmt.Sprint("?limit=", limit)
	for cursor := ""; ; {
		var page struct {
			Channels, Members []struct {
				ChannelID string `json:"channel_id"`
				Accid     string `json:"accid"`
			}
			Accids []string
			Next   string
		}
		a := c.want(200, c.do("GET "+path+query+cursor, ""))
		if err := json.Unmarshal([]byte(a.text), &page); err != nil {
			c.Fatal(err)
		}
		if n := len(page.Channels) + len(page.Members) + len(page.Accids); n > limit {
			c.Errorf("%s: a page of %d, limit %d", path, n, limit)
		}
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

func TestLists(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	c.want(201, c.do("PUT /servers/s1/channels/%C3%A9%20b", `{}`))
	for _, account := range []string{"dave", "erin", "frank"} {
		c.want(201, c.do("PUT /servers/s1/members/"+account, `{}`))
	}
	c.want(204, c.do("DELETE /servers/s1/members/erin", ""))
	c.want(201, c.do("PUT /servers/s1/members/dave/ban", ""))
	c.want(201, c.do("PUT /servers/s1/members/grace/ban", ""))
	c.want(201, c.do("PUT /servers/s1/channels/c1/members/alice/override", `{"deny":["AtAll"]}`))
	c.want(201, c.do("PUT /servers/s1/channels/c1/members/bob/override", `{}`)) // which is nothing
	for _, account := range []string{"bob", "dave", "frank"} {
		c.want(201, c.do("PUT /servers/s1/channels/c1/whitelist/"+account, ""))
	}
	for _, account := range []string{"alice", "frank", "stranger"} {
		c.want(201, c.do("PUT /servers/s1/channels/c1/blacklist/"+account, ""))
	}
	c.want(204, c.do("DELETE /servers/s1/members/frank", "")) // with whom its white-list entry ends, and no other
	c.want(204, c.do("DELETE /servers/s1/channels/c1/whitelist/bob", ""))
	for path, want := range map[string]string{
		"/servers/s1/channels":              "[c1 hidden é b]",
		"/servers/s1/members":               "[alice bob dave]",
		"/servers/s1/bans":                  "[dave grace]",
		"/servers/s1/channels/c1/members":   "[alice dave frank stranger]",
		"/servers/s1/channels/c1/whitelist": "[dave]",
		"/servers/s1/channels/c1/blacklist": "[alice frank stranger]",
	} {
		for _, limit := range []int{1, 2, 100} {
			if got := fmt.Sprint(c.everyPage(path, limit)); got != want {
				t.Errorf("%s, %d at a time: %s, want %s", path, limit, got, want)
			}
		}
	}
}

// The rows of a list are what reading each of them gives.
func TestListsHoldWhatIsReadAlone(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	c.want(201, c.do("PUT /servers/s1/channels/c1/whitelist/alice", ""))
	c.want(201, c.do("PUT /servers/s1/channels/c1/roles/mod", `{"allow":["AtAll"]}`))
	c.want(201, c.do("PUT /servers/s1/members/alice/ban", ""))
	for list, one := range map[string]string{
		"/servers/s1/channels?limit=1": "/servers/s1/channels/c1", "/servers/s1/members?limit=1": "/servers/s1/members/alice",
		"/servers/s1/bans": "/servers/s1/members/alice", "/servers/s1/channels/c1/members": "/servers/s1/channels/c1/members/alice",
	} {
		alone, listed := c.want(200, c.do("GET "+one, "")), c.want(200, c.do("GET "+list, ""))
		if !strings.Contains(listed.text, `":[`+alone.text+`]`) || listed.etag != "" {
			t.Errorf("%s: %s, ETag %q, want %s", list, listed.text, listed.etag, alone.text)
		}
	}
	if a := c.want(200, c.do("GET /servers/s2/bans", "")); a.text != `{"members":[]}` {
		t.Error(a.text)
	}
	if a := c.want(200, c.do("GET /servers/s2/channels/c2/whitelist", "")); a.text != `{"accids":[]}` {
		t.Error(a.text)
	}
}

func TestBadPages(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	for _, list := range []string{"channels", "members", "bans", "channels/c1/members", "channels/c1/whitelist", "channels/c1/blacklist"} {
		for query, field := range map[string]string{
			"limit=0": "limit", "limit=101": "limit", "limit=x": "limit", "cursor=AQ": "cursor", "cursor=" + formatCursor("a#b"): "cursor", "acting_as=bob": "",
		} {
			c.wantProblem(400, field, "", c.do("GET /servers/s1/"+list+"?"+query, ""))
		}
		c.wantProblem(404, "", "no such server", c.do("GET /servers/none/"+list, ""))
		c.wantProblem(400, "server_id", "holds #", c.do("GET /servers/%23/"+list, ""))
		if strings.HasPrefix(list, "channels/") {
			elsewhere := "GET /servers/s1/" + strings.Replace(list, "c1", "none", 1)
			c.wantProblem(404, "", "no such channel", c.do(elsewhere, ""))
		}
		// A page that could not be read is none, and one whose memberships could not be read is no shorter.
		c.want(201, c.do("PUT /servers/s1/channels/c1/blacklist/x"+strings.ReplaceAll(list, "/", "-"), ""))
		for _, op := range []string{"ChannelPage", "MemberPage", "BanPage", "PersonalPage", "ListPage", "Standing", "Members"} {
			failed := false
			c.Store.Before = func(called string) error {
				if called != op {
					return nil
				}
				failed = true
				return &chat.Error{Code: chat.Busy}
			}
			if a := c.do("GET /servers/s1/"+list, ""); failed != (a.status == 503) {
				t.Errorf("%s with %s busy: %d", list, op, a.status)
			}
			c.Line(t)
			c.Store.Before = nil
		}
	}
}
