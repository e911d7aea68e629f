// Command revoke takes messages back: the routes revoke and revokeBatch.
package main

import (
	"context"

	"unsend/shared/awsenv"
	"unsend/shared/chat"
	"unsend/shared/config"
	"unsend/shared/dynamo"
	"unsend/shared/edge"
	"unsend/shared/queue/fastpath"
)

func main() { edge.Start(run) }

func run(_ context.Context, getenv func(string) string) (edge.Handler, error) {
	env := config.From(getenv)
	tables := dynamo.Tables{Messages: env.Text(config.MessagesTable), Community: env.Text(config.CommunityTable), Sessions: env.Text(config.SessionsTable)}
	windows := env.Windows()
	frames := int(env.Int(config.FramesPer10S, 0, 1_000))
	tasks := env.OptionalURL(config.PushQueueURL)
	if err := env.Err(); err != nil {
		return nil, err
	}
	cfg, err := awsenv.Config(getenv)
	if err != nil {
		return nil, err
	}
	store := dynamo.New(dynamo.NewClient(cfg), tables, dynamo.Options{})
	e := edge.New(getenv, env.Metrics())
	fast, err := fastpath.New(cfg, tasks, e.Clock, edge.FastPathFailed)
	if err != nil {
		return nil, err
	}
	return newHandler(e, &chat.Revocations{
		Standings: store, Messages: store, Clock: e.Clock, Windows: windows, Limit: chat.FrameLimit{Counter: store, Most: frames}, Fast: fast,
	}), nil
}
