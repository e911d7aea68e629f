package chat

import (
	"context"
	"slices"
)

// NewEveryone is the role of every member as a server starts with it.
func NewEveryone() Role {
	return Role{ID: Everyone, Grant: Grant{Allow: MaskOf(SendMessage), Deny: MaskOf(RevokeMemberMessage)}}
}

// ServerPolicy is what a server is set to, but for its roles.
type ServerPolicy struct {
	OwnerID string
	Windows Windows
}

// PutServer makes a server with the role everyone, its owner as a member; or changes its owner, who must be a member
// then and not banned, and its windows. An account makes servers of its own only; the owner alone hands over, and
// windows need ManageServer.
func (a *Administration) PutServer(ctx context.Context, w Write, serverID string, p ServerPolicy) (saved Saved[Server], err error) {
	if err := firstOf(
		func() error { return CheckID("owner", p.OwnerID) },
		func() error { return checkWindows(p.Windows) },
	); err != nil {
		return saved, err
	}
	s, err := a.scene(ctx, w, serverID, "", p.OwnerID)
	if err != nil {
		return saved, err
	}
	founder, err := a.found(ctx, w, s, serverID, p)
	if err != nil {
		return saved, err
	}
	overtaken := false
	saved.Value, err = a.Store.ChangeServer(ctx, serverID, a.act(w, ActionPutServer), func(row *Server) error {
		saved = Saved[Server]{Version: row.Version, Created: row.Version == 0}
		overtaken = row.Version > 0 && row.OwnerID != p.OwnerID
		if err := firstOf(
			func() error { return s.in(*row).mayPutServer(w.ActingAs, p) },
			func() error { return w.check(row.Version > 0, row.Version) },
			func() error { return s.in(*row).checkHeir(p.OwnerID) },
		); err != nil {
			return err
		}
		if row.Version == 0 {
			row.Roles = []Role{NewEveryone()}
		}
		row.OwnerID, row.Windows = p.OwnerID, p.Windows
		return nil
	})
	if err != nil && overtaken {
		err = first([]error{a.unfound(ctx, w, founder), err})
	}
	return saved.with(saved.Value.Version, err)
}

// with is what was saved, at its version; where it was refused, what the refused change saw.
func (s Saved[T]) with(version int64, err error) (Saved[T], error) {
	if err != nil {
		return Saved[T]{Version: s.Version}, err
	}
	s.Version = version
	return s, nil
}

// found makes the owner a member of a server that is about to be made, so that there never is one without; else the
// result is zero.
func (a *Administration) found(ctx context.Context, w Write, s scene, serverID string, p ServerPolicy) (founder Member, err error) {
	if s.Server.Version > 0 {
		return founder, nil
	}
	if err := firstOf(
		func() error { return s.mayPutServer(w.ActingAs, p) },
		func() error { return w.check(false, 0) },
		func() error { return s.checkHeir(p.OwnerID) },
	); err != nil {
		return founder, err
	}
	joined := false
	founder, err = a.members().ChangeMember(ctx, serverID, p.OwnerID, a.act(w, ActionPutServer), func(m *Member) error {
		joined = !m.Joined
		m.Join(a.Clock())
		return nil
	})
	if !joined {
		founder = Member{}
	}
	return founder, err
}

// unfound lets a founder go again whose server somebody else has made meanwhile.
func (a *Administration) unfound(ctx context.Context, w Write, founder Member) error {
	if founder.Version == 0 {
		return nil
	}
	_, err := a.members().ChangeMember(ctx, founder.ServerID, founder.AccountID, a.act(w, ActionPutServer), func(m *Member) error {
		if m.Version == founder.Version {
			m.Leave()
		}
		return nil
	})
	return err
}

func (a *Administration) members() *Communities {
	return &Communities{Store: a.Store, Clock: a.Clock, LargeServer: a.LargeServer}
}

func (s scene) mayPutServer(actingAs string, p ServerPolicy) error {
	switch {
	case s.actor == nil:
		return nil
	case s.Server.Version == 0:
		if actingAs != p.OwnerID {
			return &Error{Code: Forbidden, Reason: "acting_as makes a server of its own only"}
		}
		return nil
	case s.Server.OwnerID != p.OwnerID && !(s.actor.IsMember() && s.actor.IsOwner()):
		return &Error{Code: Forbidden, Reason: "the owner alone hands over"}
	}
	return s.require(ManageServer)
}

