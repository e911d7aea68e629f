package main

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
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

func TestConnect(t *testing.T) {
	t.Parallel()
	w := edgetest.NewWorld(t)
	event := edgetest.Event(t, "connect")
	response, err := newTestHandler(w)(t.Context(), event)
	if err != nil || response.StatusCode != http.StatusOK || response.Headers["Sec-WebSocket-Protocol"] != "bearer" {
		t.Errorf("%+v, %v", response, err)
	}
	if line := w.Line(t); line["route"] != "$connect" || line["account"] != "alice" || line["connection"] != event.RequestContext.ConnectionID {
		t.Errorf("line %v", line)
	}
	page, err := w.Store.Audience(t.Context(), chat.Crowd{ServerID: "s1"}, "", 10, w.Now.UnixMilli())
	if err != nil || len(page.Rows) != 1 {
		t.Fatalf("%+v, %v", page, err)
	}
	want := chat.Connection{ID: event.RequestContext.ConnectionID, AccountID: "alice", DeviceID: "phone-1", ClientType: chat.Android,
		ConnectedAt: edgetest.Now.UnixMilli(), TokenExpiresAt: edgetest.Now.Add(time.Hour).UnixMilli()}
	if got := page.Rows[0].Connection; got != want {
		t.Errorf("stored %+v, want %+v", got, want)
	}
}

// A browser refuses a sub-protocol that it did not offer.
func TestConnectAnswersTheSubProtocolWhenOffered(t *testing.T) {
	t.Parallel()
	for offered, want := range map[string]string{"bearer, x.y.z": "bearer", "x.y.z,bearer": "bearer", "": "", "chat": ""} {
		w := edgetest.NewWorld(t)
		event := edgetest.Event(t, "connect")
		event.Headers, event.MultiValueHeaders = map[string]string{"sec-websocket-protocol": offered}, nil
		response, err := newTestHandler(w)(t.Context(), event)
		if err != nil || response.Headers["Sec-WebSocket-Protocol"] != want {
			t.Errorf("offered %q: %v, %v", offered, response.Headers, err)
		}
	}
}

func TestConnectIsRefused(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		expiry string
		before error
		panics bool
		want   int
		code   chat.Code // in the log; want where it is 0
	}{
		{name: "expired", expiry: "1767225600000", want: http.StatusForbidden},
		{name: "malformed identity", expiry: "soon", want: http.StatusInternalServerError},
		{name: "throttled", before: &chat.Error{Code: chat.Busy}, want: http.StatusServiceUnavailable},
		{name: "connected again meanwhile", before: &chat.Error{Code: chat.Repeated}, want: http.StatusConflict, code: chat.Repeated},
		{name: "broken", before: errors.New("broken"), want: http.StatusInternalServerError},
		{name: "panic", panics: true, want: http.StatusInternalServerError},
	} {
		w := edgetest.NewWorld(t)
		event := edgetest.Event(t, "connect")
		if c.expiry != "" {
			identity := maps.Clone(event.RequestContext.Authorizer.(map[string]any))
			identity[edge.ExpiresAtKey] = c.expiry
			event.RequestContext.Authorizer = identity
		}
		w.Store.Before = func(op string) error {
			if c.panics {
				panic("SECRET")
			}
			return c.before
		}
		response, err := newTestHandler(w)(t.Context(), event)
		if err != nil || response.StatusCode != c.want || response.Headers != nil || response.Body != "" {
			t.Errorf("%s: %+v, %v; want %d", c.name, response, err, c.want)
		}
		if line := w.Line(t); line["code"] != float64(cmp.Or(int(c.code), c.want)) || strings.Contains(fmt.Sprint(line), "SECRET") {
			t.Errorf("%s: line %v", c.name, line)
		}
		w.Store.Before = nil
		if page, err := w.Store.Audience(t.Context(), chat.Crowd{ServerID: "s1"}, "", 10, 0); err != nil || len(page.Rows) != 0 {
			t.Errorf("%s: stored %v, %v", c.name, page.Rows, err)
		}
	}
}
