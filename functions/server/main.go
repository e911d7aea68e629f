// Command server is the Server API: what a team's back end manages its communities with. It is an HTTP API behind a function
// URL that takes signed requests only (AWS_IAM).
//
// Every resource is written by an idempotent PUT and answers with its row's version as an ETag. A write with If-Match is made at
// that version only, one with If-None-Match: * makes what is not there yet; else the answer is 412 with the ETag of now. With
// ?acting_as=ACCOUNT the permissions of that account bind the write. All errors are problems of RFC 9457.
package main

import (
	"context"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambdaurl"

	"unsend/shared/awsenv"
	"unsend/shared/chat"
	"unsend/shared/config"
	"unsend/shared/dynamo"
	"unsend/shared/edge"
	"unsend/shared/gateway"
	"unsend/shared/queue"
	"unsend/shared/queue/fastpath"
)

// handler handles a request of the function URL.
type handler = func(context.Context, *events.LambdaFunctionURLRequest) (*events.LambdaFunctionURLStreamingResponse, error)

func main() { edge.Start(run) }

func run(_ context.Context, getenv func(string) string) (handler, error) {
	env := config.From(getenv)
	tables := dynamo.Tables{
		Messages: env.Text(config.MessagesTable), Sessions: env.Text(config.SessionsTable), Community: env.Text(config.CommunityTable), Audit: env.Text(config.AuditTable),
	}
	callback := env.URL(config.CallbackURL)
	large := int(env.Int(config.LargeServer, 0, 1_000_000))
	retention, audit, windows := env.Retention(), env.AuditRetention(), env.Windows()
	jobs, tasks := env.URL(config.SweepQueueURL), env.OptionalURL(config.PushQueueURL)
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
	admin := &chat.Administration{
		Store: store, Jobs: queue.NewJobs(cfg, jobs), Clock: e.Clock, LargeServer: large, AuditRetention: audit,
		NewID: edge.NewMessageID, Retention: retention, Windows: windows, Fast: fast,
	}
	sessions := &chat.Sessions{Store: store, Gateway: gateway.New(cfg, callback), Clock: e.Clock}
	return lambdaurl.Wrap(newHandler(e, endpoints(admin, sessions))), nil
}
