package chat

import "context"

// List is one of a channel's two lists.
type List int

// The lists.
const (
	WhiteList List = iota
	BlackList
)

// Personal reads what a channel holds for an account: also what a membership that has ended left behind.
//
// Errors: Invalid, NotFound, Busy.
func (a *Administration) Personal(ctx context.Context, serverID, channelID, accountID string) (Saved[Standing], error) {
	s, err := a.inChannel(ctx, Write{}, serverID, channelID, accountID)
	return Saved[Standing]{Value: s.Standing, Version: s.Personal.Version}, err
}

// inChannel is the scene of an account in a channel that must be there.
func (a *Administration) inChannel(ctx context.Context, w Write, serverID, channelID, accountID string) (scene, error) {
	if err := firstOf(
		func() error { return CheckID("channel_id", channelID) },
		func() error { return CheckID("accid", accountID) },
	); err != nil {
		return scene{}, err
	}
	return a.known(ctx, w, serverID, channelID, accountID)
}

// OnList tells whether the account is on the channel's list, with the membership that it has now.
func (s Standing) OnList(list List) bool {
	if list == BlackList {
		return s.Personal.Black
	}
	return s.onWhiteList()
}

// MemberOverride is what the channel allows and denies the member, with the membership that it has now.
func (s Standing) MemberOverride() Grant {
	if !s.ofMembership(s.Personal.OverrideGeneration) {
		return Grant{}
	}
	return s.Personal.Override
}

// changePersonal changes what a channel holds for an account. exists tells, of the row as it is, whether what is written is there.
func (a *Administration) changePersonal(
	ctx context.Context, w Write, action Action, serverID, channelID, accountID string,
	exists func(Standing) bool, may func(scene) error, set func(*Personal, Member) error,
) (saved Saved[Standing], err error) {
	s, err := a.inChannel(ctx, w, serverID, channelID, accountID)
	if err != nil {
		return saved, err
	}
	row, err := a.Store.ChangePersonal(ctx, serverID, channelID, accountID, a.act(w, action), func(row *Personal) error {
		s.Personal = *row
		saved = Saved[Standing]{Version: row.Version, Created: !exists(s.Standing)}
		if err := firstOf(
			func() error { return may(s) },
			func() error { return w.check(exists(s.Standing), row.Version) },
		); err != nil {
			return err
		}
		return set(row, s.Member)
	})
	saved.Value = s.Standing
	saved.Value.Personal = row
	return saved.with(row.Version, err)
}

func hasOverride(s Standing) bool { return s.MemberOverride() != Grant{} }

// PutMemberOverride sets what a member is allowed and denied in the channel, until it leaves. An account needs ManageRole there.
func (a *Administration) PutMemberOverride(ctx context.Context, w Write, serverID, channelID, accountID string, g Grant) (saved Saved[Standing], err error) {
	if err := g.check(true); err != nil {
		return saved, err
	}
	return a.changePersonal(ctx, w, ActionPutMemberOverride, serverID, channelID, accountID, hasOverride, mayOverride(g), func(row *Personal, m Member) error {
		if !m.Joined {
			return noSuch("member")
		}
		row.Override, row.OverrideGeneration = g, m.Generation
		if g == (Grant{}) {
			row.OverrideGeneration = 0
		}
		return nil
	})
}

// DeleteMemberOverride lets the member inherit everything in the channel. An account needs ManageRole there.
func (a *Administration) DeleteMemberOverride(ctx context.Context, w Write, serverID, channelID, accountID string) (Saved[Standing], error) {
	return a.changePersonal(ctx, w, ActionDeleteMemberOverride, serverID, channelID, accountID, hasOverride, mayOverride(Grant{}), func(row *Personal, _ Member) error {
		row.Override, row.OverrideGeneration = Grant{}, 0
		return nil
	})
}

func mayOverride(after Grant) func(scene) error {
	return func(s scene) error {
		return firstOf(
			func() error { return s.require(ManageRole) },
			func() error { return s.mayGrant(s.MemberOverride(), after) },
		)
	}
}

// PutListed puts an account on a list of the channel: on the white list as a member, and until it leaves; on the black list
// for good. An account needs ManageBlackWhiteList there.
func (a *Administration) PutListed(ctx context.Context, w Write, serverID, channelID, accountID string, list List) (Saved[Standing], error) {
	action := ActionPutWhitelisted
	if list == BlackList {
		action = ActionPutBlacklisted
	}
	return a.list(ctx, w, action, serverID, channelID, accountID, list, func(row *Personal, m Member) error {
		switch {
		case list == BlackList:
			row.Black = true
		case !m.Joined:
			return noSuch("member")
		default:
			row.WhiteGeneration = m.Generation
		}
		return nil
	})
}

// DeleteListed takes an account off a list of the channel. An account needs ManageBlackWhiteList there.
func (a *Administration) DeleteListed(ctx context.Context, w Write, serverID, channelID, accountID string, list List) (Saved[Standing], error) {
	action := ActionDeleteWhitelisted
	if list == BlackList {
		action = ActionDeleteBlacklisted
	}
	return a.list(ctx, w, action, serverID, channelID, accountID, list, func(row *Personal, _ Member) error {
		if list == BlackList {
			row.Black = false
		} else {
			row.WhiteGeneration = 0
		}
		return nil
	})
}

func (a *Administration) list(
	ctx context.Context, w Write, action Action, serverID, channelID, accountID string, list List, set func(*Personal, Member) error,
) (Saved[Standing], error) {
	return a.changePersonal(ctx, w, action, serverID, channelID, accountID,
		func(s Standing) bool { return s.OnList(list) },
		func(s scene) error { return s.require(ManageBlackWhiteList) }, set)
}

// Effective reads what decides about an account in a channel: its sight, and each permission, are the Standing's to tell.
//
// Errors: Invalid, NotFound, Busy.
func (a *Administration) Effective(ctx context.Context, serverID, channelID, accountID string) (Standing, error) {
	s, err := a.inChannel(ctx, Write{}, serverID, channelID, accountID)
	return s.Standing, err
}
