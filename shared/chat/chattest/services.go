package chattest

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"unsend/shared/chat"
)

// RunServices plays what people do, through the services, on a store: who may
// send, read and revoke, and until which millisecond. The clock is the test's; the store is real or the fake.
func RunServices(t *testing.T, newStore func(t *testing.T) chat.Store) {
	t.Helper()
	t.Run("windows to the millisecond", func(t *testing.T) { testWindows(t, newStore(t)) })
	t.Run("people", func(t *testing.T) { testPeople(t, newStore(t)) })
	t.Run("no revoke across channels and servers", func(t *testing.T) { testCrossed(t, newStore(t)) })
	t.Run("mentions need permissions of their own", func(t *testing.T) { testMentions(t, newStore(t)) })
	t.Run("50 revokes at once", func(t *testing.T) { testRevokeRace(t, newStore(t)) })
	t.Run("20 sends of one msg_id at once", func(t *testing.T) { testSendRace(t, newStore(t)) })
	t.Run("members by 20 callers at once", func(t *testing.T) { testMembersAtOnce(t, newStore(t)) })
	t.Run("two writers of one policy", func(t *testing.T) { testTwoWriters(t, newStore(t)) })
	t.Run("20 roles at once", func(t *testing.T) { testRolesAtOnce(t, newStore(t)) })
}

// town is a community under test, with a clock that the test sets.
type town struct {
	t     *testing.T
	store chat.Store
	now   time.Time
	ids   atomic.Int64
	// deployment windows
	windows chat.Windows
}

func newTown(t *testing.T, store chat.Store) *town {
	t.Helper()
	return &town{t: t, store: store, now: time.UnixMilli(1_767_225_600_000), windows: chat.Windows{Own: ms(120_000), Moderator: ms(120_000)}}
}

func ms(w chat.Window) *chat.Window { return &w }

func (w *town) clock() time.Time { return w.now }

func (w *town) check(_ any, err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *town) server(id string, change func(*chat.Server)) {
	w.t.Helper()
	w.check(w.store.ChangeServer(w.t.Context(), id, chat.Act{At: w.now}, func(s *chat.Server) error {
		if s.OwnerID == "" {
			s.OwnerID = "owner"
			s.Roles = []chat.Role{
				{ID: chat.Everyone, Grant: chat.Grant{Allow: chat.MaskOf(chat.SendMessage)}},
				{ID: "mod", Priority: 1, Grant: chat.Grant{Allow: chat.MaskOf(chat.RevokeMemberMessage)}},
			}
		}
		if change != nil {
			change(s)
		}
		return nil
	}))
}

func (w *town) channel(server, id string, change func(*chat.Channel)) {
	w.t.Helper()
	w.check(w.store.ChangeChannel(w.t.Context(), server, id, chat.Act{At: w.now}, func(c *chat.Channel) error {
		if change != nil {
			change(c)
		}
		return nil
	}))
}

func (w *town) member(server, account string, change func(*chat.Member)) {
	w.t.Helper()
	w.check(w.store.ChangeMember(w.t.Context(), server, account, chat.Act{At: w.now}, func(m *chat.Member) error {
		change(m)
		return nil
	}))
}

func (w *town) joins(server, account string, roles ...string) {
	w.t.Helper()
	w.member(server, account, func(m *chat.Member) { m.Join(w.now); m.Roles = roles })
}

func device(account string) chat.Connection {
	return chat.Connection{ID: "conn-" + account, AccountID: account, DeviceID: "device-" + account, ClientType: chat.Web}
}

func (w *town) newID(time.Time) string { return fmt.Sprintf("01M%05d", w.ids.Add(1)) }

func (w *town) send(account, server, channel string) (chat.Message, error) {
	return w.sendAs(account, chat.SendRequest{ServerID: server, ChannelID: channel,
		MsgID: fmt.Sprintf("local-%d", w.ids.Add(1)), Content: chat.Content{Body: "taken back in time"}})
}

func (w *town) sendAs(account string, r chat.SendRequest) (chat.Message, error) {
	s := chat.Sender{Standings: w.store, Messages: w.store, Clock: w.clock, NewID: w.newID}
	return s.Send(w.t.Context(), device(account), r)
}

func (w *town) revoke(ctx context.Context, account string, key chat.MessageKey) (chat.Message, error) {
	r := chat.Revocations{Standings: w.store, Messages: w.store, Clock: w.clock, Windows: w.windows}
	return r.Revoke(ctx, device(account), chat.RevokeRequest{Key: key, Info: chat.UpdateInfo{Postscript: "by " + account}})
}

