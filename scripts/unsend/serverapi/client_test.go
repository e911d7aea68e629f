package serverapi

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/google/go-cmp/cmp"
)

// newClient asks the handler, and notes its pauses in place of making them.
func newClient(t *testing.T, serve http.HandlerFunc) (*Client, *[]time.Duration) {
	t.Helper()
	server := httptest.NewServer(serve)
	t.Cleanup(server.Close)
	c := New(Options{URL: server.URL + "/", Region: "eu-central-1", Credentials: credentials.NewStaticCredentialsProvider("id", "secret", "session")})
	pauses := &[]time.Duration{}
	c.sleep = func(ctx context.Context, d time.Duration) error { *pauses = append(*pauses, d); return ctx.Err() }
	return c, pauses
}

func problem(w http.ResponseWriter, status int, detail string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, `{"type":"about:blank","title":"T","detail":"`+detail+`","field":"nick"}`)
}

func TestARequestIsSigned(t *testing.T) {
	t.Parallel()
	c, _ := newClient(t, func(w http.ResponseWriter, r *http.Request) {
		auth := r.Header.Get("Authorization")
		for _, want := range []string{"Credential=id/", "/eu-central-1/lambda/aws4_request", "if-match", "x-amz-security-token"} {
			if !strings.Contains(auth, want) {
				t.Errorf("no %q in %q", want, auth)
			}
		}
		if want := "/servers/a%2Fb%20c?acting_as=d%26e"; r.URL.RequestURI() != want || r.Header.Get("If-Match") != `"v1"` || r.Header.Get("X-Amz-Security-Token") != "session" {
			t.Errorf("asked %s, want %s; %v", r.URL.RequestURI(), want, r.Header)
		}
		w.Header().Set("ETag", `"v2"`)
		w.WriteHeader(http.StatusCreated)
		_, _ = io.WriteString(w, `{"server_id":"a/b c"}`)
	})
	s, err := c.PutServer(t.Context(), Write{ActingAs: "d&e", IfMatch: `"v1"`}, "a/b c", ServerPolicy{Owner: "o"})
	if diff := cmp.Diff(Row{`"v2"`, true}, s.Row); diff != "" || err != nil || s.ServerID != "a/b c" {
		t.Errorf("%v\n%s", err, diff)
	}
}

// What is repeated, and how often; a write that is bound to a version is not, where the first may have held.
func TestRepetitions(t *testing.T) {
	t.Parallel()
	read := func(c *Client) error { _, err := c.Server(t.Context(), "s"); return err }
	write := func(w Write) func(*Client) error {
		return func(c *Client) error { _, err := c.PutServer(t.Context(), w, "s", ServerPolicy{}); return err }
	}
	bound := write(Write{IfMatch: `"v1"`})
	for _, test := range []struct {
		name   string
		status int // each answer's; 0 hangs up
		do     func(*Client) error
		calls  int
	}{
		{"busy", 503, read, attempts}, {"busy, bound", 503, bound, attempts}, {"limited", 429, read, attempts},
		{"failed", 500, read, attempts}, {"failed, free", 502, write(Write{}), attempts}, {"failed, bound", 500, bound, 1}, {"failed, new", 504, write(Write{New: true}), 1},
		{"refused", 409, read, 1}, {"stale", 412, bound, 1}, {"redirected", 302, read, 1},
		{"hung up", 0, read, attempts}, {"hung up, bound", 0, bound, 1},
	} {
		var calls atomic.Int64
		c, pauses := newClient(t, func(w http.ResponseWriter, _ *http.Request) {
			calls.Add(1)
			if test.status == 0 {
				panic(http.ErrAbortHandler)
			}
			if test.status == 302 {
				w.Header().Set("Location", "/elsewhere")
			}
			problem(w, test.status, "no")
		})
		err := test.do(c)
		if err == nil || int(calls.Load()) != test.calls || len(*pauses) != test.calls-1 || test.status != 0 && !IsStatus(err, test.status) {
			t.Errorf("%s: %d calls, want %d, %d pauses; %v", test.name, calls.Load(), test.calls, len(*pauses), err)
		}
	}
}

