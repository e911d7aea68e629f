package main

import (
	"context"

	"unsend/shared/chat"
	"unsend/shared/edge"
	"unsend/shared/wire"
)

type sender interface {
	Send(context.Context, chat.Connection, chat.SendRequest) (chat.Message, error)
}

func newHandler(e edge.Edge, messages sender) edge.Handler {
	return edge.Frames(e, edge.Route[chat.SendRequest]{
		Key:    wire.Send,
		Decode: wire.DecodeSend,
		Serve: func(ctx context.Context, c chat.Connection, r chat.SendRequest) (wire.Result, error) {
			m, err := messages.Send(ctx, c, r)
			return wire.Result{Message: &m}, err
		},
		Subject: func(r chat.SendRequest) edge.Subject {
			return edge.Subject{Server: r.ServerID, Channel: r.ChannelID}
		},
	})
}
