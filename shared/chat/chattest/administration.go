package chattest

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"unsend/shared/chat"
)

// RunAdministration does sequences of random writes through [chat.Administration], and keeps in plain maps what each of them
// means: nothing of generations, tombstones or versions. After each step the permissions and the sight of every account in every
// channel, as the service explains them, are what the naive evaluator makes of the maps, every list is what they hold, and the
// audit has one entry for each version of each row. The sequences are played a hundred at a time, or as many as the flag -rapid.checks says. One store may serve all: the ids of each
// sequence end in its number.
func RunAdministration(t *testing.T, sequences int, store func() chat.Store) {
	t.Helper()
	var played atomic.Int64
	for first := 0; first < sequences; first += 100 {
		t.Run(fmt.Sprint("from ", first), func(t *testing.T) {
			t.Parallel()
			rapid.Check(t, func(r *rapid.T) {
				m := newPlain(store(), played.Add(1))
				r.Repeat(map[string]func(*rapid.T){
					"": func(r *rapid.T) { m.agree(r); m.audited(r) }, "server": m.server, "role": m.role, "delete role": m.deleteRole, "channel": m.channel,
					"override": m.override, "member": m.member, "members": m.several, "leave": m.leave, "ban": m.ban, "personal": m.personal, "list": m.list,
				})
			})
		})
	}
}

// plain is one server as anybody would write it down.
type plain struct {
	admin    *chat.Administration
	id       string   // of the server
	accounts []string // that there are, in their order
	owner    string   // empty: there is no server
	roles    map[string]chat.Grant
	gone     map[string]bool
	channels map[string]*plainChannel
	members  map[string]*plainMember
}

type plainChannel struct {
	view         chat.ViewMode
	white, black []string
	overrides    map[string]chat.Grant
	personal     map[string]*plainPersonal
}

type plainMember struct {
	joined, banned bool
	roles          []string
}

type plainPersonal struct {
	override     chat.Grant
	white, black bool
}

var (
	modelRoles    = []string{"a", "b", "c"}
	modelChannels = []string{"c1", "c2"}
)

func newPlain(store chat.Store, number int64) *plain {
	m := &plain{
		admin: &chat.Administration{Store: store, Clock: func() time.Time { return time.UnixMilli(1_767_225_600_000) }},
		id:    fmt.Sprint("s", number),
		roles: map[string]chat.Grant{}, gone: map[string]bool{}, channels: map[string]*plainChannel{}, members: map[string]*plainMember{},
	}
	for _, name := range []string{"bob", "eve", "olga"} {
		account := fmt.Sprint(name, "-", number)
		m.accounts, m.members[account] = append(m.accounts, account), &plainMember{}
	}
	return m
}

// wrote checks the outcome of a write: the first of the refusals that holds, or none.
func wrote(r *rapid.T, err error, refusals ...refusal) (done bool) {
	want := chat.OK
	for _, refusal := range refusals {
		if refusal.holds {
			want = refusal.code
			break
		}
	}
	if got := chat.CodeOf(err); got != want {
		r.Fatalf("%v, want %d", err, want)
	}
	return want == chat.OK
}

type refusal struct {
	holds bool
	code  chat.Code
}

func draw[T any](r *rapid.T, what string, from []T) T { return rapid.SampledFrom(from).Draw(r, what) }

func drawGrant(r *rapid.T, inChannel bool) chat.Grant {
	masks := []chat.Mask{0, chat.MaskOf(chat.SendMessage), chat.MaskOf(chat.RevokeMemberMessage, chat.AtAll)}
	if !inChannel {
		masks = append(masks, chat.MaskOf(chat.BanServerMember))
	}
	g := chat.Grant{Allow: draw(r, "allow", masks), Deny: draw(r, "deny", masks)}
	g.Deny &^= g.Allow
	return g
}

func drawRoles(r *rapid.T, what string, from []string) []string {
	return rapid.SliceOfNDistinct(rapid.SampledFrom(from), 0, len(from), rapid.ID[string]).Draw(r, what)
}

func (m *plain) noServer() refusal           { return refusal{m.owner == "", chat.NotFound} }
func (m *plain) noChannel(id string) refusal { return refusal{m.channels[id] == nil, chat.NotFound} }
func (m *plain) knows(role string) bool      { _, ok := m.roles[role]; return ok }
func (m *plain) unknown(roles ...string) refusal {
	return refusal{slices.ContainsFunc(roles, func(id string) bool { return !m.knows(id) }), chat.Invalid}
}

