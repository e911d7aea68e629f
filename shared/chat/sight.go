package chat

import "slices"

// What of a row decides who sees what. A store that writes a difference in it
// also puts a change row and stamps the row's Sight: pushes and catch-up look at
// these, and at nothing else, to learn that somebody's sight changed.

// SameSight tells whether nobody's sight differs between s and o. A server that
// was not there before is a difference.
func (s Server) SameSight(o Server) bool {
	return (s.Version == 0) == (o.Version == 0) && s.OwnerID == o.OwnerID && slices.Equal(s.roleIDs(), o.roleIDs())
}

func (s Server) roleIDs() []string {
	ids := make([]string, len(s.Roles))
	for i, role := range s.Roles {
		ids[i] = role.ID
	}
	slices.Sort(ids)
	return ids
}

// RolesBeside are the roles that s has and o has not, each once, but for everyone.
func (s Server) RolesBeside(o Server) []string {
	others := o.roleIDs()
	return slices.DeleteFunc(slices.Compact(s.roleIDs()), func(id string) bool {
		return id == Everyone || slices.Contains(others, id)
	})
}

// SameSight tells whether nobody's sight differs between c and o. A channel that
// was not there before is a difference.
func (c Channel) SameSight(o Channel) bool {
	return (c.Version == 0) == (o.Version == 0) && c.ViewMode == o.ViewMode &&
		slices.Equal(c.WhiteRoles, o.WhiteRoles) && slices.Equal(c.BlackRoles, o.BlackRoles)
}

// SameSight tells whether the account's sight is the same with m and o.
func (m Member) SameSight(o Member) bool {
	return m.Joined == o.Joined && m.Banned == o.Banned && m.Generation == o.Generation && slices.Equal(m.Roles, o.Roles)
}

// SameSight tells whether the account's sight is the same with p and o.
func (p Personal) SameSight(o Personal) bool {
	return p.WhiteGeneration == o.WhiteGeneration && p.Black == o.Black
}
