package main

import (
	"context"

	"github.com/aws/aws-lambda-go/events"

	"unsend/shared/chat"
	"unsend/shared/edge"
	"unsend/shared/wire"
)

type historian interface {
	History(context.Context, chat.Connection, chat.HistoryRequest) (chat.HistoryPage, error)
}

type synchronizer interface {
	Sync(context.Context, chat.Connection, chat.SyncRequest) (chat.SyncPage, error)
}

// newHandler serves history, and sync where that is the event's route.
func newHandler(e edge.Edge, messages historian, updates synchronizer) edge.Handler {
	history := edge.Frames(e, edge.Route[chat.HistoryRequest]{
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
	sync := edge.Frames(e, edge.Route[chat.SyncRequest]{
		Key:    wire.Sync,
		Decode: wire.DecodeSync,
		Serve: func(ctx context.Context, c chat.Connection, r chat.SyncRequest) (wire.Result, error) {
			page, err := updates.Sync(ctx, c, r)
			return wire.Result{Sync: &page}, err
		},
		Subject: func(r chat.SyncRequest) edge.Subject { return edge.Subject{Server: r.ServerID} },
	})
	return func(ctx context.Context, event events.APIGatewayWebsocketProxyRequest) (events.APIGatewayProxyResponse, error) {
		if event.RequestContext.RouteKey == wire.Sync {
			return sync(ctx, event)
		}
		return history(ctx, event)
	}
}
