package e2e

import (
	"slices"
	"testing"

	unsend "unsend/clients/go"
	"unsend/shared/chat"
)

// synced is everything that a sync from the cursor on has to tell.
func (d *device) synced(cursor string) (ids []string, last unsend.SyncPage) {
	d.c.t.Helper()
	for {
		page, err := d.Sync(d.c.ctx(), d.c.id, cursor)
		d.c.must(nil, err)
		for _, u := range page.Updates {
			if u.Status != unsend.StatusRevoked || u.Operation.OperatorID == "" {
				d.c.t.Errorf("an update without its outcome: %+v", u)
			}
			ids = append(ids, u.MsgServerID)
		}
		if !page.More {
			return ids, page
		}
		cursor = page.Cursor
	}
}

// Offline during the revokes, then sync: all of them, by the time of revoking.
func TestOfflineThenSync(t *testing.T) {
	t.Parallel()
	c := newCommunity(t)
	c.join("alice")
	c.join("carol")
	phone, carol := c.connect("alice", "phone"), c.connect("carol", "phone")
	var messages []unsend.Message
	for range 12 {
		messages = append(messages, phone.say("to be taken back"))
	}
	_, first := carol.synced("")
	if len(first.Access) != 1 || first.Access["lobby"] == "" || first.Reset {
		t.Errorf("the first sync: %+v", first)
	}
	c.must(nil, carol.Close())
	var want []string
	for _, m := range messages {
		if _, err := phone.takeBack(m, "while carol is away"); err != nil {
			t.Fatal(err)
		}
		want = append(want, m.MsgServerID)
	}
	back := c.connect("carol", "phone")
	got, last := back.synced(first.Cursor)
	if !slices.Equal(got, want) {
		t.Errorf("told of %d revocations, want %d in their order", len(got), len(want))
	}
	if last.Access["lobby"] != first.Access["lobby"] {
		t.Error("the stamp changed, though nothing changed about carol's sight")
	}
}

// Lost sight and regained: nothing is told meanwhile, and the stamp says that
// the history is to be read again.
func TestSightLostAndRegained(t *testing.T) {
	t.Parallel()
	c := newCommunity(t)
	c.join("alice")
	c.join("carol")
	phone, carol := c.connect("alice", "phone"), c.connect("carol", "phone")
	m := phone.say("soon gone")
	_, first := carol.synced("")
	black := func(on bool) { c.changePersonal("lobby", "carol", func(p *chat.Personal) { p.Black = on }) }
	black(true)
	if _, err := phone.takeBack(m, ""); err != nil {
		t.Fatal(err)
	}
	if ids, page := carol.synced(first.Cursor); len(ids) > 0 || len(page.Access) > 0 {
		t.Errorf("told of %v in a channel that is hidden from her", ids)
	}
	black(false)
	ids, again := carol.synced(first.Cursor)
	if !slices.Equal(ids, []string{m.MsgServerID}) || again.Access["lobby"] == "" || again.Access["lobby"] == first.Access["lobby"] {
		t.Errorf("told of %v, stamps %q and %q", ids, first.Access["lobby"], again.Access["lobby"])
	}
	c.changeMember("carol", func(m *chat.Member) { m.Banned = true })
	if _, err := carol.Sync(c.ctx(), c.id, ""); code(err) != 403 {
		t.Errorf("a banned account syncs: %v", err)
	}
}
