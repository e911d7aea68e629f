package chattest

import (
	"context"
	"sync"
	"time"

	"unsend/shared/chat"
)

// Queue is a push queue in memory, which delivers when a test says so. It is safe
// for concurrent use.
type Queue struct {
	// Fail, where it is set, refuses a task with its error.
	Fail func(chat.Task) error

	mu    sync.Mutex
	tasks []chat.Task
}

var _ chat.Queue = (*Queue)(nil)

// Enqueue keeps the task.
func (q *Queue) Enqueue(ctx context.Context, task chat.Task) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if q.Fail != nil {
		if err := q.Fail(task); err != nil {
			return err
		}
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.tasks = append(q.tasks, task)
	return nil
}

// Take gives the tasks that wait, and forgets them.
func (q *Queue) Take() []chat.Task {
	q.mu.Lock()
	defer q.mu.Unlock()
	taken := q.tasks
	q.tasks = nil
	return taken
}

// Jobs is a chat.JobQueue in memory, which keeps what it was given.
type Jobs struct {
	mu   sync.Mutex
	jobs []chat.JobRef
}

// EnqueueJob keeps it.
func (q *Jobs) EnqueueJob(_ context.Context, job chat.JobRef, _ time.Duration) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.jobs = append(q.jobs, job)
	return nil
}

// Take gives the jobs that wait, and forgets them.
func (q *Jobs) Take() []chat.JobRef {
	q.mu.Lock()
	defer q.mu.Unlock()
	jobs := q.jobs
	q.jobs = nil
	return jobs
}
