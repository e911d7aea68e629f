// Command notify tells devices what became of messages: the consumer of the Messages
// table's stream.
package main

import (
	"context"
	"time"

	"unsend/shared/awsenv"
	"unsend/shared/chat"
	"unsend/shared/config"
	"unsend/shared/dynamo"
	"unsend/shared/edge"
	"unsend/shared/gateway"
	"unsend/shared/queue"
	"unsend/shared/wire"
)

func main() { edge.Start(run) }

func run(_ context.Context, getenv func(string) string) (edge.StreamHandler, error) {
	env := config.From(getenv)
	tables := dynamo.Tables{Messages: env.Text(config.MessagesTable), Community: env.Text(config.CommunityTable), Sessions: env.Text(config.SessionsTable)}
	callback := env.URL(config.CallbackURL)
	concurrency := int(env.Int(config.PushConcurrency, 1, 256))
	budget := time.Duration(env.Int(config.ServerPushBudget, 100, 20_000)) * time.Millisecond
	most := int(env.Int(config.DirectPushLimit, 1, 5_000))
	tasks := env.URL(config.PushQueueURL)
	if err := env.Err(); err != nil {
		return nil, err
	}
	cfg, err := awsenv.Config(getenv)
	if err != nil {
		return nil, err
	}
	store := dynamo.New(dynamo.NewClient(cfg), tables, dynamo.Options{})
	e := edge.New(getenv, env.Metrics())
	return newHandler(e, &chat.Notifier{
		Messages: store, Audience: store, Deliveries: store, Rights: store, Sessions: store,
		Gateway: gateway.New(cfg, callback), Queue: queue.New(cfg, tasks), Encode: wire.EncodeNotices, Clock: e.Clock,
		Concurrency: concurrency, Budget: budget, DirectPushLimit: most,
	}, dynamo.ParseMessageKey), nil
}
