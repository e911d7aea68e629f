package chat_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"unsend/shared/chat"
	"unsend/shared/chat/chattest"
)

// office is a server with an owner, an admin (priority 1), a helper (priority 5) and a plain member, and the channel c1.
// The admin may manage all there is in it, but revoke nothing; the helper may manage roles and members, and no more.
type office struct {
	*testing.T
	*chat.Administration
	store *chattest.Store
}

func newOffice(t *testing.T) *office {
	t.Helper()
	store := chattest.NewStore()
	o := &office{t, &chat.Administration{Store: store, Clock: func() time.Time { return time.UnixMilli(1_767_225_600_000) }}, store}
	must := func(_ any, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	ctx := t.Context()
	must(o.PutServer(ctx, chat.Write{}, "s1", chat.ServerPolicy{OwnerID: "owner"}))
	for _, role := range []chat.Role{
		{ID: "admin", Priority: 1, Grant: chat.Grant{Allow: chat.MaskOf(chat.ManageServer, chat.ManageChannel, chat.ManageRole, chat.ManageBlackWhiteList,
			chat.InviteMember, chat.KickMember, chat.BanServerMember, chat.UpdateMemberInfo, chat.AtAll)}},
		{ID: "helper", Priority: 5, Grant: chat.Grant{Allow: chat.MaskOf(chat.ManageRole, chat.UpdateMyInfo)}},
		{ID: "moderator", Priority: 9, Grant: chat.Grant{Allow: chat.MaskOf(chat.RevokeMemberMessage)}},
		{ID: "shouter", Priority: 9, Grant: chat.Grant{Allow: chat.MaskOf(chat.AtAll)}},
	} {
		must(o.PutRole(ctx, chat.Write{}, "s1", role))
	}
	for account, roles := range map[string][]string{"admin": {"admin"}, "helper": {"helper"}, "member": nil} {
		must(o.PutMember(ctx, chat.Write{}, "s1", account, chat.Profile{Nick: account, Roles: roles}))
	}
	must(o.PutChannel(ctx, chat.Write{}, "s1", "c1", chat.ChannelPolicy{}))
	return o
}

func grants(permissions ...chat.Permission) chat.Grant {
	return chat.Grant{Allow: chat.MaskOf(permissions...)}
}
func denies(permissions ...chat.Permission) chat.Grant {
	return chat.Grant{Deny: chat.MaskOf(permissions...)}
}

// TestActingAs: each write as the back end succeeds; which accounts it succeeds for is the case's.
func TestActingAs(t *testing.T) {
	t.Parallel()
	role := func(id string, priority int, g chat.Grant) func(*office, chat.Write) error {
		return func(o *office, w chat.Write) error {
			_, err := o.PutRole(o.Context(), w, "s1", chat.Role{ID: id, Priority: priority, Grant: g})
			return err
		}
	}
	member := func(account, nick string, roles ...string) func(*office, chat.Write) error {
		return func(o *office, w chat.Write) error {
			_, err := o.PutMember(o.Context(), w, "s1", account, chat.Profile{Nick: nick, Roles: roles})
			return err
		}
	}
	channel := func(id string, p chat.ChannelPolicy) func(*office, chat.Write) error {
		return func(o *office, w chat.Write) error { _, err := o.PutChannel(o.Context(), w, "s1", id, p); return err }
	}
	override := func(role string, g chat.Grant) func(*office, chat.Write) error {
		return func(o *office, w chat.Write) error {
			_, err := o.PutRoleOverride(o.Context(), w, "s1", "c1", role, g)
			return err
		}
	}
	personal := func(account string, g chat.Grant) func(*office, chat.Write) error {
		return func(o *office, w chat.Write) error {
			_, err := o.PutMemberOverride(o.Context(), w, "s1", "c1", account, g)
			return err
		}
	}
	listed := func(list chat.List) func(*office, chat.Write) error {
		return func(o *office, w chat.Write) error {
			_, err := o.PutListed(o.Context(), w, "s1", "c1", "member", list)
			return err
		}
	}
	const everybody = "owner admin helper member stranger"
	for name, c := range map[string]struct {
		write   func(*office, chat.Write) error
		permits string
	}{
		"windows of the server": {func(o *office, w chat.Write) error {
			never := chat.Never
			_, err := o.PutServer(o.Context(), w, "s1", chat.ServerPolicy{OwnerID: "owner", Windows: chat.Windows{Own: &never}})
			return err
		}, "owner admin"},
		"handing over": {func(o *office, w chat.Write) error {
			_, err := o.PutServer(o.Context(), w, "s1", chat.ServerPolicy{OwnerID: "admin"})
			return err
		}, "owner"},
		"a new low role":                    {role("new", 9, chat.Grant{}), "owner admin helper"},
		"a new role of one's own height":    {role("new", 5, chat.Grant{}), "owner admin helper"},
		"a new role above":                  {role("new", 4, chat.Grant{}), "owner admin"},
		"a new role at the top":             {role("new", 0, chat.Grant{}), "owner"},
		"a role that allows what one has":   {role("new", 9, grants(chat.AtAll)), "owner admin"},
		"a role that allows what one lacks": {role("new", 9, grants(chat.RevokeMemberMessage)), "owner"},
		"lifting what everyone is denied":   {role(chat.Everyone, 0, grants(chat.SendMessage)), "owner"},
		"taking from everyone":              {role(chat.Everyone, 0, denies(chat.RevokeMemberMessage, chat.SendMessage)), "owner admin helper"},
		"lifting a role above one's own":    {role("moderator", 0, grants(chat.RevokeMemberMessage)), "owner"},
		"lowering a role above one's own":   {role("admin", 9, chat.Grant{}), "owner admin"},
		"deleting a role above": {func(o *office, w chat.Write) error { _, err := o.DeleteRole(o.Context(), w, "s1", "admin"); return err },
			"owner admin"},
		"deleting a role below": {func(o *office, w chat.Write) error {
			_, err := o.DeleteRole(o.Context(), w, "s1", "shouter")
			return err
		},
			"owner admin helper"},
		"inviting":                         {member("new", "New"), "owner admin"},
		"naming another":                   {member("member", "X"), "owner admin"},
		"naming oneself":                   {member("helper", "X", "helper"), "owner admin helper"},
		"giving a role that one may":       {member("member", "member", "shouter"), "owner admin"},
		"giving a role with what's lacked": {member("member", "member", "moderator"), "owner"},
		"giving a role above":              {member("member", "member", "admin"), "owner admin"},
		"taking a role above":              {member("admin", "admin"), "owner admin"},
		"taking a role of one's own":       {member("helper", "helper"), "owner admin helper"},
		"leaving": {func(o *office, w chat.Write) error {
			_, err := o.DeleteMember(o.Context(), w, "s1", "member")
			return err
		},
			"owner admin member"},
		"banning": {func(o *office, w chat.Write) error { _, err := o.PutBan(o.Context(), w, "s1", "member"); return err },
			"owner admin"},
		"a new channel":                {channel("new", chat.ChannelPolicy{}), "owner admin"},
		"a channel's view":             {channel("c1", chat.ChannelPolicy{ViewMode: chat.Private}), "owner admin"},
		"a channel's lists":            {channel("c1", chat.ChannelPolicy{BlackRoles: []string{"shouter"}}), "owner admin"},
		"an override below":            {override("shouter", denies(chat.AtAll)), "owner admin helper"},
		"an override above":            {override("admin", denies(chat.AtAll)), "owner admin"},
		"an override that grants":      {override(chat.Everyone, grants(chat.AtAll)), "owner admin"},
		"an override beyond":           {override(chat.Everyone, grants(chat.RevokeMemberMessage)), "owner"},
		"a member's override":          {personal("member", denies(chat.AtAll)), "owner admin helper"},
		"a member's override, granted": {personal("member", grants(chat.RevokeMemberMessage)), "owner"},
		"the white list":               {listed(chat.WhiteList), "owner admin"},
		"the black list":               {listed(chat.BlackList), "owner admin"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, account := range strings.Fields(everybody) {
				o := newOffice(t)
				before := o.store.Dump()
				want := chat.Forbidden
				if slices.Contains(strings.Fields(c.permits), account) {
					want = chat.OK
				}
				if err := c.write(o, chat.Write{ActingAs: account}); chat.CodeOf(err) != want {
					t.Errorf("%s: %v, want %d", account, err, want)
				} else if err != nil && o.store.Dump() != before {
					t.Errorf("%s: refused, and something was stored", account)
				}
			}
			if err := c.write(newOffice(t), chat.Write{}); err != nil {
				t.Errorf("the back end itself: %v", err)
			}
		})
	}
}

