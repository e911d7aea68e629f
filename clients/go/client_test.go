package unsend_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/google/go-cmp/cmp"

	unsend "unsend/clients/go"
)

// frame is a request as the test's server sees it.
type frame map[string]any

// peer is the server's end of one connection.
type peer struct {
	t    *testing.T
	conn *websocket.Conn
}

func (p peer) read(ctx context.Context) (frame, bool) {
	_, text, err := p.conn.Read(ctx)
	if err != nil {
		return nil, false
	}
	var f frame
	if err := json.Unmarshal(text, &f); err != nil {
		p.t.Errorf("the client sent no JSON: %v", err)
		return nil, false
	}
	return f, true
}

func (p peer) write(ctx context.Context, format string, args ...any) {
	// A client that has gone is what some tests are about.
	_ = p.conn.Write(ctx, websocket.MessageText, fmt.Appendf(nil, format, args...))
}

// serve runs behave for each connection and gives the URL to connect to.
func serve(t *testing.T, behave func(context.Context, peer)) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer good" {
			http.Error(w, "", http.StatusUnauthorized)
			return
		}
		conn, err := websocket.Accept(w, r, nil)
		if err != nil {
			t.Errorf("accept: %v", err)
			return
		}
		defer func() { _ = conn.CloseNow() }()
		behave(r.Context(), peer{t, conn})
	}))
	t.Cleanup(server.Close)
	return "ws" + strings.TrimPrefix(server.URL, "http")
}

func options(url string) unsend.Options {
	return unsend.Options{
		URL:            url,
		Token:          func(context.Context) (string, error) { return "good", nil },
		DeviceID:       "phone",
		ClientType:     2,
		RequestTimeout: 5 * time.Second,
		NewID:          func() string { return "made" },
	}
}

