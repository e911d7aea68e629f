package main

import (
	"context"
	"net/http"

	"unsend/shared/edge"
	"unsend/shared/wire"
)

func (c communities) messageEndpoints() []endpoint {
	const messages = "/servers/{server}/channels/{channel}/messages"
	bound := []string{actingAs}
	return []endpoint{
		{"POST " + messages, bound, c.postMessage},
		{"POST " + messages + "/revoke", bound, c.postRevoke},
	}
}

func (c communities) postMessage(ctx context.Context, r *request) (reply, error) {
	w, err := r.unconditional()
	if err != nil {
		return reply{}, err
	}
	author, message, err := wire.DecodeSent(r.body, r.PathValue(serverID), r.PathValue(channelID))
	if err != nil {
		return reply{}, err
	}
	sent, err := c.admin.Send(ctx, w, author, message)
	if err != nil {
		return reply{}, err
	}
	r.inv.Sent()
	status := http.StatusCreated
	if sent.Repeat {
		status = http.StatusOK
	}
	body, err := wire.EncodeMessage(sent.Message)
	return reply{status: status, body: body}, err
}

// postRevoke answers with what became of each message.
func (c communities) postRevoke(ctx context.Context, r *request) (reply, error) {
	w, err := r.unconditional()
	if err != nil {
		return reply{}, err
	}
	operator, messages, err := wire.DecodeTakenBack(r.body, r.PathValue(serverID), r.PathValue(channelID))
	if err != nil {
		return reply{}, err
	}
	outcomes, err := c.admin.Revoke(ctx, w, operator, messages)
	if err != nil {
		r.inv.Revoked(edge.Settle(err))
		return reply{}, err
	}
	errs := make([]error, len(outcomes))
	for i := range outcomes {
		outcomes[i].Err = edge.Settle(outcomes[i].Err)
		errs[i] = outcomes[i].Err
	}
	r.inv.Revoked(errs...)
	body, err := wire.EncodeOutcomes(outcomes)
	return reply{status: http.StatusOK, body: body, failed: edge.FailedPart(errs)}, err
}
