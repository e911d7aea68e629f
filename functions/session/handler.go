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

type subscriber interface {
	Subscribe(context.Context, chat.Connection, chat.SubscribeRequest) ([]chat.Subscribed, error)
	Unsubscribe(context.Context, chat.Connection, chat.SubscribeRequest) ([]chat.Subscribed, error)
}

// newHandler serves ping, subscribe, unsubscribe, and $default: what no route was found for, which is
// refused with what is wrong with it.
func newHandler(e edge.Edge, sessions pinger, subscriptions subscriber) edge.Handler {
	routes := map[string]edge.Handler{
		wire.Ping: edge.Frames(e, edge.Route[struct{}]{
			Key:    wire.Ping,
			Decode: wire.DecodePing,
			Serve: func(ctx context.Context, c chat.Connection, _ struct{}) (wire.Result, error) {
				now, err := sessions.Ping(ctx, c)
				return wire.Result{ServerTime: now.UnixMilli()}, err
			},
		}),
		wire.Subscribe:   edge.Frames(e, subscribing(wire.Subscribe, wire.DecodeSubscribe, subscriptions.Subscribe)),
		wire.Unsubscribe: edge.Frames(e, subscribing(wire.Unsubscribe, wire.DecodeUnsubscribe, subscriptions.Unsubscribe)),
	}
	unrouted := edge.Frames(e, edge.Route[struct{}]{
		Key:    wire.Default,
		Decode: wire.DecodeDefault,
		Serve: func(context.Context, chat.Connection, struct{}) (wire.Result, error) {
			return wire.Result{}, errors.New("a frame without a route was not refused")
		},
	})
	return func(ctx context.Context, event events.APIGatewayWebsocketProxyRequest) (events.APIGatewayProxyResponse, error) {
		if route, ok := routes[event.RequestContext.RouteKey]; ok {
			return route(ctx, event)
		}
		return unrouted(ctx, event)
	}
}

func subscribing(
	key string, decode func(string) (wire.Frame[chat.SubscribeRequest], error),
	serve func(context.Context, chat.Connection, chat.SubscribeRequest) ([]chat.Subscribed, error),
) edge.Route[chat.SubscribeRequest] {
	return edge.Route[chat.SubscribeRequest]{
		Key:    key,
		Decode: decode,
		Serve: func(ctx context.Context, c chat.Connection, r chat.SubscribeRequest) (wire.Result, error) {
			channels, err := serve(ctx, c, r)
			return wire.Result{Subscribed: channels}, err
		},
		Subject: func(r chat.SubscribeRequest) edge.Subject { return edge.Subject{Server: r.ServerID} },
	}
}
