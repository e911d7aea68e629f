package chat

import (
	"cmp"
	"context"
	"slices"
)

// ServersOf reads a page of the servers that the account is a member of and not banned from, by their ids, after one of
// them or from the beginning. next is what the next page comes after; empty at the end. An account that nobody knows is in none.
//
// Errors: Invalid, Busy.
func (a *Administration) ServersOf(ctx context.Context, accountID, after string, limit int) (page []Membership, next string, err error) {
	if err := firstOf(
		func() error { return CheckID("accid", accountID) },
		func() error { return checkPage(after, limit) },
	); err != nil {
		return nil, "", err
	}
	all, err := a.Store.Memberships(ctx, accountID)
	if err != nil {
		return nil, "", err
	}
	slices.SortFunc(all, func(x, y Membership) int { return cmp.Compare(x.ServerID, y.ServerID) })
	all = slices.DeleteFunc(all, func(m Membership) bool { return m.ServerID <= after })
	if len(all) > limit {
		return all[:limit], all[limit-1].ServerID, nil
	}
	return all, "", nil
}
