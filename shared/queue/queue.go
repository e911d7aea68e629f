// Package queue keeps the tasks of push in an SQS queue.
//
// A message holds ids, times and cursors: never a message's text, which push reads
// again from its row. Delivery is at least once and in any order (SQS developer guide, "Standard queues"); what
// a consumer cannot finish comes again when its visibility timeout is over, and ends in the dead letter queue.
package queue

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"unsend/shared/chat"
)

// What a request may hold (SQS developer guide, "Message quotas"): entries, seconds of delay.
const (
	maxEntries = 10
	maxDelay   = 15 * time.Minute
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

// Enqueue stores the tasks, ten in a request. See [chat.Queue].
func (q *Queue) Enqueue(ctx context.Context, tasks []chat.Task) error {
	for chunk := range slices.Chunk(tasks, maxEntries) {
		if err := q.send(ctx, chunk); err != nil {
			return &chat.Error{Code: chat.Busy, Err: fmt.Errorf("put tasks into the queue: %w", err)}
		}
	}
	return nil
}

func (q *Queue) send(ctx context.Context, tasks []chat.Task) error {
	entries := make([]types.SendMessageBatchRequestEntry, len(tasks))
	for i, task := range tasks {
		body, err := EncodeTask(task)
		if err != nil {
			return err
		}
		entries[i] = types.SendMessageBatchRequestEntry{Id: aws.String(strconv.Itoa(i)), MessageBody: aws.String(body), DelaySeconds: seconds(task.Delay)}
	}
	out, err := q.client.SendMessageBatch(ctx, &sqs.SendMessageBatchInput{QueueUrl: aws.String(q.url), Entries: entries})
	if err != nil {
		return err
	}
	var refused []error
	for _, entry := range out.Failed {
		refused = append(refused, fmt.Errorf("refused: %s", aws.ToString(entry.Code)))
	}
	return errors.Join(refused...)
}

// seconds rounds up, within what SQS takes.
func seconds(d time.Duration) int32 {
	return int32((min(d, maxDelay) + time.Second - 1) / time.Second)
}
