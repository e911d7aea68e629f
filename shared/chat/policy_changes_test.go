package chat_test

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"unsend/shared/chat"
)

func ms(w chat.Window) *chat.Window { return &w }

func TestChangesOfAServer(t *testing.T) {
	t.Parallel()
	mod := chat.Role{ID: "mod", Priority: 1, Grant: grants(chat.AtAll)}
	was := chat.Server{ID: "s1", OwnerID: "olga", Version: 3, Roles: []chat.Role{chat.NewEveryone(), mod}}
	for name, c := range map[string]struct {
		change func(*chat.Server)
		want   []string
	}{
		"handed over": {func(s *chat.Server) { s.OwnerID = "bob" }, []string{"owner: olga -> bob"}},
		"windows": {func(s *chat.Server) { s.Windows = chat.Windows{Own: ms(60_000), Moderator: ms(chat.NoLimit)} },
			[]string{"revoke_window_ms: null -> 60000", "moderator_window_ms: null -> -1"}},
		"a role added": {func(s *chat.Server) { s.Roles = append(s.Roles, chat.Role{ID: "vip"}) }, []string{"role vip: added"}},
		"a role that may things": {func(s *chat.Server) {
			s.Roles = append(s.Roles, chat.Role{ID: "vip", Priority: 7, Grant: chat.Grant{Allow: chat.MaskOf(chat.AtAll, chat.AtMember), Deny: chat.MaskOf(chat.SendMessage)}})
		}, []string{"role vip: added", "role vip: priority: 0 -> 7", "role vip: allow +AtMember +AtAll, deny +SendMessage"}},
		"a role edited": {func(s *chat.Server) {
			s.Roles[1] = chat.Role{ID: "mod", Priority: 2, Grant: grants(chat.RevokeMemberMessage), Windows: chat.Windows{Own: ms(chat.Never)}}
		}, []string{"role mod: priority: 1 -> 2", "role mod: allow +RevokeMemberMessage -AtAll", "role mod: revoke_window_ms: null -> 0"}},
		"from denied to allowed": {func(s *chat.Server) { s.Roles[0].Grant = grants(chat.SendMessage, chat.RevokeMemberMessage) },
			[]string{"role everyone: allow +RevokeMemberMessage, deny -RevokeMemberMessage"}},
		"a role removed":          {func(s *chat.Server) { s.Roles = s.Roles[:1] }, []string{"role mod: removed"}},
		"in another order":        {func(s *chat.Server) { slices.Reverse(s.Roles) }, []string{"rewritten"}},
		"another version is none": {func(s *chat.Server) { s.Version, s.Sight = 9, 9 }, []string{"rewritten"}},
	} {
		is := was
		is.Roles = slices.Clone(was.Roles)
		c.change(&is)
		if d := cmp.Diff(c.want, chat.Act{}.OfServer(was, is).Changes); d != "" {
			t.Errorf("%s: -want +got\n%s", name, d)
		}
	}
	made := chat.Server{ID: "s1", OwnerID: "olga", Version: 1, Windows: chat.Windows{Own: ms(5)}}
	want := []string{"created", "owner: olga", "revoke_window_ms: null -> 5"}
	if d := cmp.Diff(want, chat.Act{}.OfServer(chat.Server{ID: "s1"}, made).Changes); d != "" {
		t.Errorf("made: -want +got\n%s", d)
	}
}

