package main

import (
	"context"

	"unsend/shared/chat"
	"unsend/shared/edge"
)

type notifier interface {
	Notify(context.Context, []chat.Stored) chat.Report
}

// newHandler makes the handler. parseKey reads the key of a message row.
func newHandler(e edge.Edge, n notifier, parseKey func(pk, sk string) (chat.MessageKey, error)) edge.StreamHandler {
	return edge.Stream(e, "notify", parseKey, func(ctx context.Context, records []chat.Stored) edge.Outcome {
		return edge.Pushed(n.Notify(ctx, records))
	})
}
