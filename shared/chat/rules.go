package chat

import "slices"

// This file holds the evaluation order of permissions: QChat's, with its open
// points decided as the comments say. All of it is pure.

// IsMember tells whether the account is a member of the server now, and not
// banned from it.
func (s Standing) IsMember() bool {
	return s.Server.ID != "" && s.Member.Active()
}

// IsOwner tells whether the account owns the server.
func (s Standing) IsOwner() bool {
	return s.Server.OwnerID != "" && s.Server.OwnerID == s.Member.AccountID
}

// CanSee tells whether the account sees the channel. A member's own list entry
// beats its roles' entries, the black one beats the white one, and the owner is above lists.
func (s Standing) CanSee() bool {
	if !s.IsMember() || s.Channel.ID == "" {
		return false
	}
	switch {
	case s.IsOwner():
		return true
	case s.Personal.Black:
		return false
	case s.onWhiteList():
		return true
	case s.Channel.ViewMode == Private:
		return s.anyRoleIn(s.Channel.WhiteRoles)
	default:
		return !s.anyRoleIn(s.Channel.BlackRoles)
	}
}

// May tells whether the account holds the permission in the channel.
func (s Standing) May(p Permission) bool {
	if !s.CanSee() {
		return false
	}
	if s.IsOwner() {
		return true
	}
	if !p.ServerOnly() {
		if allowed, decided := s.personalOverride(p); decided {
			return allowed
		}
		if allowed, decided := s.roleOverrides(p); decided {
			return allowed
		}
	}
	return s.anyRoleAllows(p)
}

// onWhiteList: the entry belongs to this membership, not to one that ended.
func (s Standing) onWhiteList() bool {
	return s.Personal.WhiteGeneration != 0 && s.Personal.WhiteGeneration == s.Member.Generation
}

func (s Standing) personalOverride(p Permission) (allowed, decided bool) {
	if s.Personal.OverrideGeneration == 0 || s.Personal.OverrideGeneration != s.Member.Generation {
		return false, false
	}
	return s.Personal.Override.decide(p)
}

// roleOverrides takes the member's roles as one level: an allow in any of them
// beats a deny in any other.
func (s Standing) roleOverrides(p Permission) (allowed, decided bool) {
	var level Grant
	for id, grant := range s.Channel.Overrides {
		if s.hasRole(id) {
			level.Allow |= grant.Allow
			level.Deny |= grant.Deny
		}
	}
	return level.decide(p)
}

func (s Standing) anyRoleAllows(p Permission) bool {
	return slices.ContainsFunc(s.Server.Roles, func(r Role) bool {
		return s.hasRole(r.ID) && r.Grant.Allow.Has(p)
	})
}

func (s Standing) anyRoleIn(list []string) bool { return slices.ContainsFunc(list, s.hasRole) }

// hasRole: everyone has Everyone; another role counts while the server still has it.
func (s Standing) hasRole(id string) bool {
	if !slices.ContainsFunc(s.Server.Roles, func(r Role) bool { return r.ID == id }) {
		return false
	}
	return id == Everyone || slices.Contains(s.Member.Roles, id)
}

// decide: allow first, as for a level of several roles.
func (g Grant) decide(p Permission) (allowed, decided bool) {
	switch {
	case g.Allow.Has(p):
		return true, true
	case g.Deny.Has(p):
		return false, true
	}
	return false, false
}
