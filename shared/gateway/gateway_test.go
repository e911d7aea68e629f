package gateway

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/smithy-go/middleware"

	"unsend/shared/chat"
)

func newGateway(url string) *Gateway { return New(config(), url) }

func config() aws.Config {
	return aws.Config{
		Region:       "eu-central-1",
		Retryer:      func() aws.Retryer { return retry.NewStandard() }, // what the gateway must not use
		BaseEndpoint: aws.String("http://elsewhere.invalid"),
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "test", SecretAccessKey: "test"}, nil
		}),
	}
}

// answering serves one answer to everything and counts the requests.
func answering(t *testing.T, status int, kind, body string) (*Gateway, *atomic.Int32) {
	t.Helper()
	var requests atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		requests.Add(1)
		if kind != "" {
			w.Header().Set("X-Amzn-ErrorType", kind)
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(server.Close)
	return newGateway(server.URL), &requests
}

func TestAnswersHaveTheirMeaning(t *testing.T) {
	t.Parallel()
	plain := errors.New("any other error")
	for _, c := range []struct {
		name, kind, body string
		status           int
		want             error
	}{
		{"taken", "", "", 200, nil},
		{"no content", "", "", 204, nil},
		{"gone", "GoneException", `{}`, 410, chat.ErrGone},
		{"gone, from something that names no exception", "", ``, 410, chat.ErrGone},
		{"limit", "LimitExceededException", `{"message":null}`, 429, chat.ErrThrottled},
		{"throttled before the API", "TooManyRequestsException", `{"message":"Too Many Requests"}`, 429, chat.ErrThrottled},
		{"failing", "InternalServerErrorException", `{"message":"Internal server error"}`, 500, chat.ErrThrottled},
		{"a proxy's page", "", `<html>bad gateway</html>`, 502, chat.ErrThrottled},
		{"unavailable", "", ``, 503, chat.ErrThrottled},
		{"malformed id", "BadRequestException", `{"message":"Invalid connectionId: x","connectionId":"x"}`, 400, chat.ErrGone},
		{"another bad request", "BadRequestException", `{"message":"Bad Request"}`, 400, plain},
		{"bad signature", "IncompleteSignatureException", `{"message":"..."}`, 400, plain},
		{"forbidden", "ForbiddenException", `{"message":"Forbidden"}`, 403, plain},
		{"no such API", "NotFoundException", `{}`, 404, plain},
		{"too large", "PayloadTooLargeException", `{"message":"..."}`, 413, plain},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			g, requests := answering(t, c.status, c.kind, c.body)
			checkMeaning(t, "Post", g.Post(t.Context(), "id=", []byte("{}")), c.want)
			checkMeaning(t, "Close", g.Close(t.Context(), "id="), c.want)
			if n := requests.Load(); n != 2 {
				t.Errorf("%d requests for two calls", n)
			}
		})
	}
}

func checkMeaning(t *testing.T, call string, got, want error) {
	t.Helper()
	known := []error{nil, chat.ErrGone, chat.ErrThrottled, chat.ErrTimeout}
	for _, e := range known {
		if is := errors.Is(got, e); is != (e == want) {
			t.Errorf("%s: %v; is %v: %t", call, got, e, is)
		}
	}
}

// Connection ids end in '=', which a path must not hold as it is.
func TestIDsAreEscaped(t *testing.T) {
	t.Parallel()
	var paths, methods []string
	var body []byte
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		paths, methods = append(paths, r.RequestURI), append(methods, r.Method)
		if r.Method == http.MethodPost {
			body, _ = io.ReadAll(r.Body)
		}
	}))
	defer server.Close()
	g := newGateway(server.URL + "/live")
	if err := errors.Join(g.Post(t.Context(), "L0SM9cOFvHcCIhw=", []byte("frame")), g.Close(t.Context(), "a/b?c=")); err != nil {
		t.Fatal(err)
	}
	if want := []string{"/live/@connections/L0SM9cOFvHcCIhw%3D", "/live/@connections/a%2Fb%3Fc%3D"}; !slices.Equal(paths, want) {
		t.Errorf("requests to %q, want %q", paths, want)
	}
	if methods[0] != http.MethodPost || methods[1] != http.MethodDelete || string(body) != "frame" {
		t.Errorf("%v, body %q", methods, body)
	}
}

func TestHangingConnections(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	defer server.Close()
	defer close(release)
	g := newGateway(server.URL)

	start := time.Now()
	checkMeaning(t, "Post", g.Post(t.Context(), "id=", []byte("{}")), chat.ErrTimeout)
	if took := time.Since(start); took < chat.PostTimeout {
		t.Errorf("gave up after %v, before %v", took, chat.PostTimeout)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	checkMeaning(t, "Post with an earlier deadline", g.Post(ctx, "id=", []byte("{}")), chat.ErrTimeout)

	ctx, cancel = context.WithCancel(t.Context())
	cancel()
	if err := g.Post(ctx, "id=", []byte("{}")); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled by the caller: %v", err)
	}
}

// However slow the machine is: what is left of a call's time is never more than
// PostTimeout.
func TestEveryCallHasADeadline(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer server.Close()
	cfg := config()
	var left []time.Duration
	cfg.APIOptions = append(cfg.APIOptions, func(stack *middleware.Stack) error {
		return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("Deadline",
			func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
				deadline, ok := ctx.Deadline()
				if !ok {
					t.Error("no deadline")
				}
				left = append(left, time.Until(deadline))
				return next.HandleInitialize(ctx, in)
			}), middleware.Before)
	})
	g := New(cfg, server.URL)
	if err := errors.Join(g.Post(t.Context(), "id=", []byte("{}")), g.Close(t.Context(), "id=")); err != nil {
		t.Fatal(err)
	}
	if len(left) != 2 || slices.Max(left) > chat.PostTimeout {
		t.Errorf("calls had %v left, want %v for each at most", left, chat.PostTimeout)
	}
}

func TestServiceNotReached(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	checkMeaning(t, "Post", newGateway(server.URL).Post(t.Context(), "id=", []byte("{}")), chat.ErrThrottled)
}

// A post's connection is used again by the next ones.
func TestConnectionsAreReused(t *testing.T) {
	t.Parallel()
	var opened atomic.Int32
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			opened.Add(1)
		}
	}
	server.Start()
	defer server.Close()
	g := newGateway(server.URL)
	for range 20 {
		if err := g.Post(t.Context(), "id=", []byte("{}")); err != nil {
			t.Fatal(err)
		}
	}
	if n := opened.Load(); n != 1 {
		t.Errorf("%d connections for 20 posts", n)
	}
}
