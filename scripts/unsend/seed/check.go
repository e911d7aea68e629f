package seed

import (
	"maps"
	"slices"
	"strings"

	"unsend/shared/chat"
)

// check notes what only the whole file tells: ids, duplicates, limits, and names
// that nothing stands behind.
func (f File) check(r *report) {
	distinct(r, "server", f.Servers, func(s Server) name { return s.ID })
	servers := map[string]int{}
	for _, s := range f.Servers {
		s.check(r)
		for _, m := range s.Members {
			if servers[m.Account.Value]++; servers[m.Account.Value] == chat.MaxServersPerAccount+1 {
				r.add(m.Account.at, "account %q would be in more than %d servers: take it out of some", m.Account.Value, chat.MaxServersPerAccount)
			}
		}
	}
}

// known are the names of a server that others refer to.
type known struct {
	server         string
	roles, members map[string]bool
}

func (s Server) known() known {
	k := known{server: s.ID.Value, roles: map[string]bool{chat.Everyone: true}, members: map[string]bool{}}
	for _, role := range s.Roles {
		k.roles[role.ID.Value] = true
	}
	for _, m := range s.Members {
		k.members[m.Account.Value] = true
	}
	delete(k.roles, "") // reported as missing
	return k
}

func (s Server) check(r *report) {
	k := s.known()
	checkID(r, "a server's id", s.ID, chat.CheckID)
	distinct(r, "role", s.Roles, func(x Role) name { return x.ID })
	distinct(r, "member", s.Members, func(x Member) name { return x.Account })
	distinct(r, "channel", s.Channels, func(x Channel) name { return x.ID })
	s.checkOwner(r)
	s.checkRoles(r)
	s.checkMembers(r, k)
	if n := len(s.Channels); n > chat.MaxChannelsPerServer {
		r.add(s.Channels[chat.MaxChannelsPerServer].ID.at, "a server has at most %d channels, this one %d: split the server", chat.MaxChannelsPerServer, n)
	}
	for _, c := range s.Channels {
		c.check(r, k)
	}
}

func (s Server) checkOwner(r *report) {
	if s.Owner.Value == "" {
		return // reported as missing
	}
	i := slices.IndexFunc(s.Members, func(m Member) bool { return m.Account.Value == s.Owner.Value })
	switch {
	case i < 0:
		r.add(s.Owner.at, "the owner %q is no member: add it under members", s.Owner.Value)
	case s.Members[i].Banned:
		r.add(s.Members[i].Account.at, "the owner %q is banned: unban it, or name another owner", s.Owner.Value)
	}
}

func (s Server) checkRoles(r *report) {
	custom := 0
	for _, role := range s.Roles {
		checkID(r, "a role's id", role.ID, chat.CheckRoleID)
		if role.ID.Value == chat.Everyone {
			continue
		}
		if custom++; custom == chat.MaxRolesPerServer+1 {
			r.add(role.ID.at, "a server has at most %d roles besides everyone: remove some", chat.MaxRolesPerServer)
		}
	}
}

func (s Server) checkMembers(r *report, k known) {
	for _, m := range s.Members {
		checkID(r, "an account", m.Account, chat.CheckID)
		k.check(r, m.Roles, nil)
		for _, role := range m.Roles {
			if role.Value == chat.Everyone {
				r.add(role.at, "every member has the role everyone: leave it out")
			}
		}
	}
}

func (c Channel) check(r *report, k known) {
	checkID(r, "a channel's id", c.ID, chat.CheckID)
	for _, l := range []struct {
		list
		called string
	}{{c.White, "whitelist"}, {c.Black, "blacklist"}} {
		k.check(r, l.Roles, l.Accounts)
		if n := len(l.Roles); n > chat.MaxRolesPerList {
			r.add(l.Roles[chat.MaxRolesPerList].at, "a %s holds at most %d roles, this one %d: use fewer roles", l.called, chat.MaxRolesPerList, n)
		}
		if n := len(l.Accounts); n > chat.MaxMembersPerList {
			r.add(l.Accounts[chat.MaxMembersPerList].at, "a %s holds at most %d accounts, this one %d: use a role", l.called, chat.MaxMembersPerList, n)
		}
	}
	k.check(r, forWhom(c.Overrides), forWhom(c.AccountOverrides))
}

func forWhom(overrides []override) []name {
	names := make([]name, len(overrides))
	for i, o := range overrides {
		names[i] = o.For
	}
	return names
}

// check: a name that nothing stands behind is a slip of the pen.
func (k known) check(r *report, roles, accounts []name) {
	distinct(r, "role", roles, itself)
	distinct(r, "account", accounts, itself)
	for _, role := range roles {
		if role.Value != "" && !k.roles[role.Value] {
			r.add(role.at, "server %q has no role %q; it has: %s", k.server, role.Value, k.roleIDs())
		}
	}
	for _, account := range accounts {
		if account.Value != "" && !k.members[account.Value] {
			r.add(account.at, "%q is no member of server %q: add it under members, or correct the name", account.Value, k.server)
		}
	}
}

func itself(n name) name { return n }

// roleIDs are as many as a server may have: a file may name any number.
func (k known) roleIDs() string {
	ids := slices.Sorted(maps.Keys(k.roles))
	if len(ids) > chat.MaxRolesPerServer+1 {
		ids = append(ids[:chat.MaxRolesPerServer+1], "…")
	}
	return strings.Join(ids, ", ")
}

func checkID(r *report, what string, id name, check func(field, id string) error) {
	if id.Value == "" {
		return // reported as missing, or as no text
	}
	if err := check(what, id.Value); err != nil {
		r.add(id.at, "%s %s: choose another", what, chat.AsError(err).Reason)
	}
}

func distinct[T any](r *report, what string, items []T, id func(T) name) {
	first := map[string]place{}
	for _, item := range items {
		n := id(item)
		if n.Value == "" {
			continue
		}
		if earlier, ok := first[n.Value]; ok {
			r.add(n.at, "%s %q stands here a second time (first in line %d): remove one", what, n.Value, earlier.line)
			continue
		}
		first[n.Value] = n.at
	}
}