// Whoever cannot see a channel manages nothing in it, and one who is banned nothing at all.
func TestActingAsWithoutSight(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	as := chat.Write{ActingAs: "admin"}
	_, err1 := o.PutListed(t.Context(), chat.Write{}, "s1", "c1", "admin", chat.BlackList)
	_, err2 := o.DeleteListed(t.Context(), as, "s1", "c1", "admin", chat.BlackList)
	_, err3 := o.PutChannel(t.Context(), as, "s1", "c1", chat.ChannelPolicy{ViewMode: chat.Private})
	_, err4 := o.PutChannel(t.Context(), as, "s1", "c2", chat.ChannelPolicy{})
	_, err5 := o.PutBan(t.Context(), chat.Write{}, "s1", "admin")
	_, err6 := o.PutChannel(t.Context(), as, "s1", "c3", chat.ChannelPolicy{})
	for i, got := range []error{err1, err2, err3, err4, err5, err6} {
		if want := []chat.Code{chat.OK, chat.Forbidden, chat.Forbidden, chat.OK, chat.OK, chat.Forbidden}[i]; chat.CodeOf(got) != want {
			t.Errorf("step %d: %v, want %d", i+1, got, want)
		}
	}
}

// A refused write tells the version only where that is the reason.
func TestRefusalsInTheirOrder(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	stale := chat.Write{Versions: []int64{99}}
	for name, c := range map[string]struct {
		write func() (int64, error)
		want  chat.Code
	}{
		"malformed before all": {func() (int64, error) {
			saved, err := o.PutRole(t.Context(), stale, "none", chat.Role{ID: "#"})
			return saved.Version, err
		}, chat.Invalid},
		"no server before the version": {func() (int64, error) {
			saved, err := o.PutRole(t.Context(), stale, "none", chat.Role{ID: "x"})
			return saved.Version, err
		}, chat.NotFound},
		"permission before the version": {func() (int64, error) {
			saved, err := o.DeleteRole(t.Context(), chat.Write{ActingAs: "member", Versions: []int64{99}}, "s1", "admin")
			return saved.Version, err
		}, chat.Forbidden},
		"the version before a rule": {func() (int64, error) {
			saved, err := o.DeleteMember(t.Context(), stale, "s1", "owner")
			return saved.Version, err
		}, chat.Stale},
		"a rule": {func() (int64, error) {
			saved, err := o.DeleteMember(t.Context(), chat.Write{Versions: []int64{1}}, "s1", "owner")
			return saved.Version, err
		}, chat.Conflict},
	} {
		version, err := c.write()
		if chat.CodeOf(err) != c.want {
			t.Errorf("%s: %v, want %d", name, err, c.want)
		}
		if c.want == chat.Stale && version != 1 {
			t.Errorf("%s: version %d", name, version)
		}
	}
	if _, err := o.Server(t.Context(), ""); !errors.As(err, new(*chat.Error)) {
		t.Errorf("no id: %v", err)
	}
}

