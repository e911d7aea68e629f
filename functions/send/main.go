// Command send stores the messages that devices send: the route send.
package main

import (
	"context"

	"unsend/shared/awsenv"
	"unsend/shared/chat"
	"unsend/shared/config"
	"unsend/shared/dynamo"
	"unsend/shared/edge"
)

func main() { edge.Start(run) }

func run(_ context.Context, getenv func(string) string) (edge.Handler, error) {
	env := config.From(getenv)
	tables := dynamo.Tables{Messages: env.Text(config.MessagesTable), Community: env.Text(config.CommunityTable), Sessions: env.Text(config.SessionsTable)}
	retention := env.Retention()
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
	return newHandler(e, &chat.Sender{
		Standings: store, Messages: store, Clock: e.Clock, NewID: edge.NewMessageID, Retention: retention, Limit: chat.FrameLimit{Counter: store, Most: frames, Uncounted: edge.Note},
	}), nil
}
