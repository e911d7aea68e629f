// Command sweep works on jobs: it takes back what an account has sent, and removes the rows of channels and servers that were
// deleted. It is the consumer of the sweep queue.
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
	"unsend/shared/queue"
)

// budget leaves time for a page that has begun, of the function's 60 s.
const budget = 30 * time.Second

func main() { edge.Start(run) }

func run(_ context.Context, getenv func(string) string) (edge.QueueHandler, error) {
	env := config.From(getenv)
	tables := dynamo.Tables{Messages: env.Text(config.MessagesTable), Community: env.Text(config.CommunityTable)}
	windows := env.Windows()
	jobs := env.URL(config.SweepQueueURL)
	if err := env.Err(); err != nil {
		return nil, err
	}
	cfg, err := awsenv.Config(getenv)
	if err != nil {
		return nil, err
	}
	e := edge.New(getenv, env.Metrics())
	return newHandler(e, &chat.Sweeper{
		Store: dynamo.New(dynamo.NewClient(cfg), tables, dynamo.Options{}), Queue: queue.NewJobs(cfg, jobs), Clock: e.Clock,
		Windows: windows, Pace: rate.NewLimiter(chat.SweepUnitsPerSecond, 1), Budget: budget,
	}), nil
}
