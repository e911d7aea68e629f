package serverapi

import (
	"context"
	"net/http"
)

// rower is a row that can be told its ETag.
type rower[T any] interface {
	*T
	row() *Row
}

// get reads a row.
func get[T any, P rower[T]](ctx context.Context, c *Client, path ...string) (T, error) {
	return row[T, P](ctx, c, request{method: http.MethodGet, path: path})
}

// put writes a row, and gives it as it is then.
func put[T any, P rower[T]](ctx context.Context, c *Client, w Write, body any, path ...string) (T, error) {
	return row[T, P](ctx, c, request{method: http.MethodPut, path: path, write: w, body: body})
}

func row[T any, P rower[T]](ctx context.Context, c *Client, r request) (value T, err error) {
	got, err := c.do(ctx, r, &value)
	*P(&value).row() = Row{ETag: got.header.Get("ETag"), Created: got.status == http.StatusCreated}
	return value, err
}

func (c *Client) remove(ctx context.Context, w Write, path ...string) error {
	_, err := c.do(ctx, request{method: http.MethodDelete, path: path, write: w}, nil)
	return err
}

// Server reads a server.
func (c *Client) Server(ctx context.Context, server string) (Server, error) {
	return get[Server](ctx, c, "servers", server)
}

// PutServer makes a server or changes it.
func (c *Client) PutServer(ctx context.Context, w Write, server string, p ServerPolicy) (Server, error) {
	return put[Server](ctx, c, w, p, "servers", server)
}

// DeleteServer begins to delete a server and all that is in it. It cannot be undone, and the id does not come back.
func (c *Client) DeleteServer(ctx context.Context, w Write, server string) (job Job, err error) {
	_, err = c.do(ctx, request{method: http.MethodDelete, path: []string{"servers", server}, write: w}, &job)
	return job, err
}

// Role reads a role.
func (c *Client) Role(ctx context.Context, server, role string) (Role, error) {
	return get[Role](ctx, c, "servers", server, "roles", role)
}

// PutRole makes a role or changes it.
func (c *Client) PutRole(ctx context.Context, w Write, server, role string, p RolePolicy) (Role, error) {
	return put[Role](ctx, c, w, p, "servers", server, "roles", role)
}

// DeleteRole takes a role from the server and from whoever has it. Its id does not come back.
func (c *Client) DeleteRole(ctx context.Context, w Write, server, role string) error {
	return c.remove(ctx, w, "servers", server, "roles", role)
}

// Channels are the channels of a server.
func (c *Client) Channels(server string) *Pages[Channel] {
	return pages[Channel](c, "channels", "servers", server, "channels")
}

// Channel reads a channel.
func (c *Client) Channel(ctx context.Context, server, channel string) (Channel, error) {
	return get[Channel](ctx, c, "servers", server, "channels", channel)
}

// PutChannel makes a channel or changes it; overrides stay.
func (c *Client) PutChannel(ctx context.Context, w Write, server, channel string, p ChannelPolicy) (Channel, error) {
	return put[Channel](ctx, c, w, p, "servers", server, "channels", channel)
}

// DeleteChannel begins to delete a channel and its messages. It cannot be undone, and the id does not come back.
func (c *Client) DeleteChannel(ctx context.Context, w Write, server, channel string) (job Job, err error) {
	_, err = c.do(ctx, request{method: http.MethodDelete, path: []string{"servers", server, "channels", channel}, write: w}, &job)
	return job, err
}

// PutRoleOverride sets what a role is allowed and denied in a channel; what is in neither is inherited.
func (c *Client) PutRoleOverride(ctx context.Context, w Write, server, channel, role string, g Grant) error {
	_, err := c.do(ctx, request{method: http.MethodPut, path: []string{"servers", server, "channels", channel, "roles", role}, write: w, body: g}, nil)
	return err
}

// DeleteRoleOverride lets the role inherit everything.
func (c *Client) DeleteRoleOverride(ctx context.Context, w Write, server, channel, role string) error {
	return c.remove(ctx, w, "servers", server, "channels", channel, "roles", role)
}

// Personals are the accounts that a channel holds something for.
func (c *Client) Personals(server, channel string) *Pages[Personal] {
	return pages[Personal](c, "members", "servers", server, "channels", channel, "members")
}

// Personal reads what a channel holds for an account.
func (c *Client) Personal(ctx context.Context, server, channel, account string) (Personal, error) {
	return get[Personal](ctx, c, "servers", server, "channels", channel, "members", account)
}

// PutOverride sets what a member is allowed and denied in a channel, until it leaves.
func (c *Client) PutOverride(ctx context.Context, w Write, server, channel, account string, g Grant) (Personal, error) {
	return put[Personal](ctx, c, w, g, "servers", server, "channels", channel, "members", account, "override")
}

// DeleteOverride lets the member inherit everything.
func (c *Client) DeleteOverride(ctx context.Context, w Write, server, channel, account string) error {
	return c.remove(ctx, w, "servers", server, "channels", channel, "members", account, "override")
}

// Permissions tells what an account may do in a channel, and why.
func (c *Client) Permissions(ctx context.Context, server, channel, account string) (p Permissions, err error) {
	_, err = c.do(ctx, request{method: http.MethodGet, path: []string{"servers", server, "channels", channel, "members", account, "permissions"}}, &p)
	return p, err
}

// List is one of a channel's two lists.
type List string

// The lists.
const (
	WhiteList List = "whitelist"
	BlackList List = "blacklist"
)

// Listed are the accounts on a list.
func (c *Client) Listed(server, channel string, list List) *Pages[string] {
	return pages[string](c, "accids", "servers", server, "channels", channel, string(list))
}

// PutListed puts an account on a list.
func (c *Client) PutListed(ctx context.Context, w Write, server, channel string, list List, account string) (Personal, error) {
	return put[Personal](ctx, c, w, nil, "servers", server, "channels", channel, string(list), account)
}

// DeleteListed takes an account off a list.
func (c *Client) DeleteListed(ctx context.Context, w Write, server, channel string, list List, account string) error {
	return c.remove(ctx, w, "servers", server, "channels", channel, string(list), account)
}
