package main

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"unsend/shared/chat"
)

// windows are the two windows of a level as JSON has them: null is not set.
type windows struct {
	Own       *int64 `json:"revoke_window_ms"`
	Moderator *int64 `json:"moderator_window_ms"`
}

func windowsOf(w chat.Windows) windows { return windows{(*int64)(w.Own), (*int64)(w.Moderator)} }

func (w windows) windows() chat.Windows {
	return chat.Windows{Own: (*chat.Window)(w.Own), Moderator: (*chat.Window)(w.Moderator)}
}

// grant is a grant as JSON has it, by names.
type grant struct {
	Allow []string `json:"allow"`
	Deny  []string `json:"deny"`
}

func grantOf(g chat.Grant) grant { return grant{names(g.Allow), names(g.Deny)} }

func names(m chat.Mask) []string {
	list := []string{}
	for _, p := range m.Permissions() {
		list = append(list, p.String())
	}
	return list
}

func (g grant) grant() (chat.Grant, error) {
	allow, err := mask("allow", g.Allow)
	if err != nil {
		return chat.Grant{}, err
	}
	deny, err := mask("deny", g.Deny)
	return chat.Grant{Allow: allow, Deny: deny}, err
}

func mask(field string, list []string) (m chat.Mask, err error) {
	for _, name := range list {
		p, err := chat.ParsePermission(name)
		if err != nil {
			return 0, chat.InvalidField(field, "holds an unknown permission; known are "+strings.Join(known(), ", "))
		}
		m |= chat.MaskOf(p)
	}
	return m, nil
}

func known() []string {
	var list []string
	for _, p := range chat.Permissions() {
		list = append(list, p.String())
	}
	return list
}

type serverBody struct {
	ServerID string `json:"server_id"`
	Owner    string `json:"owner"`
	windows
	Roles []roleBody `json:"roles"`
}

func serverBodyOf(s chat.Server) serverBody {
	body := serverBody{ServerID: s.ID, Owner: s.OwnerID, windows: windowsOf(s.Windows), Roles: []roleBody{}}
	for _, role := range s.Roles {
		body.Roles = append(body.Roles, roleBodyOf(role))
	}
	slices.SortStableFunc(body.Roles, func(a, b roleBody) int { return a.Priority - b.Priority })
	return body
}

type roleBody struct {
	RoleID   string `json:"role_id"`
	Priority int    `json:"priority"`
	grant
	windows
}

func roleBodyOf(r chat.Role) roleBody {
	return roleBody{RoleID: r.ID, Priority: r.Priority, grant: grantOf(r.Grant), windows: windowsOf(r.Windows)}
}

// communities are the endpoints of what a community consists of.
type communities struct{ admin *chat.Administration }

func (c communities) endpoints() []endpoint {
	bound := []string{actingAs}
	return slices.Concat([]endpoint{
		{"GET /servers/{server}", nil, c.getServer},
		{"PUT /servers/{server}", bound, c.putServer},
		{"GET /servers/{server}/roles/{role}", nil, c.getRole},
		{"PUT /servers/{server}/roles/{role}", bound, c.putRole},
		{"DELETE /servers/{server}/roles/{role}", bound, c.deleteRole},
	}, c.channelEndpoints(), c.memberEndpoints(), c.listEndpoints(), c.severalMembersEndpoints(), c.messageEndpoints(), c.jobEndpoints())
}

// replied makes the reply of what was saved, or of its refusal, which has the row's version where it is known.
func replied[T, B any](saved chat.Saved[T], err error, body func(T) B) (reply, error) {
	if err != nil {
		if chat.CodeOf(err) != chat.Stale {
			saved.Version = 0
		}
		return reply{version: saved.Version}, err
	}
	status := http.StatusOK
	if saved.Created {
		status = http.StatusCreated
	}
	return reply{status: status, version: saved.Version, body: body(saved.Value)}, nil
}

// removed is the reply of a DELETE.
func removed[T any](saved chat.Saved[T], err error) (reply, error) {
	out, err := replied(saved, err, func(T) any { return nil })
	out.status, out.body = http.StatusNoContent, nil
	return out, err
}

func (c communities) getServer(ctx context.Context, r *request) (reply, error) {
	saved, err := c.admin.Server(ctx, r.PathValue(serverID))
	return replied(saved, err, serverBodyOf)
}

func (c communities) putServer(ctx context.Context, r *request) (reply, error) {
	var body struct {
		Owner string `json:"owner"`
		windows
	}
	w, err := r.reading(&body)
	if err != nil {
		return reply{}, err
	}
	saved, err := c.admin.PutServer(ctx, w, r.PathValue(serverID), chat.ServerPolicy{OwnerID: body.Owner, Windows: body.windows.windows()})
	return replied(saved, err, serverBodyOf)
}

// reading reads the conditions of a write and its body.
func (r *request) reading(body any) (chat.Write, error) {
	w, err := r.write()
	if err != nil {
		return w, err
	}
	return w, r.read(body)
}

// emptily is reading where there is nothing to say.
func (r *request) emptily() (chat.Write, error) {
	w, err := r.write()
	if err != nil {
		return w, err
	}
	return w, r.empty()
}

func (c communities) getRole(ctx context.Context, r *request) (reply, error) {
	saved, err := c.admin.Role(ctx, r.PathValue(serverID), r.PathValue(roleID))
	return replied(saved, err, roleBodyOf)
}

func (c communities) putRole(ctx context.Context, r *request) (reply, error) {
	var body struct {
		Priority int `json:"priority"`
		grant
		windows
	}
	w, err := r.reading(&body)
	if err != nil {
		return reply{}, err
	}
	grant, err := body.grant.grant()
	if err != nil {
		return reply{}, err
	}
	saved, err := c.admin.PutRole(ctx, w, r.PathValue(serverID), chat.Role{
		ID: r.PathValue(roleID), Priority: body.Priority, Grant: grant, Windows: body.windows.windows(),
	})
	return replied(saved, err, roleBodyOf)
}

func (c communities) deleteRole(ctx context.Context, r *request) (reply, error) {
	w, err := r.emptily()
	if err != nil {
		return reply{}, err
	}
	return removed(c.admin.DeleteRole(ctx, w, r.PathValue(serverID), r.PathValue(roleID)))
}
