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
)

const (
	messageID = "01KDVDNC00041061050R3GG28A"
	otherID   = "01KDVDNC00041061050R3GG28B"
)

// recordEvent holds the insert of one message, and the insert and the modification of another.
func recordEvent(t *testing.T) events.DynamoDBEvent {
	t.Helper()
	return edgetest.Load[events.DynamoDBEvent](t, "record")
}

func newRecorder(w *edgetest.World, bus *chattest.Bus) *chat.Recorder {
	return &chat.Recorder{Messages: w.Store, Audit: w.Store, Events: bus, Clock: w.Clock, Retention: 24 * time.Hour}
}

// world has the event's messages: one as it was sent, the other taken back.
func world(t *testing.T) *edgetest.World {
	t.Helper()
	w := edgetest.NewWorld(t)
	w.PutMessage(t, "alice", "s1", "c1", messageID, "SECRET")
	m := w.PutMessage(t, "alice", "s1", "c1", otherID, "SECRET")
	if _, err := w.Store.RevokeMessage(t.Context(), chat.RevokeWrite{Key: m.MessageKey, Now: w.Now, Permitted: true, Revocation: chat.Revocation{
		Operator: chat.Actor{AccountID: "bob", Device: "bob-device"}, Info: chat.UpdateInfo{Postscript: "wrong room"}}}); err != nil {
		t.Fatal(err)
	}
	return w
}

// audit is who took what back in s1.
func audit(t *testing.T, w *edgetest.World) (all []chat.RevokeEntry) {
	t.Helper()
	page, err := w.Store.Audit(t.Context(), chat.AuditQuery{ServerID: "s1", Until: chat.MaxTimestamp, Limit: 100, Now: w.Now})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range page.Entries {
		if e.Revoke != nil {
			all = append(all, *e.Revoke)
		}
	}
	return all
}

func TestRecord(t *testing.T) {
	t.Parallel()
	w, bus := world(t), &chattest.Bus{}
	response, err := newHandler(w.Edge(), newRecorder(w, bus), dynamo.ParseMessageKey)(t.Context(), recordEvent(t))
	if err != nil || len(response.BatchItemFailures) != 0 {
		t.Errorf("%+v, %v", response, err)
	}
	entries := audit(t, w)
	if len(entries) != 1 || entries[0].MsgServerID != otherID || entries[0].Operator.AccountID != "bob" || entries[0].Reason != "wrong room" {
		t.Errorf("audit %+v", entries)
	}
	var told []string
	for _, e := range bus.Events() {
		told = append(told, fmt.Sprint(e.Type, " ", e.Key.MsgServerID, " ", e.By.AccountID))
	}
	want := []string{"message.sent " + messageID + " alice", "message.sent " + otherID + " alice", "message.revoked " + otherID + " bob"}
	if diff := cmp.Diff(want, told); diff != "" {
		t.Error(diff)
	}
	if text, err := json.Marshal([]any{entries, bus.Events()}); err != nil || strings.Contains(string(text), "SECRET") {
		t.Errorf("%s, %v", text, err)
	}
	line := w.Line(t)
	if line["route"] != "record" || line["records"] != 3.0 || line["audited"] != 1.0 || line["published"] != 3.0 || line["code"] != 200.0 {
		t.Errorf("line %v", line)
	}
}

// Failures are named by the record's own sequence number, so that the stream goes on from there.
func TestRecordReportsWhatIsUnfinished(t *testing.T) {
	t.Parallel()
	w, bus := world(t), &chattest.Bus{}
	bus.Fail = func(e chat.BusEvent) error {
		if e.Type == chat.MessageSent && e.Key.MsgServerID == otherID {
			return &chat.Error{Code: chat.Busy, Err: errors.New("throttled")}
		}
		return nil
	}
	event := recordEvent(t)
	response, err := newHandler(w.Edge(), newRecorder(w, bus), dynamo.ParseMessageKey)(t.Context(), event)
	want := []events.DynamoDBBatchItemFailure{{ItemIdentifier: event.Records[1].Change.SequenceNumber}}
	if diff := cmp.Diff(want, response.BatchItemFailures); err != nil || diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}
	line := w.Line(t)
	if reason, _ := line["error"].(string); line["level"] != "WARN" || line["unfinished"] != 1.0 || line["published"] != 2.0 || !strings.Contains(reason, "throttled") {
		t.Errorf("line %v", line)
	}
}

type panicking struct{}

func (panicking) Record(context.Context, []chat.Stored) chat.RecordReport { panic("SECRET") }

// Only an error of the invocation makes the mapping split the batch.
func TestRecordPanics(t *testing.T) {
	t.Parallel()
	w := edgetest.NewWorld(t)
	if _, err := newHandler(w.Edge(), panicking{}, dynamo.ParseMessageKey)(t.Context(), recordEvent(t)); err == nil || strings.Contains(err.Error(), "SECRET") {
		t.Errorf("error %v", err)
	}
	if line := w.Line(t); line["code"] != 500.0 || line["error"] != "panic: string" {
		t.Errorf("line %v", line)
	}
}
