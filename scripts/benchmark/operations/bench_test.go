package operations

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"unsend/shared/awsenv"
	"unsend/shared/dynamo/dynamotest"
	"unsend/shared/gateway"
)

// BenchmarkOperations plays each operation: see [tape].
func BenchmarkOperations(b *testing.B) {
	s := benched(b, Scene{History: 100, Members: 30})
	for _, each := range cases {
		s.play(b, each)
	}
}

// BenchmarkTelling plays notify and push where a thousand devices are connected: each tells 500 of them. Posting is API
// Gateway's client and one for all at a server in this process; "at once" is without both.
func BenchmarkTelling(b *testing.B) {
	s := benched(b, Scene{History: 100, Members: 1_003, Online: 1_000})
	s.play(b, operation{"notify at once", 1, notifying})
	s.play(b, operation{"push at once", 1, pushing})
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) }))
	b.Cleanup(server.Close)
	cfg, err := awsenv.Config(func(name string) string {
		return map[string]string{awsenv.Region: "us-east-1", awsenv.AccessKeyID: "test", awsenv.SecretKey: "test"}[name]
	})
	if err != nil {
		b.Fatal(err)
	}
	s.devices.gateway = gateway.New(cfg, server.URL)
	s.play(b, operation{"notify", 1, notifying})
	s.play(b, operation{"push", 1, pushing})
}

// pushing goes on with what notify left to the queue.
func pushing(ctx context.Context, w *world) (invocation, error) {
	messages, err := w.written(ctx, 1)
	if err != nil {
		return invocation{}, err
	}
	if _, err := w.notify(ctx, changed(events.DynamoDBOperationTypeInsert, messages[0])); err != nil {
		return invocation{}, err
	}
	tasks := w.queue.Take()
	return invocation{
		do: func(ctx context.Context) (string, error) {
			report := w.notifier.Push(ctx, tasks)
			return fmt.Sprint(report.Posts), errors.Join(report.Errs...)
		},
		check: wanted(fmt.Sprint(w.online - directPushLimit)),
	}, nil
}

// benched is a studio with its scene.
func benched(b *testing.B, scene Scene) *studio {
	b.Helper()
	client := func(options ...func(*dynamodb.Options)) *dynamodb.Client { return dynamotest.Client(b, options...) }
	s := newStudio(client, dynamotest.Tables(b, client()), scene, func(f func(context.Context) error) error { return f(b.Context()) })
	b.Cleanup(s.close)
	if err := s.fill(b.Context(), scene); err != nil {
		b.Fatal(err)
	}
	return s
}

func (s *studio) play(b *testing.B, each operation) {
	b.Run(each.name, func(b *testing.B) {
		played, err := s.keep(each)
		if err != nil {
			b.Fatal(err)
		}
		b.ReportAllocs()
		begun := processorTime()
		for b.Loop() {
			if err := played.again(b.Context()); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64((processorTime()-begun).Nanoseconds())/float64(b.N), "cpu-ns/op")
	})
}
