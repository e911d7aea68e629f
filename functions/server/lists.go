package main

import (
	"context"
	"net/http"

	"unsend/shared/chat"
)

// Pages, with the cursor of the next one; absent at the end.
type (
	channelsBody struct {
		Channels []channelBody `json:"channels"`
		Next     string        `json:"next,omitempty"`
	}
	membersBody struct {
		Members []memberBody `json:"members"`
		Next    string       `json:"next,omitempty"`
	}
	personalsBody struct {
		Members []personalBody `json:"members"`
		Next    string         `json:"next,omitempty"`
	}
	accidsBody struct {
		Accids []string `json:"accids"`
		Next   string   `json:"next,omitempty"`
	}
)

func (c communities) listEndpoints() []endpoint {
	const server, channel = "GET /servers/{server}", "GET /servers/{server}/channels/{channel}"
	paged := []string{"limit", "cursor"}
	return []endpoint{
		{server + "/channels", paged, listing(c.pageOfChannels, func(rows []channelBody, next string) any { return channelsBody{rows, next} })},
		{server + "/members", paged, listing(c.pageOfMembers(c.admin.Members), membersBodyOf)},
		{server + "/bans", paged, listing(c.pageOfMembers(c.admin.Bans), membersBodyOf)},
		{channel + "/members", paged, listing(c.pageOfPersonals, func(rows []personalBody, next string) any { return personalsBody{rows, next} })},
		{channel + "/whitelist", paged, listing(c.pageOfList(chat.WhiteList), accidsBodyOf)},
		{channel + "/blacklist", paged, listing(c.pageOfList(chat.BlackList), accidsBodyOf)},
	}
}

func membersBodyOf(rows []memberBody, next string) any { return membersBody{rows, next} }
func accidsBodyOf(rows []string, next string) any      { return accidsBody{rows, next} }

// listing serves pages of rows as JSON has them.
func listing[B any](page func(ctx context.Context, r *request, after string, limit int) (chat.Page[B], error), body func([]B, string) any) func(context.Context, *request) (reply, error) {
	return func(ctx context.Context, r *request) (reply, error) {
		limit, after, err := r.page()
		if err != nil {
			return reply{}, err
		}
		found, err := page(ctx, r, after, limit)
		if err != nil {
			return reply{}, err
		}
		return reply{status: http.StatusOK, body: body(found.Rows, formatCursor(found.Next))}, nil
	}
}

// shown is the page with its rows as JSON has them.
func shown[T, B any](page chat.Page[T], err error, body func(T) B) (chat.Page[B], error) {
	out := chat.Page[B]{Rows: []B{}, Next: page.Next}
	for _, row := range page.Rows {
		out.Rows = append(out.Rows, body(row))
	}
	return out, err
}

func (c communities) pageOfChannels(ctx context.Context, r *request, after string, limit int) (chat.Page[channelBody], error) {
	page, err := c.admin.Channels(ctx, r.PathValue(serverID), after, limit)
	return shown(page, err, channelBodyOf)
}

func (c communities) pageOfMembers(read func(ctx context.Context, serverID, after string, limit int) (chat.Page[chat.Member], error)) func(context.Context, *request, string, int) (chat.Page[memberBody], error) {
	return func(ctx context.Context, r *request, after string, limit int) (chat.Page[memberBody], error) {
		page, err := read(ctx, r.PathValue(serverID), after, limit)
		return shown(page, err, memberBodyOf)
	}
}

func (c communities) pageOfPersonals(ctx context.Context, r *request, after string, limit int) (chat.Page[personalBody], error) {
	page, err := c.admin.Personals(ctx, r.PathValue(serverID), r.PathValue(channelID), after, limit)
	return shown(page, err, personalBodyOf)
}

func (c communities) pageOfList(list chat.List) func(context.Context, *request, string, int) (chat.Page[string], error) {
	return func(ctx context.Context, r *request, after string, limit int) (chat.Page[string], error) {
		page, err := c.admin.Listed(ctx, r.PathValue(serverID), r.PathValue(channelID), list, after, limit)
		return shown(page, err, func(account string) string { return account })
	}
}