func (m *plain) server(r *rapid.T) {
	owner := draw(r, "owner", m.accounts)
	_, err := m.admin.PutServer(r.Context(), chat.Write{}, m.id, chat.ServerPolicy{OwnerID: owner})
	heir := m.members[owner]
	if !wrote(r, err, refusal{m.owner != "" && m.owner != owner && (!heir.joined || heir.banned), chat.Conflict}) {
		return
	}
	if m.owner == "" {
		m.roles[chat.Everyone] = chat.NewEveryone().Grant
		heir.joined = true
	}
	m.owner = owner
}

func (m *plain) role(r *rapid.T) {
	id, g := draw(r, "role", append(slices.Clone(modelRoles), chat.Everyone)), drawGrant(r, false)
	_, err := m.admin.PutRole(r.Context(), chat.Write{}, m.id, chat.Role{ID: id, Grant: g})
	if wrote(r, err, m.noServer(), refusal{m.gone[id], chat.Conflict}) {
		m.roles[id] = g
	}
}

func (m *plain) deleteRole(r *rapid.T) {
	id := draw(r, "role", append(slices.Clone(modelRoles), chat.Everyone))
	_, err := m.admin.DeleteRole(r.Context(), chat.Write{}, m.id, id)
	if !wrote(r, err, m.noServer(), refusal{!m.knows(id), chat.NotFound}, refusal{id == chat.Everyone, chat.Conflict}) {
		return
	}
	delete(m.roles, id)
	m.gone[id] = true
	is := func(other string) bool { return other == id }
	for _, member := range m.members {
		member.roles = slices.DeleteFunc(member.roles, is)
	}
	for _, c := range m.channels {
		c.white, c.black = slices.DeleteFunc(c.white, is), slices.DeleteFunc(c.black, is)
		delete(c.overrides, id)
	}
}

func (m *plain) channel(r *rapid.T) {
	id, all := draw(r, "channel", modelChannels), append(slices.Clone(modelRoles), chat.Everyone)
	p := chat.ChannelPolicy{ViewMode: draw(r, "view", []chat.ViewMode{chat.Public, chat.Private}), WhiteRoles: drawRoles(r, "white", all), BlackRoles: drawRoles(r, "black", all)}
	_, err := m.admin.PutChannel(r.Context(), chat.Write{}, m.id, id, p)
	if !wrote(r, err, m.noServer(), m.unknown(slices.Concat(p.WhiteRoles, p.BlackRoles)...)) {
		return
	}
	if m.channels[id] == nil {
		m.channels[id] = &plainChannel{overrides: map[string]chat.Grant{}, personal: map[string]*plainPersonal{}}
		for _, account := range m.accounts {
			m.channels[id].personal[account] = &plainPersonal{}
		}
	}
	c := m.channels[id]
	c.view, c.white, c.black = p.ViewMode, p.WhiteRoles, p.BlackRoles
}

func (m *plain) override(r *rapid.T) {
	id, role, g := draw(r, "channel", modelChannels), draw(r, "role", append(slices.Clone(modelRoles), chat.Everyone)), drawGrant(r, true)
	refusals := []refusal{m.noServer(), m.noChannel(id), {!m.knows(role), chat.NotFound}}
	if rapid.Bool().Draw(r, "delete") {
		if _, err := m.admin.DeleteRoleOverride(r.Context(), chat.Write{}, m.id, id, role); wrote(r, err, refusals...) {
			delete(m.channels[id].overrides, role)
		}
		return
	}
	if _, err := m.admin.PutRoleOverride(r.Context(), chat.Write{}, m.id, id, role, g); wrote(r, err, refusals...) {
		m.channels[id].overrides[role] = g
	}
}

func (m *plain) member(r *rapid.T) {
	account, roles := draw(r, "account", m.accounts), drawRoles(r, "roles", modelRoles)
	_, err := m.admin.PutMember(r.Context(), chat.Write{}, m.id, account, chat.Profile{Roles: roles})
	if wrote(r, err, m.noServer(), m.unknown(roles...)) {
		m.members[account].joined, m.members[account].roles = true, roles
	}
}

// several puts members in one request, each as it would be by itself.
func (m *plain) several(r *rapid.T) {
	var members []chat.NewMember
	for _, account := range rapid.SliceOfNDistinct(rapid.SampledFrom(m.accounts), 1, len(m.accounts), rapid.ID[string]).Draw(r, "accounts") {
		members = append(members, chat.NewMember{AccountID: account, Profile: chat.Profile{Roles: drawRoles(r, "roles", modelRoles)}})
	}
	outcomes, err := m.admin.PutMembers(r.Context(), chat.Write{}, m.id, members)
	if !wrote(r, err, m.noServer()) {
		return
	}
	for i, o := range outcomes {
		roles := members[i].Roles
		if wrote(r, o.Err, m.unknown(roles...)) {
			m.members[o.AccountID].joined, m.members[o.AccountID].roles = true, roles
		}
	}
}

