package main

import (
	"context"

	"github.com/aws/aws-lambda-go/events"

	"unsend/shared/chat"
	"unsend/shared/edge"
	"unsend/shared/wire"
)

type revoker interface {
	Revoke(context.Context, chat.Connection, chat.RevokeRequest) (chat.Message, error)
	RevokeBatch(context.Context, chat.Connection, chat.RevokeBatchRequest) ([]chat.RevokeOutcome, error)
}

// newHandler serves revoke, and revokeBatch where that is the event's route.
func newHandler(e edge.Edge, messages revoker) edge.Handler {
	one := edge.Frames(e, edge.Route[chat.RevokeRequest]{
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
	batch := edge.Frames(e, edge.Route[chat.RevokeBatchRequest]{
		Key:    wire.RevokeBatch,
		Decode: wire.DecodeRevokeBatch,
		Serve: func(ctx context.Context, c chat.Connection, r chat.RevokeBatchRequest) (wire.Result, error) {
			outcomes, err := messages.RevokeBatch(ctx, c, r)
			return wire.Result{Revoked: outcomes}, err
		},
		Subject: func(r chat.RevokeBatchRequest) edge.Subject {
			return edge.Subject{Server: r.ServerID, Channel: r.ChannelID}
		},
	})
	return func(ctx context.Context, event events.APIGatewayWebsocketProxyRequest) (events.APIGatewayProxyResponse, error) {
		if event.RequestContext.RouteKey == wire.RevokeBatch {
			return batch(ctx, event)
		}
		return one(ctx, event)
	}
}
