package dynamo

import (
	"cmp"
	"context"

	"unsend/shared/chat"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// sweepingRow names the sweep that an account began last in its own name; which account, is in its key. It counts while that sweep is at
// work: a transaction that begins another one replaces it, on the condition that it is still the one that was read. A sweep's id can
// come back only when its job is gone, at least chat.JobTTL later: the row has another end then, and is not taken for the one before.
type sweepingRow struct {
	Job       string `dynamodbav:"job"`
	ExpiresAt int64  `dynamodbav:"ttl"`
}

const attrJob = "job"

func sweepingKey(server, account string) (itemKey, error) {
	return newKey([]string{"counts", server}, []string{"sweeping", account})
}

func encodeSweeping(job chat.Job) (item, error) {
	key, err := sweepingKey(job.ServerID, job.Sweep.Operator.AccountID)
	if err != nil {
		return nil, err
	}
	return key.with(sweepingRow{job.ID, secondsUp(job.CreatedAt + chat.JobTTL.Milliseconds())})
}

// takesTurn has the sweep be the one that its operator began last. Conflict while the one before is at work, which is given then; errJobIsThere
// where the sweep itself began earlier.
func (w *transaction) takesTurn(ctx context.Context, s *Store, op string, job chat.Job) (chat.Job, error) {
	row, err := encodeSweeping(job)
	if err != nil {
		return chat.Job{}, failed(op, err)
	}
	was, err := s.get(ctx, op, w.table, keyOf(row))
	if err != nil {
		return chat.Job{}, err
	}
	last, err := s.lastSweep(ctx, op, was, job)
	switch {
	case err != nil:
		return chat.Job{}, err
	case last.Bars(job):
		if _, err := s.Job(ctx, job.JobRef); chat.CodeOf(err) != chat.NotFound {
			return chat.Job{}, cmp.Or(err, errJobIsThere)
		}
		return last, chat.SweepIsAtWork(last.ID)
	}
	w.failing(func(context.Context, *Store, string) error { return again{busy(op, errOvertaken)} })
	w.put(row, nil)
	w.guardSweeping(was)
	return chat.Job{}, nil
}

// lastSweep is the job that the row names, with none where it is gone.
func (s *Store) lastSweep(ctx context.Context, op string, row item, job chat.Job) (chat.Job, error) {
	if row == nil {
		return chat.Job{}, nil
	}
	stored, err := decode[sweepingRow](row)
	if err != nil {
		return chat.Job{}, failed(op, err)
	}
	last, err := s.Job(ctx, chat.JobRef{ServerID: job.ServerID, Kind: chat.SweepJob, ID: stored.Job})
	if chat.CodeOf(err) == chat.NotFound {
		err = nil
	}
	return last, err
}

// guardSweeping puts the condition on the last put that the row is still this one; nil: that there is none.
func (w *transaction) guardSweeping(was item) {
	if was == nil {
		w.guard(0)
		return
	}
	put := w.items[len(w.items)-1].Put
	put.ConditionExpression = aws.String("#job = :job AND #ttl = :ttl")
	put.ExpressionAttributeNames = map[string]string{"#job": attrJob, "#ttl": attrTTL}
	put.ExpressionAttributeValues = item{":job": was[attrJob], ":ttl": was[attrTTL]}
}
