// Command push tells the devices that notify did not get to: the consumer of the push queue.
package main

import (
	"context"
	"time"

	"golang.org/x/time/rate"

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

func run(_ context.Context, getenv func(string) string) (edge.QueueHandler, error) {
	env := config.From(getenv)
	tables := dynamo.Tables{Messages: env.Text(config.MessagesTable), Community: env.Text(config.CommunityTable), Sessions: env.Text(config.SessionsTable)}
	callback := env.URL(config.CallbackURL)
	concurrency := int(env.Int(config.PushConcurrency, 1, 256))
	budget := time.Duration(env.Int(config.TaskPushBudget, 1_000, 40_000)) * time.Millisecond
	tasks := env.URL(config.PushQueueURL)
	posts, invocations := env.Int(config.PostsPerSecond, 2, 1_000_000), env.Int(config.PushInvocations, 2, 1_000)
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
		Concurrency: concurrency, Budget: budget, Pace: pace(posts, invocations),
	}), nil
}

// pace is this invocation's share of the posts per second: the mapping runs as many
// invocations at a time as there are shares.
func pace(posts, invocations int64) *rate.Limiter {
	return rate.NewLimiter(rate.Limit(float64(posts)/float64(invocations)), 1)
}
