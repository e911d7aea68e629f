// Command read reads pages of channels, and what was taken back since: the
// routes history and sync.
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
	limit := chat.FrameLimit{Counter: store, Most: frames, Uncounted: edge.Note}
	return newHandler(e,
		&chat.Histories{Standings: store, Messages: store, Clock: e.Clock, Limit: limit},
		&chat.Syncs{Updates: store, Sights: store, Clock: e.Clock, Retention: retention, Limit: limit},
	), nil
}
