package main

import (
	"context"
	"net/http"

	"unsend/shared/chat"
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
	if author == "" {
		author = w.ActingAs
	}
	sent, err := c.admin.Send(ctx, w, author, message)
	if err != nil {
		return reply{}, err
	}
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
		return reply{}, err
	}
	body, err := wire.EncodeOutcomes(outcomes)
	return reply{status: http.StatusOK, body: body}, err
}

// unconditional is the write of what has no version: a condition on one is refused rather than passed over.
func (r *request) unconditional() (chat.Write, error) {
	w, err := r.write()
	if err == nil && (w.New || w.Exists || len(w.Versions) > 0) {
		err = chat.InvalidField("If-Match", "like If-None-Match is for what has a version")
	}
	return w, err
}
