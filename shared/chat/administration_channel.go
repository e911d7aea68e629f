package chat

import (
	"context"
	"maps"
	"slices"
)

// ChannelPolicy is what a channel is set to, but for its overrides.
type ChannelPolicy struct {
	ViewMode   ViewMode
	Windows    Windows
	WhiteRoles []string
	BlackRoles []string
}

func (p ChannelPolicy) check() error {
	return firstOf(
		func() error { return checkWindows(p.Windows) },
		func() error { return checkRoleList("white_roles", p.WhiteRoles) },
		func() error { return checkRoleList("black_roles", p.BlackRoles) },
	)
}

func checkRoleList(field string, ids []string) error {
	for i, id := range ids {
		if err := CheckRoleID(field, id); err != nil {
			return err
		}
		if slices.Contains(ids[:i], id) {
			return InvalidField(field, "holds a role twice")
		}
	}
	return nil
}

// checkKnown refuses roles that the server does not have.
func (s Server) checkKnown(field string, ids []string) error {
	for _, id := range ids {
		if s.roleIndex(id) < 0 {
			return InvalidField(field, "holds a role that the server does not have")
		}
	}
	return nil
}

// Channel reads a channel's policy.
//
// Errors: Invalid, NotFound, Busy.
func (a *Administration) Channel(ctx context.Context, serverID, channelID string) (Saved[Channel], error) {
	if err := CheckID("channel_id", channelID); err != nil {
		return Saved[Channel]{}, err
	}
	s, err := a.known(ctx, Write{}, serverID, channelID, "")
	return Saved[Channel]{Value: s.Channel, Version: s.Channel.Version}, err
}

// PutChannel makes a channel, or changes it; its overrides stay. An account needs ManageChannel, and ManageBlackWhiteList for
// the lists.
func (a *Administration) PutChannel(ctx context.Context, w Write, serverID, channelID string, p ChannelPolicy) (saved Saved[Channel], err error) {
	if err := p.check(); err != nil {
		return saved, err
	}
	p.WhiteRoles, p.BlackRoles = sortedList(p.WhiteRoles), sortedList(p.BlackRoles)
	return a.changeChannel(ctx, w, a.act(w, ActionPutChannel), serverID, channelID, func(s scene, row *Channel) error {
		exists := row.Version > 0
		if err := firstOf(
			func() error { return s.Server.checkKnown("white_roles", p.WhiteRoles) },
			func() error { return s.Server.checkKnown("black_roles", p.BlackRoles) },
			func() error { return s.require(ManageChannel) },
			func() error {
				if slices.Equal(p.WhiteRoles, row.WhiteRoles) && slices.Equal(p.BlackRoles, row.BlackRoles) {
					return nil
				}
				return s.require(ManageBlackWhiteList)
			},
			func() error { return w.check(exists, row.Version) },
			func() error { return checkRolesPerList(p.WhiteRoles, p.BlackRoles) },
		); err != nil {
			return err
		}
		row.ViewMode, row.Windows = p.ViewMode, p.Windows
		row.WhiteRoles, row.BlackRoles = p.WhiteRoles, p.BlackRoles
		return nil
	})
}

func checkRolesPerList(lists ...[]string) error {
	for _, list := range lists {
		if len(list) > MaxRolesPerList {
			return AtLimit("a list", "roles", MaxRolesPerList)
		}
	}
	return nil
}

// sortedList is the list as it is stored, so that the same roles in another order are no change.
func sortedList(list []string) []string {
	if len(list) == 0 {
		return nil
	}
	return slices.Sorted(slices.Values(list))
}

// changeChannel changes a channel's row in a scene that has it.
func (a *Administration) changeChannel(ctx context.Context, w Write, by Act, serverID, channelID string, change func(scene, *Channel) error) (saved Saved[Channel], err error) {
	if err := CheckID("channel_id", channelID); err != nil {
		return saved, err
	}
	s, err := a.scene(ctx, w, serverID, channelID, "")
	if err != nil {
		return saved, err
	}
	if s.Server.Version == 0 {
		return saved, noSuch("server")
	}
	by.At = a.Clock() // no sooner: a write ends within WriteTimeout of its time
	saved.Value, err = a.Store.ChangeChannel(ctx, serverID, channelID, by, func(row *Channel) error {
		saved = Saved[Channel]{Version: row.Version, Created: row.Version == 0}
		maps.DeleteFunc(row.Overrides, func(id string, _ Grant) bool { return s.Server.roleIndex(id) < 0 })
		return change(s.inChannel(*row), row)
	})
	return saved.with(saved.Value.Version, err)
}

// inChannel is the scene with the channel's row as it is about to be changed.
func (s scene) inChannel(row Channel) scene {
	if row.Version == 0 {
		row = Channel{}
	}
	return s.with(func(standing *Standing) { standing.Channel = row })
}

// PutRoleOverride sets what a role is allowed and denied in the channel. An account needs ManageRole there.
func (a *Administration) PutRoleOverride(ctx context.Context, w Write, serverID, channelID, roleID string, g Grant) (saved Saved[Channel], err error) {
	if err := g.check(true); err != nil {
		return saved, err
	}
	created := false
	saved, err = a.override(ctx, w, a.act(w, ActionPutRoleOverride), serverID, channelID, roleID, g, func(row *Channel) {
		if row.Overrides == nil {
			row.Overrides = map[string]Grant{}
		}
		_, exists := row.Overrides[roleID]
		row.Overrides[roleID], created = g, !exists
	})
	saved.Created = created && err == nil
	return saved, err
}

// DeleteRoleOverride lets the role inherit everything in the channel. An account needs ManageRole there.
func (a *Administration) DeleteRoleOverride(ctx context.Context, w Write, serverID, channelID, roleID string) (Saved[Channel], error) {
	return a.override(ctx, w, a.act(w, ActionDeleteRoleOverride), serverID, channelID, roleID, Grant{}, func(row *Channel) { delete(row.Overrides, roleID) })
}

// override changes what a role of the server may in the channel, to after.
func (a *Administration) override(ctx context.Context, w Write, by Act, serverID, channelID, roleID string, after Grant, set func(*Channel)) (saved Saved[Channel], err error) {
	if err := CheckRoleID("role_id", roleID); err != nil {
		return saved, err
	}
	return a.changeChannel(ctx, w, by.about(roleID), serverID, channelID, func(s scene, row *Channel) error {
		role, known := s.Server.role(roleID)
		switch {
		case row.Version == 0:
			return noSuch("channel")
		case !known:
			return noSuch("role")
		}
		before, exists := row.Overrides[roleID]
		if err := firstOf(
			func() error { return s.require(ManageRole) },
			func() error { return s.mayEdit(role) },
			func() error { return s.mayGrant(before, after) },
			func() error { return w.check(exists, row.Version) },
		); err != nil {
			return err
		}
		set(row)
		return nil
	})
}
