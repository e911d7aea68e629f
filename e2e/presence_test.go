package e2e

import (
	"slices"
	"testing"
	"time"

	unsend "unsend/clients/go"
	"unsend/shared/chat"
)

// Banned between the send and the push, or long before: no frame. The marker
// shows that the others were told meanwhile.
func TestNoFrameAfterABan(t *testing.T) {
	t.Parallel()
	c := newCommunity(t)
	for _, name := range []string{"alice", "carol", "dan"} {
		c.join(name)
	}
	alice, carol, dan := c.connect("alice", "phone"), c.connect("carol", "phone"), c.connect("dan", "phone")
	first := alice.say("before the ban")
	carol.waitFor(unsend.EventMessage, first.MsgServerID)
	c.changeMember("carol", func(m *chat.Member) { m.Banned = true })
	banned := time.Now()
	later := alice.say("after the ban")
	if _, err := alice.takeBack(first, ""); err != nil {
		t.Fatal(err)
	}
	dan.expect(later.MsgServerID, c.marker(), "message v1")
	time.Sleep(time.Until(banned.Add(2500 * time.Millisecond)))
	if got := carol.told(later.MsgServerID); len(got) > 0 {
		t.Errorf("a banned account was told %q", got)
	}
	if got := carol.told(first.MsgServerID); slices.Contains(got, "message_updated v2") {
		t.Errorf("a banned account was told of a revocation")
	}
}

// Each way to lose sight of a channel, with the device online all the time.
func TestNoFrameWithoutSight(t *testing.T) {
	t.Parallel()
	lose := map[string]func(c *community){
		"leave":     func(c *community) { c.changeMember("carol", func(m *chat.Member) { m.Leave() }) },
		"role":      func(c *community) { c.changeMember("carol", func(m *chat.Member) { m.Roles = nil }) },
		"blacklist": func(c *community) { c.changePersonal("den", "carol", func(p *chat.Personal) { p.Black = true }) },
		"view mode": func(c *community) { c.changeChannel("den", func(ch *chat.Channel) { ch.WhiteRoles = []string{"mod"} }) },
	}
	for name, lose := range lose {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCommunity(t)
			c.changeServer(func(s *chat.Server) {
				if !slices.ContainsFunc(s.Roles, func(r chat.Role) bool { return r.ID == "den" }) { // it may be written twice
					s.Roles = append(s.Roles, chat.Role{ID: "den"})
				}
			})
			c.changeChannel("den", func(ch *chat.Channel) { ch.ViewMode, ch.WhiteRoles = chat.Private, []string{"den", "mod"} })
			c.join("alice", "mod")
			c.join("carol", "den")
			c.join("dan", "mod")
			alice, carol, dan := c.connect("alice", "phone"), c.connect("carol", "phone"), c.connect("dan", "phone")
			carol.waitFor(unsend.EventMessage, alice.sayIn("den", "seen").MsgServerID)
			lose(c)
			m := alice.sayIn("den", "not for carol")
			// The marker is of another channel, so of another lane: it goes out once dan was told of m, and carol is
			// told of it after anything that she was told along with dan.
			dan.waitFor(unsend.EventMessage, m.MsgServerID)
			marker := c.marker()
			dan.waitFor(unsend.EventMessage, marker)
			if name != "leave" { // who left is not told of the lobby either
				carol.waitFor(unsend.EventMessage, marker)
			}
			if got := carol.told(m.MsgServerID); len(got) > 0 {
				t.Errorf("carol was told %q", got)
			}
		})
	}
}

// Who joins while online is told without connecting again.
func TestJoiningWhileOnline(t *testing.T) {
	t.Parallel()
	c := newCommunity(t)
	c.join("alice")
	alice, erin := c.connect("alice", "phone"), c.connect("erin", "phone")
	c.join("erin")
	erin.waitFor(unsend.EventMessage, alice.say("welcome").MsgServerID)
}

// The same device again: the first connection is closed, the second is told.
func TestADeviceConnectsAgain(t *testing.T) {
	t.Parallel()
	c := newCommunity(t)
	c.join("alice")
	c.join("carol")
	first := c.connect("carol", "phone")
	second := c.connect("carol", "phone")
	select {
	case <-first.Done():
	case <-time.After(patience):
		t.Fatal("the first connection of the device was not closed")
	}
	m := c.connect("alice", "phone").say("which one?")
	second.waitFor(unsend.EventMessage, m.MsgServerID)
	if got := first.told(m.MsgServerID); len(got) > 0 {
		t.Errorf("the replaced connection was told %q", got)
	}
}

// After a disconnect no row is left, in the account or the server.
func TestDisconnectLeavesNothing(t *testing.T) {
	t.Parallel()
	c := newCommunity(t)
	c.join("carol")
	carol := c.connect("carol", "phone")
	rows := func() (account, server int) {
		connections, err := c.store.Connections(c.ctx(), c.account("carol"), time.Now().UnixMilli())
		c.must(nil, err)
		page, err := c.store.Audience(c.ctx(), chat.Crowd{ServerID: c.id}, "", 100, time.Now().UnixMilli())
		c.must(nil, err)
		return len(connections), len(page.Rows)
	}
	if account, server := rows(); account != 1 || server != 1 {
		t.Errorf("while online: %d rows of the account, %d of the server", account, server)
	}
	c.must(nil, carol.Close())
	eventually(t, "no row of the connection", func() bool { account, server := rows(); return account+server == 0 })
}

func TestPing(t *testing.T) {
	t.Parallel()
	c := newCommunity(t)
	at, err := c.connect("owner", "phone").Ping(c.ctx())
	if err != nil || time.Since(at).Abs() > time.Minute {
		t.Errorf("server_time %v, %v", at, err)
	}
}

// A connection whose rows are gone would never be told anything: ping ends it.
func TestPingEndsAForgottenConnection(t *testing.T) {
	t.Parallel()
	c := newCommunity(t)
	phone := c.connect("owner", "phone")
	connections, err := c.store.Connections(c.ctx(), c.account("owner"), time.Now().UnixMilli())
	c.must(nil, err)
	c.must(nil, c.store.RemoveConnection(c.ctx(), c.account("owner"), connections[0].ID, []chat.Crowd{{ServerID: c.id}}))
	_, _ = phone.Ping(c.ctx()) // its answer may come before or after the end
	select {
	case <-phone.Done():
	case <-time.After(patience):
		t.Fatal("the connection was left open")
	}
}