func (m *plain) leave(r *rapid.T) {
	account := draw(r, "account", m.accounts)
	member := m.members[account]
	_, err := m.admin.DeleteMember(r.Context(), chat.Write{}, m.id, account)
	if chat.CodeOf(err) == chat.NotFound && !member.joined { // whether it was one before is no matter here
		return
	}
	if !wrote(r, err, m.noServer(), refusal{m.owner == account, chat.Conflict}) {
		return
	}
	member.joined, member.roles = false, nil
	for _, c := range m.channels { // what belonged to the membership
		c.personal[account].override, c.personal[account].white = chat.Grant{}, false
	}
}

func (m *plain) ban(r *rapid.T) {
	account, ban := draw(r, "account", m.accounts), rapid.Bool().Draw(r, "ban")
	write := m.admin.DeleteBan
	if ban {
		write = m.admin.PutBan
	}
	if _, err := write(r.Context(), chat.Write{}, m.id, account); wrote(r, err, m.noServer(), refusal{m.owner == account, chat.Conflict}) {
		m.members[account].banned = ban
	}
}

func (m *plain) personal(r *rapid.T) {
	id, account, g := draw(r, "channel", modelChannels), draw(r, "account", m.accounts), drawGrant(r, true)
	_, err := m.admin.PutMemberOverride(r.Context(), chat.Write{}, m.id, id, account, g)
	if wrote(r, err, m.noServer(), m.noChannel(id), refusal{!m.members[account].joined, chat.NotFound}) {
		m.channels[id].personal[account].override = g
	}
}

func (m *plain) list(r *rapid.T) {
	id, account := draw(r, "channel", modelChannels), draw(r, "account", m.accounts)
	list, on := draw(r, "list", []chat.List{chat.WhiteList, chat.BlackList}), rapid.Bool().Draw(r, "on")
	write := m.admin.DeleteListed
	if on {
		write = m.admin.PutListed
	}
	_, err := write(r.Context(), chat.Write{}, m.id, id, account, list)
	if !wrote(r, err, m.noServer(), m.noChannel(id), refusal{on && list == chat.WhiteList && !m.members[account].joined, chat.NotFound}) {
		return
	}
	if p := m.channels[id].personal[account]; list == chat.WhiteList {
		p.white = on
	} else {
		p.black = on
	}
}

// standing is what the maps say of an account in a channel, in the words of the naive evaluator: there is one generation.
func (m *plain) standing(id, account string) chat.Standing {
	c, member := m.channels[id], m.members[account]
	s := chat.Standing{
		Server:  chat.Server{ID: m.id, OwnerID: m.owner},
		Channel: chat.Channel{ID: id, ViewMode: c.view, WhiteRoles: c.white, BlackRoles: c.black, Overrides: c.overrides},
		Member:  chat.Member{AccountID: account, Joined: member.joined, Banned: member.banned, Roles: member.roles, Generation: 1},
		Personal: chat.Personal{
			Override: c.personal[account].override, OverrideGeneration: 1, Black: c.personal[account].black,
		},
	}
	if c.personal[account].white {
		s.Personal.WhiteGeneration = 1
	}
	for _, role := range slices.Sorted(maps.Keys(m.roles)) {
		s.Server.Roles = append(s.Server.Roles, chat.Role{ID: role, Grant: m.roles[role]})
	}
	return s
}

// naiveSees: whoever sees the channel would hold what everyone were allowed.
func naiveSees(s chat.Standing) bool {
	s.Server.Roles = append(slices.Clone(s.Server.Roles), chat.Role{ID: "x", Grant: chat.Grant{Allow: chat.MaskOf(chat.ManageServer)}})
	s.Member.Roles = append(slices.Clone(s.Member.Roles), "x")
	return Naive(s, chat.ManageServer)
}

func (m *plain) agree(r *rapid.T) {
	m.agreeOnLists(r)
	for id := range m.channels {
		for _, account := range m.accounts {
			got, err := m.admin.Effective(r.Context(), m.id, id, account)
			if err != nil {
				r.Fatal(err)
			}
			got.Member.AccountID = account // also where there is no row
			want := m.standing(id, account)
			what := fmt.Sprintf("%s in %s, %+v", account, id, want)
			if got.Sight().Allowed != naiveSees(want) {
				r.Fatalf("sight %+v of %s", got.Sight(), what)
			}
			for _, p := range chat.Permissions() {
				if d := got.Decide(p); d.Allowed != Naive(want, p) {
					r.Fatalf("%v is %+v for %s", p, d, what)
				}
			}
		}
	}
}