func (w *town) history(account, server, channel string) error {
	h := chat.Histories{Standings: w.store, Messages: w.store, Clock: w.clock}
	_, err := h.History(w.t.Context(), device(account), chat.HistoryRequest{ServerID: server, ChannelID: channel})
	return err
}

// testWindows takes every pair of levels that can set a window, sets both, and
// expects the higher one's to the millisecond, for the author and for a moderator.
func testWindows(t *testing.T, store chat.Store) {
	levels := []struct {
		name string
		set  func(w *town, server string, windows chat.Windows)
	}{
		{"channel", func(w *town, server string, windows chat.Windows) {
			w.channel(server, "c1", func(c *chat.Channel) { c.Windows = windows })
		}},
		{"role", func(w *town, server string, windows chat.Windows) {
			w.server(server, func(s *chat.Server) { s.Roles[0].Windows = windows })
		}},
		{"server", func(w *town, server string, windows chat.Windows) {
			w.server(server, func(s *chat.Server) { s.Windows = windows })
		}},
		{"deployment", func(w *town, _ string, windows chat.Windows) { w.windows = windows }},
	}
	for i, higher := range levels {
		for _, lower := range levels[i+1:] {
			for _, longer := range []bool{true, false} {
				high, low := chat.Window(1_000), chat.Window(5_000)
				if longer {
					high, low = low, high
				}
				t.Run(fmt.Sprintf("%s %d over %s %d", higher.name, high, lower.name, low), func(t *testing.T) {
					w := newTown(t, store)
					server := fmt.Sprintf("%s-%s-%d", higher.name, lower.name, high)
					w.server(server, nil)
					w.channel(server, "c1", nil)
					w.joins(server, "author")
					w.joins(server, "moderator", "mod")
					higher.set(w, server, chat.Windows{Own: ms(high), Moderator: ms(2 * high)})
					lower.set(w, server, chat.Windows{Own: ms(low), Moderator: ms(2 * low)})
					w.boundary(server, "author", high)
					w.boundary(server, "moderator", 2*high)
				})
			}
		}
	}
	for _, c := range []struct {
		name   string
		window chat.Window
		at0    chat.Code
		later  chat.Code
	}{
		{"never", chat.Never, chat.TooLate, chat.TooLate},
		{"no limit", chat.NoLimit, chat.OK, chat.OK},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newTown(t, store)
			server := "window-" + c.name
			w.server(server, nil)
			w.channel(server, "c1", func(ch *chat.Channel) { ch.Windows = chat.Windows{Own: ms(c.window), Moderator: ms(c.window)} })
			w.joins(server, "author")
			w.joins(server, "moderator", "mod")
			for _, account := range []string{"author", "moderator"} {
				w.after(server, account, 0, c.at0)
				w.after(server, account, 1<<36, c.later)
			}
		})
	}
}

// boundary revokes messages that are 0 ms, exactly the window, and one ms more old.
func (w *town) boundary(server, account string, window chat.Window) {
	w.t.Helper()
	w.after(server, account, 0, chat.OK)
	w.after(server, account, int64(window), chat.OK)
	w.after(server, account, int64(window)+1, chat.TooLate)
}

func (w *town) after(server, account string, age int64, want chat.Code) {
	w.t.Helper()
	m, err := w.send("author", server, "c1")
	w.check(m, err)
	w.now = w.now.Add(time.Duration(age) * time.Millisecond)
	got, err := w.revoke(w.t.Context(), account, m.MessageKey)
	if code := chat.CodeOf(err); code != want {
		w.t.Errorf("%s, message %d ms old: %d, want %d", account, age, code, want)
	}
	if want == chat.OK && (got.Status != chat.Revoked || !got.Content.IsZero()) {
		w.t.Errorf("%s, message %d ms old: status %d, content left: %v", account, age, got.Status, !got.Content.IsZero())
	}
}

