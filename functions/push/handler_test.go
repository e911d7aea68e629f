package main

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/go-cmp/cmp"

	"unsend/shared/chat"
	"unsend/shared/chat/chattest"
	"unsend/shared/edge/edgetest"
	"unsend/shared/wire"
)

const messageID = "01KDVDNC00041061050R3GG28A"

func queueEvent(t *testing.T) events.SQSEvent {
	t.Helper()
	return edgetest.Load[events.SQSEvent](t, "queue")
}

// The event holds a walk that goes on after a=, with an insert, and c= alone with a
// revocation. The message is revoked by then: only that is told.
func TestPush(t *testing.T) {
	t.Parallel()
	w := edgetest.NewWorld(t)
	m := w.PutMessage(t, "alice", "s1", "c1", messageID, "SECRET")
	sessions := &chat.Sessions{Store: w.Store, Gateway: w.Gateway, Clock: w.Clock, MaxConnections: 10}
	for _, id := range []string{"a=", "b=", "c="} {
		c := chat.Connection{ID: id, AccountID: "bob", DeviceID: id, ClientType: chat.Web,
			ConnectedAt: w.Now.UnixMilli(), TokenExpiresAt: w.Now.Add(time.Hour).UnixMilli()}
		if err := sessions.Connect(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.Store.RevokeMessage(t.Context(), chat.RevokeWrite{Key: m.MessageKey, Now: w.Now,
		Revocation: chat.Revocation{Operator: chat.Actor{AccountID: "alice", Device: "alice-device"}}}); err != nil {
		t.Fatal(err)
	}
	tasks := &chattest.Queue{}
	p := &chat.Notifier{Messages: w.Store, Audience: w.Store, Deliveries: w.Store, Rights: w.Store, Sessions: w.Store, Gateway: w.Gateway,
		Queue: tasks, Encode: wire.EncodeNotices, Clock: w.Clock, Concurrency: 8, Budget: 20 * time.Second}
	response, err := newHandler(w.Edge(), p)(t.Context(), queueEvent(t))
	if err != nil || len(response.BatchItemFailures) != 0 || len(tasks.Take()) != 0 {
		t.Errorf("%+v, %v", response, err)
	}
	a, b, c := w.Gateway.Frames("a="), w.Gateway.Frames("b="), w.Gateway.Frames("c=")
	if len(a) != 0 || len(b) != 0 || len(c) != 1 || !strings.Contains(string(c[0]), `"event":"message_updated"`) || strings.Contains(string(c[0]), "SECRET") {
		t.Errorf("a got %s, b %s, c %s", a, b, c)
	}
	line := w.Line(t)
	if got, want := edgetest.Measured(line), "posts 1, push_ms [0]"; got != want {
		t.Errorf("measured %s, want %s", got, want)
	}
	if line["route"] != "push" || line["records"] != 2.0 || line["posts"] != 1.0 || line["code"] != 200.0 {
		t.Errorf("line %v", line)
	}
}

type fakePusher struct {
	got    []chat.Task
	report chat.Report
}

func (f *fakePusher) Push(_ context.Context, tasks []chat.Task) chat.Report {
	f.got = tasks
	return f.report
}

// What is unfinished is named by its message, and so is what is no task: it must
// end with the dead letters, where somebody sees it.
func TestPushReportsWhatIsUnfinished(t *testing.T) {
	t.Parallel()
	w := edgetest.NewWorld(t)
	event := queueEvent(t)
	odd := event.Records[0]
	odd.MessageId, odd.Body = "odd", `{"v":1,"server":"SECRET#"}`
	event.Records = append([]events.SQSMessage{odd}, event.Records...)
	fake := &fakePusher{report: chat.Report{Unfinished: []int{1}, Errs: []error{errors.New("why")}}}
	response, err := newHandler(w.Edge(), fake)(t.Context(), event)
	want := []events.SQSBatchItemFailure{{ItemIdentifier: event.Records[2].MessageId}, {ItemIdentifier: "odd"}}
	if diff := cmp.Diff(want, response.BatchItemFailures); err != nil || diff != "" || len(fake.got) != 2 {
		t.Errorf("%v, %d tasks\n%s", err, len(fake.got), diff)
	}
	line := w.Line(t)
	if reason, _ := line["error"].(string); line["level"] != "ERROR" || line["unparsable"] != 1.0 || strings.Contains(reason, "SECRET") {
		t.Errorf("line %v", line)
	}
}

// What only waits comes again, and is no mistake of ours.
func TestPushOfWhatWaits(t *testing.T) {
	t.Parallel()
	w := edgetest.NewWorld(t)
	fake := &fakePusher{report: chat.Report{Unfinished: []int{0}, Errs: []error{chat.ErrThrottled}}}
	response, err := newHandler(w.Edge(), fake)(t.Context(), queueEvent(t))
	if line := w.Line(t); err != nil || len(response.BatchItemFailures) != 1 || line["level"] != "WARN" || line["code"] != 503.0 || line["unfinished"] != 1.0 {
		t.Errorf("%+v, %v; line %v", response, err, line)
	}
}