func dial(t *testing.T, o unsend.Options) *unsend.Client {
	t.Helper()
	client, err := unsend.Dial(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	return client
}

const message = `{"server_id":"s","channel_id":"c","timestamp":5,"msg_server_id":"m","status":0,"version":1,"msg_body":"<hi>","from_accid":"alice"}`

func TestRequestsOnTheWire(t *testing.T) {
	t.Parallel()
	seen := make(chan frame, 1)
	url := serve(t, func(ctx context.Context, p peer) {
		for {
			f, ok := p.read(ctx)
			if !ok {
				return
			}
			seen <- f
			p.write(ctx, `{"type":"response","action":%q,"request_id":%q,"res_code":200,"message":%s,"messages":[%s],"next":"n","server_time":7,
				"updates":[{"server_id":"s","channel_id":"c","timestamp":5,"msg_server_id":"m","status":1,"version":2,"update_timestamp":6,"update_ope_info":{"operator_id":"bob","postscript":"x"}}],
				"cursor":"next","more":true,"access":{"c":"stamp"},"delivery":"both","reset":true,
				"channels":[{"channel_id":"c","res_code":200},{"channel_id":"d","res_code":403,"reason":"no"}],
				"results":[{"timestamp":5,"msg_server_id":"m","res_code":200,"version":2,"update_timestamp":6},
				{"timestamp":6,"msg_server_id":"n","res_code":503,"reason":"busy","retryable":true}]}`,
				f["action"], f["request_id"], message, message)
		}
	})
	client := dial(t, options(url))
	key := unsend.MessageKey{ServerID: "s", ChannelID: "c", Timestamp: 5, MsgServerID: "m"}
	stored := unsend.Message{MessageKey: key, Version: 1, FromAccount: "alice", Content: unsend.Content{Body: "<hi>"}}
	synced := unsend.SyncPage{Cursor: "next", More: true, Access: map[string]string{"c": "stamp"}, Delivery: "both", Reset: true,
		Updates: []unsend.Update{{MessageKey: key, Status: 1, Version: 2, UpdateTimestamp: 6,
			Operation: unsend.Operation{OperatorID: "bob", UpdateInfo: unsend.UpdateInfo{Postscript: "x"}}}}}
	subscribed := []unsend.Subscribed{{ChannelID: "c", Code: 200}, {ChannelID: "d", Code: 403, Reason: "no"}}
	outcomes := []unsend.RevokeOutcome{{MessageRef: unsend.MessageRef{Timestamp: 5, MsgServerID: "m"}, Code: 200, Version: 2, UpdateTimestamp: 6},
		{MessageRef: unsend.MessageRef{Timestamp: 6, MsgServerID: "n"}, Code: 503, Reason: "busy", Retryable: true}}
	begin := int64(0)
	tests := []struct {
		name string
		do   func(context.Context) (any, error)
		sent frame
		want any
	}{
		{"send", func(ctx context.Context) (any, error) {
			return client.Send(ctx, unsend.SendRequest{ServerID: "s", ChannelID: "c", Content: unsend.Content{Body: "<hi>"}})
		}, frame{"action": "send", "request_id": "1", "server_id": "s", "channel_id": "c", "msg_id": "made", "msg_type": 0.0, "msg_body": "<hi>"}, stored},
		{"send again", func(ctx context.Context) (any, error) {
			return client.Send(ctx, unsend.SendRequest{ServerID: "s", ChannelID: "c", MsgID: "mine", ReplyTo: &unsend.MessageRef{Timestamp: 1, MsgServerID: "x"}})
		}, frame{"action": "send", "request_id": "2", "server_id": "s", "channel_id": "c", "msg_id": "mine", "msg_type": 0.0,
			"reply_to": map[string]any{"timestamp": 1.0, "msg_server_id": "x"}}, stored},
		{"revoke", func(ctx context.Context) (any, error) {
			return client.Revoke(ctx, unsend.RevokeRequest{MessageKey: key, Info: unsend.UpdateInfo{Postscript: "wrong room"}})
		}, frame{"action": "revoke", "request_id": "3", "server_id": "s", "channel_id": "c", "timestamp": 5.0, "msg_server_id": "m",
			"update_info": map[string]any{"postscript": "wrong room"}}, stored},
		{"history", func(ctx context.Context) (any, error) {
			return client.History(ctx, unsend.HistoryRequest{ServerID: "s", ChannelID: "c", Direction: unsend.Newer, Timestamp: &begin, Limit: 3})
		}, frame{"action": "history", "request_id": "4", "server_id": "s", "channel_id": "c", "direction": "newer", "timestamp": 0.0, "limit": 3.0},
			unsend.Page{Messages: []unsend.Message{stored}, Next: "n"}},
		{"ping", func(ctx context.Context) (any, error) { return client.Ping(ctx) },
			frame{"action": "ping", "request_id": "5"}, time.UnixMilli(7)},
		{"first sync", func(ctx context.Context) (any, error) { return client.Sync(ctx, "s", "") },
			frame{"action": "sync", "request_id": "6", "server_id": "s"}, synced},
		{"sync", func(ctx context.Context) (any, error) { return client.Sync(ctx, "s", "before") },
			frame{"action": "sync", "request_id": "7", "server_id": "s", "cursor": "before"}, synced},
		{"subscribe", func(ctx context.Context) (any, error) { return client.Subscribe(ctx, "s", "c", "d") },
			frame{"action": "subscribe", "request_id": "8", "server_id": "s", "channel_ids": []any{"c", "d"}}, subscribed},
		{"unsubscribe", func(ctx context.Context) (any, error) { return client.Unsubscribe(ctx, "s", "c") },
			frame{"action": "unsubscribe", "request_id": "9", "server_id": "s", "channel_ids": []any{"c"}}, subscribed},
		{"revokeBatch", func(ctx context.Context) (any, error) {
			return client.RevokeBatch(ctx, unsend.RevokeBatchRequest{ServerID: "s", ChannelID: "c",
				Messages: []unsend.MessageRef{{Timestamp: 5, MsgServerID: "m"}, {Timestamp: 6, MsgServerID: "n"}}, Info: unsend.UpdateInfo{Postscript: "wrong room"}})
		}, frame{"action": "revokeBatch", "request_id": "10", "server_id": "s", "channel_id": "c", "update_info": map[string]any{"postscript": "wrong room"},
			"messages": []any{map[string]any{"timestamp": 5.0, "msg_server_id": "m"}, map[string]any{"timestamp": 6.0, "msg_server_id": "n"}}}, outcomes},
	}
	for _, test := range tests {
		got, err := test.do(t.Context())
		if err != nil {
			t.Fatalf("%s: %v", test.name, err)
		}
		if diff := cmp.Diff(test.sent, <-seen); diff != "" {
			t.Errorf("%s sent (-want +got):\n%s", test.name, diff)
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s gave (-want +got):\n%s", test.name, diff)
		}
	}
}

func TestOutcomesAreErrors(t *testing.T) {
	t.Parallel()
	if err := (unsend.RevokeOutcome{Code: 200}).Err(); err != nil {
		t.Error(err)
	}
	err := unsend.RevokeOutcome{Code: 503, Reason: "busy", Retryable: true}.Err()
	if refusal, ok := errors.AsType[*unsend.Error](err); !ok || *refusal != (unsend.Error{Code: 503, Reason: "busy", Retryable: true}) {
		t.Errorf("got %v", err)
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	url := serve(t, func(ctx context.Context, p peer) {
		f, _ := p.read(ctx)
		p.write(ctx, `{"type":"response","action":"revoke","request_id":%q,"res_code":405,"reason":"longer than 512 characters","field":"update_info.postscript","retryable":false}`, f["request_id"])
		_, _ = p.read(ctx)
		p.write(ctx, `{"message":"Internal server error","connectionId":"x","requestId":"y"}`)
		_, _ = p.read(ctx)
	})
	client := dial(t, options(url))
	_, err := client.Revoke(t.Context(), unsend.RevokeRequest{})
	refusal, ok := errors.AsType[*unsend.Error](err)
	want := &unsend.Error{Code: 405, Reason: "longer than 512 characters", Field: "update_info.postscript"}
	if !ok || *refusal != *want {
		t.Errorf("got %v, want %v", err, want)
	}
	_, err = client.Ping(t.Context())
	if refusal, ok := errors.AsType[*unsend.Error](err); !ok || refusal.Code != unsend.CodeBusy || !refusal.Retryable {
		t.Errorf("the gateway's own answer: %v", err)
	}
}

func TestAnswersFindTheirRequests(t *testing.T) {
	t.Parallel()
	const n = 20
	url := serve(t, func(ctx context.Context, p peer) {
		var frames []frame
		for range n {
			f, ok := p.read(ctx)
			if !ok {
				return
			}
			frames = append(frames, f)
		}
		for i := range frames { // the last one first
			f := frames[n-1-i]
			p.write(ctx, `{"type":"response","request_id":%q,"res_code":200,"message":{"msg_id":%q}}`, f["request_id"], f["msg_id"])
			p.write(ctx, `{"type":"response","request_id":%q,"res_code":500}`, f["request_id"]) // a second answer
			p.write(ctx, `{"type":"response","request_id":"never asked","res_code":500}`)
			p.write(ctx, `not JSON`)
		}
		_, _ = p.read(ctx)
	})
	client := dial(t, options(url))
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			id := fmt.Sprintf("m%d", i)
			got, err := client.Send(t.Context(), unsend.SendRequest{MsgID: id})
			if err != nil || got.MsgID != id {
				t.Errorf("asked for %s, got %s, %v", id, got.MsgID, err)
			}
		})
	}
	all.Wait()
}