// testPeople: what each kind of person may do in a public channel with a
// message of the author's, and with their own.
func testPeople(t *testing.T, store chat.Store) {
	w := newTown(t, store)
	w.server("s1", nil)
	w.channel("s1", "c1", nil)
	leave := func(m *chat.Member) { m.Leave() }
	people := []struct {
		account                string
		prepare                func()
		send, read, own, other chat.Code
	}{
		{"owner", func() {}, chat.OK, chat.OK, chat.OK, chat.OK},
		{"plain", func() {}, chat.OK, chat.OK, chat.OK, chat.Forbidden},
		{"moderator", func() { w.member("s1", "moderator", func(m *chat.Member) { m.Roles = []string{"mod"} }) }, chat.OK, chat.OK, chat.OK, chat.OK},
		{"banned", func() { w.member("s1", "banned", func(m *chat.Member) { m.Roles, m.Banned = []string{"mod"}, true }) },
			chat.Forbidden, chat.Forbidden, chat.Forbidden, chat.Forbidden},
		{"departed", func() { w.member("s1", "departed", leave) }, chat.Forbidden, chat.Forbidden, chat.Forbidden, chat.Forbidden},
		{"rejoined", func() {
			w.member("s1", "rejoined", func(m *chat.Member) { m.Roles = []string{"mod"} })
			w.check(w.store.ChangePersonal(t.Context(), "s1", "c1", "rejoined", chat.Act{At: w.now}, func(p *chat.Personal) error {
				p.Override, p.OverrideGeneration = chat.Grant{Allow: chat.MaskOf(chat.RevokeMemberMessage)}, 1
				return nil
			}))
			w.member("s1", "rejoined", leave)
			w.member("s1", "rejoined", func(m *chat.Member) { m.Join(w.now) })
		}, chat.OK, chat.OK, chat.OK, chat.Forbidden},
		{"banned rejoined", func() {
			w.member("s1", "banned rejoined", func(m *chat.Member) { m.Banned = true; m.Leave(); m.Join(w.now) })
		}, chat.Forbidden, chat.Forbidden, chat.Forbidden, chat.Forbidden},
		{"blacklisted", func() {
			w.check(w.store.ChangePersonal(t.Context(), "s1", "c1", "blacklisted", chat.Act{At: w.now}, func(p *chat.Personal) error { p.Black = true; return nil }))
		}, chat.Forbidden, chat.Forbidden, chat.Forbidden, chat.Forbidden},
		{"never", nil, chat.Forbidden, chat.Forbidden, chat.Forbidden, chat.Forbidden},
	}
	w.joins("s1", "author")
	for _, p := range people {
		t.Run(p.account, func(t *testing.T) {
			theirs, err := w.send("author", "s1", "c1")
			w.check(theirs, err)
			own := theirs // a never-member has none: it tries the author's
			if p.prepare != nil {
				w.joins("s1", p.account)
				own, err = w.send(p.account, "s1", "c1")
				w.check(own, err)
				p.prepare()
			}
			_, sendErr := w.send(p.account, "s1", "c1")
			_, ownErr := w.revoke(t.Context(), p.account, own.MessageKey)
			_, otherErr := w.revoke(t.Context(), p.account, theirs.MessageKey)
			for what, codes := range map[string][2]chat.Code{
				"send":           {chat.CodeOf(sendErr), p.send},
				"read":           {chat.CodeOf(w.history(p.account, "s1", "c1")), p.read},
				"revoke own":     {chat.CodeOf(ownErr), p.own},
				"revoke other's": {chat.CodeOf(otherErr), p.other},
			} {
				if codes[0] != codes[1] {
					t.Errorf("%s: %d, want %d", what, codes[0], codes[1])
				}
			}
		})
	}
}

// testCrossed: all four parts of a key must be one message's.
func testCrossed(t *testing.T, store chat.Store) {
	w := newTown(t, store)
	for _, server := range []string{"s1", "s2"} {
		w.server(server, nil)
		w.channel(server, "c1", nil)
		w.channel(server, "c2", nil)
		w.joins(server, "author")
	}
	w.server("s3", nil)
	w.channel("s3", "c1", nil)
	m, err := w.send("author", "s1", "c1")
	w.check(m, err)
	for name, c := range map[string]struct {
		change func(*chat.MessageKey)
		want   chat.Code
	}{
		"another channel":        {func(k *chat.MessageKey) { k.ChannelID = "c2" }, chat.NotFound},
		"another server":         {func(k *chat.MessageKey) { k.ServerID = "s2" }, chat.NotFound},
		"a server not of mine":   {func(k *chat.MessageKey) { k.ServerID = "s3" }, chat.Forbidden},
		"a server not there":     {func(k *chat.MessageKey) { k.ServerID = "s4" }, chat.Forbidden},
		"a channel not there":    {func(k *chat.MessageKey) { k.ChannelID = "c9" }, chat.Forbidden},
		"another time":           {func(k *chat.MessageKey) { k.Timestamp++ }, chat.NotFound},
		"another id":             {func(k *chat.MessageKey) { k.MsgServerID += "x" }, chat.NotFound},
		"an id with a separator": {func(k *chat.MessageKey) { k.ChannelID = "c1#x" }, chat.Invalid},
	} {
		t.Run(name, func(t *testing.T) {
			key := m.MessageKey
			c.change(&key)
			if _, err := w.revoke(t.Context(), "author", key); chat.CodeOf(err) != c.want {
				t.Errorf("%d, want %d", chat.CodeOf(err), c.want)
			}
		})
	}
	rows, err := store.Messages(t.Context(), []chat.MessageKey{m.MessageKey})
	if err != nil || len(rows) != 1 || rows[0].Status != chat.Normal {
		t.Errorf("the message itself was touched: %v", err)
	}
}