func TestChangesOfAChannel(t *testing.T) {
	t.Parallel()
	was := chat.Channel{ServerID: "s1", ID: "c1", Version: 2, WhiteRoles: []string{"a", "b"}, Overrides: map[string]chat.Grant{"mod": grants(chat.AtAll)}}
	for name, c := range map[string]struct {
		before, after chat.Channel
		want          []string
	}{
		"made":         {chat.Channel{}, chat.Channel{Version: 1}, []string{"created"}},
		"made private": {chat.Channel{}, chat.Channel{Version: 1, ViewMode: chat.Private}, []string{"created", "view_mode: public -> private"}},
		"lists":        {was, chat.Channel{WhiteRoles: []string{"b", "vip"}, BlackRoles: []string{"a"}, Overrides: was.Overrides}, []string{"white_roles: +vip -a", "black_roles: +a"}},
		"windows":      {was, chat.Channel{WhiteRoles: was.WhiteRoles, Overrides: was.Overrides, Windows: chat.Windows{Moderator: ms(0)}}, []string{"moderator_window_ms: null -> 0"}},
		"overrides": {was, chat.Channel{WhiteRoles: was.WhiteRoles, Overrides: map[string]chat.Grant{"mod": denies(chat.AtAll), "a": {}}},
			[]string{"role_override a: added", "role_override mod: allow -AtAll, deny +AtAll"}},
		"an override removed": {was, chat.Channel{WhiteRoles: was.WhiteRoles}, []string{"role_override mod: removed"}},
	} {
		if d := cmp.Diff(c.want, chat.Act{}.OfChannel(c.before, c.after).Changes); d != "" {
			t.Errorf("%s: -want +got\n%s", name, d)
		}
	}
}

func TestChangesOfAMember(t *testing.T) {
	t.Parallel()
	in := chat.Member{Nick: "Secret", Joined: true, Roles: []string{"mod"}, Generation: 1, JoinedAt: 1, Version: 1}
	left, rejoined, banned, renamed := in, in, in, in
	left.Leave()
	rejoined.Leave()
	rejoined.Join(time.UnixMilli(5))
	banned.Banned = true
	renamed.Nick, renamed.Roles = "Hidden", []string{"vip"}
	for name, c := range map[string]struct {
		before, after chat.Member
		want          []string
	}{
		"joins":                       {chat.Member{}, in, []string{"joined", "nick", "roles: +mod"}},
		"leaves":                      {in, left, []string{"left", "roles: -mod"}},
		"leaves and joins at once":    {in, rejoined, []string{"joined again", "roles: -mod"}},
		"comes back":                  {left, rejoined, []string{"joined"}},
		"is banned":                   {in, banned, []string{"banned"}},
		"is not banned any more":      {banned, in, []string{"unbanned"}},
		"a stranger is banned":        {chat.Member{}, chat.Member{Banned: true, Version: 1}, []string{"banned"}},
		"another nick and other ones": {in, renamed, []string{"nick", "roles: +vip -mod"}},
	} {
		if d := cmp.Diff(c.want, chat.Act{}.OfMember(c.before, c.after).Changes); d != "" {
			t.Errorf("%s: -want +got\n%s", name, d)
		}
	}
}

func TestChangesOfWhatAChannelHoldsForAnAccount(t *testing.T) {
	t.Parallel()
	all := chat.Personal{Override: grants(chat.AtAll), OverrideGeneration: 1, WhiteGeneration: 1, Black: true, Version: 1}
	next := all
	next.OverrideGeneration, next.WhiteGeneration = 2, 2
	other := next
	other.Override = denies(chat.AtAll)
	for name, c := range map[string]struct {
		before, after chat.Personal
		want          []string
	}{
		"everything":           {chat.Personal{}, all, []string{"override: allow +AtAll", "whitelist: added", "blacklist: added"}},
		"nothing":              {all, chat.Personal{}, []string{"override: allow -AtAll", "whitelist: removed", "blacklist: removed"}},
		"the next membership":  {all, next, []string{"override: membership 1 -> 2", "whitelist: membership 1 -> 2"}},
		"and another override": {all, other, []string{"override: allow -AtAll, deny +AtAll", "override: membership 1 -> 2", "whitelist: membership 1 -> 2"}},
		"what had no membership": {chat.Personal{Override: grants(chat.AtAll)}, chat.Personal{Override: grants(chat.AtAll), OverrideGeneration: 1},
			[]string{"override: added"}},
	} {
		if d := cmp.Diff(c.want, chat.Act{}.OfPersonal(c.before, c.after).Changes); d != "" {
			t.Errorf("%s: -want +got\n%s", name, d)
		}
	}
}

