package main

import (
	"context"

	"unsend/shared/chat"
	"unsend/shared/edge"
	"unsend/shared/wire"
)

type historian interface {
	History(context.Context, chat.Connection, chat.HistoryRequest) (chat.HistoryPage, error)
}

func newHandler(e edge.Edge, messages historian) edge.Handler {
	return edge.Frames(e, edge.Route[chat.HistoryRequest]{
		Key:    wire.History,
		Decode: wire.DecodeHistory,
		Serve: func(ctx context.Context, c chat.Connection, r chat.HistoryRequest) (wire.Result, error) {
			page, err := messages.History(ctx, c, r)
			return wire.Result{Page: &page}, err
		},
		Subject: func(r chat.HistoryRequest) edge.Subject {
			return edge.Subject{Server: r.ServerID, Channel: r.ChannelID}
		},
	})
}
