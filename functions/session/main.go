// Command session keeps connections alive, keeps what they subscribed to, and answers what is no request: the
// routes ping, subscribe, unsubscribe and $default.
package main

import (
	"context"

	"unsend/shared/awsenv"
	"unsend/shared/chat"
	"unsend/shared/config"
	"unsend/shared/dynamo"
	"unsend/shared/edge"
	"unsend/shared/gateway"
)

func main() { edge.Start(run) }

func run(_ context.Context, getenv func(string) string) (edge.Handler, error) {
	env := config.From(getenv)
	tables := dynamo.Tables{Sessions: env.Text(config.SessionsTable), Community: env.Text(config.CommunityTable)}
	most := int(env.Int(config.MaxSubscriptions, 1, 1_000))
	callback := env.URL(config.CallbackURL)
	frames := int(env.Int(config.FramesPer10S, 0, 1_000))
	if err := env.Err(); err != nil {
		return nil, err
	}
	cfg, err := awsenv.Config(getenv)
	if err != nil {
		return nil, err
	}
	store := dynamo.New(dynamo.NewClient(cfg), tables, dynamo.Options{})
	e := edge.New(getenv, env.Metrics())
	limit := chat.FrameLimit{Counter: store, Most: frames, Uncounted: edge.Note}
	return newHandler(e,
		&chat.Sessions{Store: store, Gateway: gateway.New(cfg, callback), Clock: e.Clock, Limit: limit},
		&chat.Subscriptions{Store: store, Sights: store, Clock: e.Clock, Limit: limit, Most: most},
	), nil
}
