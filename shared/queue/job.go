package queue

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"unsend/shared/chat"
	"unsend/shared/queue/form"
)

// Jobs is a chat.JobQueue. It is safe for concurrent use.
type Jobs struct{ queue *Queue }

var _ chat.JobQueue = (*Jobs)(nil)

// NewJobs makes the queue of jobs at the URL.
func NewJobs(cfg aws.Config, url string) *Jobs { return &Jobs{New(cfg, url)} }

// EnqueueJob stores a message with one request. See [chat.JobQueue].
func (q *Jobs) EnqueueJob(ctx context.Context, job chat.JobRef, delay time.Duration) error {
	body, err := form.EncodeJob(job)
	if err != nil {
		return err
	}
	return q.queue.put(ctx, body, job.ServerID, delay)
}
