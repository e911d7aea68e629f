package main

import (
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

// What fails comes again, and so does what is no job; a table that is busy does not, as the job is in the queue already.
func TestSweepReportsWhatIsUnfinished(t *testing.T) {
	t.Parallel()
	w := edgetest.NewWorld(t)
	w.Store.Before = func(op string) error {
		if op == "Job" {
			return errors.New("why")
		}
		return nil
	}
	handle := newHandler(w.Edge(), &chat.Sweeper{Store: w.Store, Queue: &chattest.Jobs{}, Clock: w.Clock, Budget: time.Second})
	event := edgetest.Load[events.SQSEvent](t, "sweep")
	odd := event.Records[0]
	odd.MessageId, odd.Body = "odd", `{"v":1,"server":"SECRET#","kind":"sweep","job":"x"}`
	event.Records = append(event.Records, odd)
	response, err := handle(t.Context(), event)
	if err != nil || len(response.BatchItemFailures) != 2 {
		t.Fatalf("%+v, %v", response, err)
	}
	line := w.Line(t)
	if reason, _ := line["error"].(string); line["level"] != "ERROR" || line["unparsable"] != 1.0 || strings.Contains(reason, "SECRET") {
		t.Errorf("line %v", line)
	}
}
