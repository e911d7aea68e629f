package fanout

import (
	"context"
	"time"

	"golang.org/x/time/rate"

	"unsend/shared/chat"
	"unsend/shared/wire"
)

// done is an invocation that has ended.
type done struct {
	report chat.Report
	ran    time.Duration
	push   *chat.Notifier // free again; nil where it was notify
}

// notifier is one environment of notify or push, as functions/ wires it.
func (p *play) notifier(push bool) *chat.Notifier {
	d := p.options.Deployment
	n := &chat.Notifier{
		Messages: p.rows, Audience: p.rows, Deliveries: p.rows, Rights: p.rows, Sessions: p.rows,
		Gateway: caller{p.service, push}, Queue: p.queue, Encode: wire.EncodeNotices, Clock: time.Now,
		Concurrency: d.PushConcurrency, Budget: d.ServerBudget, DirectPushLimit: d.DirectPushLimit,
	}
	if push {
		n.Budget, n.DirectPushLimit = d.TaskBudget, 0
		n.Pace = rate.NewLimiter(rate.Limit(float64(d.PostsPerSecond)/float64(d.PushInvocations)), 1)
	}
	return n
}

// run gives the records to notify, when the stream has them, and, as the mapping of the queue does, batches of tasks to as many
// invocations of push as are free, until nothing is left.
func (p *play) run(ctx context.Context, records []chat.Stored) Pass {
	var pass Pass
	ended := make(chan done)
	running := 1
	go func() {
		time.Sleep(streamDelay)
		began := time.Now()
		report := p.notify.Notify(ctx, records)
		ended <- done{report, time.Since(began), nil}
	}()
	for {
		in, any := p.queue.next()
		switch {
		case any && in <= 0 && len(p.free) > 0:
			n := p.free[len(p.free)-1]
			p.free = p.free[:len(p.free)-1]
			running++
			go func(batch []delivery) { ended <- p.invoke(ctx, n, batch) }(p.queue.receive())
			continue
		case !any && running == 0:
			return pass
		}
		select {
		case d := <-ended:
			running--
			pass.add(d)
			if d.push != nil {
				p.free = append(p.free, d.push)
			}
		case <-p.queue.changed:
		case <-after(in, any && in > 0):
		}
	}
}

// after is a timer, where one is wanted.
func after(d time.Duration, wanted bool) <-chan time.Time {
	if !wanted {
		return nil
	}
	return time.After(d)
}

// invoke runs push on a batch.
func (p *play) invoke(ctx context.Context, n *chat.Notifier, batch []delivery) done {
	ctx, cancel := context.WithTimeout(ctx, pushTimeout)
	defer cancel()
	tasks := make([]chat.Task, len(batch))
	for i, d := range batch {
		tasks[i] = d.task
	}
	began := time.Now()
	report := n.Push(ctx, tasks)
	for _, i := range report.Unfinished {
		p.queue.again(batch[i])
	}
	return done{report, time.Since(began), n}
}

func (p *Pass) add(d done) {
	p.Invocations++
	p.Ran += d.ran
	p.Retried += d.report.Retried
	p.Gone += d.report.Gone
	p.Closed += d.report.Closed
	p.Dropped += d.report.Dropped
	p.Tasks += d.report.Queued
	if d.push != nil {
		p.Requests += 2 // ReceiveMessage, DeleteMessageBatch
	}
	p.Requests += d.report.Queued
}