// agreeOnLists reads every list in pages of some size.
func (m *plain) agreeOnLists(r *rapid.T) {
	limit := draw(r, "limit", []int{100, 100, 100, 1}) // a page of one is many requests
	is := func(what string, got, want []string) {
		if !slices.Equal(got, want) {
			r.Fatalf("%s, %d at a time: %q, want %q", what, limit, got, want)
		}
	}
	server := func(read func(ctx context.Context, server, after string, limit int) (chat.Page[chat.Member], error)) []string {
		return pages(r, m, limit, func(after string) (chat.Page[chat.Member], error) { return read(r.Context(), m.id, after, limit) },
			func(v chat.Member) string { return v.AccountID })
	}
	is("members", server(m.admin.Members), m.those(func(account string) bool { return m.members[account].joined }))
	is("bans", server(m.admin.Bans), m.those(func(account string) bool { return m.members[account].banned }))
	is("channels", pages(r, m, limit, func(after string) (chat.Page[chat.Channel], error) {
		return m.admin.Channels(r.Context(), m.id, after, limit)
	},
		func(c chat.Channel) string { return c.ID }), slices.Sorted(maps.Keys(m.channels)))
	for id, c := range m.channels {
		list := func(list chat.List) []string {
			return pages(r, m, limit, func(after string) (chat.Page[string], error) {
				return m.admin.Listed(r.Context(), m.id, id, list, after, limit)
			}, rapid.ID[string])
		}
		is("white list", list(chat.WhiteList), m.those(func(account string) bool { return c.personal[account].white }))
		is("black list", list(chat.BlackList), m.those(func(account string) bool { return c.personal[account].black }))
		is("accounts in a channel", pages(r, m, limit, func(after string) (chat.Page[chat.Standing], error) {
			return m.admin.Personals(r.Context(), m.id, id, after, limit)
		}, func(s chat.Standing) string { return s.Personal.AccountID }), m.those(func(account string) bool { return *c.personal[account] != (plainPersonal{}) }))
	}
}

// those are the accounts that are so.
func (m *plain) those(are func(account string) bool) (list []string) {
	for _, account := range m.accounts {
		if are(account) {
			list = append(list, account)
		}
	}
	return list
}

// pages reads a list to its end; a server that is not there has none.
func pages[T any](r *rapid.T, m *plain, limit int, read func(after string) (chat.Page[T], error), id func(T) string) (ids []string) {
	for after := ""; ; {
		page, err := read(after)
		if !wrote(r, err, m.noServer()) {
			return nil
		}
		if len(page.Rows) > limit {
			r.Fatalf("a page of %d, limit %d", len(page.Rows), limit)
		}
		for _, row := range page.Rows {
			ids = append(ids, id(row))
		}
		if after = page.Next; after == "" {
			return ids
		}
	}
}

// audited: no change without an entry, and no entry without a change.
func (m *plain) audited(r *rapid.T) {
	page, err := m.admin.Store.Audit(r.Context(), chat.AuditQuery{ServerID: m.id, Until: chat.MaxTimestamp, Limit: 10_000, Now: m.admin.Clock()})
	if err != nil {
		r.Fatal(err)
	}
	type row struct{ channel, account string }
	entries, versions := map[row]int64{}, map[row]int64{}
	for _, e := range page.Entries {
		p := e.Policy
		id := row{p.ChannelID, p.AccountID}
		if entries[id]++; p.Version != entries[id] { // they share one ms, and so are in the order of versions
			r.Fatalf("entry %d of %+v has version %d", entries[id], id, p.Version)
		}
	}
	for _, channel := range modelChannels {
		for _, account := range m.accounts {
			s, err := m.admin.Store.Standing(r.Context(), m.id, channel, account)
			if err != nil {
				r.Fatal(err)
			}
			versions[row{}], versions[row{channel: channel}] = s.Server.Version, s.Channel.Version
			versions[row{account: account}], versions[row{channel, account}] = s.Member.Version, s.Personal.Version
		}
	}
	maps.DeleteFunc(versions, func(_ row, version int64) bool { return version == 0 })
	if !maps.Equal(entries, versions) {
		r.Fatalf("entries %v, versions %v", entries, versions)
	}
}
