package edge

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambdacontext"

	"unsend/shared/chat"
	"unsend/shared/wire"
)

func testEdge(log *bytes.Buffer) Edge {
	now := time.UnixMilli(1_767_225_600_000)
	return Edge{Log: NewLogger(log, func(string) string { return "" }), Clock: func() time.Time { now = now.Add(5 * time.Millisecond); return now }}
}

func pingEvent() events.APIGatewayWebsocketProxyRequest {
	var event events.APIGatewayWebsocketProxyRequest
	event.RequestContext.RouteKey, event.RequestContext.ConnectionID, event.RequestContext.ConnectedAt = wire.Ping, "c=", 1
	event.RequestContext.Authorizer = Authorized(chat.Connection{AccountID: "alice", ClientType: chat.Web, TokenExpiresAt: 1_767_225_700_000})
	event.Body = `{"action":"ping"}`
	return event
}

func pingRoute(serve func(context.Context) error) Route[struct{}] {
	return Route[struct{}]{Key: wire.Ping, Decode: wire.DecodePing,
		Serve: func(ctx context.Context, _ chat.Connection, _ struct{}) (wire.Result, error) {
			return wire.Result{}, serve(ctx)
		}}
}

// Every code becomes the same code in the answer and the log, at its level.
func TestEveryCode(t *testing.T) {
	t.Parallel()
	for _, code := range chat.Codes {
		var log bytes.Buffer
		var err error
		if code != chat.OK {
			err = fmt.Errorf("wrapped: %w", &chat.Error{Code: code, Err: errors.New("cause")})
		}
		response, _ := Frames(testEdge(&log), pingRoute(func(context.Context) error { return err }))(t.Context(), pingEvent())
		if !strings.Contains(response.Body, fmt.Sprintf(`"res_code":%d`, code)) || strings.Contains(response.Body, "cause") {
			t.Errorf("%d: %s", code, response.Body)
		}
		var line map[string]any
		if err := json.Unmarshal(log.Bytes(), &line); err != nil {
			t.Fatal(err)
		}
		level, logged := "INFO", false
		switch code {
		case chat.Internal:
			level, logged = "ERROR", true
		case chat.Busy:
			level, logged = "WARN", true
		}
		if line["level"] != level || line["code"] != float64(code) || (line["error"] != nil) != logged || line["timestamp"] == nil {
			t.Errorf("%d: %s", code, log.String())
		}
	}
}

// Within a bubble no time passes but what is waited for: deadlines are exact.
func TestEventsHaveADeadline(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var left time.Duration
		serve := func(ctx context.Context) error {
			deadline, _ := ctx.Deadline()
			left = time.Until(deadline)
			return fmt.Errorf("read: %w", context.DeadlineExceeded)
		}
		session := func(ctx context.Context, _ chat.Connection) error { return serve(ctx) }
		e := testEdge(&bytes.Buffer{})
		response, _ := Frames(e, pingRoute(serve))(t.Context(), pingEvent())
		if !strings.Contains(response.Body, `"res_code":503`) || !strings.Contains(response.Body, `"retryable":true`) || left != FrameTimeout {
			t.Errorf("a frame had %v; out of time: %s", left, response.Body)
		}
		for name, handler := range map[string]Handler{"connect": Connect(e, session), "disconnect": Disconnect(e, session)} {
			left = 0
			if response, _ := handler(t.Context(), pingEvent()); response.StatusCode != http.StatusServiceUnavailable || left != SessionTimeout {
				t.Errorf("a %s had %v; out of time: status %d", name, left, response.StatusCode)
			}
		}
	})
}

// Callers get an answer before Lambda ends the function: after 5 s the authorizer, which has a
// frame's time, and after 10 s at least every other one (template.yaml).
func TestDeadlinesComeBeforeLambdas(t *testing.T) {
	t.Parallel()
	if FrameTimeout <= 0 || FrameTimeout > 4*time.Second {
		t.Errorf("a frame may take %v", FrameTimeout)
	}
	if SessionTimeout <= FrameTimeout || SessionTimeout > 9*time.Second {
		t.Errorf("a connect may take %v", SessionTimeout)
	}
	if FrameTimeout >= chat.WriteTimeout {
		t.Errorf("a write may take %v, readers expect %v", FrameTimeout, chat.WriteTimeout)
	}
}

