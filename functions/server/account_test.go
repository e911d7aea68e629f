package main

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"unsend/shared/chat"
)

func TestServersOfAnAccount(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	for i := range 5 {
		c.want(201, c.do(fmt.Sprintf("PUT /servers/x%d", i), `{"owner":"olga"}`))
	}
	c.want(201, c.do("PUT /servers/s1/members/olga", `{"roles":["mod"]}`))
	var ids []string
	query := "limit=4"
	for query != "" {
		var page serversBody
		a := c.want(200, c.do("GET /accounts/olga/servers?"+query, ""))
		if err := json.Unmarshal([]byte(a.text), &page); err != nil {
			t.Fatal(err)
		}
		for _, server := range page.Servers {
			ids = append(ids, fmt.Sprint(server.ServerID, server.Roles))
		}
		if query = ""; page.Next != "" {
			query = "limit=4&cursor=" + page.Next
		}
	}
	if want := "[s1[mod] x0[] x1[] x2[] x3[] x4[]]"; fmt.Sprint(ids) != want {
		t.Errorf("%v, want %s", ids, want)
	}
	if a := c.want(200, c.do("GET /accounts/nobody/servers", "")); a.text != `{"servers":[]}` {
		t.Error(a.text)
	}
	for query, field := range map[string]string{"limit=0": "limit", "limit=101": "limit", "limit=x": "limit", "cursor=AQ": "cursor", "cursor=%20": "cursor", "cursor=AnM": "cursor", "page=2": ""} {
		c.wantProblem(400, field, "", c.do("GET /accounts/olga/servers?"+query, ""))
	}
	c.wantProblem(400, "accid", "holds #", c.do("GET /accounts/%23/servers", ""))
}

func TestConnectionsOfAnAccount(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	old := c.Now.Add(-time.Minute).UnixMilli()
	for i, id := range []string{"one=", "two=", "three="} {
		connection := chat.Connection{ID: id, AccountID: "alice", DeviceID: "phone", ClientType: chat.Web, ConnectedAt: old + int64(i), TokenExpiresAt: 9}
		if err := c.Store.PutConnection(t.Context(), connection); err != nil {
			t.Fatal(err)
		}
	}
	one := fmt.Sprintf(`{"connections":[{"connection_id":"one=","device_id":"phone","client_type":16,"connected_at":%d,"token_expires_at":9}`, old)
	if a := c.want(200, c.do("GET /accounts/alice/connections", "")); len(a.text) < len(one) || a.text[:len(one)] != one {
		t.Error(a.text)
	}
	c.want(204, c.do("DELETE /accounts/alice/connections/two%3D", ""))
	c.wantProblem(404, "", "no such connection", c.do("DELETE /accounts/alice/connections/two=", ""))
	c.want(204, c.do("DELETE /accounts/alice/connections", ""))
	c.want(204, c.do("DELETE /accounts/alice/connections", ""))
	for _, id := range []string{"one=", "two=", "three="} {
		if c.Gateway.Closings(id) != 1 {
			t.Errorf("%s was closed %d times", id, c.Gateway.Closings(id))
		}
	}
	if a := c.want(200, c.do("GET /accounts/alice/connections", "")); a.text != `{"connections":[]}` {
		t.Error(a.text)
	}
}
