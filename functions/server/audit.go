package main

import (
	"context"
	"net/http"

	"unsend/shared/chat"
)

// audits are the endpoints of who did what.
type audits struct{ admin *chat.Administration }

func (a audits) endpoints() []endpoint {
	return []endpoint{{"GET /servers/{server}/audit", []string{"from", "until", "limit", "cursor"}, a.getAudit}}
}

// The kinds of entries.
const (
	revokeKind = "revoke"
	policyKind = "policy"
)

// revokeEntryBody is who took a message back; device_id is empty where the operator named none.
type revokeEntryBody struct {
	At          int64  `json:"at"` // ms
	Kind        string `json:"kind"`
	Operator    string `json:"operator"`
	DeviceID    string `json:"device_id"`
	ClientType  int    `json:"client_type"`
	Door        string `json:"door"`
	ChannelID   string `json:"channel_id"`
	Timestamp   int64  `json:"timestamp"` // ms
	MsgServerID string `json:"msg_server_id"`
	Author      string `json:"author"`
	Reason      string `json:"reason"`
}

// policyEntryBody is who changed a row. Ids that it is not about are left out.
type policyEntryBody struct {
	At        int64    `json:"at"` // ms
	Kind      string   `json:"kind"`
	Action    string   `json:"action"`
	Operator  string   `json:"operator"`
	Principal string   `json:"principal"`
	Door      string   `json:"door"`
	ChannelID string   `json:"channel_id,omitempty"`
	RoleID    string   `json:"role_id,omitempty"`
	Accid     string   `json:"accid,omitempty"`
	Version   int64    `json:"version"`
	Changes   []string `json:"changes"`
}

// auditBody has entries of both kinds.
type auditBody struct {
	Entries []any  `json:"entries"`
	Next    string `json:"next,omitempty"` // the cursor of the next page; absent at the end
}

func entryBodyOf(e chat.AuditEntry) any {
	if r := e.Revoke; r != nil {
		return revokeEntryBody{
			At: r.RevokedAt, Kind: revokeKind, Operator: r.Operator.AccountID, DeviceID: r.Operator.DeviceID,
			ClientType: int(r.Operator.ClientType), Door: string(r.Door), ChannelID: r.ChannelID, Timestamp: r.Timestamp,
			MsgServerID: r.MsgServerID, Author: r.AuthorID, Reason: r.Reason,
		}
	}
	p := e.Policy
	return policyEntryBody{
		At: p.At, Kind: policyKind, Action: string(p.Action), Operator: p.Operator, Principal: p.Principal, Door: string(p.Door),
		ChannelID: p.ChannelID, RoleID: p.RoleID, Accid: p.AccountID, Version: p.Version, Changes: p.Changes,
	}
}

func (a audits) getAudit(ctx context.Context, r *request) (reply, error) {
	q, err := r.auditQuery()
	if err != nil {
		return reply{}, err
	}
	page, err := a.admin.Audit(ctx, q)
	if err != nil {
		return reply{}, err
	}
	body := auditBody{Entries: []any{}}
	for _, e := range page.Entries {
		body.Entries = append(body.Entries, entryBodyOf(e))
	}
	body.Next = formatCursor(page.Next)
	return reply{status: http.StatusOK, body: body}, nil
}

func (r *request) auditQuery() (q chat.AuditQuery, err error) {
	q.ServerID = r.PathValue(serverID)
	if q.From, err = r.number("from", 0); err != nil {
		return q, err
	}
	if q.Until, err = r.number("until", chat.MaxTimestamp); err != nil {
		return q, err
	}
	q.Limit, q.After, err = r.pageAfter()
	return q, err
}
