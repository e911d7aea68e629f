package main

import (
	"context"
	"errors"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"unsend/shared/chat"
	"unsend/shared/edge"
	"unsend/shared/wire"
)

type pinger interface {
	Ping(context.Context, chat.Connection) (time.Time, error)
}

// newHandler serves ping, and $default: what no route was found for, which is
// refused with what is wrong with it.
func newHandler(e edge.Edge, sessions pinger) edge.Handler {
	ping := edge.Frames(e, edge.Route[struct{}]{
		Key:    wire.Ping,
		Decode: wire.DecodePing,
		Serve: func(ctx context.Context, c chat.Connection, _ struct{}) (wire.Result, error) {
			now, err := sessions.Ping(ctx, c)
			return wire.Result{ServerTime: now.UnixMilli()}, err
		},
	})
	unrouted := edge.Frames(e, edge.Route[struct{}]{
		Key:    wire.Default,
		Decode: wire.DecodeDefault,
		Serve: func(context.Context, chat.Connection, struct{}) (wire.Result, error) {
			return wire.Result{}, errors.New("a frame without a route was not refused")
		},
	})
	return func(ctx context.Context, event events.APIGatewayWebsocketProxyRequest) (events.APIGatewayProxyResponse, error) {
		if event.RequestContext.RouteKey == wire.Ping {
			return ping(ctx, event)
		}
		return unrouted(ctx, event)
	}
}
