package main

import (
	"errors"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"

	"unsend/shared/chat"
	"unsend/shared/edge"
	"unsend/shared/edge/edgetest"
)

func newTestHandler(w *edgetest.World) edge.Handler {
	return newHandler(w.Edge(),
		&chat.Sessions{Store: w.Store, Gateway: w.Gateway, Clock: w.Clock, MaxConnections: 10},
		&chat.Subscriptions{Store: w.Store, Sights: w.Store, Clock: w.Clock, Most: 3})
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

// community has what the samples name: c1 is to be seen, c2 is private.
func community(t *testing.T, w *edgetest.World) {
	t.Helper()
	_, err1 := w.Store.ChangeServer(t.Context(), "s1", chat.Act{At: w.Now}, func(*chat.Server) error { return nil })
	_, err2 := w.Store.ChangeChannel(t.Context(), "s1", "c1", chat.Act{At: w.Now}, func(*chat.Channel) error { return nil })
	_, err3 := w.Store.ChangeChannel(t.Context(), "s1", "c2", chat.Act{At: w.Now}, func(c *chat.Channel) error { c.ViewMode = chat.Private; return nil })
	_, err4 := w.Store.ChangeMember(t.Context(), "s1", "alice", chat.Act{At: w.Now}, func(m *chat.Member) error { m.Join(w.Now); return nil })
	if err := errors.Join(err1, err2, err3, err4); err != nil {
		t.Fatal(err)
	}
}

func TestSubscribe(t *testing.T) {
	t.Parallel()
	w := edgetest.NewWorld(t)
	community(t, w)
	h := newTestHandler(w)
	event := edgetest.Event(t, "subscribe")
	answer := edgetest.Ask(t, h, event)
	if answer.Code != chat.OK || !strings.Contains(answer.Text, `"channels":[{"channel_id":"c1","res_code":200},{"channel_id":"c2","res_code":403,"reason":"no permission"}]`) {
		t.Errorf("answer %s", answer.Text)
	}
	id := event.RequestContext.ConnectionID
	channels, err := w.Store.Subscriptions(t.Context(), "alice", id)
	if err != nil || len(channels) != 1 || channels[0].ChannelID != "c1" {
		t.Errorf("subscribed to %v, %v", channels, err)
	}
	answer = edgetest.Ask(t, h, edgetest.Event(t, "unsubscribe"))
	if channels, err = w.Store.Subscriptions(t.Context(), "alice", id); answer.Code != chat.OK || err != nil || len(channels) != 0 {
		t.Errorf("answer %s, and still subscribed to %v, %v", answer.Text, channels, err)
	}
}

func TestSubscribeWithstands(t *testing.T) {
	t.Parallel()
	w := edgetest.NewWorld(t)
	community(t, w)
	for _, op := range []string{"SightsOf", "Subscriptions", "Subscribe"} {
		w.Withstands(t, newTestHandler(w), edgetest.Event(t, "subscribe"), op)
	}
	w.Withstands(t, newTestHandler(w), edgetest.Event(t, "unsubscribe"), "Subscriptions")
}

func TestSubscribeRefusesBadFrames(t *testing.T) {
	t.Parallel()
	w := edgetest.NewWorld(t)
	with := func(members string) string { return `{"action":"subscribe","request_id":"9",` + members + `}` }
	bad := edgetest.CommonBad(with(`"server_id":"s1","channel_ids":["c1"]`))
	bad = append(bad, edgetest.IDCases("server_id", func(v string) string { return with(`"server_id":` + v + `,"channel_ids":["c1"]`) })...)
	bad = append(bad, edgetest.IDCases("channel_ids", func(v string) string { return with(`"server_id":"s1","channel_ids":["c1",` + v + `]`) })...)
	many := strings.TrimSuffix(strings.Repeat(`"SECRET",`, 101), ",")
	bad = append(bad,
		edgetest.Refused("no channels", with(`"server_id":"s1","channel_ids":[]`), chat.Invalid, "channel_ids"),
		edgetest.Refused("channels left out", with(`"server_id":"SECRET"`), chat.Invalid, "channel_ids"),
		edgetest.Refused("a channel twice", with(`"server_id":"s1","channel_ids":["SECRET","SECRET"]`), chat.Invalid, "channel_ids"),
		edgetest.Refused("too many channels", with(`"server_id":"s1","channel_ids":[`+many+`]`), chat.Invalid, "channel_ids"),
	)
	w.Refuses(t, newTestHandler(w), edgetest.Event(t, "subscribe"), "SECRET", bad)
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
