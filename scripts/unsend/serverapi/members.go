package serverapi

import (
	"context"
	"errors"
	"net/http"
)

// Members are who is in a server now.
func (c *Client) Members(server string) *Pages[Member] {
	return pages[Member](c, "members", "servers", server, "members")
}

// Bans are who is banned from a server.
func (c *Client) Bans(server string) *Pages[Member] {
	return pages[Member](c, "members", "servers", server, "bans")
}

// Member reads a member, also one who has left or is banned.
func (c *Client) Member(ctx context.Context, server, account string) (Member, error) {
	return get[Member](ctx, c, "servers", server, "members", account)
}

// PutMember makes an account a member, or changes its nick and roles.
func (c *Client) PutMember(ctx context.Context, w Write, server, account string, p Profile) (Member, error) {
	return put[Member](ctx, c, w, p, "servers", server, "members", account)
}

// DeleteMember makes a member leave.
func (c *Client) DeleteMember(ctx context.Context, w Write, server, account string) error {
	return c.remove(ctx, w, "servers", server, "members", account)
}

// PutMembers makes accounts members, or changes their nicks and roles, 100 with a request. each is told of every account, in
// the order of the list where none was busy; one says nothing of another.
func (c *Client) PutMembers(ctx context.Context, w Write, server string, list []NewMember, each func(Entry)) error {
	return inBatches(ctx, c, list, Entry.busy, each, func(part []NewMember) ([]Entry, error) {
		var out struct{ Results []Entry }
		_, err := c.do(ctx, request{method: http.MethodPut, path: []string{"servers", server, "members"}, write: w,
			body: map[string]any{"members": part}}, &out)
		return out.Results, err
	})
}

// RemoveMembers makes members leave, as PutMembers makes them join.
func (c *Client) RemoveMembers(ctx context.Context, w Write, server string, accounts []string, each func(Entry)) error {
	return inBatches(ctx, c, accounts, Entry.busy, each, func(part []string) ([]Entry, error) {
		var out struct{ Results []Entry }
		_, err := c.do(ctx, request{method: http.MethodPost, path: []string{"servers", server, "members", "remove"}, write: w,
			body: map[string]any{"accids": part}}, &out)
		return out.Results, err
	})
}

func (e Entry) busy() bool { return busy(e.Status) }

// PutBan bans an account, member or not.
func (c *Client) PutBan(ctx context.Context, w Write, server, account string) (Member, error) {
	return put[Member](ctx, c, w, nil, "servers", server, "members", account, "ban")
}

// DeleteBan ends a ban.
func (c *Client) DeleteBan(ctx context.Context, w Write, server, account string) error {
	return c.remove(ctx, w, "servers", server, "members", account, "ban")
}

// ServersOf are the servers of an account.
func (c *Client) ServersOf(account string) *Pages[Membership] {
	return pages[Membership](c, "servers", "accounts", account, "servers")
}

// Connections are those of an account, the oldest first.
func (c *Client) Connections(ctx context.Context, account string) ([]Connection, error) {
	var out struct{ Connections []Connection }
	_, err := c.do(ctx, request{method: http.MethodGet, path: []string{"accounts", account, "connections"}}, &out)
	return out.Connections, err
}

// Disconnect closes a connection of an account; all of them where none is named.
func (c *Client) Disconnect(ctx context.Context, account, connection string) error {
	path := []string{"accounts", account, "connections"}
	if connection != "" {
		path = append(path, connection)
	}
	return c.remove(ctx, Write{}, path...)
}

// maxBatch is how many a request takes.
const maxBatch = 100

// inBatches sends many, and those that were busy again, as often as a request is repeated.
func inBatches[I, R any](ctx context.Context, c *Client, list []I, busy func(R) bool, each func(R), send func([]I) ([]R, error)) error {
	for len(list) > 0 {
		part := list[:min(len(list), maxBatch)]
		list = list[len(part):]
		for attempt := 1; len(part) > 0; attempt++ {
			results, err := send(part)
			if err == nil && len(results) != len(part) {
				err = errors.New("the Server API answered for another number than it was asked for")
			}
			if err != nil {
				return err
			}
			var again []I
			for i, result := range results {
				if attempt < attempts && busy(result) {
					again = append(again, part[i])
					continue
				}
				each(result)
			}
			if part = again; len(part) == 0 {
				break
			}
			if err := c.sleep(ctx, pause(attempt, "1")); err != nil {
				return err
			}
		}
	}
	return nil
}