// A refusal can come before the ids were checked: what is none may be anything.
func TestOnlyIDsAreLogged(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	route := pingRoute(func(context.Context) error { return &chat.Error{Code: chat.Forbidden} })
	route.Subject = func(struct{}) Subject {
		return Subject{Server: "s1", Channel: "SECRET#", Message: strings.Repeat("SECRET", 11)}
	}
	if _, err := Frames(testEdge(&log), route)(t.Context(), pingEvent()); err != nil {
		t.Fatal(err)
	}
	if line := log.String(); !strings.Contains(line, `"server":"s1"`) || strings.Contains(line, "SECRET") {
		t.Errorf("line %s", line)
	}
}

func TestLineOfAnInvocation(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	ctx := lambdacontext.NewContext(t.Context(), &lambdacontext.LambdaContext{AwsRequestID: "lambda-1"})
	event := pingEvent()
	event.RequestContext.RequestID = "gateway-1"
	if _, err := Frames(testEdge(&log), pingRoute(func(context.Context) error { return nil }))(ctx, event); err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(log.String(), `,`) // the timestamp is the handler's own
	want := `"level":"INFO","msg":"invocation","request":"lambda-1","route":"ping","connection":"c=","account":"alice","code":200,"duration_ms":10}` + "\n"
	if rest != want {
		t.Errorf("got  %swant %s", rest, want)
	}
}

func TestLogLevels(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]slog.Level{"": slog.LevelInfo, "DEBUG": slog.LevelDebug, "WARN": slog.LevelWarn, "ERROR": slog.LevelError, "TRACE": slog.LevelInfo} {
		log := NewLogger(&bytes.Buffer{}, func(string) string { return value })
		if !log.Enabled(t.Context(), want) || log.Enabled(t.Context(), want-1) {
			t.Errorf("%q is not %v", value, want)
		}
	}
}

// A panic's stack is a field of its own in the log.
func TestThePanicsStackIsLogged(t *testing.T) {
	t.Parallel()
	err := chat.Guard(func() error { panic("SECRET") })
	if attrs := stackOf(fmt.Errorf("wrapped: %w", err)); len(attrs) != 1 || strings.Contains(attrs[0].String(), "SECRET") {
		t.Errorf("%v", attrs)
	}
	if attrs := stackOf(errors.New("no panic")); len(attrs) != 0 {
		t.Errorf("%v", attrs)
	}
}

func TestHeaderValues(t *testing.T) {
	t.Parallel()
	if got := HeaderValues(map[string]string{"X-A": "single"}, map[string][]string{"x-a": {"1", "2"}}, "X-a"); len(got) != 2 {
		t.Errorf("%v", got)
	}
	if got := HeaderValues(map[string]string{"x-A": "single"}, nil, "X-a"); len(got) != 1 || got[0] != "single" {
		t.Errorf("%v", got)
	}
}

// What somebody must mend is an error in the log, whichever function behind the routes meets it: alarms and a gradual deployment go by that.
func TestABatchTellsMistakesFromWhatIsBusy(t *testing.T) {
	t.Parallel()
	busy, refused := &chat.Error{Code: chat.Busy, Err: errors.New("throttled")}, errors.New("AccessDeniedException")
	for name, c := range map[string]struct {
		errs []error
		want chat.Code
	}{
		"nothing":                   {nil, chat.OK},
		"busy":                      {[]error{busy, fmt.Errorf("read: %w", busy)}, chat.Busy},
		"refused":                   {[]error{refused}, chat.Internal},
		"one of several":            {[]error{busy, fmt.Errorf("read: %w", refused)}, chat.Internal},
		"joined":                    {[]error{fmt.Errorf("read: %w", errors.Join(busy, refused))}, chat.Internal},
		"busy for a reason":         {[]error{&chat.Error{Code: chat.Busy, Err: errors.Join(refused)}}, chat.Busy},
		"a panic":                   {[]error{chat.Guard(func() error { panic("x") })}, chat.Internal},
		"its time was up":           {[]error{fmt.Errorf("post: %w", context.DeadlineExceeded), context.Canceled}, chat.Busy},
		"connections that are slow": {[]error{fmt.Errorf("close: %w", chat.ErrThrottled), chat.ErrTimeout}, chat.Busy},
	} {
		for maker, outcome := range map[string]Outcome{"pushed": Pushed(chat.Report{Errs: c.errs}), "recorded": Recorded(chat.RecordReport{Errs: c.errs})} {
			if got := chat.CodeOf(batch{}.error(outcome)); got != c.want {
				t.Errorf("%s, %s: %d, want %d", name, maker, got, c.want)
			}
		}
	}
}
