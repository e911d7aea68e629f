// Command connect makes a device reachable, and closes the one it replaces: the route
// $connect, after authorize.
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
	tables := dynamo.Tables{Community: env.Text(config.CommunityTable), Sessions: env.Text(config.SessionsTable)}
	callback := env.URL(config.CallbackURL)
	most := int(env.Int(config.MaxConnections, 1, 50))
	if err := env.Err(); err != nil {
		return nil, err
	}
	cfg, err := awsenv.Config(getenv)
	if err != nil {
		return nil, err
	}
	store := dynamo.New(dynamo.NewClient(cfg), tables, dynamo.Options{})
	e := edge.New(getenv, env.Metrics())
	return newHandler(e, &chat.Sessions{Store: store, Gateway: gateway.New(cfg, callback), Clock: e.Clock, MaxConnections: most}), nil
}
