package main

import (
	"context"

	"unsend/shared/chat"
)

// views are the names of the view modes.
var views = map[string]chat.ViewMode{chat.Public.String(): chat.Public, chat.Private.String(): chat.Private}

type channelBody struct {
	ServerID  string `json:"server_id"`
	ChannelID string `json:"channel_id"`
	ViewMode  string `json:"view_mode"`
	windows
	WhiteRoles []string         `json:"white_roles"`
	BlackRoles []string         `json:"black_roles"`
	Overrides  map[string]grant `json:"role_overrides"`
}

func channelBodyOf(c chat.Channel) channelBody {
	body := channelBody{
		ServerID: c.ServerID, ChannelID: c.ID, ViewMode: c.ViewMode.String(), windows: windowsOf(c.Windows),
		WhiteRoles: c.WhiteRoles, BlackRoles: c.BlackRoles, Overrides: map[string]grant{},
	}
	for role, g := range c.Overrides {
		body.Overrides[role] = grantOf(g)
	}
	return body
}

// overrideBodyOf is the channel's override for the role alone.
func overrideBodyOf(role string) func(chat.Channel) grant {
	return func(c chat.Channel) grant { return grantOf(c.Overrides[role]) }
}

func (c communities) channelEndpoints() []endpoint {
	bound := []string{actingAs}
	return []endpoint{
		{"GET /servers/{server}/channels/{channel}", nil, c.getChannel},
		{"PUT /servers/{server}/channels/{channel}", bound, c.putChannel},
		{"PUT /servers/{server}/channels/{channel}/roles/{role}", bound, c.putRoleOverride},
		{"DELETE /servers/{server}/channels/{channel}/roles/{role}", bound, c.deleteRoleOverride},
	}
}

func (c communities) getChannel(ctx context.Context, r *request) (reply, error) {
	saved, err := c.admin.Channel(ctx, r.PathValue(serverID), r.PathValue(channelID))
	return replied(saved, err, channelBodyOf)
}

func (c communities) putChannel(ctx context.Context, r *request) (reply, error) {
	body := struct {
		ViewMode string `json:"view_mode"`
		windows
		WhiteRoles []string `json:"white_roles"`
		BlackRoles []string `json:"black_roles"`
	}{ViewMode: chat.Public.String()}
	w, err := r.reading(&body)
	if err != nil {
		return reply{}, err
	}
	view, ok := views[body.ViewMode]
	if !ok {
		return reply{}, chat.InvalidField("view_mode", "must be public or private")
	}
	saved, err := c.admin.PutChannel(ctx, w, r.PathValue(serverID), r.PathValue(channelID), chat.ChannelPolicy{
		ViewMode: view, Windows: body.windows.windows(), WhiteRoles: body.WhiteRoles, BlackRoles: body.BlackRoles,
	})
	return replied(saved, err, channelBodyOf)
}

// readGrant reads the conditions of a write and what it allows and denies.
func (r *request) readGrant() (chat.Write, chat.Grant, error) {
	var body grant
	w, err := r.reading(&body)
	if err != nil {
		return w, chat.Grant{}, err
	}
	g, err := body.grant()
	return w, g, err
}

func (c communities) putRoleOverride(ctx context.Context, r *request) (reply, error) {
	w, g, err := r.readGrant()
	if err != nil {
		return reply{}, err
	}
	role := r.PathValue(roleID)
	saved, err := c.admin.PutRoleOverride(ctx, w, r.PathValue(serverID), r.PathValue(channelID), role, g)
	return replied(saved, err, overrideBodyOf(role))
}

func (c communities) deleteRoleOverride(ctx context.Context, r *request) (reply, error) {
	w, err := r.emptily()
	if err != nil {
		return reply{}, err
	}
	return removed(c.admin.DeleteRoleOverride(ctx, w, r.PathValue(serverID), r.PathValue(channelID), r.PathValue(roleID)))
}
