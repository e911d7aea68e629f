package main

import (
	"context"

	"unsend/shared/chat"
	"unsend/shared/edge"
	"unsend/shared/queue"
)

type worker interface {
	Work(context.Context, chat.JobRef) (chat.WorkReport, error)
}

func newHandler(e edge.Edge, w worker) edge.QueueHandler {
	return edge.Queue(e, "sweep", queue.DecodeJob, func(ctx context.Context, jobs []chat.JobRef) edge.Outcome {
		var (
			did        chat.JobCounts
			unfinished []int
			errs       []error
		)
		for i, job := range jobs {
			report, err := w.Work(ctx, job)
			did = did.Plus(report.Did)
			if report.Busy != nil {
				errs = append(errs, report.Busy)
			}
			if err != nil {
				errs = append(errs, err)
				unfinished = append(unfinished, i)
			}
		}
		return edge.Worked(did, unfinished, errs)
	})
}
