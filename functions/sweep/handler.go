package main

import (
	"context"

	"unsend/shared/chat"
	"unsend/shared/edge"
	"unsend/shared/queue/form"
)

type worker interface {
	Work(context.Context, chat.JobRef) (chat.WorkReport, error)
}

// newHandler works on one job: the mapping delivers no more at a time, so that the line in the log is about one.
func newHandler(e edge.Edge, w worker) edge.QueueHandler {
	return edge.Queue(e, "sweep", form.DecodeJob, func(ctx context.Context, jobs []chat.JobRef) edge.Outcome {
		if len(jobs) == 0 {
			return edge.Outcome{}
		}
		report, err := w.Work(ctx, jobs[0])
		outcome := edge.Worked(jobs[0], report.Did, report.Busy, err)
		for i := range jobs[1:] { // which a mapping with another size of batches would deliver
			outcome.Unfinished = append(outcome.Unfinished, i+1)
		}
		return outcome
	})
}
