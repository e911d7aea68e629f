package main

import (
	"context"

	"unsend/shared/chat"
	"unsend/shared/edge"
)

type disconnector interface {
	Disconnect(context.Context, chat.Connection) error
}

func newHandler(e edge.Edge, sessions disconnector) edge.Handler {
	return edge.Disconnect(e, sessions.Disconnect)
}
