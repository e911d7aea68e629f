// Package queue keeps the tasks of push, and jobs, in SQS queues.
//
// A message holds ids, times and cursors: never a message's text, which push reads
// again from its row. Delivery is at least once and in any order (SQS developer guide, "Standard queues"); what
// a consumer cannot finish comes again when its visibility timeout is over, and ends in the dead letter queue.
package queue

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"unsend/shared/chat"
	"unsend/shared/queue/form"
)

// Queue is a chat.Queue. It is safe for concurrent use.
type Queue struct {
	client *sqs.Client
	url    string
}

var _ chat.Queue = (*Queue)(nil)

// New makes the queue at the URL.
func New(cfg aws.Config, url string) *Queue {
	return &Queue{client: sqs.NewFromConfig(cfg), url: url}
}

// Enqueue stores the task with one request. See [chat.Queue].
func (q *Queue) Enqueue(ctx context.Context, task chat.Task) error {
	body, err := form.EncodeTask(task)
	if err != nil {
		return err
	}
	return q.put(ctx, body, task.ServerID, task.Delay)
}

// put stores a message about the server, to be delivered when delay is over.
func (q *Queue) put(ctx context.Context, body, serverID string, delay time.Duration) error {
	_, err := q.client.SendMessage(ctx, &sqs.SendMessageInput{
		QueueUrl: aws.String(q.url), MessageBody: aws.String(body), DelaySeconds: form.Seconds(delay), MessageGroupId: aws.String(form.Group(serverID)),
	})
	if err != nil {
		return &chat.Error{Code: chat.Busy, Err: fmt.Errorf("put a message into the queue: %w", err)}
	}
	return nil
}
