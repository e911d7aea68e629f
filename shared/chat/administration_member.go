package chat

import (
	"context"
	"slices"
	"strings"
	"unicode"
)

// Profile is what a member is set to.
type Profile struct {
	Nick  string
	Roles []string // custom ones
}

func (p Profile) check() error {
	return firstOf(
		func() error { return checkText("nick", p.Nick, 0, MaxNickBytes) },
		func() error {
			if strings.ContainsFunc(p.Nick, unicode.IsControl) {
				return InvalidField("nick", "holds a control character")
			}
			return nil
		},
		func() error { return checkRoleList("roles", p.Roles) },
		func() error {
			if slices.Contains(p.Roles, Everyone) {
				return InvalidField("roles", "holds everyone, which every member has")
			}
			return nil
		},
	)
}

// Member reads a member, also one who has left or is banned.
//
// Errors: Invalid, NotFound, Busy.
func (a *Administration) Member(ctx context.Context, serverID, accountID string) (Saved[Member], error) {
	if err := CheckID("accid", accountID); err != nil {
		return Saved[Member]{}, err
	}
	s, err := a.known(ctx, Write{}, serverID, "", accountID)
	if err == nil && s.Member.Version == 0 {
		err = noSuch("member")
	}
	return Saved[Member]{Value: s.Member, Version: s.Member.Version}, err
}

// PutMember makes the account a member, or changes its nick and its roles. A ban stays. An account needs InviteMember to
// make a member, UpdateMemberInfo to name another, UpdateMyInfo to name itself, and ManageRole to give or take roles: none above
// its own, and none that allows in the server what it lacks.
func (a *Administration) PutMember(ctx context.Context, w Write, serverID, accountID string, p Profile) (saved Saved[Member], err error) {
	put, err := a.putting(w, p)
	if err != nil {
		return saved, err
	}
	return a.changeMember(ctx, w, ActionPutMember, serverID, accountID, put)
}

// putting is the change to the profile.
func (a *Administration) putting(w Write, p Profile) (memberChange, error) {
	if err := p.check(); err != nil {
		return nil, err
	}
	p.Roles = sortedList(p.Roles)
	return func(s scene, row *Member) error {
		kept := slices.DeleteFunc(slices.Clone(row.Roles), func(id string) bool { return s.Server.roleIndex(id) < 0 })
		if err := firstOf(
			func() error { return s.Server.checkKnown("roles", p.Roles) },
			func() error { return s.mayProfile(w.ActingAs, *row, p) },
			func() error { return s.mayAssign(kept, p.Roles) },
			func() error { return w.check(row.Joined, row.Version) },
		); err != nil {
			return err
		}
		row.Join(a.Clock())
		row.Nick, row.Roles = p.Nick, p.Roles
		return nil
	}, nil
}

func (s scene) mayProfile(actingAs string, row Member, p Profile) error {
	switch {
	case !row.Joined:
		return s.require(InviteMember)
	case row.Nick == p.Nick:
		return nil
	case row.AccountID == actingAs:
		return s.require(UpdateMyInfo)
	}
	return s.require(UpdateMemberInfo)
}

// mayAssign refuses to give or take roles that the account may not.
func (s scene) mayAssign(before, after []string) error {
	for _, role := range s.Server.Roles {
		had, has := slices.Contains(before, role.ID), slices.Contains(after, role.ID)
		if had == has {
			continue
		}
		given := Grant{}
		if has {
			given.Allow = role.Grant.Allow
		}
		if err := firstOf(
			func() error { return s.require(ManageRole) },
			func() error { return s.mayEdit(role) },
			func() error { return s.mayGrant(Grant{}, given) },
		); err != nil {
			return err
		}
	}
	return nil
}

// memberChange judges a change of a member's row in a scene, and makes it.
type memberChange func(scene, *Member) error

// made makes the change in the scene by write.
func (change memberChange) made(s scene, write func(func(*Member) error) (Member, error)) (saved Saved[Member], err error) {
	saved.Value, err = write(func(row *Member) error {
		saved = Saved[Member]{Version: row.Version, Created: !row.Joined}
		return change(s, row)
	})
	return saved.with(saved.Value.Version, err)
}

// changeMember changes a member's row, and the rows of the account's connections.
func (a *Administration) changeMember(ctx context.Context, w Write, action Action, serverID, accountID string, change memberChange) (saved Saved[Member], err error) {
	if err := CheckID("accid", accountID); err != nil {
		return saved, err
	}
	s, err := a.known(ctx, w, serverID, "", accountID)
	if err != nil {
		return saved, err
	}
	return change.made(s, func(change func(*Member) error) (Member, error) {
		return a.members().ChangeMember(ctx, serverID, accountID, a.act(w, action), change)
	})
}

// DeleteMember makes the member leave: its roles, overrides and white-list entries end, a ban and black-list entries stay. The
// owner cannot leave. An account needs KickMember for another than itself.
func (a *Administration) DeleteMember(ctx context.Context, w Write, serverID, accountID string) (Saved[Member], error) {
	return a.changeMember(ctx, w, ActionDeleteMember, serverID, accountID, leaving(w, accountID))
}

// leaving is the change of the account that leaves.
func leaving(w Write, accountID string) memberChange {
	return func(s scene, row *Member) error {
		if err := firstOf(
			func() error {
				if row.Generation == 0 {
					return noSuch("member")
				}
				return nil
			},
			func() error {
				if w.ActingAs == accountID {
					return nil
				}
				return s.require(KickMember)
			},
			func() error { return w.check(row.Joined, row.Version) },
			func() error { return s.mayGo(accountID, "leave") },
		); err != nil {
			return err
		}
		row.Leave()
		return nil
	}
}

// mayGo: a server is never without an owner.
func (s scene) mayGo(accountID, how string) error {
	if s.Server.OwnerID == accountID {
		return conflict("the owner cannot " + how + "; hand the server over before")
	}
	return nil
}

// PutBan bans the account from the server, member or not. The owner cannot be banned. An account needs BanServerMember.
func (a *Administration) PutBan(ctx context.Context, w Write, serverID, accountID string) (Saved[Member], error) {
	return a.ban(ctx, w, serverID, accountID, true)
}

// DeleteBan ends a ban. An account needs BanServerMember.
func (a *Administration) DeleteBan(ctx context.Context, w Write, serverID, accountID string) (Saved[Member], error) {
	return a.ban(ctx, w, serverID, accountID, false)
}

func (a *Administration) ban(ctx context.Context, w Write, serverID, accountID string, banned bool) (Saved[Member], error) {
	created := false
	action := ActionPutBan
	if !banned {
		action = ActionDeleteBan
	}
	saved, err := a.changeMember(ctx, w, action, serverID, accountID, func(s scene, row *Member) error {
		if err := firstOf(
			func() error { return s.require(BanServerMember) },
			func() error { return w.check(row.Banned, row.Version) },
			func() error { return s.mayGo(accountID, "be banned") },
		); err != nil {
			return err
		}
		created = !row.Banned
		row.Banned = banned
		return nil
	})
	saved.Created = created && err == nil
	return saved, err
}
