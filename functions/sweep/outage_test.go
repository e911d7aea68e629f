package main

import (
	"context"
	"testing"
	"time"

	"unsend/shared/chat"
	"unsend/shared/edge"
	"unsend/shared/outage"
	"unsend/shared/queue/form"
)

// Whatever is down: the job goes on from its place. A sweep takes each message back, and counts it, once; a deletion leaves no row.
func TestOutages(t *testing.T) {
	outage.Play(t, "sweep", run, func(c *outage.Case, h edge.QueueHandler) outage.Scene {
		c.Found()
		m := c.Send("m1", time.Minute)
		job, check := sweeping(c, m)
		if c.Of == "a deletion" {
			job, check = deleting(c)
		}
		body, err := form.EncodeJob(job)
		c.Must(body, err)
		work := func(ctx context.Context) string {
			response, err := h(ctx, outage.Queued(body))
			return c.AfterQueue(1, response, err)
		}
		return outage.Scene{Invoke: work, Again: func(ctx context.Context) (got string) {
			for range 20 { // one invocation has a budget
				stored, err := c.Store.Job(ctx, job)
				c.Must(stored, err)
				if stored.FinishedAt > 0 {
					break
				}
				if got = work(ctx); got != "done" || c.Of == "a young sweep" {
					return got
				}
			}
			return "done"
		}, Check: check}
	})
}

// sweeping is a sweep of alice's message: one that is old enough to end at once, or a young one, which has to wait.
func sweeping(c *outage.Case, m chat.Message) (chat.JobRef, func()) {
	c.Helper()
	at := time.Now().Add(-30 * time.Second)
	young := c.Of == "a young sweep"
	if young {
		at = time.Now()
	}
	job := chat.Job{
		JobRef: chat.JobRef{ServerID: c.ServerID(), Kind: chat.SweepJob, ID: "spam"}, CreatedAt: at.UnixMilli(), UpdatedAt: at.UnixMilli(),
		Sweep: &chat.Sweep{AccountID: c.Alice(), Operator: chat.Actor{AccountID: "office"}},
	}
	_, _, err := c.Store.PutJob(c.Context(), job, c.Act(chat.ActionPutSweep, at))
	c.Must(nil, err)
	return job.JobRef, func() {
		c.Helper()
		job, err := c.Store.Job(c.Context(), job.JobRef)
		c.Must(job, err)
		rows, err := c.Store.Messages(c.Context(), []chat.MessageKey{m.MessageKey})
		c.Must(rows, err)
		if job.Counts.Revoked != 1 || (job.FinishedAt == 0) != young || rows[0].Status != chat.Revoked || rows[0].Version != 2 {
			c.Errorf("%+v; %+v", job, rows)
		}
		if young && len(c.Cloud.Take(outage.SweepQueue)) == 0 {
			c.Error("nobody goes on with it")
		}
	}
}

// deleting is the deletion of the server, which began long enough ago.
func deleting(c *outage.Case) (chat.JobRef, func()) {
	c.Helper()
	job, err := c.Store.DeleteServer(c.Context(), c.ServerID(), c.Act(chat.ActionDeleteServer, time.Now().Add(-2*chat.DeletionSettles)), func(chat.Server) error { return nil })
	c.Must(job, err)
	return job.JobRef, func() {
		c.Helper()
		job, err := c.Store.Job(c.Context(), job.JobRef)
		c.Must(job, err)
		servers, err := c.Store.Memberships(c.Context(), c.Alice())
		c.Must(servers, err)
		members, err := c.Store.Members(c.Context(), c.ServerID(), []string{c.Alice(), c.Bob()})
		c.Must(members, err)
		if job.FinishedAt == 0 || len(c.Messages())+len(servers)+len(members) > 0 {
			c.Errorf("%+v; left are %d messages, %d servers of alice, %d members", job, len(c.Messages()), len(servers), len(members))
		}
	}
}
