package main

import (
	"context"
	"encoding/base64"
	"net/http"

	"unsend/shared/chat"
)

// accounts are the endpoints of what an account has.
type accounts struct {
	admin    *chat.Administration
	sessions *chat.Sessions
}

const connectionID = "connection"

func (a accounts) endpoints() []endpoint {
	return []endpoint{
		{"GET /accounts/{account}/servers", []string{"limit", "cursor"}, a.getServers},
		{"GET /accounts/{account}/connections", nil, a.getConnections},
		{"DELETE /accounts/{account}/connections", nil, a.deleteConnections},
		{"DELETE /accounts/{account}/connections/{connection}", nil, a.deleteConnections},
	}
}

type membershipBody struct {
	ServerID string   `json:"server_id"`
	Roles    []string `json:"roles"`
}

type serversBody struct {
	Servers []membershipBody `json:"servers"`
	Next    string           `json:"next,omitempty"` // the cursor of the next page; absent at the end
}

func (a accounts) getServers(ctx context.Context, r *request) (reply, error) {
	limit, after, err := r.page()
	if err != nil {
		return reply{}, err
	}
	servers, next, err := a.admin.ServersOf(ctx, r.PathValue(accountID), after, limit)
	if err != nil {
		return reply{}, err
	}
	body := serversBody{Servers: []membershipBody{}, Next: formatCursor(next)}
	for _, m := range servers {
		body.Servers = append(body.Servers, membershipBody{m.ServerID, m.Roles})
	}
	return reply{status: http.StatusOK, body: body}, nil
}

// page reads which page is asked for: how long, and after which id.
func (r *request) page() (int, string, error) {
	limit, after, err := r.pageAfter()
	if err == nil && after != "" && chat.CheckID("cursor", after) != nil {
		err = chat.UnknownPosition()
	}
	return limit, after, err
}

// pageAfter is page where more than an id says after what.
func (r *request) pageAfter() (limit int, after string, err error) {
	n, err := r.number("limit", chat.MaxPage)
	if err != nil {
		return 0, "", err
	}
	after, err = openCursor(r.URL.Query().Get("cursor"))
	return int(n), after, err
}

// cursorVersion begins a cursor, so that another form can be told from this one.
const cursorVersion = 1

// formatCursor is base64url of the version and the place of the last row: its id, or what else its list goes by. Of nothing it is nothing.
func formatCursor(place string) string {
	if place == "" {
		return ""
	}
	return base64.RawURLEncoding.EncodeToString(append([]byte{cursorVersion}, place...))
}

// openCursor reads what formatCursor wrote, and nothing else; of nothing it is nothing.
func openCursor(text string) (string, error) {
	if text == "" {
		return "", nil
	}
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(raw) < 2 || formatCursor(string(raw[1:])) != text {
		return "", chat.UnknownPosition()
	}
	return string(raw[1:]), nil
}

type connectionBody struct {
	ConnectionID   string `json:"connection_id"`
	DeviceID       string `json:"device_id,omitempty"`
	ClientType     int    `json:"client_type"`
	ConnectedAt    int64  `json:"connected_at"`     // ms
	TokenExpiresAt int64  `json:"token_expires_at"` // ms
}

type connectionsBody struct {
	Connections []connectionBody `json:"connections"`
}

func (a accounts) getConnections(ctx context.Context, r *request) (reply, error) {
	connections, err := a.sessions.List(ctx, r.PathValue(accountID))
	if err != nil {
		return reply{}, err
	}
	body := connectionsBody{Connections: []connectionBody{}}
	for _, c := range connections {
		body.Connections = append(body.Connections, connectionBody{c.ID, c.DeviceID, int(c.ClientType), c.ConnectedAt, c.TokenExpiresAt})
	}
	return reply{status: http.StatusOK, body: body}, nil
}

// deleteConnections ends one connection, or all.
func (a accounts) deleteConnections(ctx context.Context, r *request) (reply, error) {
	if err := r.empty(); err != nil {
		return reply{}, err
	}
	return reply{status: http.StatusNoContent}, a.sessions.End(ctx, r.PathValue(accountID), r.PathValue(connectionID))
}
