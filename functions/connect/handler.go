package main

import (
	"context"

	"unsend/shared/chat"
	"unsend/shared/edge"
)

type connector interface {
	Connect(context.Context, chat.Connection) error
}

func newHandler(e edge.Edge, sessions connector) edge.Handler {
	return edge.Connect(e, sessions.Connect)
}
