package main

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"unsend/shared/chat"
	"unsend/shared/edge"
	"unsend/shared/edge/edgetest"
)

func newTestHandler(w *edgetest.World) edge.Handler {
	return newHandler(w.Edge(), &chat.Sessions{Store: w.Store, Gateway: w.Gateway, Clock: w.Clock, MaxConnections: 10})
}

func connected(t *testing.T, w *edgetest.World, id string) {
	t.Helper()
	c := chat.Connection{ID: id, AccountID: "alice", DeviceID: "phone-1", ConnectedAt: w.Now.UnixMilli()}
	presence := chat.Presence{ServerID: "s1", Connection: c}
	if err := errors.Join(w.Store.PutConnection(t.Context(), c), w.Store.PutPresences(t.Context(), []chat.Presence{presence})); err != nil {
		t.Fatal(err)
	}
}

// It comes late, after the token's end and a reconnect of the same device: only its own rows go.
func TestDisconnect(t *testing.T) {
	t.Parallel()
	w := edgetest.NewWorld(t)
	event := edgetest.Event(t, "disconnect")
	old := event.RequestContext.ConnectionID
	connected(t, w, old)
	connected(t, w, "newer=")
	w.Now = w.Now.Add(90 * time.Minute)
	for range 2 { // at least once
		response, err := newTestHandler(w)(t.Context(), event)
		if err != nil || response.StatusCode != http.StatusOK {
			t.Errorf("%+v, %v", response, err)
		}
		if line := w.Line(t); line["route"] != "$disconnect" || line["account"] != "alice" || line["connection"] != old {
			t.Errorf("line %v", line)
		}
	}
	if dump := w.Store.Dump(); strings.Contains(dump, old) || !strings.Contains(dump, "newer=") {
		t.Errorf("left: %s", dump)
	}
}

func TestDisconnectFails(t *testing.T) {
	t.Parallel()
	w := edgetest.NewWorld(t)
	w.Store.Before = func(string) error { panic("SECRET") }
	response, err := newTestHandler(w)(t.Context(), edgetest.Event(t, "disconnect"))
	if err != nil || response.StatusCode != http.StatusInternalServerError {
		t.Errorf("%+v, %v", response, err)
	}
	if line := w.Line(t); line["code"] != 500.0 || line["error"] != "panic: string" {
		t.Errorf("line %v", line)
	}
	w.Store.Before = func(string) error { return &chat.Error{Code: chat.Busy, Err: errors.New("throttled")} }
	response, err = newTestHandler(w)(t.Context(), edgetest.Event(t, "disconnect"))
	if err != nil || response.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("%+v, %v", response, err)
	}
	if line := w.Line(t); line["code"] != 503.0 || line["error"] == nil {
		t.Errorf("line %v", line)
	}
}
