package main

import (
	"context"
	"net/http"

	"unsend/shared/chat"
)

type memberBody struct {
	ServerID string   `json:"server_id"`
	Accid    string   `json:"accid"`
	Nick     string   `json:"nick"`
	Roles    []string `json:"roles"`
	Joined   bool     `json:"joined"`
	JoinedAt int64    `json:"joined_at"` // ms, of the last joining; 0: it never joined
	Banned   bool     `json:"banned"`
}

func memberBodyOf(m chat.Member) memberBody {
	return memberBody{m.ServerID, m.AccountID, m.Nick, m.Roles, m.Joined, m.JoinedAt, m.Banned}
}

// personalBody is what a channel holds for a member, with the membership of now.
type personalBody struct {
	Accid    string `json:"accid"`
	Override grant  `json:"override"`
	White    bool   `json:"whitelisted"`
	Black    bool   `json:"blacklisted"`
}

func personalBodyOf(s chat.Standing) personalBody {
	return personalBody{s.Personal.AccountID, grantOf(s.MemberOverride()), s.OnList(chat.WhiteList), s.OnList(chat.BlackList)}
}

func (c communities) memberEndpoints() []endpoint {
	const member, personal = "/servers/{server}/members/{account}", "/servers/{server}/channels/{channel}/members/{account}"
	const white, black = "/servers/{server}/channels/{channel}/whitelist/{account}", "/servers/{server}/channels/{channel}/blacklist/{account}"
	bound := []string{actingAs}
	return []endpoint{
		{"GET " + member, nil, c.getMember},
		{"PUT " + member, bound, c.putMember},
		{"DELETE " + member, bound, emptily(c.admin.DeleteMember)},
		{"PUT " + member + "/ban", bound, c.putBan},
		{"DELETE " + member + "/ban", bound, emptily(c.admin.DeleteBan)},
		{"GET " + personal, nil, c.getPersonal},
		{"PUT " + personal + "/override", bound, c.putMemberOverride},
		{"DELETE " + personal + "/override", bound, c.deleteMemberOverride},
		{"GET " + personal + "/permissions", nil, c.getPermissions},
		{"PUT " + white, bound, c.putListed(chat.WhiteList)},
		{"DELETE " + white, bound, c.deleteListed(chat.WhiteList)},
		{"PUT " + black, bound, c.putListed(chat.BlackList)},
		{"DELETE " + black, bound, c.deleteListed(chat.BlackList)},
	}
}

// emptily serves the removal of something of a member.
func emptily(remove func(ctx context.Context, w chat.Write, serverID, accountID string) (chat.Saved[chat.Member], error)) func(context.Context, *request) (reply, error) {
	return func(ctx context.Context, r *request) (reply, error) {
		w, err := r.emptily()
		if err != nil {
			return reply{}, err
		}
		return removed(remove(ctx, w, r.PathValue(serverID), r.PathValue(accountID)))
	}
}

func (c communities) getMember(ctx context.Context, r *request) (reply, error) {
	saved, err := c.admin.Member(ctx, r.PathValue(serverID), r.PathValue(accountID))
	return replied(saved, err, memberBodyOf)
}

func (c communities) putMember(ctx context.Context, r *request) (reply, error) {
	var body struct {
		Nick  string   `json:"nick"`
		Roles []string `json:"roles"`
	}
	w, err := r.reading(&body)
	if err != nil {
		return reply{}, err
	}
	saved, err := c.admin.PutMember(ctx, w, r.PathValue(serverID), r.PathValue(accountID), chat.Profile{Nick: body.Nick, Roles: body.Roles})
	return replied(saved, err, memberBodyOf)
}

func (c communities) putBan(ctx context.Context, r *request) (reply, error) {
	w, err := r.emptily()
	if err != nil {
		return reply{}, err
	}
	saved, err := c.admin.PutBan(ctx, w, r.PathValue(serverID), r.PathValue(accountID))
	return replied(saved, err, memberBodyOf)
}

func (c communities) getPersonal(ctx context.Context, r *request) (reply, error) {
	account := r.PathValue(accountID)
	saved, err := c.admin.Personal(ctx, r.PathValue(serverID), r.PathValue(channelID), account)
	saved.Value.Personal.AccountID = account // also where nothing is held for it
	return replied(saved, err, personalBodyOf)
}

func (c communities) putMemberOverride(ctx context.Context, r *request) (reply, error) {
	w, g, err := r.readGrant()
	if err != nil {
		return reply{}, err
	}
	saved, err := c.admin.PutMemberOverride(ctx, w, r.PathValue(serverID), r.PathValue(channelID), r.PathValue(accountID), g)
	return replied(saved, err, personalBodyOf)
}

func (c communities) deleteMemberOverride(ctx context.Context, r *request) (reply, error) {
	w, err := r.emptily()
	if err != nil {
		return reply{}, err
	}
	return removed(c.admin.DeleteMemberOverride(ctx, w, r.PathValue(serverID), r.PathValue(channelID), r.PathValue(accountID)))
}

func (c communities) putListed(list chat.List) func(context.Context, *request) (reply, error) {
	return func(ctx context.Context, r *request) (reply, error) {
		w, err := r.emptily()
		if err != nil {
			return reply{}, err
		}
		saved, err := c.admin.PutListed(ctx, w, r.PathValue(serverID), r.PathValue(channelID), r.PathValue(accountID), list)
		return replied(saved, err, personalBodyOf)
	}
}

func (c communities) deleteListed(list chat.List) func(context.Context, *request) (reply, error) {
	return func(ctx context.Context, r *request) (reply, error) {
		w, err := r.emptily()
		if err != nil {
			return reply{}, err
		}
		return removed(c.admin.DeleteListed(ctx, w, r.PathValue(serverID), r.PathValue(channelID), r.PathValue(accountID), list))
	}
}

// decisionBody is an answer with what decided it.
type decisionBody struct {
	Allowed bool       `json:"allowed"`
	Level   chat.Level `json:"level"`
	Role    string     `json:"role,omitempty"`
}

func decisionBodyOf(d chat.Decision) decisionBody { return decisionBody{d.Allowed, d.Level, d.Role} }

type permissionsBody struct {
	ServerID    string                  `json:"server_id"`
	ChannelID   string                  `json:"channel_id"`
	Accid       string                  `json:"accid"`
	Sees        decisionBody            `json:"sees"`
	Permissions map[string]decisionBody `json:"permissions"`
}

func (c communities) getPermissions(ctx context.Context, r *request) (reply, error) {
	server, channel, account := r.PathValue(serverID), r.PathValue(channelID), r.PathValue(accountID)
	standing, err := c.admin.Effective(ctx, server, channel, account)
	if err != nil {
		return reply{}, err
	}
	body := permissionsBody{server, channel, account, decisionBodyOf(standing.Sight()), map[string]decisionBody{}}
	for _, p := range chat.Permissions() {
		body.Permissions[p.String()] = decisionBodyOf(standing.Decide(p))
	}
	return reply{status: http.StatusOK, body: body}, nil
}
