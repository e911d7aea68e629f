package chat_test

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"unsend/shared/chat"
	"unsend/shared/chat/chattest"
)

// member is a standing in which everything is allowed to go either way: a member
// of s1 in generation 2, with the role "mod", in the public channel c1.
func member() chat.Standing {
	return chat.Standing{
		Server: chat.Server{ID: "s1", OwnerID: "owner", Roles: []chat.Role{
			{ID: chat.Everyone, Grant: chat.Grant{Allow: chat.MaskOf(chat.SendMessage)}},
			{ID: "mod"}, {ID: "vip"},
		}},
		Channel: chat.Channel{ServerID: "s1", ID: "c1", Overrides: map[string]chat.Grant{}},
		Member:  chat.Member{ServerID: "s1", AccountID: "bob", Joined: true, Roles: []string{"mod"}, Generation: 2},
	}
}

func with(changes ...func(*chat.Standing)) chat.Standing {
	s := member()
	for _, change := range changes {
		change(&s)
	}
	return s
}

var (
	allow9 = chat.Grant{Allow: chat.MaskOf(chat.RevokeMemberMessage)}
	deny9  = chat.Grant{Deny: chat.MaskOf(chat.RevokeMemberMessage)}
)

func owner(s *chat.Standing)    { s.Member.AccountID = "owner" }
func banned(s *chat.Standing)   { s.Member.Banned = true }
func departed(s *chat.Standing) { s.Member.Leave() }
func private(s *chat.Standing)  { s.Channel.ViewMode = chat.Private }
func black(s *chat.Standing)    { s.Personal.Black = true }

func white(generation int64) func(*chat.Standing) {
	return func(s *chat.Standing) { s.Personal.WhiteGeneration = generation }
}

func whiteRoles(ids ...string) func(*chat.Standing) {
	return func(s *chat.Standing) { s.Channel.WhiteRoles = ids }
}

func blackRoles(ids ...string) func(*chat.Standing) {
	return func(s *chat.Standing) { s.Channel.BlackRoles = ids }
}

func personal(g chat.Grant, generation int64) func(*chat.Standing) {
	return func(s *chat.Standing) { s.Personal.Override, s.Personal.OverrideGeneration = g, generation }
}

func override(role string, g chat.Grant) func(*chat.Standing) {
	return func(s *chat.Standing) { s.Channel.Overrides[role] = g }
}

func grant(role string, g chat.Grant) func(*chat.Standing) {
	return func(s *chat.Standing) {
		i := slices.IndexFunc(s.Server.Roles, func(r chat.Role) bool { return r.ID == role })
		s.Server.Roles[i].Grant = g
	}
}

