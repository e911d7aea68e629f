package main

import (
	"context"

	"unsend/shared/chat"
	"unsend/shared/edge"
)

type recorder interface {
	Record(context.Context, []chat.Stored) chat.RecordReport
}

// newHandler makes the handler. parseKey reads the key of a message row.
func newHandler(e edge.Edge, r recorder, parseKey func(pk, sk string) (chat.MessageKey, error)) edge.StreamHandler {
	return edge.Stream(e, "record", parseKey, func(ctx context.Context, records []chat.Stored) edge.Outcome {
		return edge.Recorded(r.Record(ctx, records))
	})
}
