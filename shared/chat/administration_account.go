package chat

import (
	"cmp"
	"context"
	"fmt"
	"slices"
)

// MaxServersPage is how many servers a page of an account's holds.
const MaxServersPage = 100

// ServersOf reads a page of the servers that the account is a member of and not banned from, by their ids, after one of
// them or from the beginning. next is what the next page comes after; empty at the end. An account that nobody knows is in none.
//
// Errors: Invalid, Busy.
func (a *Administration) ServersOf(ctx context.Context, accountID, after string, limit int) (page []Membership, next string, err error) {
	if err := CheckID("accid", accountID); err != nil {
		return nil, "", err
	}
	if limit < 1 || limit > MaxServersPage {
		return nil, "", InvalidField("limit", fmt.Sprintf("must be from 1 to %d", MaxServersPage))
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