func TestCanSee(t *testing.T) {
	for _, c := range []struct {
		name     string
		standing chat.Standing
		want     bool
		decided  string // the level, and the role that did
	}{
		{"member of a public channel", with(), true, "view_mode"},
		{"nobody in nothing", chat.Standing{}, false, "membership"},
		{"server not there", with(func(s *chat.Standing) { s.Server = chat.Server{} }), false, "membership"},
		{"channel not there", with(func(s *chat.Standing) { s.Channel = chat.Channel{} }), false, "channel"},
		{"channel not there, owner", with(owner, func(s *chat.Standing) { s.Channel = chat.Channel{} }), false, "channel"},
		{"never a member", with(func(s *chat.Standing) { s.Member = chat.Member{} }), false, "membership"},
		{"departed", with(departed), false, "membership"},
		{"banned", with(banned), false, "ban"},
		{"departed owner", with(owner, departed), false, "membership"},
		{"banned owner", with(owner, banned), false, "ban"},
		{"public, own black entry", with(black), false, "black_list"},
		{"public, owner with a black entry", with(owner, black), true, "owner"},
		{"public, role's black entry", with(blackRoles("mod")), false, "black_list mod"},
		{"public, black entry of a role not held", with(blackRoles("vip")), true, "view_mode"},
		{"public, everyone on the black list", with(blackRoles(chat.Everyone)), false, "black_list everyone"},
		{"public, own white beats role's black", with(white(2), blackRoles("mod")), true, "white_list"},
		{"public, ended white entry does not", with(white(1), blackRoles("mod")), false, "black_list mod"},
		{"public, own black beats own white", with(white(2), black), false, "black_list"},
		{"private", with(private), false, "white_list"},
		{"private, owner", with(private, owner), true, "owner"},
		{"private, own white entry", with(private, white(2)), true, "white_list"},
		{"private, white entry of an ended membership", with(private, white(1)), false, "white_list"},
		{"private, white entry that never was", with(private, white(0), func(s *chat.Standing) { s.Member.Generation = 0 }), false, "white_list"},
		{"private, nobody owns the server and nobody's name is empty", with(private, func(s *chat.Standing) {
			s.Server.OwnerID, s.Member.AccountID = "", ""
		}), false, "white_list"},
		{"private, role's white entry", with(private, whiteRoles("mod")), true, "white_list mod"},
		{"private, white entry of a role not held", with(private, whiteRoles("vip")), false, "white_list"},
		{"private, everyone on the white list", with(private, whiteRoles(chat.Everyone)), true, "white_list everyone"},
		{"private, own black beats role's white", with(private, whiteRoles("mod"), black), false, "black_list"},
		{"private, white entry of a role that is deleted", with(private, whiteRoles("gone"), func(s *chat.Standing) {
			s.Member.Roles = append(s.Member.Roles, "gone")
		}), false, "white_list"},
		{"private, role's black entry is not asked", with(private, whiteRoles("mod"), blackRoles("mod")), true, "white_list mod"},
		{"public, role's white entry is not asked", with(whiteRoles("mod"), blackRoles("mod")), false, "black_list mod"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := c.standing.CanSee(); got != c.want {
				t.Errorf("CanSee() = %v, want %v", got, c.want)
			}
			checkDecision(t, c.standing.Sight(), c.want, c.decided)
		})
	}
}

func checkDecision(t *testing.T, d chat.Decision, allowed bool, decided string) {
	t.Helper()
	level, role, _ := strings.Cut(decided, " ")
	if want := (chat.Decision{Allowed: allowed, Level: chat.Level(level), Role: role}); d != want {
		t.Errorf("decided %+v, want %+v", d, want)
	}
}

func TestMay(t *testing.T) {
	for _, c := range []struct {
		name     string
		standing chat.Standing
		want     bool   // may revoke members' messages
		decided  string // as above
	}{
		{"nothing said", with(), false, "none"},
		{"owner", with(owner), true, "owner"},
		{"owner whom everything denies", with(owner, personal(deny9, 2), override("mod", deny9), grant("mod", deny9)), true, "owner"},
		{"banned, whatever is allowed", with(banned, personal(allow9, 2), grant("mod", allow9)), false, "ban"},
		{"not visible, whatever is allowed", with(private, personal(allow9, 2), grant("mod", allow9)), false, "white_list"},
		{"server role allows", with(grant("mod", allow9)), true, "role mod"},
		{"server role not held allows", with(grant("vip", allow9)), false, "none"},
		{"everyone allows", with(grant(chat.Everyone, allow9)), true, "everyone everyone"},
		{"one server role allows, another denies", with(grant("mod", allow9), grant(chat.Everyone, deny9)), true, "role mod"},
		{"channel denies a role what the server allows it", with(grant("mod", allow9), override("mod", deny9)), false, "role_override mod"},
		{"channel denies everyone what the server allows the role", with(grant("mod", allow9), override(chat.Everyone, deny9)), false, "role_override everyone"},
		{"channel allows what the server denies", with(grant("mod", deny9), override("mod", allow9)), true, "role_override mod"},
		{"channel: one role allows, another denies", with(override("mod", allow9), override(chat.Everyone, deny9)), true, "role_override mod"},
		{"channel denies a role not held", with(grant("mod", allow9), override("vip", deny9)), true, "role mod"},
		{"channel inherits", with(grant("mod", allow9), override("mod", chat.Grant{})), true, "role mod"},
		{"channel override of a deleted role", with(override("gone", allow9), func(s *chat.Standing) {
			s.Member.Roles = append(s.Member.Roles, "gone")
		}), false, "none"},
		{"member override allows what all else denies", with(personal(allow9, 2), override("mod", deny9), grant("mod", deny9)), true, "member_override"},
		{"member override denies what all else allows", with(personal(deny9, 2), override("mod", allow9), grant("mod", allow9)), false, "member_override"},
		{"member override inherits", with(personal(chat.Grant{}, 2), override("mod", allow9)), true, "role_override mod"},
		{"member override of an ended membership", with(personal(allow9, 1)), false, "none"},
		{"member override that never was", with(personal(allow9, 0), func(s *chat.Standing) { s.Member.Generation = 0 }), false, "none"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := c.standing.May(chat.RevokeMemberMessage); got != c.want {
				t.Errorf("May(RevokeMemberMessage) = %v, want %v", got, c.want)
			}
			checkDecision(t, c.standing.Decide(chat.RevokeMemberMessage), c.want, c.decided)
		})
	}
}

