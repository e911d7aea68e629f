// Package queue keeps the tasks of push, and jobs, in SQS queues.
//
// A message holds ids, times and cursors: never a message's text, which push reads
// again from its row. Delivery is at least once and in any order (SQS developer guide, "Standard queues"); what
// a consumer cannot finish comes again when its visibility timeout is over, and ends in the dead letter queue.
package queue

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"unsend/shared/chat"
)

// maxDelay is what SQS takes (SQS developer guide, "Message quotas").
const maxDelay = 15 * time.Minute

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
	body, err := EncodeTask(task)
	if err != nil {
		return err
	}
	return q.put(ctx, body, task.ServerID, task.Delay)
}

// put stores a message about the server, to be delivered when delay is over.
func (q *Queue) put(ctx context.Context, body, serverID string, delay time.Duration) error {
	_, err := q.client.SendMessage(ctx, &sqs.SendMessageInput{
		QueueUrl: aws.String(q.url), MessageBody: aws.String(body), DelaySeconds: seconds(delay), MessageGroupId: aws.String(group(serverID)),
	})
	return explain(err)
}

// explain tells what may be taken later from what somebody must mend: a permission, or a queue, that is missing.
func explain(err error) error {
	if err == nil {
		return nil
	}
	wrapped := fmt.Errorf("put a message into the queue: %w", err)
	api, refused := errors.AsType[smithy.APIError](err)
	if refused && api.ErrorFault() != smithy.FaultServer && statusOf(err) < 500 && !retry.IsErrorThrottles(retry.DefaultThrottles).IsErrorThrottle(err).Bool() {
		return wrapped
	}
	return &chat.Error{Code: chat.Busy, Err: wrapped}
}

// statusOf is 0 where no answer came.
func statusOf(err error) int {
	if response, ok := errors.AsType[*smithyhttp.ResponseError](err); ok {
		return response.HTTPStatusCode()
	}
	return 0
}

// group has a standard queue share its deliveries fairly: a server with many tasks does not hold up the others' (SQS
// developer guide, "Amazon SQS fair queues"). An id may hold more than a group's name.
func group(serverID string) string {
	sum := sha256.Sum256([]byte(serverID))
	return hex.EncodeToString(sum[:8])
}

// seconds rounds up, within what SQS takes.
func seconds(d time.Duration) int32 {
	return int32((min(d, maxDelay) + time.Second - 1) / time.Second)
}
