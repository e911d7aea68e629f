package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	unsend "unsend/clients/go"
)

// loss is a way to lose sight of the channel "den", and how it comes back; each is requests of the Server API with the statuses of
// their answers. $C is carol's account.
type loss struct {
	name       string
	lost, back []apiCall
}

type apiCall struct {
	status        int
	request, body string
}

// losses are of a private channel that members with the role "den" see, and who is on its white list.
var losses = []loss{
	{"ban", []apiCall{{201, "PUT members/$C/ban", ``}}, []apiCall{{204, "DELETE members/$C/ban", ``}}},
	{"leave", []apiCall{{204, "DELETE members/$C", ``}}, []apiCall{{201, "PUT members/$C", `{"roles":["den"]}`}}},
	{"leave by the hundred", []apiCall{{200, "POST members/remove", `{"accids":["$C"]}`}}, []apiCall{{200, "PUT members", `{"members":[{"accid":"$C","roles":["den"]}]}`}}},
	{"role taken", []apiCall{{200, "PUT members/$C", `{}`}}, []apiCall{{200, "PUT members/$C", `{"roles":["den"]}`}}},
	{"role deleted", []apiCall{{204, "DELETE roles/den", ``}}, []apiCall{{200, "PUT members/$C", `{"roles":["staff"]}`}}},
	{"black list", []apiCall{{201, "PUT channels/den/blacklist/$C", ``}}, []apiCall{{204, "DELETE channels/den/blacklist/$C", ``}}},
	{"white list", []apiCall{{201, "PUT channels/den/whitelist/$C", ``}, {200, "PUT members/$C", `{}`}, {204, "DELETE channels/den/whitelist/$C", ``}},
		[]apiCall{{201, "PUT channels/den/whitelist/$C", ``}}},
	{"view", []apiCall{{200, "PUT channels/den", `{"view_mode":"private","white_roles":["staff"]}`}}, []apiCall{{200, "PUT channels/den", `{"view_mode":"public"}`}}},
}

// TestNoFrameWithoutRights: who loses sight by the Server API while messages are sent and taken back is told nothing from 2 s after the
// answer on, on no device; and who regains it learns by sync what was taken back meanwhile.
func TestNoFrameWithoutRights(t *testing.T) {
	t.Parallel()
	for _, loss := range losses {
		t.Run(loss.name, func(t *testing.T) {
			t.Parallel()
			c := newDen(t)
			alice, dan := c.connect("alice", "phone"), c.connect("dan", "phone")
			carols := []*device{c.connect("carol", "phone"), c.connect("carol", "tablet")}
			before := alice.sayIn("den", "before")
			for _, d := range carols {
				d.waitFor(unsend.EventMessage, before.MsgServerID)
			}
			_, first := carols[0].synced("")

			onTheWay := alice.sayIn("den", "between the send and the push")
			for _, call := range loss.lost {
				c.ask(call)
			}
			silence := time.Now().Add(2 * time.Second)
			revoked := []string{before.MsgServerID, onTheWay.MsgServerID}
			for _, m := range []unsend.Message{before, onTheWay} {
				_, err := alice.takeBack(m, "")
				c.must(nil, err)
			}
			// Sent and taken back all the time, from the answer on until a second after nothing may come any more.
			var heard []int
			for last := (unsend.Message{}); heard == nil || time.Now().Before(silence.Add(time.Second)); last = alice.sentAndRevoked("den") {
				if last.MsgServerID != "" {
					revoked = append(revoked, last.MsgServerID)
				}
				if heard == nil && time.Now().After(silence) {
					heard = counts(carols)
				}
				time.Sleep(200 * time.Millisecond)
			}
			last := alice.sentAndRevoked("den")
			revoked = append(revoked, last.MsgServerID)
			dan.waitFor(unsend.EventMessageUpdated, last.MsgServerID) // whoever sees it was told of all of it
			time.Sleep(300 * time.Millisecond)
			if now := counts(carols); !slices.Equal(now, heard) {
				t.Errorf("carol's devices were told of %v things, 2 s after the answer of %v", now, heard)
			}

			for _, call := range loss.back {
				c.ask(call)
			}
			var missed []string
			eventually(t, "sync tells what was taken back meanwhile", func() bool {
				ids, _ := carols[0].synced(first.Cursor)
				missed = slices.DeleteFunc(slices.Clone(revoked), func(id string) bool { return slices.Contains(ids, id) })
				return len(missed) == 0
			})
		})
	}
}

// newDen is a community with the private channel "den", which its staff (alice, dan) and carol see.
func newDen(t *testing.T) *community {
	t.Helper()
	c := newFounded(t)
	c.api(201, "PUT servers/"+c.id+"/roles/staff", `{}`)
	c.api(201, "PUT servers/"+c.id+"/roles/den", `{}`)
	c.api(201, "PUT servers/"+c.id+"/channels/den", `{"view_mode":"private","white_roles":["staff","den"]}`)
	c.api(200, "PUT servers/"+c.id+"/members", fmt.Sprintf(`{"members":[{"accid":%q,"roles":["staff"]},{"accid":%q,"roles":["staff"]},{"accid":%q,"roles":["den"]}]}`,
		c.account("alice"), c.account("dan"), c.account("carol")))
	return c
}

// ask makes a request about the community's server.
func (c *community) ask(call apiCall) {
	c.t.Helper()
	named := func(text string) string { return strings.ReplaceAll(text, "$C", c.account("carol")) }
	method, path, _ := strings.Cut(named(call.request), " ")
	if text, _ := c.api(call.status, method+" servers/"+c.id+"/"+path, named(call.body)); strings.Contains(text, `"detail"`) {
		c.t.Fatalf("%s: %s", call.request, text)
	}
}

func (d *device) sentAndRevoked(channel string) unsend.Message {
	d.c.t.Helper()
	m := d.sayIn(channel, "not for carol")
	_, err := d.takeBack(m, "")
	d.c.must(nil, err)
	return m
}

// counts are how many notices each of the devices has heard.
func counts(devices []*device) (n []int) {
	for _, d := range devices {
		n = append(n, len(d.notices()))
	}
	return n
}