// A field that is added to what is stored has a text, or this fails. Left out is what a change does not set, and the time of
// joining, which goes with the joining.
func TestEveryFieldHasAText(t *testing.T) {
	t.Parallel()
	var by chat.Act
	unsaid := []string{"ServerID", "ChannelID", "AccountID", "Version", "Sight", "JoinedAt"}
	differ(t, "server", append(unsaid, "ID"), func(s chat.Server) []string { return by.OfServer(chat.Server{Version: 1}, s).Changes }, chat.Server{Version: 1})
	differ(t, "channel", append(unsaid, "ID"), func(c chat.Channel) []string { return by.OfChannel(chat.Channel{Version: 1}, c).Changes }, chat.Channel{Version: 1})
	differ(t, "member", unsaid, func(m chat.Member) []string { return by.OfMember(chat.Member{Version: 1}, m).Changes }, chat.Member{Version: 1})
	differ(t, "personal", unsaid, func(p chat.Personal) []string { return by.OfPersonal(chat.Personal{Version: 1}, p).Changes }, chat.Personal{Version: 1})
	role := func(r chat.Role) []string {
		return by.OfServer(chat.Server{Roles: []chat.Role{{ID: "r"}}}, chat.Server{Roles: []chat.Role{r}}).Changes
	}
	differ(t, "role", []string{"ID"}, func(r chat.Role) []string { return role(r)[1:] }, chat.Role{ID: "r"}) // besides "created"
	override := func(g chat.Grant) []string {
		return by.OfChannel(chat.Channel{Version: 1, Overrides: map[string]chat.Grant{"r": {}}}, chat.Channel{Overrides: map[string]chat.Grant{"r": g}}).Changes
	}
	differ(t, "override", nil, override, chat.Grant{})
	differ(t, "windows", nil, func(w chat.Windows) []string {
		return by.OfServer(chat.Server{Version: 1}, chat.Server{Windows: w}).Changes
	}, chat.Windows{})
}

// differ sets each field of the value, one at a time.
func differ[T any](t *testing.T, what string, unsaid []string, changes func(T) []string, value T) {
	t.Helper()
	for i := range reflect.TypeFor[T]().NumField() {
		field := reflect.TypeFor[T]().Field(i)
		if slices.Contains(unsaid, field.Name) {
			continue
		}
		changed := value
		set(reflect.ValueOf(&changed).Elem().Field(i))
		if texts := changes(changed); len(texts) == 0 || slices.Contains(texts, "rewritten") {
			t.Errorf("a %s with another %s says %q", what, field.Name, texts)
		}
	}
}

// set makes v anything but its zero value.
func set(v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		v.SetString("x")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(1)
	case reflect.Uint32:
		v.SetUint(1)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		set(v.Elem())
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		set(v.Index(0))
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(reflect.ValueOf("x"), reflect.Zero(v.Type().Elem()))
	case reflect.Struct:
		for i := range v.NumField() {
			set(v.Field(i))
		}
	default:
		panic("teach set a " + v.Kind().String())
	}
}

func TestAnActIsInItsEntry(t *testing.T) {
	t.Parallel()
	by := chat.Act{
		At: time.UnixMilli(1_767_225_600_999), Action: chat.ActionPutRoleOverride, RoleID: "mod", AccountID: "olga", Principal: "arn", Door: chat.APIDoor,
		Retention: time.Hour,
	}
	got := by.OfChannel(chat.Channel{ServerID: "s1", ID: "c1"}, chat.Channel{ServerID: "other", ID: "other", Version: 7})
	want := chat.PolicyEntry{
		ServerID: "s1", ChannelID: "c1", RoleID: "mod", Version: 7, At: 1_767_225_600_999, Action: chat.ActionPutRoleOverride, Operator: "olga",
		Principal: "arn", Door: chat.APIDoor, Changes: []string{"created"}, ExpiresAt: 1_767_225_600 + 3600 + 1,
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("-want +got\n%s", d)
	}
	by.Retention = 0
	if e := by.OfMember(chat.Member{}, chat.Member{}); e.ExpiresAt != 0 {
		t.Errorf("kept for ever, and ends at %d", e.ExpiresAt)
	}
}