func testMentions(t *testing.T, store chat.Store) {
	w := newTown(t, store)
	w.server("s1", nil)
	w.channel("s1", "c1", nil)
	w.joins("s1", "plain")
	w.joins("s1", "owner")
	for name, content := range map[string]chat.Content{
		"all":      {Body: "x", MentionAll: true},
		"accounts": {Body: "x", MentionAccounts: []string{"owner"}},
		"roles":    {Body: "x", MentionRoles: []string{"mod"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := chat.SendRequest{ServerID: "s1", ChannelID: "c1", MsgID: "m-" + name, Content: content}
			if _, err := w.sendAs("plain", r); chat.CodeOf(err) != chat.Forbidden {
				t.Errorf("without the permission: %d", chat.CodeOf(err))
			}
			if _, err := w.sendAs("owner", r); err != nil {
				t.Errorf("owner: %v", err)
			}
		})
	}
}

// testRevokeRace: exactly one wins, and everybody is told of the winner.
func testRevokeRace(t *testing.T, store chat.Store) {
	const n = 50
	w := newTown(t, store)
	w.server("s1", nil)
	w.channel("s1", "c1", nil)
	w.joins("s1", "author")
	for i := range n {
		w.joins("s1", fmt.Sprintf("mod%d", i), "mod")
	}
	m, err := w.send("author", "s1", "c1")
	w.check(m, err)
	results, errs := make([]chat.Message, n), make([]error, n)
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { results[i], errs[i] = w.revoke(t.Context(), fmt.Sprintf("mod%d", i), m.MessageKey) })
	}
	all.Wait()
	rows, err := store.Messages(t.Context(), []chat.MessageKey{m.MessageKey})
	if err != nil || len(rows) != 1 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	row := rows[0]
	if row.Version != 2 || row.Status != chat.Revoked || !row.Content.IsZero() {
		t.Errorf("version %d, status %d, content left: %v", row.Version, row.Status, !row.Content.IsZero())
	}
	for i := range n {
		if errs[i] != nil {
			t.Errorf("revoke %d: %v", i, errs[i])
			continue
		}
		if got := *results[i].Revocation; got != *row.Revocation || results[i].Version != 2 {
			t.Errorf("revoke %d was told of %v, version %d; stored is %v", i, got.Operator, results[i].Version, row.Revocation.Operator)
		}
	}
}

// testSendRace: one row, one id, every answer the same; after the revoke the tombstone.
func testSendRace(t *testing.T, store chat.Store) {
	const n = 20
	w := newTown(t, store)
	w.server("s1", nil)
	w.channel("s1", "c1", nil)
	w.joins("s1", "author")
	r := chat.SendRequest{ServerID: "s1", ChannelID: "c1", MsgID: "once", Content: chat.Content{Body: "only once"}}
	results, errs := make([]chat.Message, n), make([]error, n)
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { results[i], errs[i] = w.sendAs("author", r) })
	}
	all.Wait()
	for i := range n {
		if errs[i] != nil || results[i].MessageKey != results[0].MessageKey {
			t.Errorf("send %d: %v, %v", i, results[i].MessageKey, errs[i])
		}
	}
	page, err := store.History(t.Context(), chat.HistoryQuery{ServerID: "s1", ChannelID: "c1", Limit: 50, Now: w.now})
	if err != nil || len(page.Messages) != 1 {
		t.Fatalf("%d rows, %v; want 1", len(page.Messages), err)
	}
	if _, err := w.revoke(t.Context(), "author", results[0].MessageKey); err != nil {
		t.Fatal(err)
	}
	again, err := w.sendAs("author", r)
	if err != nil || again.MessageKey != results[0].MessageKey || again.Status != chat.Revoked || !again.Content.IsZero() {
		t.Errorf("resend after the revoke: %v, status %d, content left: %v, %v", again.MessageKey, again.Status, !again.Content.IsZero(), err)
	}
}
