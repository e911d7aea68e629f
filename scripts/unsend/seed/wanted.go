package seed

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"time"

	"unsend/shared/chat"
)

// This file says what a row is to become, given what it is, and when two rows
// mean the same. All of it is pure, but for checkStored.

func (s Server) wanted(row chat.Server) chat.Server {
	row.OwnerID = s.Owner.Value
	row.Windows = s.Windows
	row.Roles = slices.Clone(row.Roles)
	for _, role := range s.Roles {
		row.Roles = putRole(row.Roles, chat.Role{ID: role.ID.Value, Priority: role.Priority, Grant: role.Grant, Windows: role.Windows})
	}
	if !slices.ContainsFunc(row.Roles, func(r chat.Role) bool { return r.ID == chat.Everyone }) {
		row.Roles = append(row.Roles, chat.NewEveryone())
	}
	return row
}

func putRole(roles []chat.Role, role chat.Role) []chat.Role {
	if i := slices.IndexFunc(roles, func(r chat.Role) bool { return r.ID == role.ID }); i >= 0 {
		roles[i] = role
		return roles
	}
	return append(roles, role)
}

func (m Member) wanted(row chat.Member, now time.Time) chat.Member {
	row.Join(now)
	row.Nick = m.Nick
	row.Banned = m.Banned
	row.Roles = values(m.Roles)
	return row
}

func (c Channel) wanted(row chat.Channel) chat.Channel {
	row.ViewMode = c.View
	row.Windows = c.Windows
	row.WhiteRoles, row.BlackRoles = values(c.White.Roles), values(c.Black.Roles)
	row.Overrides = map[string]chat.Grant{}
	for _, o := range c.Overrides {
		row.Overrides[o.For.Value] = o.Grant
	}
	return row
}

// personal is everything that a channel holds for one account.
type personal struct {
	account      string
	grant        chat.Grant
	white, black bool
}

// personals gathers what the file says of single accounts, by account.
func (c Channel) personals() []personal {
	all := map[string]personal{}
	change := func(n name, set func(*personal)) {
		p := all[n.Value]
		p.account = n.Value
		set(&p)
		all[n.Value] = p
	}
	for _, o := range c.AccountOverrides {
		change(o.For, func(p *personal) { p.grant = o.Grant })
	}
	for _, n := range c.White.Accounts {
		change(n, func(p *personal) { p.white = true })
	}
	for _, n := range c.Black.Accounts {
		change(n, func(p *personal) { p.black = true })
	}
	return slices.SortedFunc(maps.Values(all), func(a, b personal) int { return cmp.Compare(a.account, b.account) })
}

// wanted ties what belongs to a membership to this one.
func (p personal) wanted(row chat.Personal, generation int64) chat.Personal {
	row.Override, row.OverrideGeneration, row.WhiteGeneration = p.grant, 0, 0
	if p.grant != (chat.Grant{}) {
		row.OverrideGeneration = generation
	}
	if p.white {
		row.WhiteGeneration = generation
	}
	row.Black = p.black
	return row
}

func values(names []name) []string {
	var list []string
	for _, n := range names {
		list = append(list, n.Value)
	}
	return list
}

// A store may give lists in another order, and empty ones as nil: neither is a
// difference.

func sameServer(a, b chat.Server) bool {
	byID := func(x, y chat.Role) int { return cmp.Compare(x.ID, y.ID) }
	a.Roles, b.Roles = slices.SortedFunc(slices.Values(a.Roles), byID), slices.SortedFunc(slices.Values(b.Roles), byID)
	return reflect.DeepEqual(a, b)
}

func sameMember(a, b chat.Member) bool {
	a.Roles, b.Roles = sorted(a.Roles), sorted(b.Roles)
	return reflect.DeepEqual(a, b)
}

func sameChannel(a, b chat.Channel) bool {
	a.WhiteRoles, b.WhiteRoles = sorted(a.WhiteRoles), sorted(b.WhiteRoles)
	a.BlackRoles, b.BlackRoles = sorted(a.BlackRoles), sorted(b.BlackRoles)
	if !maps.Equal(a.Overrides, b.Overrides) {
		return false
	}
	a.Overrides, b.Overrides = nil, nil
	// A channel without anything set is still a channel that has to be made.
	return a.Version != 0 && reflect.DeepEqual(a, b)
}

func sorted(list []string) []string { return slices.Sorted(slices.Values(list)) }

// errLooked makes a change write nothing.
var errLooked = errors.New("looked only")

// checkStored refuses what only the deployment can tell, before anything of the file is
// written.
func (w *writer) checkStored(ctx context.Context, s Server) error {
	var stored chat.Server
	_, err := w.store.ChangeServer(ctx, s.ID.Value, w.by(chat.ActionPutServer), func(row *chat.Server) error {
		stored = *row
		return errLooked
	})
	if !errors.Is(err, errLooked) {
		return fmt.Errorf("read server %q: %w", s.ID.Value, err)
	}
	if stored.OwnerID != "" && stored.OwnerID != s.Owner.Value {
		return fmt.Errorf("server %q belongs to %q here, and to %q in the file; nothing was written. Choose another id for the server, or write its owner into the file",
			s.ID.Value, stored.OwnerID, s.Owner.Value)
	}
	if n := len(s.wanted(stored).Roles) - 1; n > chat.MaxRolesPerServer {
		return fmt.Errorf("server %q would have %d roles besides everyone, with those that it has already; at most %d are possible; nothing was written. Use roles that are there",
			s.ID.Value, n, chat.MaxRolesPerServer)
	}
	return nil
}
