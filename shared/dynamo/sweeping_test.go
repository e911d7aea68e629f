package dynamo_test

import (
	"testing"
	"time"

	"unsend/shared/chat"
)

// beginBound puts a sweep in alice's name.
func (s inspected) beginBound(id string, at time.Time) error {
	job := chat.Job{
		JobRef: chat.JobRef{ServerID: "s", Kind: chat.SweepJob, ID: id}, CreatedAt: at.UnixMilli(), UpdatedAt: at.UnixMilli(),
		Sweep: &chat.Sweep{AccountID: "alice", Operator: chat.Actor{AccountID: "alice"}, Bound: true},
	}
	_, _, err := s.PutJob(s.t.Context(), job, chat.Act{At: at, Action: chat.ActionPutSweep})
	return err
}

// A job that ended long ago is gone, and the row that names it may not be yet. A sweep of before there were such rows has none.
func TestASweepThatIsGoneBarsNoOther(t *testing.T) {
	t.Parallel()
	s := newInspected(t)
	began := time.UnixMilli(1_767_225_600_000)
	must(t)(nil, s.beginBound("one", began))
	s.forget("jobs#s", "sweep#one")
	must(t)(nil, s.beginBound("two", began))
	if err := s.beginBound("three", began); chat.CodeOf(err) != chat.Conflict {
		t.Errorf("one more: %v", err)
	}
	s.forget("counts#s", "sweeping#alice") // as of an earlier release
	must(t)(nil, s.beginBound("three", began))
	s.forget("jobs#s", "sweep#three")
	must(t)(nil, s.beginBound("three", began.Add(chat.JobTTL))) // the same id
	if err := s.beginBound("four", began.Add(chat.JobTTL)); chat.CodeOf(err) != chat.Conflict {
		t.Errorf("one more: %v", err)
	}
}

// An id that comes back may be another's sweep by then, or the back end's own: it is none of the account's.
func TestASweepThatCameBackAsAnothersBarsNoOther(t *testing.T) {
	t.Parallel()
	s := newInspected(t)
	began := time.UnixMilli(1_767_225_600_000)
	must(t)(nil, s.beginBound("one", began))
	s.forget("jobs#s", "sweep#one")
	office := chat.Job{JobRef: chat.JobRef{ServerID: "s", Kind: chat.SweepJob, ID: "one"}, CreatedAt: began.UnixMilli(), UpdatedAt: began.UnixMilli(),
		Sweep: &chat.Sweep{AccountID: "bob", Operator: chat.Actor{AccountID: "alice"}}}
	_, created, err := s.PutJob(t.Context(), office, chat.Act{At: began, Action: chat.ActionPutSweep})
	if err != nil || !created {
		t.Fatalf("created %v: %v", created, err)
	}
	must(t)(nil, s.beginBound("two", began))
}
