package e2e

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
)

// shortWindow is over soon, but not before a revoke that follows its send.
const shortWindow = 1500 * time.Millisecond

// windowValues are what a level may say, as JSON has it. The other of a level's two windows says the opposite, so that a mix-up shows.
var windowValues = map[string]struct{ value, opposite string }{
	"unset": {"null", "null"}, "never": {"0", "-1"}, "always": {"-1", "0"}, "short": {fmt.Sprint(shortWindow.Milliseconds()), "0"},
}

// TestWindowsOfEveryLevel: the window is the channel's, else the longest among the member's roles, else the server's, else the
// deployment's, whatever each of them says; for authors and for moderators.
func TestWindowsOfEveryLevel(t *testing.T) {
	t.Parallel()
	const yes, no = 200, 508
	type window struct {
		roles, channel string
		now, later     int // what a revoke is answered at once, and when the short window is over
	}
	for server, windows := range map[string][]window{
		"unset": {
			{"", "unset", yes, yes}, // the deployment's
			{"short", "unset", yes, no},
			{"never short", "unset", yes, no},
			{"", "never", no, no},
		},
		"never": {
			{"", "unset", no, no},
			{"always", "unset", yes, yes},
			{"never", "short", yes, no},
			{"", "always", yes, yes},
		},
		"always": {
			{"", "unset", yes, yes},
			{"never", "unset", no, no},
			{"never short", "unset", yes, no},
			{"always", "never", no, no},
		},
		"short": {
			{"", "unset", yes, no},
			{"short always", "unset", yes, yes},
			{"never", "always", yes, yes},
			{"always", "short", yes, no},
		},
	} {
		for _, moderator := range []bool{false, true} {
			t.Run(fmt.Sprintf("server %s, moderator %t", server, moderator), func(t *testing.T) {
				t.Parallel()
				c := newWindows(t, server, moderator)
				permission := "" // an author is to have its own window only
				if moderator {
					permission = "mod "
				}
				for i, w := range windows {
					c.addMember(fmt.Sprint("m", i), permission+w.roles)
				}
				c.addMember("author", "")
				for i, w := range windows {
					t.Run(fmt.Sprintf("roles %q, channel %s", w.roles, w.channel), func(t *testing.T) {
						t.Parallel()
						c := &community{target: c.target, t: t, id: c.id}
						operator := c.connect(fmt.Sprint("m", i), "phone")
						author := operator
						if moderator {
							author = c.connect("author", fmt.Sprint("phone", i))
						}
						later := author.sayIn(w.channel, "for later")
						over := time.Now().Add(shortWindow + 100*time.Millisecond)
						if got := operator.takesBackAtOnce(author, w.channel); got != w.now {
							t.Errorf("at once: %d, want %d", got, w.now)
						}
						time.Sleep(time.Until(over))
						if _, err := operator.takeBack(later, ""); code(err) != w.later {
							t.Errorf("later: %v, want %d", err, w.later)
						}
					})
				}
			})
		}
	}
}

// newWindows is a community whose server says so, with a role and a channel for each window.
func newWindows(t *testing.T, server string, moderator bool) *community {
	t.Helper()
	c := newFounded(t)
	says := func(name string) string {
		w := windowValues[name]
		if moderator {
			w.value, w.opposite = w.opposite, w.value
		}
		return fmt.Sprintf(`"revoke_window_ms":%s,"moderator_window_ms":%s`, w.value, w.opposite)
	}
	c.api(200, "PUT servers/"+c.id, fmt.Sprintf(`{"owner":%q,%s}`, c.account("owner"), says(server)))
	for name := range windowValues {
		if name != "unset" {
			c.api(201, "PUT servers/"+c.id+"/roles/"+name, `{`+says(name)+`}`)
		}
		c.api(201, "PUT servers/"+c.id+"/channels/"+name, `{`+says(name)+`}`)
	}
	return c
}

// addMember makes a member with the roles, which spaces separate.
func (c *community) addMember(name, roles string) {
	c.t.Helper()
	list, err := json.Marshal(strings.Fields(roles))
	c.must(nil, err)
	c.api(201, "PUT "+c.memberPath(name), fmt.Sprintf(`{"roles":%s}`, list))
}

// takesBackAtOnce is the code of a revoke that follows the send. Where it came so late that it tells nothing, another is tried.
func (d *device) takesBackAtOnce(author *device, channel string) (got int) {
	d.c.t.Helper()
	for range 5 {
		began := time.Now()
		_, err := d.takeBack(author.sayIn(channel, "at once"), "")
		if got = code(err); got == 200 || time.Since(began) < shortWindow {
			return got
		}
	}
	d.c.t.Fatalf("no revoke came within %v of its send", shortWindow)
	return 0
}
