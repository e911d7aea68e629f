// Package edge is where an invocation comes in and goes out: it turns a Lambda
// event into an identity and a request, an outcome into an answer, and logs once.
//
// # One invocation, one line
//
// Each invocation logs exactly one line of JSON, whose keys are fixed (an empty one is left out):
//
//	timestamp, level, msg    msg is always "invocation"
//	request                  Lambda's request id, or the gateway's outside of Lambda
//	route                    the route key, the method and path of an HTTP request, or the function where there is neither
//	connection, account      who asked; of a back end, the account that it acts as
//	server, channel, message what for; not for a request that was malformed
//	code, duration_ms        what was answered, and when
//	                         (where a part of a request failed and the others did not: that part's code, 500 before 503)
//	error, stack             only for 500 and 503
//	reason                   why a token was refused: the rule, never a value
//	records, unparsable, unfinished, notices, dropped, posts, gone, young, retried, closed, queued, audited, published
//	                         what became of a batch of the stream or of a queue, in numbers
//	kind, job, channels, found, revoked, refused, removed
//	                         of which job (see package chat), and what was done of it
//	sends, revokes_200, revokes_403 and so on
//	                         messages that were sent, and that were to be taken back, by the code that this was answered with
//	audience, push_ms        connections that a batch was for, and how many ms after its write a revocation was told to all of them, or to a part
//	fast_failed              why revocations were left to the stream alone, where they were to be told at once: a WARN, whatever the code
//	cold_start               1 for the first invocation of an environment
//	_aws                     which of these numbers CloudWatch makes metrics of (see metrics.go)
//
// The level goes by the code: ERROR for 500, WARN for 503, INFO for the rest,
// refusals included, but for fast_failed. What a user wrote is in no key: ids and codes only, and
// errors whose text our own packages made.
//
// # One bad event harms nobody
//
// A panic is that event's 500: its type and stack are logged, its text only when
// it is the runtime's own, since any other may hold what a user wrote. Every
// event has a deadline well before Lambda's, so that its caller gets an answer. Nothing of one invocation is
// kept for the next.
package edge

import (
	"context"
	"log/slog"
	"os"
	"sync/atomic"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambdacontext"

	"unsend/shared/chat"
)

// Deadlines of an event. Lambda ends a function after 10 s or more (see
// template.yaml), without an answer.
const (
	// FrameTimeout is less than [chat.WriteTimeout], so that no frame's write
	// ends later than readers expect.
	FrameTimeout = 4 * time.Second
	// SessionTimeout is longer, as a connect stores a row for each server and
	// closes other connections. API Gateway waits 29 s.
	SessionTimeout = 8 * time.Second
)

// Edge is what the handlers of a function share.
type Edge struct {
	Log   *slog.Logger
	Clock chat.Clock
	// Metrics is the CloudWatch namespace of the metrics; empty: the log makes none.
	Metrics string
	// cold, where set, is true until the first invocation.
	cold *atomic.Bool
}

// New is the edge of a function: it logs to standard output, which Lambda
// keeps, makes metrics in the namespace, where there is one, and has the machine's clock.
func New(getenv func(string) string, metrics string) Edge {
	cold := &atomic.Bool{}
	cold.Store(true)
	return Edge{Log: NewLogger(os.Stdout, getenv), Clock: time.Now, Metrics: metrics, cold: cold}
}

// Handler handles an event of the WebSocket API.
type Handler = func(context.Context, events.APIGatewayWebsocketProxyRequest) (events.APIGatewayProxyResponse, error)

// Invocation is the log line of one event.
type Invocation struct {
	edge    Edge
	start   time.Time
	attrs   []slog.Attr
	metrics []definition
	warn    bool // what is no failure of the event, and is to be seen
	notes   []error
}

// Begin starts the line of an event.
func (e Edge) Begin(ctx context.Context, route, gatewayRequestID string) *Invocation {
	inv := &Invocation{edge: e, start: e.Clock()}
	inv.Add("request", requestID(ctx, gatewayRequestID))
	inv.Add("route", route)
	if e.cold != nil && e.cold.CompareAndSwap(true, false) {
		inv.Count(coldStartKey, 1)
	}
	return inv
}

func requestID(ctx context.Context, gateway string) string {
	if lc, ok := lambdacontext.FromContext(ctx); ok {
		return lc.AwsRequestID
	}
	return gateway
}

// Add adds an id under one of the fixed keys; an empty one is left out.
func (inv *Invocation) Add(key, id string) {
	if id != "" {
		inv.attrs = append(inv.attrs, slog.String(key, id))
	}
}

// Count adds a number.
func (inv *Invocation) Count(key string, n int) {
	inv.attrs = append(inv.attrs, slog.Int(key, n))
	if n != 0 && isMetric(key) {
		inv.metric(key, countUnit)
	}
}

// End writes the line. err is the event's outcome; its text is written only
// where it is not told to the caller.
func (inv *Invocation) End(ctx context.Context, err error) {
	code, now := chat.CodeOf(err), inv.edge.Clock()
	attrs := append(inv.attrs,
		slog.Int("code", int(code)),
		slog.Int64("duration_ms", now.Sub(inv.start).Milliseconds()))
	if code == chat.Internal || code == chat.Busy {
		attrs = append(attrs, slog.String("error", err.Error()))
		attrs = append(attrs, stackOf(err)...)
	}
	attrs = append(attrs, inv.embedded(now)...)
	level := levelOf(code)
	if inv.warn {
		level = max(level, slog.LevelWarn)
	}
	inv.edge.Log.LogAttrs(ctx, level, "invocation", attrs...)
}

// invocationKey is where a context keeps its invocation.
type invocationKey struct{}

// Within is the context of what is done for the event, so that [Note] and [FastPathFailed] find the line.
func (inv *Invocation) Within(ctx context.Context) context.Context {
	return context.WithValue(ctx, invocationKey{}, inv)
}

// Note has the log tell of what failed while a frame was served whose answer does not show it: as of a part of the request. It is called
// by the event's own goroutine. Outside of a frame it does nothing.
func Note(ctx context.Context, err error) {
	if inv, ok := ctx.Value(invocationKey{}).(*Invocation); ok {
		inv.notes = append(inv.notes, err)
	}
}

// FastPathFailed notes in the event's line why revocations are not told at once, for [chat.FastPath]. It is called by the event's own
// goroutine, once.
func FastPathFailed(ctx context.Context, err error) {
	inv, ok := ctx.Value(invocationKey{}).(*Invocation)
	if !ok {
		return // there is no line; and this is no reason to fail
	}
	inv.warn = true
	inv.attrs = append(inv.attrs, slog.String("fast_failed", err.Error()))
}

func levelOf(code chat.Code) slog.Level {
	switch code {
	case chat.Internal:
		return slog.LevelError
	case chat.Busy:
		return slog.LevelWarn
	}
	return slog.LevelInfo
}