// Twenty roles at once, where there is room for sixteen.
func TestTwentyWritersOnOneLimit(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	codes := make(chan chat.Code)
	for i := range 20 {
		go func() {
			for {
				_, err := o.PutRole(o.Context(), chat.Write{}, "s1", chat.Role{ID: "r" + string(rune('a'+i))})
				if code := chat.CodeOf(err); code != chat.Busy {
					codes <- code
					return
				}
			}
		}()
	}
	counts := map[chat.Code]int{}
	for range 20 {
		counts[<-codes]++
	}
	if counts[chat.OK] != 16 || counts[chat.Conflict] != 4 {
		t.Errorf("outcomes %v", counts)
	}
}

// Somebody who wanted to make a server is no member of the one that another made meanwhile.
func TestAFounderWhoWasOvertakenIsNoMember(t *testing.T) {
	t.Parallel()
	for _, w := range []chat.Write{{}, {New: true}, {ActingAs: "late"}} {
		o := newOffice(t)
		overtaking := false
		o.store.Before = func(op string) error {
			if op != "ChangeServer" || overtaking {
				return nil
			}
			overtaking = true
			_, err := o.PutServer(t.Context(), chat.Write{}, "s2", chat.ServerPolicy{OwnerID: "fast"})
			return err
		}
		_, err := o.PutServer(t.Context(), w, "s2", chat.ServerPolicy{OwnerID: "late"})
		if err == nil {
			t.Errorf("%+v: the server was taken over", w)
		}
		for account, joined := range map[string]bool{"fast": true, "late": false} {
			if m, err := o.Member(t.Context(), "s2", account); err != nil || m.Value.Joined != joined {
				t.Errorf("%+v: %s is %+v, %v", w, account, m.Value, err)
			}
		}
	}
}

// Two who make the same server for the same owner, or one who does it twice, have made it.
func TestAServerIsMadeOnce(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	overtaking := false
	o.store.Before = func(op string) error {
		if op != "ChangeServer" || overtaking {
			return nil
		}
		overtaking = true
		_, err := o.PutServer(t.Context(), chat.Write{New: true}, "s2", chat.ServerPolicy{OwnerID: "olga"})
		return err
	}
	if _, err := o.PutServer(t.Context(), chat.Write{New: true}, "s2", chat.ServerPolicy{OwnerID: "olga"}); chat.CodeOf(err) != chat.Stale {
		t.Errorf("%v, want that it is there already", err)
	}
	if m, err := o.Member(t.Context(), "s2", "olga"); err != nil || !m.Value.Active() {
		t.Errorf("the owner is %+v, %v", m.Value, err)
	}
}
