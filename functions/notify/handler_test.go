package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/go-cmp/cmp"

	"unsend/shared/chat"
	"unsend/shared/chat/chattest"
	"unsend/shared/dynamo"
	"unsend/shared/edge/edgetest"
	"unsend/shared/wire"
)

const messageID = "01KDVDNC00041061050R3GG28A"

func newNotifier(w *edgetest.World) *chat.Notifier {
	return &chat.Notifier{Messages: w.Store, Audience: w.Store, Deliveries: w.Store, Rights: w.Store, Sessions: w.Store, Gateway: w.Gateway,
		Encode: wire.EncodeNotices, Clock: w.Clock, Concurrency: 8, Budget: 3 * time.Second,
		Queue: &chattest.Queue{}, DirectPushLimit: 500}
}

// connect puts a device into the audience of s1.
func connect(t *testing.T, w *edgetest.World, account, id string) {
	t.Helper()
	s := &chat.Sessions{Store: w.Store, Gateway: w.Gateway, Clock: w.Clock, MaxConnections: 10}
	c := chat.Connection{ID: id, AccountID: account, DeviceID: account + "-device", ClientType: chat.Web,
		ConnectedAt: w.Now.UnixMilli(), TokenExpiresAt: w.Now.Add(time.Hour).UnixMilli()}
	if err := s.Connect(t.Context(), c); err != nil {
		t.Fatal(err)
	}
}

func streamEvent(t *testing.T) events.DynamoDBEvent {
	t.Helper()
	return edgetest.Load[events.DynamoDBEvent](t, "stream")
}

// The event holds the insert and the modification of one message, which is
// revoked by the time it is read again: only the revocation is told.
func TestNotify(t *testing.T) {
	t.Parallel()
	w := edgetest.NewWorld(t)
	m := w.PutMessage(t, "alice", "s1", "c1", messageID, "SECRET")
	connect(t, w, "alice", "a=")
	connect(t, w, "bob", "b=")
	connect(t, w, "carol", "c=") // of another server
	if _, err := w.Store.RevokeMessage(t.Context(), chat.RevokeWrite{Key: m.MessageKey, Now: w.Now,
		Revocation: chat.Revocation{Operator: chat.Actor{AccountID: "alice", Device: "alice-device"}}}); err != nil {
		t.Fatal(err)
	}
	response, err := newHandler(w.Edge(), newNotifier(w), dynamo.ParseMessageKey)(t.Context(), streamEvent(t))
	if err != nil || len(response.BatchItemFailures) != 0 {
		t.Errorf("%+v, %v", response, err)
	}
	if a, b, c := w.Gateway.Frames("a="), w.Gateway.Frames("b="), w.Gateway.Frames("c="); len(a) != 0 || len(b) != 1 || len(c) != 0 ||
		!strings.Contains(string(b[0]), `"event":"message_updated"`) || strings.Contains(string(b[0]), "SECRET") {
		t.Errorf("operator got %s, bystander %s, stranger %s", a, b, c)
	}
	line := w.Line(t)
	if got, want := edgetest.Measured(line), "audience 2, posts 1, push_ms [0]"; got != want {
		t.Errorf("measured %s, want %s", got, want)
	}
	if line["route"] != "notify" || line["records"] != 2.0 || line["notices"] != 1.0 || line["posts"] != 1.0 || line["code"] != 200.0 {
		t.Errorf("line %v", line)
	}
}

// fakeNotifier records what it is given.
type fakeNotifier struct {
	got    []chat.Stored
	report chat.Report
	run    func(context.Context)
}

func (f *fakeNotifier) Notify(ctx context.Context, records []chat.Stored) chat.Report {
	f.got = records
	if f.run != nil {
		f.run(ctx)
	}
	return f.report
}

func TestNotifyReadsKeys(t *testing.T) {
	t.Parallel()
	w := edgetest.NewWorld(t)
	fake := &fakeNotifier{}
	if _, err := newHandler(w.Edge(), fake, dynamo.ParseMessageKey)(t.Context(), streamEvent(t)); err != nil {
		t.Fatal(err)
	}
	key := chat.MessageKey{ServerID: "s1", ChannelID: "c1", Timestamp: 1767225600000, MsgServerID: messageID}
	if diff := cmp.Diff([]chat.Stored{{Key: key, Kind: chat.Inserted}, {Key: key, Kind: chat.Modified}}, fake.got); diff != "" {
		t.Error(diff)
	}
}

func stringKey(pk, sk string) map[string]events.DynamoDBAttributeValue {
	return map[string]events.DynamoDBAttributeValue{"pk": events.NewStringAttribute(pk), "sk": events.NewStringAttribute(sk)}
}