// checkHeir: whoever a server is handed to is a member. The scene is of that account.
func (s scene) checkHeir(accountID string) error {
	switch {
	case s.Server.OwnerID == accountID:
		return nil
	case s.Member.Banned:
		return conflict("the owner is banned from the server")
	case s.Server.Version > 0 && !s.Member.Joined:
		return conflict("the owner is no member of the server")
	}
	return nil
}

// Server reads a server's policy.
//
// Errors: Invalid, NotFound, Busy.
func (a *Administration) Server(ctx context.Context, serverID string) (Saved[Server], error) {
	s, err := a.known(ctx, Write{}, serverID, "", "")
	return Saved[Server]{Value: s.Server, Version: s.Server.Version}, err
}

// Role reads a role of a server; its version is the server's.
//
// Errors: Invalid, NotFound, Busy.
func (a *Administration) Role(ctx context.Context, serverID, roleID string) (Saved[Role], error) {
	s, err := a.known(ctx, Write{}, serverID, "", "")
	if err != nil {
		return Saved[Role]{}, err
	}
	role, ok := s.Server.role(roleID)
	if !ok {
		return Saved[Role]{}, noSuch("role")
	}
	return Saved[Role]{Value: role, Version: s.Server.Version}, nil
}

// PutRole makes a role of the server, or changes it. An account needs ManageRole.
func (a *Administration) PutRole(ctx context.Context, w Write, serverID string, role Role) (saved Saved[Role], err error) {
	if err := role.check(); err != nil {
		return saved, err
	}
	s, err := a.known(ctx, w, serverID, "", "")
	if err != nil {
		return saved, err
	}
	row, err := a.Store.ChangeServer(ctx, serverID, a.act(w, ActionPutRole).about(role.ID), func(row *Server) error {
		before, exists := row.role(role.ID)
		saved = Saved[Role]{Value: role, Version: row.Version, Created: !exists}
		s := s.in(*row)
		if err := firstOf(
			func() error { return s.mayPutRole(before, role, exists) },
			func() error { return w.check(exists, row.Version) },
		); err != nil {
			return err
		}
		if exists {
			row.Roles[row.roleIndex(role.ID)] = role
			return nil
		}
		row.Roles = append(row.Roles, role)
		return row.checkRoles()
	})
	return saved.with(row.Version, err)
}

func (r Role) check() error {
	return firstOf(
		func() error { return CheckRoleID("role_id", r.ID) },
		func() error {
			if r.Priority < 0 || r.Priority > MaxPriority {
				return InvalidField("priority", "must be from 0 (highest) to 2147483647")
			}
			return nil
		},
		func() error { return r.Grant.check(false) },
		func() error { return checkWindows(r.Windows) },
	)
}

func (s scene) mayPutRole(before, after Role, exists bool) error {
	if !exists {
		before = after
		before.Grant = Grant{}
	}
	return firstOf(
		func() error { return s.require(ManageRole) },
		func() error { return s.mayEdit(before, after) },
		func() error { return s.mayGrant(before.Grant, after.Grant) },
	)
}

func (s Server) checkRoles() error {
	custom := 0
	for _, role := range s.Roles {
		if role.ID != Everyone {
			custom++
		}
	}
	if custom > MaxRolesPerServer {
		return AtLimit("a server", "roles besides everyone", MaxRolesPerServer)
	}
	return nil
}

// DeleteRole takes a role out of the server, and so from whoever has it and out of every list and override. Its id
// does not come back. Everyone cannot be deleted. An account needs ManageRole.
func (a *Administration) DeleteRole(ctx context.Context, w Write, serverID, roleID string) (saved Saved[Role], err error) {
	if err := CheckRoleID("role_id", roleID); err != nil {
		return saved, err
	}
	s, err := a.known(ctx, w, serverID, "", "")
	if err != nil {
		return saved, err
	}
	row, err := a.Store.ChangeServer(ctx, serverID, a.act(w, ActionDeleteRole).about(roleID), func(row *Server) error {
		saved.Version = row.Version
		role, exists := row.role(roleID)
		s := s.in(*row)
		if err := firstOf(
			func() error { return s.require(ManageRole) },
			func() error {
				if !exists {
					return noSuch("role")
				}
				return s.mayEdit(role)
			},
			func() error { return w.check(exists, row.Version) },
		); err != nil {
			return err
		}
		if roleID == Everyone {
			return conflict("everyone cannot be deleted")
		}
		row.Roles = slices.Delete(row.Roles, row.roleIndex(roleID), row.roleIndex(roleID)+1)
		return nil
	})
	return saved.with(row.Version, err)
}
