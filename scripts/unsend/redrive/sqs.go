package redrive

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"unsend/shared/chat"
)

// waitForLetters makes SQS ask all its servers: with no wait it asks some (SQS developer guide, "Short and long polling").
const waitForLetters = time.Second

// SQS is a dead letter queue.
type SQS struct {
	client *sqs.Client
	url    string
}

var _ Letters = (*SQS)(nil)

// NewSQS makes the queue at the URL.
func NewSQS(cfg aws.Config, url string) *SQS {
	return &SQS{client: sqs.NewFromConfig(cfg), url: url}
}

// Hidden asks the queue's metrics. See [Letters].
func (q *SQS) Hidden(ctx context.Context) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	const hidden = types.QueueAttributeNameApproximateNumberOfMessagesNotVisible
	out, err := q.client.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{QueueUrl: &q.url, AttributeNames: []types.QueueAttributeName{hidden}})
	if err != nil {
		return 0, fmt.Errorf("look at the dead letter queue %s (may you call sqs:GetQueueAttributes on it?): %w", q.url, err)
	}
	n, _ := strconv.Atoi(out.Attributes[string(hidden)]) // no number: nobody knows
	return n, nil
}

// Receive gives some letters. See [Letters].
func (q *SQS) Receive(ctx context.Context, max int) ([]Letter, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	out, err := q.client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{
		QueueUrl: &q.url, MaxNumberOfMessages: int32(max), VisibilityTimeout: int32(HiddenFor.Seconds()), WaitTimeSeconds: int32(waitForLetters.Seconds()),
		MessageSystemAttributeNames: []types.MessageSystemAttributeName{types.MessageSystemAttributeNameSentTimestamp},
	})
	if err != nil {
		return nil, fmt.Errorf("read the dead letter queue %s (may you call sqs:ReceiveMessage on it?): %w", q.url, err)
	}
	letters := make([]Letter, len(out.Messages))
	for i, m := range out.Messages {
		letters[i] = Letter{ID: aws.ToString(m.MessageId), Handle: aws.ToString(m.ReceiptHandle), Body: aws.ToString(m.Body)}
		if ms, err := strconv.ParseInt(m.Attributes[string(types.MessageSystemAttributeNameSentTimestamp)], 10, 64); err == nil {
			letters[i].At = time.UnixMilli(ms).UTC()
		}
	}
	return letters, nil
}

// Release shows letters again. See [Letters].
func (q *SQS) Release(ctx context.Context, letters []Letter) error {
	for some := range slices.Chunk(letters, lettersAtATime) {
		entries := make([]types.ChangeMessageVisibilityBatchRequestEntry, len(some))
		for i, letter := range some {
			entries[i] = types.ChangeMessageVisibilityBatchRequestEntry{Id: aws.String(strconv.Itoa(i)), ReceiptHandle: aws.String(letter.Handle)}
		}
		if _, err := q.client.ChangeMessageVisibilityBatch(ctx, &sqs.ChangeMessageVisibilityBatchInput{QueueUrl: &q.url, Entries: entries}); err != nil {
			return fmt.Errorf("show dead letters of %s again (may you call sqs:ChangeMessageVisibility on it?): %w", q.url, err)
		}
	}
	return nil
}

// Delete deletes a letter. See [Letters].
func (q *SQS) Delete(ctx context.Context, letter Letter) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	if _, err := q.client.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: &q.url, ReceiptHandle: &letter.Handle}); err != nil {
		return fmt.Errorf("delete a dead letter of %s (may you call sqs:DeleteMessage on it?): %w", q.url, err)
	}
	return nil
}

// bounded gives each call its time.
type bounded struct{ chat.Queue }

// Bounded is the queue with a bound for each call.
func Bounded(q chat.Queue) chat.Queue { return bounded{q} }

// Enqueue stores the task, or fails in time. See [chat.Queue].
func (b bounded) Enqueue(ctx context.Context, task chat.Task) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	if err := b.Queue.Enqueue(ctx, task); err != nil {
		return fmt.Errorf("replay into the push queue (may you call sqs:SendMessage on it?): %w", err)
	}
	return nil
}
