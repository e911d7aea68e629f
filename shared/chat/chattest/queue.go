package chattest

import (
	"context"
	"sync"

	"unsend/shared/chat"
)

// Queue is a push queue in memory, which delivers when a test says so. It is safe
// for concurrent use.
type Queue struct {
	// Fail, where it is set, refuses tasks with its error.
	Fail func([]chat.Task) error

	mu    sync.Mutex
	tasks []chat.Task
}

var _ chat.Queue = (*Queue)(nil)

// Enqueue keeps the tasks.
func (q *Queue) Enqueue(ctx context.Context, tasks []chat.Task) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if q.Fail != nil {
		if err := q.Fail(tasks); err != nil {
			return err
		}
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.tasks = append(q.tasks, tasks...)
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