func TestGivingUpOneRequestKeepsTheConnection(t *testing.T) {
	t.Parallel()
	url := serve(t, func(ctx context.Context, p peer) {
		_, _ = p.read(ctx) // never answered
		f, _ := p.read(ctx)
		p.write(ctx, `{"type":"response","request_id":"1","res_code":200}`) // too late
		p.write(ctx, `{"type":"response","request_id":%q,"res_code":200,"server_time":9}`, f["request_id"])
		_, _ = p.read(ctx)
	})
	client := dial(t, options(url))
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := client.Ping(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	if _, err := client.Ping(t.Context()); err != nil {
		t.Errorf("the next request: %v", err)
	}
}

func TestNoticesInOrderThenTheEnd(t *testing.T) {
	t.Parallel()
	url := serve(t, func(ctx context.Context, p peer) {
		p.write(ctx, `{"type":"notices","notices":[{"event":"message","message":{"version":1}},{"event":"message","message":{"version":2}}]}`)
		p.write(ctx, `{"type":"notices","notices":[{"event":"message_updated","update_info":{"postscript":"x"},"message":{"version":3}}]}`)
		_ = p.conn.Close(websocket.StatusGoingAway, "redeploy\x1b[2J\n\u202e")
	})
	client := dial(t, options(url))
	var versions []int64
	for n := range client.Notices() {
		versions = append(versions, n.Message.Version)
	}
	if diff := cmp.Diff([]int64{1, 2, 3}, versions); diff != "" {
		t.Error(diff)
	}
	gone, ok := errors.AsType[*unsend.DisconnectedError](client.Err())
	if !ok || gone.Status != int(websocket.StatusGoingAway) || gone.Reason != "redeploy\x1b[2J\n\u202e" {
		t.Errorf("ended with %v", client.Err())
	}
	if got, want := client.Err().Error(), `disconnected by the server (1001 "redeploy\x1b[2J\n\u202e")`; got != want {
		t.Errorf("said as %q, want %q", got, want)
	}
	if _, err := client.Ping(t.Context()); !errors.Is(err, client.Err()) {
		t.Errorf("a request afterwards: %v", err)
	}
}

func TestSlowConsumerIsCutOff(t *testing.T) {
	t.Parallel()
	url := serve(t, func(ctx context.Context, p peer) {
		for range 3 {
			p.write(ctx, `{"type":"notices","notices":[{"event":"message"}]}`)
		}
		_, _ = p.read(ctx)
	})
	o := options(url)
	o.NoticeBuffer = 2
	client := dial(t, o)
	<-client.Done()
	if !errors.Is(client.Err(), unsend.ErrSlowConsumer) {
		t.Errorf("ended with %v", client.Err())
	}
	waiting := 0
	for range client.Notices() {
		waiting++
	}
	if waiting != 2 {
		t.Errorf("%d notices were kept, want 2", waiting)
	}
}

func TestHeartbeat(t *testing.T) {
	t.Parallel()
	url := serve(t, func(ctx context.Context, p peer) {
		for answered := 0; ; answered++ {
			f, ok := p.read(ctx)
			if !ok {
				return
			}
			if answered < 2 {
				p.write(ctx, `{"type":"response","request_id":%q,"res_code":200}`, f["request_id"])
			}
		}
	})
	o := options(url)
	o.PingEvery, o.RequestTimeout = 5*time.Millisecond, 500*time.Millisecond
	client := dial(t, o)
	<-client.Done()
	if !errors.Is(client.Err(), unsend.ErrNoHeartbeat) {
		t.Errorf("ended with %v", client.Err())
	}
}

func TestDialErrors(t *testing.T) {
	t.Parallel()
	url := serve(t, func(ctx context.Context, p peer) { _, _ = p.read(ctx) })
	noToken := errors.New("not logged in")
	tests := []struct {
		name   string
		change func(*unsend.Options)
		says   string
	}{
		{"refused token", func(o *unsend.Options) {
			o.Token = func(context.Context) (string, error) { return "secret-bad", nil }
		}, "refused (401)"},
		{"no token to be had", func(o *unsend.Options) {
			o.Token = func(context.Context) (string, error) { return "", noToken }
		}, "not logged in"},
		{"https", func(o *unsend.Options) { o.URL = "https://example.com" }, "wss://"},
		{"nobody there", func(o *unsend.Options) { o.URL = "ws://127.0.0.1:1" }, "connect"},
	}
	for _, test := range tests {
		o := options(url)
		test.change(&o)
		_, err := unsend.Dial(t.Context(), o)
		if err == nil || !strings.Contains(err.Error(), test.says) || strings.Contains(err.Error(), "secret-bad") {
			t.Errorf("%s: %v", test.name, err)
		}
	}
}

// Not parallel: it counts goroutines.
func TestNothingRunsOnAfterTheEnd(t *testing.T) {
	for name, end := range map[string]func(*unsend.Client) error{
		"close":       func(c *unsend.Client) error { return c.Close() },
		"close twice": func(c *unsend.Client) error { return errors.Join(c.Close(), c.Close()) },
		"close at once": func(c *unsend.Client) error {
			var all sync.WaitGroup
			for range 4 {
				all.Go(func() { _ = c.Close() })
			}
			all.Wait()
			return nil
		},
		"close while waiting": func(c *unsend.Client) error {
			answered := make(chan error)
			go func() {
				_, err := c.Ping(context.Background())
				answered <- err
			}()
			err := c.Close()
			if pinged := <-answered; !errors.Is(pinged, unsend.ErrClosed) {
				return fmt.Errorf("the ping ended with %w", pinged)
			}
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			url := serve(t, func(ctx context.Context, p peer) {
				for {
					if _, ok := p.read(ctx); !ok {
						return
					}
				}
			})
			o := options(url)
			o.PingEvery = time.Hour
			client, err := unsend.Dial(t.Context(), o)
			if err != nil {
				t.Fatal(err)
			}
			if err := end(client); err != nil {
				t.Error(err)
			}
			if !errors.Is(client.Err(), unsend.ErrClosed) {
				t.Errorf("ended with %v", client.Err())
			}
			stacks := make([]byte, 1<<20)
			stacks = stacks[:runtime.Stack(stacks, true)]
			for stack := range strings.SplitSeq(string(stacks), "\n\n") {
				if strings.Contains(stack, "clients/go.(*Client)") {
					t.Errorf("still running:\n%s", stack)
				}
			}
		})
	}
}
