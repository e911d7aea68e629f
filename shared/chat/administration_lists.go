package chat

import (
	"context"
	"fmt"
)

// MaxPage is how many a page of a list holds.
const MaxPage = 100

func checkPage(after string, limit int) error {
	if limit < 1 || limit > MaxPage {
		return InvalidField("limit", fmt.Sprintf("must be from 1 to %d", MaxPage))
	}
	return checkOptionalID("cursor", after)
}

// Channels reads a page of the server's channels, by their ids, after one of them or from the beginning: at most limit.
//
// Errors, of this and of the other lists: Invalid, NotFound for a server or channel that is not there, Busy.
func (a *Administration) Channels(ctx context.Context, serverID, after string, limit int) (Page[Channel], error) {
	_, page, err := pageOf(ctx, a, listed{serverID, "", after, limit}, func() (Page[Channel], error) {
		return a.Store.ChannelPage(ctx, serverID, after, limit)
	})
	return page, err
}

// Members reads a page of those who are members now, banned ones among them, by their accounts.
func (a *Administration) Members(ctx context.Context, serverID, after string, limit int) (Page[Member], error) {
	_, page, err := pageOf(ctx, a, listed{serverID, "", after, limit}, func() (Page[Member], error) {
		return a.Store.MemberPage(ctx, serverID, after, limit)
	})
	return page, err
}

// Bans reads a page of those who are banned from the server, member or not, by their accounts.
func (a *Administration) Bans(ctx context.Context, serverID, after string, limit int) (Page[Member], error) {
	_, page, err := pageOf(ctx, a, listed{serverID, "", after, limit}, func() (Page[Member], error) {
		return a.Store.BanPage(ctx, serverID, after, limit)
	})
	return page, err
}

// Personals reads a page of the accounts that the channel holds something for, with the memberships that they have now.
func (a *Administration) Personals(ctx context.Context, serverID, channelID, after string, limit int) (Page[Standing], error) {
	s, page, err := pageOf(ctx, a, listed{serverID, channelID, after, limit}, func() (Page[Personal], error) {
		return a.Store.PersonalPage(ctx, serverID, channelID, after, limit)
	})
	if err != nil {
		return Page[Standing]{}, err
	}
	return standings(ctx, a, s, page, func(p Personal) Personal { return p }, func(s Standing) bool {
		return hasOverride(s) || s.OnList(WhiteList) || s.OnList(BlackList)
	})
}

// Listed reads a page of the accounts on a list of the channel. Entries of the white list whose memberships have ended are not on it.
func (a *Administration) Listed(ctx context.Context, serverID, channelID string, list List, after string, limit int) (Page[string], error) {
	s, entries, err := pageOf(ctx, a, listed{serverID, channelID, after, limit}, func() (Page[ListEntry], error) {
		return a.Store.ListPage(ctx, serverID, channelID, list, after, limit)
	})
	if err != nil {
		return Page[string]{}, err
	}
	page := Page[string]{Next: entries.Next}
	if list == BlackList { // which outlives every membership
		for _, entry := range entries.Rows {
			page.Rows = append(page.Rows, entry.AccountID)
		}
		return page, nil
	}
	found, err := standings(ctx, a, s, entries, ListEntry.personal, func(s Standing) bool { return s.OnList(list) })
	if err != nil {
		return Page[string]{}, err
	}
	for _, each := range found.Rows {
		page.Rows = append(page.Rows, each.Personal.AccountID)
	}
	return page, nil
}

// personal is what the entry tells of what a channel holds for the account.
func (e ListEntry) personal() Personal {
	return Personal{AccountID: e.AccountID, WhiteGeneration: e.WhiteGeneration, Black: e.Black}
}

// listed is what a page is asked of: a server, or one of its channels.
type listed struct {
	serverID, channelID string // no channel: the server
	after               string
	limit               int
}

// pageOf reads a page of what must be there, and at the same time whether it is.
func pageOf[T any](ctx context.Context, a *Administration, l listed, read func() (Page[T], error)) (s scene, page Page[T], err error) {
	if err := firstOf(
		func() error { return CheckID("server_id", l.serverID) },
		func() error { return checkOptionalID("channel_id", l.channelID) },
		func() error { return checkPage(l.after, l.limit) },
	); err != nil {
		return s, page, err
	}
	err = first(concurrently(
		func() (err error) { s, err = a.known(ctx, Write{}, l.serverID, l.channelID, ""); return err },
		func() (err error) { page, err = read(); return err },
	))
	if err != nil {
		page = Page[T]{}
	}
	return s, page, err
}

// standings are those of the page's accounts that are as wanted, with the memberships that they have now: one reading more.
func standings[T any](ctx context.Context, a *Administration, s scene, page Page[T], personal func(T) Personal, wanted func(Standing) bool) (Page[Standing], error) {
	found := Page[Standing]{Next: page.Next}
	var accounts []string
	for _, row := range page.Rows {
		accounts = append(accounts, personal(row).AccountID)
	}
	if len(accounts) == 0 {
		return found, nil
	}
	members, err := a.Store.Members(ctx, s.Server.ID, accounts)
	if err != nil {
		return Page[Standing]{}, err
	}
	for i, row := range page.Rows {
		each := s.Standing
		each.Personal, each.Member = personal(row), members[accounts[i]]
		if wanted(each) {
			found.Rows = append(found.Rows, each)
		}
	}
	return found, nil
}