// TestServerOnlyPermissionsSkipTheChannel: a row that holds an override of a
// server-level permission, however it got there, decides nothing.
func TestServerOnlyPermissionsSkipTheChannel(t *testing.T) {
	ban := chat.Grant{Allow: chat.MaskOf(chat.BanServerMember)}
	if s := with(personal(ban, 2), override("mod", ban)); s.May(chat.BanServerMember) {
		t.Error("a channel override granted a server-level permission")
	}
}

func drawStanding(t *rapid.T) chat.Standing {
	roles := []string{"a", "b", "c"}
	grants := rapid.Custom(func(t *rapid.T) chat.Grant {
		masks := rapid.SampledFrom([]chat.Mask{0, 1<<27 - 1, chat.MaskOf(chat.SendMessage, chat.BanServerMember), chat.MaskOf(chat.RevokeMemberMessage)})
		return chat.Grant{Allow: masks.Draw(t, "allow"), Deny: masks.Draw(t, "deny")}
	})
	some := rapid.SliceOfDistinct(rapid.SampledFrom(append(roles, "everyone", "gone")), rapid.ID[string])
	generation := rapid.Int64Range(0, 3)
	s := chat.Standing{
		Server: chat.Server{ID: rapid.SampledFrom([]string{"s1", "s1", "s1", ""}).Draw(t, "server"), OwnerID: "owner"},
		Channel: chat.Channel{
			ID:         rapid.SampledFrom([]string{"c1", "c1", "c1", ""}).Draw(t, "channel"),
			ViewMode:   rapid.SampledFrom([]chat.ViewMode{chat.Public, chat.Private}).Draw(t, "mode"),
			Overrides:  rapid.MapOf(rapid.SampledFrom(append(roles, "everyone", "gone")), grants).Draw(t, "overrides"),
			WhiteRoles: some.Draw(t, "white roles"), BlackRoles: some.Draw(t, "black roles"),
		},
		Member: chat.Member{
			AccountID: rapid.SampledFrom([]string{"bob", "bob", "bob", "owner"}).Draw(t, "account"),
			Joined:    rapid.SampledFrom([]bool{true, true, true, false}).Draw(t, "joined"),
			Banned:    rapid.SampledFrom([]bool{false, false, false, true}).Draw(t, "banned"),
			Roles:     rapid.SliceOfDistinct(rapid.SampledFrom(append(roles, "gone")), rapid.ID[string]).Draw(t, "roles"), Generation: generation.Draw(t, "generation"),
		},
		Personal: chat.Personal{
			Override: grants.Draw(t, "personal"), OverrideGeneration: generation.Draw(t, "override generation"),
			WhiteGeneration: generation.Draw(t, "white generation"), Black: rapid.SampledFrom([]bool{false, false, true}).Draw(t, "black"),
		},
	}
	for _, id := range append(roles, "everyone") {
		s.Server.Roles = append(s.Server.Roles, chat.Role{ID: id, Grant: grants.Draw(t, "role "+id)})
	}
	return s
}

func TestMayAgreesWithTheNaiveEvaluator(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawStanding(t)
		for p := chat.ManageServer; p <= chat.MentionRole; p++ {
			if got, want := s.May(p), chattest.Naive(s, p); got != want {
				t.Fatalf("May(%v) = %v, want %v", p, got, want)
			}
		}
	})
}