// One record that is no message's must not stop those behind it; numbers and
// failures are those of the records, not of what was left of them.
func TestNotifyReportsWhatIsUnfinished(t *testing.T) {
	t.Parallel()
	w := edgetest.NewWorld(t)
	var event events.DynamoDBEvent
	for i, r := range []struct {
		name string
		keys map[string]events.DynamoDBAttributeValue
	}{
		{"INSERT", stringKey("odd", "SECRET")},
		{"INSERT", stringKey("s1#c1", "000000000000001#a")},
		{"REMOVE", stringKey("s1#c1", "000000000000001#b")},
		{"MODIFY", map[string]events.DynamoDBAttributeValue{"pk": events.NewNumberAttribute("1"), "sk": events.NewStringAttribute("000000000000001#b")}},
		{"INSERT", nil},
		{"MODIFY", stringKey("s1#c1", "000000000000001#c")},
		{"INSERT", stringKey("s1#c1", "000000000000001#d")},
	} {
		event.Records = append(event.Records, events.DynamoDBEventRecord{EventID: "not this", EventName: r.name,
			Change: events.DynamoDBStreamRecord{Keys: r.keys, SequenceNumber: fmt.Sprint(100 + i)}})
	}
	fake := &fakeNotifier{report: chat.Report{Unfinished: []int{1, 2}, Errs: []error{chat.ErrThrottled}}}
	response, err := newHandler(w.Edge(), fake, dynamo.ParseMessageKey)(t.Context(), event)
	if err != nil || len(fake.got) != 3 {
		t.Fatalf("%v, %v", fake.got, err)
	}
	text, err := json.Marshal(response)
	if want := `{"batchItemFailures":[{"itemIdentifier":"105"},{"itemIdentifier":"106"}]}`; err != nil || string(text) != want {
		t.Errorf("%s, %v; want %s", text, err, want)
	}
	line := w.Line(t)
	reason, _ := line["error"].(string)
	if line["level"] != "ERROR" || line["unparsable"] != 3.0 || line["unfinished"] != 2.0 || !strings.Contains(reason, "100, 103, 104") ||
		strings.Contains(reason, "SECRET") || !strings.Contains(reason, chat.ErrThrottled.Error()) {
		t.Errorf("line %v", line)
	}
}

// The queue takes what cannot be told now, so that the stream's other records go on;
// where it does not, the stream keeps them.
func TestNotifyWhenNothingCanBeRead(t *testing.T) {
	t.Parallel()
	for _, refuses := range []bool{false, true} {
		w := edgetest.NewWorld(t)
		busy := &chat.Error{Code: chat.Busy, Err: errors.New("throttled")}
		w.Store.Before = func(string) error { return busy }
		n, tasks := newNotifier(w), &chattest.Queue{}
		if refuses {
			tasks.Fail = func(chat.Task) error { return busy }
		}
		n.Queue = tasks
		response, err := newHandler(w.Edge(), n, dynamo.ParseMessageKey)(t.Context(), streamEvent(t))
		queued, unfinished := 1, 0
		if refuses {
			queued, unfinished = 0, 2
		}
		if err != nil || len(response.BatchItemFailures) != unfinished || len(tasks.Take()) != queued {
			t.Errorf("queue refuses %v: %+v, %v", refuses, response, err)
		}
		if line := w.Line(t); line["level"] != "WARN" || line["code"] != 503.0 || line["unfinished"] != float64(unfinished) || line["queued"] != float64(queued) {
			t.Errorf("line %v", line)
		}
	}
}

// Only an error of the invocation makes the mapping split the batch.
func TestNotifyPanics(t *testing.T) {
	t.Parallel()
	w := edgetest.NewWorld(t)
	fake := &fakeNotifier{run: func(context.Context) { panic("SECRET") }}
	h := newHandler(w.Edge(), fake, dynamo.ParseMessageKey)
	if _, err := h(t.Context(), streamEvent(t)); err == nil || strings.Contains(err.Error(), "SECRET") {
		t.Errorf("error %v", err)
	}
	if line := w.Line(t); line["code"] != 500.0 || line["error"] != "panic: string" || line["stack"] == nil {
		t.Errorf("line %v", line)
	}
	fake.run = nil
	if _, err := h(t.Context(), streamEvent(t)); err != nil {
		t.Errorf("the next batch: %v", err)
	}
}

func TestNotifyEndsBeforeLambda(t *testing.T) {
	t.Parallel()
	w := edgetest.NewWorld(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	lambdas, _ := ctx.Deadline()
	fake := &fakeNotifier{run: func(ctx context.Context) {
		own, ok := ctx.Deadline()
		// Enough to answer and to log on a slow machine, and no great part of the minute.
		if left := lambdas.Sub(own); !ok || left < time.Second || left > 10*time.Second {
			t.Errorf("ends %v before Lambda, of a minute's time", left)
		}
	}}
	if _, err := newHandler(w.Edge(), fake, dynamo.ParseMessageKey)(ctx, streamEvent(t)); err != nil {
		t.Error(err)
	}
}