func TestSoonerOrLater(t *testing.T) {
	t.Parallel()
	var calls atomic.Int64
	var told []error
	c, pauses := newClient(t, func(w http.ResponseWriter, _ *http.Request) {
		if calls.Add(1) < 3 {
			w.Header().Set("Retry-After", "2")
			problem(w, 503, "busy")
			return
		}
		_, _ = io.WriteString(w, `{"server_id":"s"}`)
	})
	c.Again = func(err error) { told = append(told, err) }
	if s, err := c.Server(t.Context(), "s"); err != nil || s.ServerID != "s" || len(told) != 2 || !IsStatus(told[0], 503) {
		t.Errorf("%+v %v, told %v", s, err, told)
	}
	for i, d := range *pauses {
		if d < 2*time.Second || d > 2*time.Second+firstPause<<i {
			t.Errorf("pause %d is %v", i, d)
		}
	}
	for attempt := range 20 {
		if d := pause(attempt+1, "86400"); d > 2*longestPause+1 {
			t.Errorf("a pause of %v", d)
		}
	}
}

// Whoever waits is told that it lasts, and not where it does not.
func TestASlowAnswer(t *testing.T) {
	t.Parallel()
	told := make(chan struct{})
	slow, _ := newClient(t, func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-told:
		case <-r.Context().Done():
		}
		_, _ = io.WriteString(w, `{}`)
	})
	slow.slow, slow.Slow = time.Millisecond, func() { close(told) } // a second time would panic
	if _, err := slow.Server(t.Context(), "s"); err != nil {
		t.Error(err)
	}
	quick, _ := newClient(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{}`) })
	quick.slow, quick.Slow = time.Hour, func() { t.Error("told of an answer that came at once") }
	if _, err := quick.Server(t.Context(), "s"); err != nil {
		t.Error(err)
	}
}

func TestProblems(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		kind, body string
		status     int
		want       string
	}{
		{"application/problem+json; charset=utf-8", `{"detail":"is too long","field":"nick"}`, 400, "nick: is too long (HTTP 400)"},
		{"application/problem+json", `{"title":"Gone"}`, 410, "Gone (HTTP 410)"},
		{"application/json", `{"Message":"Forbidden"}`, 403, "AWS refuses the request: your credentials need lambda:InvokeFunctionUrl"},
		{"text/html", `<html>`, 404, "there is no Server API at this address"},
		{"text/html", `<html>`, 400, "Bad Request (HTTP 400)"},
	} {
		c, _ := newClient(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", test.kind)
			w.WriteHeader(test.status)
			_, _ = io.WriteString(w, test.body)
		})
		if _, err := c.Server(t.Context(), "s"); err == nil || !strings.HasPrefix(err.Error(), test.want) {
			t.Errorf("%q, want %q", err, test.want)
		}
	}
	c, _ := newClient(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `[`) })
	if _, err := c.Server(t.Context(), "s"); err == nil || !strings.Contains(err.Error(), "older than the deployment") {
		t.Error(err)
	}
}

// Neither the secret nor what was sent is in an error.
func TestErrorsHoldNoSecrets(t *testing.T) {
	t.Parallel()
	c := New(Options{URL: "http://127.0.0.1:1", Region: "r", Credentials: credentials.NewStaticCredentialsProvider("id", "hidden", "hidden")})
	c.sleep = func(context.Context, time.Duration) error { return nil }
	for _, body := range []string{"hidden", "hidden\xff"} {
		if _, err := c.Send(t.Context(), Write{}, "s", "c", Draft{MsgBody: body}); err == nil || strings.Contains(err.Error(), "hidden") {
			t.Errorf("%v", err)
		}
	}
	c.Credentials = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return aws.Credentials{}, errors.New("none") })
	if _, err := c.Server(t.Context(), "s"); err == nil || !strings.Contains(err.Error(), "log in, or set AWS_PROFILE") {
		t.Error(err)
	}
}

// A batch that is answered for another number says nothing of anybody.
func TestABatchOfAnotherLength(t *testing.T) {
	t.Parallel()
	c, _ := newClient(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"results":[]}`) })
	err := c.RemoveMembers(t.Context(), Write{}, "s", []string{"a"}, func(Entry) { t.Error("told of somebody") })
	if err == nil {
		t.Error("no error")
	}
}

// Who is busy for ever is told so in the end.
func TestABatchThatStaysBusy(t *testing.T) {
	t.Parallel()
	c, pauses := newClient(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"results":[{"accid":"a","status":503,"detail":"busy"}]}`)
	})
	var told []Entry
	err := c.PutMembers(t.Context(), Write{}, "s", []NewMember{{Accid: "a"}}, func(e Entry) { told = append(told, e) })
	if diff := cmp.Diff([]Entry{{"a", 503, "busy"}}, told); diff != "" || err != nil || len(*pauses) != attempts-1 {
		t.Errorf("%v, %d pauses\n%s", err, len(*pauses), diff)
	}
}
