package main

import (
	"context"

	"unsend/shared/chat"
	"unsend/shared/edge"
	"unsend/shared/queue/form"
)

type pusher interface {
	Push(context.Context, []chat.Task) chat.Report
}

func newHandler(e edge.Edge, p pusher) edge.QueueHandler {
	return edge.Queue(e, "push", form.DecodeTask, func(ctx context.Context, tasks []chat.Task) edge.Outcome {
		return edge.Pushed(p.Push(ctx, tasks))
	})
}
