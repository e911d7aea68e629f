package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"unsend/shared/chat"
)

// outcomes asks for several and gives each as "account status", with what the detail holds.
func (c *client) outcomes(request, body string) []string {
	c.Helper()
	var answer outcomesBody
	a := c.do(request, body)
	if a.status != 200 {
		c.Fatalf("%s: %d %s", request, a.status, a.text)
	}
	if err := json.Unmarshal([]byte(a.text), &answer); err != nil {
		c.Fatal(err)
	}
	list := []string{}
	for _, each := range answer.Results {
		list = append(list, strings.TrimSpace(fmt.Sprintln(each.Accid, each.Status, each.Detail)))
	}
	return list
}

func (c *client) wantOutcomes(got []string, want ...string) {
	c.Helper()
	ok := len(got) == len(want)
	for i := range want {
		ok = ok && i < len(got) && strings.HasPrefix(got[i], want[i])
	}
	if !ok {
		c.Errorf("outcomes\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestMembersByTheHundred(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	c.want(201, c.do("PUT /servers/s9", `{"owner":"olga"}`))
	c.want(201, c.do("PUT /servers/s9/roles/low", `{"priority":9,"allow":["InviteMember","UpdateMemberInfo"]}`))
	c.want(201, c.do("PUT /servers/s9/roles/high", `{"priority":1,"allow":["AtAll"]}`))
	for i := range chat.MaxServersPerAccount {
		c.want(201, c.do(fmt.Sprint("PUT /servers/of-full", i), `{"owner":"full"}`))
	}
	const put = `{"members":[{"accid":"dan","nick":"Dan","roles":["low"]},{"accid":"olga","nick":"O"},{"accid":"full"},{"accid":"x","roles":["none"]},{"accid":"y","nick":"a\u0007"},{"accid":"eve"}]}`
	c.wantOutcomes(c.outcomes("PUT /servers/s9/members", put),
		"dan 201", "olga 200", "full 409 an account has at most 100 servers", "x 400 roles: holds a role", "y 400 nick: ", "eve 201")
	c.Line(t)
	c.wantOutcomes(c.outcomes("PUT /servers/s9/members", put), "dan 200", "olga 200", "full 409", "x 400", "y 400", "eve 200")
	if line := c.Line(t); line["code"] != 200.0 {
		t.Errorf("refusals are their caller's matter: %v", line)
	}
	// Who acts may invite and name, and no more.
	c.wantOutcomes(c.outcomes("PUT /servers/s9/members?acting_as=dan", `{"members":[{"accid":"new"},{"accid":"eve","nick":"E"},{"accid":"olga","nick":"O","roles":["high"]},{"accid":"dan","nick":"D","roles":["low"]}]}`),
		"new 201", "eve 200", "olga 403 acting_as lacks ManageRole", "dan 403 acting_as lacks UpdateMyInfo")
	c.Line(t)
	// Nor does a member need a permission to leave.
	c.wantOutcomes(c.outcomes("POST /servers/s9/members/remove?acting_as=dan", `{"accids":["eve","dan","nobody"]}`),
		"eve 403 acting_as lacks KickMember", "dan 204", "nobody 404 no such member")
	c.Line(t)
	c.wantOutcomes(c.outcomes("POST /servers/s9/members/remove", `{"accids":["olga","eve","dan","new"]}`),
		"olga 409 the owner cannot leave", "eve 204", "dan 204", "new 204")
	c.Line(t)
	if got := fmt.Sprint(c.everyPage("/servers/s9/members", 100)); got != "[olga]" {
		t.Errorf("members %s", got)
	}
}

func TestBadRequestsAboutSeveralMembers(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	many := func(n int) (put, remove string) {
		var members, accids []string
		for i := range n {
			members, accids = append(members, fmt.Sprintf(`{"accid":"m%d"}`, i)), append(accids, fmt.Sprintf(`"m%d"`, i))
		}
		return `{"members":[` + strings.Join(members, ",") + `]}`, `{"accids":[` + strings.Join(accids, ",") + `]}`
	}
	put101, remove101 := many(101)
	before := c.Store.Dump()
	for _, bad := range []struct{ request, body, field, detail string }{
		{"PUT /servers/s1/members", `{}`, "members", "1 to 100"},
		{"PUT /servers/s1/members", `{"members":[]}`, "members", "1 to 100"},
		{"PUT /servers/s1/members", put101, "members", "1 to 100"},
		{"PUT /servers/s1/members", `{"members":[{"accid":"a"},{"accid":"b"},{"accid":"a","nick":"A"}]}`, "members", "twice"},
		{"PUT /servers/s1/members", `{"members":[{"nick":"A"}]}`, "members", "is missing"},
		{"PUT /servers/s1/members", `{"members":[{"accid":"a#"}]}`, "members", "holds #"},
		{"PUT /servers/s1/members", `{"members":[{"accid":"a","colour":1}]}`, "members.colour", "is unknown"},
		{"PUT /servers/%23/members", `{"members":[{"accid":"a"}]}`, "server_id", "holds #"},
		{"POST /servers/s1/members/remove", remove101, "accids", "1 to 100"},
		{"POST /servers/s1/members/remove", `{"accids":["a","a"]}`, "accids", "twice"},
		{"POST /servers/s1/members/remove", `{"accids":["a","SECRET "]}`, "accids", "space"},
		{"POST /servers/s1/members/remove", `{"accids":"a"}`, "accids", "has the wrong type"},
	} {
		c.wantProblem(400, bad.field, bad.detail, c.do(bad.request, bad.body))
	}
	c.wantProblem(400, "If-None-Match", "one row", c.do("PUT /servers/s1/members", `{"members":[{"accid":"a"}]}`, "If-None-Match", "*"))
	if c.Store.Dump() != before {
		t.Error("a refused request has stored something")
	}
	put, remove := many(100)
	c.wantOutcomes(c.outcomes("PUT /servers/s1/members", put)[99:], "m99 201")
	c.Line(t)
	c.wantOutcomes(c.outcomes("POST /servers/s1/members/remove", remove)[99:], "m99 204")
}

// One that failed is told as it would have been alone, the others were done, and the log has the worst.
func TestSomeOfSeveralMembersFail(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	const put = `{"members":[{"accid":"a"},{"accid":"b"},{"accid":"c"}]}`
	var calls atomic.Int64
	failing := func(op string, n int64, err error) {
		calls.Store(0)
		c.Store.Before = func(called string) error {
			if called == op && calls.Add(1) == n {
				return err
			}
			return nil
		}
	}
	count := func(list []string, part string) int { return strings.Count(strings.Join(list, "\n"), part) }
	failing("ChangeMember", 2, &chat.Error{Code: chat.Busy})
	got := c.outcomes("PUT /servers/s1/members", put)
	if count(got, " 201") != 2 || count(got, " 503 busy, try again") != 1 || c.Line(t)["code"] != 503.0 {
		t.Errorf("%q", got)
	}
	failing("ChangeMember", 1, fmt.Errorf("SECRET"))
	got = c.outcomes("PUT /servers/s1/members", put)
	if count(got, " 500 internal error") != 1 || c.Line(t)["code"] != 500.0 {
		t.Errorf("%q", got)
	}
	c.Store.Before = nil
	c.outcomes("PUT /servers/s1/members", put)
	c.Line(t)
	// The weighing of the server is everybody's who may have moved: repeated, it is done.
	failing("Deliveries", 1, &chat.Error{Code: chat.Busy})
	got = c.outcomes("POST /servers/s1/members/remove", `{"accids":["a","b","nobody"]}`)
	if count(got, " 503") != 2 || count(got, "nobody 404") != 1 {
		t.Errorf("%q", got)
	}
	c.Line(t)
	got = c.outcomes("POST /servers/s1/members/remove", `{"accids":["a","b","nobody"]}`)
	if count(got, " 204") != 2 || c.Store.Calls("Deliveries") == 0 {
		t.Errorf("%q", got)
	}
	c.Line(t)
	if got := fmt.Sprint(c.everyPage("/servers/s1/members", 100)); got != "[alice bob c]" {
		t.Errorf("members %s", got)
	}
}
