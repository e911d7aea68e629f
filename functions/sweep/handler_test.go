package main

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"unsend/shared/chat"
	"unsend/shared/chat/chattest"
	"unsend/shared/edge/edgetest"
)

// The event is a sweep of alice's messages in s1, whose first call looks at the channels, and whose second, 10 s later, ends it.
func TestSweep(t *testing.T) {
	t.Parallel()
	w := edgetest.NewWorld(t)
	m := w.PutMessage(t, "alice", "s1", "c1", "m1", "SECRET")
	jobs := &chattest.Jobs{}
	admin := &chat.Administration{Store: w.Store, Jobs: jobs, Clock: w.Clock}
	if _, _, err := admin.Sweep(t.Context(), chat.Write{}, chat.SweepRequest{ServerID: "s1", ID: "spam", AccountID: "alice", OperatorID: "office"}); err != nil {
		t.Fatal(err)
	}
	handle := newHandler(w.Edge(), &chat.Sweeper{Store: w.Store, Queue: jobs, Clock: w.Clock, Budget: time.Second})
	event := edgetest.Load[events.SQSEvent](t, "sweep")
	for i := range 2 {
		if response, err := handle(t.Context(), event); err != nil || len(response.BatchItemFailures) != 0 {
			t.Fatalf("%+v, %v", response, err)
		}
		line := w.Line(t)
		if line["route"] != "sweep" || line["code"] != 200.0 || i == 0 && (line["revoked"] != 1.0 || line["channels"] != 2.0) {
			t.Errorf("line %v", line)
		}
		w.Now = w.Now.Add(10 * time.Second)
	}
	job, err := admin.Job(t.Context(), chat.JobRef{ServerID: "s1", Kind: chat.SweepJob, ID: "spam"})
	if err != nil || job.FinishedAt == 0 || job.Counts.Revoked != 1 {
		t.Errorf("%+v, %v", job, err)
	}
	if rows, err := w.Store.Messages(t.Context(), []chat.MessageKey{m.MessageKey}); err != nil || rows[0].Status != chat.Revoked || strings.Contains(w.Store.Dump(), "SECRET") {
		t.Errorf("%+v, %v", rows, err)
	}
}

// working is a worker that answers so.
type working struct {
	report chat.WorkReport
	err    error
}

func (w working) Work(context.Context, chat.JobRef) (chat.WorkReport, error) { return w.report, w.err }

// What fails comes again, and is our error where nothing is busy; what waits for a table that is does not, as the job is in the queue already.
func TestWhatBecomesOfAJob(t *testing.T) {
	t.Parallel()
	busy := &chat.Error{Code: chat.Busy, Err: errors.New("throttled")}
	for name, test := range map[string]struct {
		working
		again int
		level string
		code  float64
	}{
		"done":                   {working{report: chat.WorkReport{Did: chat.JobCounts{Revoked: 3}}}, 0, "INFO", 200},
		"waits for a table":      {working{report: chat.WorkReport{Busy: busy}}, 0, "WARN", 503},
		"the queue refuses":      {working{report: chat.WorkReport{Busy: busy}, err: busy}, 1, "WARN", 503},
		"something is forbidden": {working{err: errors.New("AccessDenied")}, 1, "ERROR", 500},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := edgetest.NewWorld(t)
			response, err := newHandler(w.Edge(), test.working)(t.Context(), edgetest.Load[events.SQSEvent](t, "sweep"))
			if err != nil || len(response.BatchItemFailures) != test.again {
				t.Errorf("%+v, %v", response, err)
			}
			line := w.Line(t)
			if line["level"] != test.level || line["code"] != test.code || line["server"] != "s1" || line["kind"] != "sweep" || line["job"] != "spam" {
				t.Errorf("line %v", line)
			}
			if got, want := edgetest.Measured(line), map[bool]string{true: "revokes_200 3"}[test.report.Did.Revoked == 3]; got != want {
				t.Errorf("measured %q, want %q", got, want)
			}
		})
	}
}

// What is no job comes again, to end with the dead letters.
func TestWhatIsNoJob(t *testing.T) {
	t.Parallel()
	w := edgetest.NewWorld(t)
	event := edgetest.Load[events.SQSEvent](t, "sweep")
	event.Records[0].Body = `{"v":1,"server":"SECRET#","kind":"sweep","job":"x"}`
	response, err := newHandler(w.Edge(), working{})(t.Context(), event)
	if err != nil || len(response.BatchItemFailures) != 1 {
		t.Fatalf("%+v, %v", response, err)
	}
	line := w.Line(t)
	if reason, _ := line["error"].(string); line["level"] != "ERROR" || line["unparsable"] != 1.0 || strings.Contains(reason, "SECRET") {
		t.Errorf("line %v", line)
	}
}
