package chat

import (
	"context"
	"time"
)

// FastPath has revocations told at once, by push, beside the stream. The stream stays what guarantees that they are told: who
// is told twice shows nothing new.
type FastPath struct {
	// Queue is push's; nil: there is no fast path.
	Queue Queue
	// Failed is told why the queue may not have a task, for the log of the request that ctx is of.
	Failed func(ctx context.Context, err error)
}

// FastPathTimeout bounds what a fast path may add to a revoke's answer: somebody waits for that, and the stream is hardly later.
const FastPathTimeout = 500 * time.Millisecond

// tell has push tell of messages of one server that the caller has just taken back: by one task, at most MaxMessagesPerFrame
// of them. It has ended when it returns, and its failing is no failure of the revocations.
func (f FastPath) tell(ctx context.Context, revoked []MessageKey) {
	if f.Queue == nil || len(revoked) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, FastPathTimeout)
	defer cancel()
	if err := Guard(func() error { return f.Queue.Enqueue(ctx, fastTask(revoked)) }); err != nil {
		f.Failed(ctx, err)
	}
}

// fastTask is of the whole audience, of which nobody was told yet.
func fastTask(revoked []MessageKey) Task {
	t := Task{ServerID: revoked[0].ServerID}
	for _, key := range revoked {
		t.Records = append(t.Records, Stored{Key: key, Kind: Modified})
	}
	return t
}

// did tells whether the row is as this write left it, rather than an earlier one. Where the write's answer was lost and it was
// repeated, it is.
func (w RevokeWrite) did(row Message) bool {
	return row.UpdatedAt == w.Now.UnixMilli() && row.Revocation != nil && *row.Revocation == w.Revocation
}
