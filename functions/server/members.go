package main

import (
	"context"
	"net/http"

	"unsend/shared/chat"
	"unsend/shared/edge"
)

func (c communities) severalMembersEndpoints() []endpoint {
	const members = "/servers/{server}/members"
	bound := []string{actingAs}
	return []endpoint{
		{"PUT " + members, bound, c.putMembers},
		{"POST " + members + "/remove", bound, c.deleteMembers},
	}
}

// outcomeBody is what one of several would have been answered by itself.
type outcomeBody struct {
	Accid  string `json:"accid"`
	Status int    `json:"status"`
	Detail string `json:"detail,omitempty"` // why not; absent where it was done
}

type outcomesBody struct {
	Results []outcomeBody `json:"results"`
}

func (c communities) putMembers(ctx context.Context, r *request) (reply, error) {
	var body struct {
		Members []struct {
			Accid string   `json:"accid"`
			Nick  string   `json:"nick"`
			Roles []string `json:"roles"`
		} `json:"members"`
	}
	w, err := r.readingSeveral(&body)
	if err != nil {
		return reply{}, err
	}
	members := make([]chat.NewMember, len(body.Members))
	for i, m := range body.Members {
		members[i] = chat.NewMember{AccountID: m.Accid, Profile: chat.Profile{Nick: m.Nick, Roles: m.Roles}}
	}
	outcomes, err := c.admin.PutMembers(ctx, w, r.PathValue(serverID), members)
	return repliedSeveral(outcomes, err, func(o chat.MemberOutcome) int {
		if o.Created {
			return http.StatusCreated
		}
		return http.StatusOK
	})
}

func (c communities) deleteMembers(ctx context.Context, r *request) (reply, error) {
	var body struct {
		Accids []string `json:"accids"`
	}
	w, err := r.readingSeveral(&body)
	if err != nil {
		return reply{}, err
	}
	outcomes, err := c.admin.DeleteMembers(ctx, w, r.PathValue(serverID), body.Accids)
	return repliedSeveral(outcomes, err, func(chat.MemberOutcome) int { return http.StatusNoContent })
}

// readingSeveral is reading where several rows are written.
func (r *request) readingSeveral(body any) (chat.Write, error) {
	w, err := r.unconditional()
	if err != nil {
		return w, err
	}
	return w, r.read(body)
}

// repliedSeveral makes the reply of several writes; done is the status of one that was made.
func repliedSeveral(outcomes []chat.MemberOutcome, err error, done func(chat.MemberOutcome) int) (reply, error) {
	if err != nil {
		return reply{}, err
	}
	body, errs := outcomesBody{Results: []outcomeBody{}}, make([]error, len(outcomes))
	for i, o := range outcomes {
		each := outcomeBody{Accid: o.AccountID, Status: done(o)}
		if errs[i] = edge.Settle(o.Err); errs[i] != nil {
			p := problemOf(errs[i])
			each.Status, each.Detail = p.Status, p.Detail
		}
		body.Results = append(body.Results, each)
	}
	return reply{status: http.StatusOK, body: body, failed: edge.FailedPart(errs)}, nil
}
