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

// Level is what decides about an account's sight or permission.
type Level string

// The levels, in the order in which they are asked.
const (
	ByMembership     Level = "membership"      // the account is no member
	ByBan            Level = "ban"             // it is banned
	ByChannel        Level = "channel"         // there is no such channel
	ByOwner          Level = "owner"           // it owns the server
	ByBlackList      Level = "black_list"      // its own entry, or that of a role
	ByWhiteList      Level = "white_list"      // its own entry, or that of a role; denied: the channel is private and it is not on the list
	ByViewMode       Level = "view_mode"       // the channel is public
	ByMemberOverride Level = "member_override" // the channel's override for the member
	ByRoleOverride   Level = "role_override"   // the channel's override for a role
	ByRole           Level = "role"            // a role of the server
	ByEveryone       Level = "everyone"        // the role of every member
	ByNone           Level = "none"            // no role allows it
)

// Decision is an answer with its reason.
type Decision struct {
	Allowed bool
	Level   Level
	Role    string // that decided, where one did; of several the first, custom ones before everyone
}

// CanSee tells whether the account sees the channel. A member's own list entry
// beats its roles' entries, the black one beats the white one, and the owner is above lists.
func (s Standing) CanSee() bool { return s.Sight().Allowed }

// Sight is CanSee with its reason.
func (s Standing) Sight() Decision {
	switch {
	case !s.IsMember():
		return s.stranger()
	case s.Channel.ID == "":
		return Decision{Level: ByChannel}
	case s.IsOwner():
		return Decision{Allowed: true, Level: ByOwner}
	case s.Personal.Black:
		return Decision{Level: ByBlackList}
	case s.onWhiteList():
		return Decision{Allowed: true, Level: ByWhiteList}
	case s.Channel.ViewMode == Private:
		role := s.firstRole(func(r Role) bool { return slices.Contains(s.Channel.WhiteRoles, r.ID) })
		return Decision{Allowed: role != "", Level: ByWhiteList, Role: role}
	}
	if role := s.firstRole(func(r Role) bool { return slices.Contains(s.Channel.BlackRoles, r.ID) }); role != "" {
		return Decision{Level: ByBlackList, Role: role}
	}
	return Decision{Allowed: true, Level: ByViewMode}
}

// stranger: whoever is no member has no rights.
func (s Standing) stranger() Decision {
	if s.Server.ID != "" && s.Member.Banned {
		return Decision{Level: ByBan}
	}
	return Decision{Level: ByMembership}
}

// May tells whether the account holds the permission in the channel.
func (s Standing) May(p Permission) bool { return s.Decide(p).Allowed }

// Decide is May with its reason.
func (s Standing) Decide(p Permission) Decision {
	sight := s.Sight()
	if !sight.Allowed || sight.Level == ByOwner {
		return sight
	}
	if !p.ServerOnly() {
		if allowed, decided := s.personalOverride(p); decided {
			return Decision{Allowed: allowed, Level: ByMemberOverride}
		}
		if decision, decided := s.roleOverrides(p); decided {
			return decision
		}
	}
	return s.roles(p)
}

// DecideInServer is Decide without a channel: what the account may do in the server as a whole.
func (s Standing) DecideInServer(p Permission) Decision {
	switch {
	case !s.IsMember():
		return s.stranger()
	case s.IsOwner():
		return Decision{Allowed: true, Level: ByOwner}
	}
	return s.roles(p)
}

// onWhiteList: the entry belongs to this membership, not to one that ended.
func (s Standing) onWhiteList() bool {
	return s.ofMembership(s.Personal.WhiteGeneration)
}

// ofMembership tells whether what carries the generation belongs to the membership that the account has now.
func (s Standing) ofMembership(generation int64) bool {
	return s.Member.Joined && generation != 0 && generation == s.Member.Generation
}

func (s Standing) personalOverride(p Permission) (allowed, decided bool) {
	return s.MemberOverride().decide(p)
}

// roleOverrides takes the member's roles as one level: an allow in any of them
// beats a deny in any other.
func (s Standing) roleOverrides(p Permission) (d Decision, decided bool) {
	for _, allow := range []bool{true, false} {
		role := s.firstRole(func(r Role) bool {
			allowed, decided := s.Channel.Overrides[r.ID].decide(p)
			return decided && allowed == allow
		})
		if role != "" {
			return Decision{Allowed: allow, Level: ByRoleOverride, Role: role}, true
		}
	}
	return Decision{}, false
}

func (s Standing) roles(p Permission) Decision {
	switch role := s.firstRole(func(r Role) bool { return r.Grant.Allow.Has(p) }); role {
	case "":
		return Decision{Level: ByNone}
	case Everyone:
		return Decision{Allowed: true, Level: ByEveryone, Role: Everyone}
	default:
		return Decision{Allowed: true, Level: ByRole, Role: role}
	}
}

// firstRole is the first of the member's roles that is so, Everyone after all others; empty where none is. A role
// counts while the server still has it.
func (s Standing) firstRole(is func(Role) bool) string {
	everyone := ""
	for _, role := range s.Server.Roles {
		switch {
		case !s.hasRole(role.ID) || !is(role):
		case role.ID == Everyone:
			everyone = Everyone
		default:
			return role.ID
		}
	}
	return everyone
}

// hasRole, of a role that the server has: everyone has Everyone.
func (s Standing) hasRole(id string) bool {
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
