package seed_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"unsend/scripts/unsend/seed"
	"unsend/shared/chat"
	"unsend/shared/chat/chattest"
)

var start = time.UnixMilli(1_767_225_600_000)

func now() time.Time { return start }

// by is who seeds.
var by = chat.Act{Door: chat.SeedDoor, Principal: "arn:aws:iam::123456789012:user/ops", Retention: time.Hour}

func silent(int) {}

// tester is a test or a property's.
type tester interface {
	Context() context.Context
	Fatal(args ...any)
}

func parse(t tester, text string) seed.File {
	f, err := seed.Parse("f.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func sample(t *testing.T) seed.File {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "sample.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	return parse(t, string(data))
}

func TestSampleMeansWhatItSays(t *testing.T) {
	t.Parallel()
	store := chattest.NewStore()
	var done []int
	summary, err := seed.Apply(t.Context(), store, now, 0, by, sample(t), func(n int) { done = append(done, n) })
	if err != nil {
		t.Fatal(err)
	}
	want := seed.Summary{seed.Servers: {Created: 2}, seed.Members: {Created: 10}, seed.Channels: {Created: 6}, seed.Entries: {Created: 4}}
	if diff := cmp.Diff(want, summary); diff != "" {
		t.Error(diff)
	}
	if len(done) != 22 || done[21] != 22 {
		t.Errorf("progress went %v", done)
	}
	tests := []struct {
		account, channel     string
		sees, sends, revokes bool
	}{
		{"olga", "crew-room", true, true, true},
		{"alice", "general", true, true, false},
		{"alice", "crew-room", true, true, false},
		{"bob", "general", true, true, true},
		{"carol", "general", true, true, false},
		{"carol", "crew-room", false, false, false},
		{"carol", "pub", true, true, true},
		{"carol", "tide-table", true, false, false},
		{"dan", "tide-table", true, true, false},
		{"dan", "crew-room", true, true, false},
		{"dan", "pub", true, false, false},
		{"nils", "pub", false, false, false},
		{"mallory", "general", false, false, false},
		{"eve", "general", false, false, false},
	}
	for _, test := range tests {
		s, err := store.Standing(t.Context(), "harbour", test.channel, test.account)
		if err != nil {
			t.Fatal(err)
		}
		if s.CanSee() != test.sees || s.May(chat.SendMessage) != test.sends || s.May(chat.RevokeMemberMessage) != test.revokes {
			t.Errorf("%s in %s: sees %v, sends %v, revokes %v; want %+v", test.account, test.channel,
				s.CanSee(), s.May(chat.SendMessage), s.May(chat.RevokeMemberMessage), test)
		}
	}
}

func TestWritingAgainChangesNothing(t *testing.T) {
	t.Parallel()
	store := chattest.NewStore()
	f := sample(t)
	apply(t, store, f)
	before := store.Dump()
	if summary := apply(t, store, f); !summary.Unchanged() || store.Dump() != before {
		t.Errorf("the second run did %v", summary)
	}
}

// Whoever has written a file is found with what it changed, and not with what was so before.
func TestAFileIsInTheAudit(t *testing.T) {
	t.Parallel()
	store := chattest.NewStore()
	f := sample(t)
	apply(t, store, f)
	apply(t, store, f)
	page, err := store.Audit(t.Context(), chat.AuditQuery{ServerID: "harbour", Until: chat.MaxTimestamp, Limit: 100, Now: start})
	if err != nil {
		t.Fatal(err)
	}
	actions := map[chat.Action]int{}
	for _, e := range page.Entries {
		p := e.Policy
		actions[p.Action]++
		if p.Door != chat.SeedDoor || p.Principal != by.Principal || p.At != start.UnixMilli() || p.ExpiresAt != start.Add(time.Hour).Unix()+1 || p.Version != 1 {
			t.Errorf("entry %+v", p)
		}
	}
	s := f.Servers[0]
	want := map[chat.Action]int{chat.ActionPutServer: 1, chat.ActionPutMember: len(s.Members), chat.ActionPutChannel: len(s.Channels), chat.ActionPutPersonal: 4}
	if diff := cmp.Diff(want, actions); diff != "" {
		t.Error(diff)
	}
}

func apply(t tester, store seed.Store, f seed.File) seed.Summary {
	summary, err := seed.Apply(t.Context(), store, now, 0, by, f, silent)
	if err != nil {
		t.Fatal(err)
	}
	return summary
}

func TestAChangedFileChangesJustThat(t *testing.T) {
	t.Parallel()
	store := chattest.NewStore()
	apply(t, store, parse(t, small))
	changed := strings.NewReplacer("windows: {}", "windows: {own: 5m}", "{account: b, roles: [r]}", "{account: b, nick: B}, {account: n}").Replace(small)
	want := seed.Summary{seed.Servers: {Changed: 1}, seed.Members: {Unchanged: 1, Changed: 1, Created: 1}, seed.Channels: {Unchanged: 1}}
	if diff := cmp.Diff(want, apply(t, store, parse(t, changed))); diff != "" {
		t.Error(diff)
	}
}

func TestWhatTheFileDoesNotNameStays(t *testing.T) {
	t.Parallel()
	store := chattest.NewStore()
	apply(t, store, parse(t, small))
	_, err := store.ChangeServer(t.Context(), "s", chat.Act{At: start}, func(s *chat.Server) error {
		s.Roles = append(s.Roles, chat.Role{ID: "by-hand", Priority: 1})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if summary := apply(t, store, parse(t, small)); !summary.Unchanged() {
		t.Errorf("it did %v", summary)
	}
}

func TestAServerOfSomebodyElseIsNotTouched(t *testing.T) {
	t.Parallel()
	store := chattest.NewStore()
	apply(t, store, parse(t, small))
	before := store.Dump()
	stolen := "servers:\n  - {id: first, owner: x, members: [{account: x}]}\n" +
		strings.TrimPrefix(strings.Replace(small, "owner: a", "owner: b", 1), "servers:\n")
	_, err := seed.Apply(t.Context(), store, now, 0, by, parse(t, stolen), silent)
	if err == nil || !strings.Contains(err.Error(), `belongs to "a"`) || store.Dump() != before {
		t.Errorf("got %v", err)
	}
}

// Somebody online whom a file makes a member is told from then on; whom it bans is not.
func TestPresenceFollows(t *testing.T) {
	t.Parallel()
	store := chattest.NewStore()
	connection := chat.Connection{ID: "conn", AccountID: "b", ConnectedAt: start.UnixMilli()}
	if err := store.PutConnection(t.Context(), connection); err != nil {
		t.Fatal(err)
	}
	audience := func() int {
		page, err := store.Audience(t.Context(), chat.Crowd{ServerID: "s"}, "", 10, start.UnixMilli())
		if err != nil {
			t.Fatal(err)
		}
		return len(page.Rows)
	}
	apply(t, store, parse(t, small))
	if audience() != 1 {
		t.Error("the new member's device would not be told")
	}
	apply(t, store, parse(t, strings.Replace(small, "{account: b, roles: [r]}", "{account: b, banned: true}", 1)))
	if audience() != 0 {
		t.Error("the banned member's device would be told")
	}
}

// failing is a store whose n-th change fails.
type failing struct {
	*chattest.Store
	left int
}

var errDown = errors.New("down")

func (f *failing) broken() bool {
	f.left--
	return f.left < 0
}

func (f *failing) ChangeServer(ctx context.Context, id string, by chat.Act, change func(*chat.Server) error) (chat.Server, error) {
	if f.broken() {
		return chat.Server{}, errDown
	}
	return f.Store.ChangeServer(ctx, id, by, change)
}

func (f *failing) ChangeMember(ctx context.Context, server, account string, by chat.Act, change func(*chat.Member) error) (chat.Member, error) {
	if f.broken() {
		return chat.Member{}, errDown
	}
	return f.Store.ChangeMember(ctx, server, account, by, change)
}

func (f *failing) ChangePersonal(ctx context.Context, server, channel, account string, by chat.Act, change func(*chat.Personal) error) (chat.Personal, error) {
	if f.broken() {
		return chat.Personal{}, errDown
	}
	return f.Store.ChangePersonal(ctx, server, channel, account, by, change)
}

// Generated communities are accepted, a run that broke off is completed by the next one, and then
// nothing is left to do.
func TestGeneratedCommunities(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := community(t)
		f := parse(t, text)
		store := chattest.NewStore()
		broken := &failing{Store: store, left: rapid.IntRange(0, f.Total()).Draw(t, "breaks after")}
		if _, err := seed.Apply(t.Context(), broken, now, 0, by, f, silent); err != nil && !errors.Is(err, errDown) {
			t.Fatal(err)
		}
		apply(t, store, f)
		before := store.Dump()
		if summary := apply(t, store, f); !summary.Unchanged() || store.Dump() != before {
			t.Fatalf("not settled: %v\n%s", summary, text)
		}
	})
}

// community writes a valid file.
func community(t *rapid.T) string {
	var y strings.Builder
	pick := func(label string, n int) []int {
		return rapid.SliceOfDistinct(rapid.IntRange(0, n-1), rapid.ID[int]).Draw(t, label)
	}
	flow := func(format string, numbers []int) string {
		var parts []string
		for _, n := range numbers {
			parts = append(parts, fmt.Sprintf(format, n))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	}
	windows := func() string {
		values := rapid.SampledFrom([]string{"2m", "never", "unlimited", "7d", "1ms"})
		return fmt.Sprintf("{own: %s, moderator: %s}", values.Draw(t, "own"), values.Draw(t, "moderator"))
	}
	grant := func() string {
		return rapid.SampledFrom([]string{"{}", "{allow: [SendMessage]}", "{deny: [SendMessage, AtAll]}",
			"{allow: [RevokeMemberMessage], deny: [AtMember]}"}).Draw(t, "grant")
	}
	y.WriteString("servers:\n")
	for s := range rapid.IntRange(1, 2).Draw(t, "servers") {
		roles, members := rapid.IntRange(1, 4).Draw(t, "roles"), rapid.IntRange(1, 5).Draw(t, "members")
		fmt.Fprintf(&y, "  - id: s%d\n    owner: m0\n    windows: %s\n    roles:\n", s, windows())
		for r := range roles {
			fmt.Fprintf(&y, "      - {id: r%d, priority: %d, allow: [SendMessage], windows: %s}\n", r, r, windows())
		}
		y.WriteString("    members:\n      - {account: m0}\n")
		for m := 1; m < members; m++ {
			fmt.Fprintf(&y, "      - {account: m%d, nick: N%d, roles: %s, banned: %v}\n", m, m, flow("r%d", pick("roles", roles)), rapid.Bool().Draw(t, "banned"))
		}
		y.WriteString("    channels:\n")
		for c := range rapid.IntRange(1, 3).Draw(t, "channels") {
			fmt.Fprintf(&y, "      - id: c%d\n        view: %s\n", c, rapid.SampledFrom([]string{"public", "private"}).Draw(t, "view"))
			fmt.Fprintf(&y, "        whitelist: {roles: %s, accounts: %s}\n", flow("r%d", pick("white roles", roles)), flow("m%d", pick("white", members)))
			fmt.Fprintf(&y, "        blacklist: {roles: %s, accounts: %s}\n", flow("r%d", pick("black roles", roles)), flow("m%d", pick("black", members)))
			fmt.Fprintf(&y, "        overrides: {roles: {everyone: %s}, accounts: {m0: %s}}\n", grant(), grant())
		}
	}
	return y.String()
}
