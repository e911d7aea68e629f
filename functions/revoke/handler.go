package main

import (
	"context"

	"unsend/shared/chat"
	"unsend/shared/edge"
	"unsend/shared/wire"
)

type revoker interface {
	Revoke(context.Context, chat.Connection, chat.RevokeRequest) (chat.Message, error)
}

func newHandler(e edge.Edge, messages revoker) edge.Handler {
	return edge.Frames(e, edge.Route[chat.RevokeRequest]{
		Key:    wire.Revoke,
		Decode: wire.DecodeRevoke,
		Serve: func(ctx context.Context, c chat.Connection, r chat.RevokeRequest) (wire.Result, error) {
			m, err := messages.Revoke(ctx, c, r)
			return wire.Result{Message: &m}, err
		},
		Subject: func(r chat.RevokeRequest) edge.Subject {
			return edge.Subject{Server: r.Key.ServerID, Channel: r.Key.ChannelID, Message: r.Key.MsgServerID}
		},
	})
}
