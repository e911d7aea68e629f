// Command record keeps who took what back, and tells an event bus what became of messages: the second
// consumer of the Messages table's stream.
package main

import (
	"context"

	"unsend/shared/awsenv"
	"unsend/shared/chat"
	"unsend/shared/config"
	"unsend/shared/dynamo"
	"unsend/shared/edge"
	"unsend/shared/eventbridge"
)

func main() { edge.Start(run) }

func run(_ context.Context, getenv func(string) string) (edge.StreamHandler, error) {
	env := config.From(getenv)
	tables := dynamo.Tables{Messages: env.Text(config.MessagesTable), Audit: env.Text(config.AuditTable)}
	retention := env.AuditRetention()
	bus := env.Optional(config.EventBus)
	if err := env.Err(); err != nil {
		return nil, err
	}
	cfg, err := awsenv.Config(getenv)
	if err != nil {
		return nil, err
	}
	store := dynamo.New(dynamo.NewClient(cfg), tables, dynamo.Options{})
	e := edge.New(getenv, env.Metrics())
	r := &chat.Recorder{Messages: store, Audit: store, Clock: e.Clock, Retention: retention}
	if bus != "" {
		r.Events = eventbridge.New(cfg, bus)
	}
	return newHandler(e, r, dynamo.ParseMessageKey), nil
}
