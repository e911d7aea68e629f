package main

import (
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"

	"unsend/shared/chat"
	"unsend/shared/edge"
	"unsend/shared/edge/edgetest"
)

func newTestHandler(w *edgetest.World) edge.Handler {
	return newHandler(w.Edge(), &chat.Sessions{Store: w.Store, Gateway: w.Gateway, Clock: w.Clock, MaxConnections: 10})
}

func TestPing(t *testing.T) {
	t.Parallel()
	w := edgetest.NewWorld(t)
	event := edgetest.Event(t, "ping")
	connection := chat.Connection{ID: event.RequestContext.ConnectionID, AccountID: "alice", ConnectedAt: w.Now.UnixMilli()}
	if err := w.Store.PutConnection(t.Context(), connection); err != nil {
		t.Fatal(err)
	}
	h := newTestHandler(w)
	if answer := edgetest.Ask(t, h, event); answer.Code != chat.OK || answer.RequestID != "2" || answer.ServerTime != w.Now.UnixMilli() {
		t.Errorf("answer %s", answer.Text)
	}
	if w.Gateway.Closings(connection.ID) != 0 {
		t.Error("a connection that is known was closed")
	}
	if err := w.Store.RemoveConnection(t.Context(), "alice", connection.ID, nil); err != nil {
		t.Fatal(err)
	}
	edgetest.Ask(t, h, event)
	if w.Gateway.Closings(connection.ID) != 1 {
		t.Error("a connection that nobody would tell anything was kept")
	}
}

func TestPingWithstands(t *testing.T) {
	t.Parallel()
	w := edgetest.NewWorld(t)
	w.Withstands(t, newTestHandler(w), edgetest.Event(t, "ping"), "Connections")
}

func TestPingRefusesBadFrames(t *testing.T) {
	t.Parallel()
	w := edgetest.NewWorld(t)
	w.Refuses(t, newTestHandler(w), edgetest.Event(t, "ping"), "SECRET", edgetest.CommonBad(`{"action":"ping","request_id":"9"}`))
}

func TestUnroutedFrames(t *testing.T) {
	t.Parallel()
	w := edgetest.NewWorld(t)
	h := newTestHandler(w)
	for field, event := range map[string]events.APIGatewayWebsocketProxyRequest{
		"action": edgetest.Event(t, "default"),
		"frame":  edgetest.Event(t, "default-not-json"),
	} {
		answer := edgetest.Ask(t, h, event)
		if line := w.Line(t); answer.Code != chat.Invalid || answer.Field != field || answer.Action != "$default" || line["route"] != "$default" {
			t.Errorf("%s: %s, %v", field, answer.Text, line)
		}
	}
	w.Refuses(t, h, edgetest.Event(t, "default"), "SECRET", []edgetest.Bad{
		edgetest.Refused("unknown action", `{"action":"SECRET","request_id":"9"}`, chat.Invalid, "action"),
		edgetest.Refused("no action", `{"request_id":"9","msg_body":"SECRET"}`, chat.Invalid, "action"),
		edgetest.Refused("mistyped action", `{"request_id":"9","action":{"SECRET":1}}`, chat.Invalid, "action"),
		edgetest.Refused("action twice", `{"request_id":"9","action":"send","action":"SECRET"}`, chat.Invalid, "action"),
		edgetest.Refused("an action that has a route", `{"request_id":"9","action":"send"}`, chat.Invalid, "action"),
		edgetest.Refused("not JSON", `SECRET`, chat.Invalid, "frame"),
		edgetest.Refused("half JSON", `{"request_id":"9","action":"send","msg_body":"SECRET`, chat.Invalid, "msg_body"),
		edgetest.Refused("array", `["SECRET"]`, chat.Invalid, "frame"),
		edgetest.Refused("text", `"SECRET"`, chat.Invalid, "frame"),
		edgetest.Refused("nothing", ``, chat.Invalid, "frame"),
		edgetest.Refused("deep", strings.Repeat("[", 20_000), chat.Invalid, "frame"),
		edgetest.Refused("too long", `{"request_id":"9","a":"`+strings.Repeat("x", 33_000)+`"}`, chat.TooLong, "frame"),
	})
}
