// Command read reads pages of channels: the route history.
package main

import (
	"context"
	"os"
	"time"

	"unsend/shared/awsenv"
	"unsend/shared/chat"
	"unsend/shared/config"
	"unsend/shared/dynamo"
	"unsend/shared/edge"
)

func main() { edge.Start(run) }

func run(_ context.Context, getenv func(string) string) (edge.Handler, error) {
	env := config.From(getenv)
	tables := dynamo.Tables{Messages: env.Text(config.MessagesTable), Community: env.Text(config.CommunityTable)}
	if err := env.Err(); err != nil {
		return nil, err
	}
	cfg, err := awsenv.Config(getenv)
	if err != nil {
		return nil, err
	}
	store := dynamo.New(dynamo.NewClient(cfg), tables, dynamo.Options{})
	e := edge.Edge{Log: edge.NewLogger(os.Stdout, getenv), Clock: time.Now}
	return newHandler(e, &chat.Histories{Standings: store, Messages: store, Clock: time.Now}), nil
}
