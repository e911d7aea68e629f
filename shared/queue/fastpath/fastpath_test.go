package fastpath_test

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/google/go-cmp/cmp"

	"unsend/shared/awsenv"
	"unsend/shared/chat"
	"unsend/shared/queue"
	"unsend/shared/queue/fastpath"
)

var now = time.UnixMilli(1_767_225_600_000)

func clock() time.Time { return now }

// service answers as SQS does, and keeps what it was asked.
type service struct {
	*httptest.Server
	status int
	answer string // empty: of a message that was stored
	asked  []*http.Request
	bodies []map[string]any
}

func newService(t *testing.T) *service {
	t.Helper()
	s := &service{status: http.StatusOK}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, err := io.ReadAll(r.Body)
		var body map[string]any
		if err != nil || json.Unmarshal(text, &body) != nil {
			t.Errorf("%v: %s", err, text)
		}
		r.Body = io.NopCloser(bytes.NewReader(text))
		s.asked, s.bodies = append(s.asked, r), append(s.bodies, body)
		w.WriteHeader(s.status)
		if s.answer != "" {
			_, _ = io.WriteString(w, s.answer)
			return
		}
		sum := md5.Sum([]byte(fmt.Sprint(body["MessageBody"]))) // which the SDK compares
		_, _ = fmt.Fprintf(w, `{"MessageId":"1","MD5OfMessageBody":"%x"}`, sum)
	}))
	t.Cleanup(s.Close)
	return s
}

// config is what a function has, with an endpoint where one is given.
func config(t *testing.T, endpoint string) aws.Config {
	t.Helper()
	cfg, err := awsenv.Config(func(name string) string {
		return map[string]string{awsenv.Region: "eu-central-1", awsenv.AccessKeyID: "key", awsenv.SecretKey: "secret", awsenv.SessionToken: "session", awsenv.Endpoint: endpoint}[name]
	})
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

func newQueue(t *testing.T, cfg aws.Config, url string) chat.Queue {
	t.Helper()
	fast, err := fastpath.New(cfg, url, clock, nil)
	if err != nil {
		t.Fatal(err)
	}
	return fast.Queue
}

func task(server string) chat.Task {
	key := chat.MessageKey{ServerID: server, ChannelID: "c1", Timestamp: 1_767_225_600_000, MsgServerID: "m1"}
	return chat.Task{ServerID: server, Records: []chat.Stored{{Key: key, Kind: chat.Modified}}}
}

// What is asked of SQS is what its SDK asks, wherever the queue is named.
func TestTheRequestIsTheSDKs(t *testing.T) {
	t.Parallel()
	s := newService(t)
	url := s.URL + "/123456789012/push"
	later := task("s ❤ \ufffe 👋")
	later.Delay = 1500 * time.Millisecond
	for _, each := range []chat.Task{task("s1"), later} {
		for _, q := range []chat.Queue{queue.New(config(t, s.URL), url), newQueue(t, config(t, s.URL), url), newQueue(t, config(t, ""), url)} {
			if err := q.Enqueue(t.Context(), each); err != nil {
				t.Fatal(err)
			}
		}
		for i := range s.bodies {
			if s.bodies[i]["DelaySeconds"] == 0.0 { // which the SDK says, and which is what is without it
				delete(s.bodies[i], "DelaySeconds")
			}
			if diff := cmp.Diff(s.bodies[0], s.bodies[i]); diff != "" {
				t.Errorf("request %d (-SDK +fast):\n%s", i, diff)
			}
			for _, name := range []string{"X-Amz-Target", "Content-Type", "X-Amz-Security-Token"} {
				if got, want := s.asked[i].Header.Get(name), s.asked[0].Header.Get(name); got != want || want == "" {
					t.Errorf("request %d: %s is %q, the SDK's %q", i, name, got, want)
				}
			}
			if r := s.asked[i]; r.Method != http.MethodPost || r.URL.Path != "/" || len(r.Header.Values("Idempotency-Key")) > 0 {
				t.Errorf("request %d: %s %s, %v", i, r.Method, r.URL, r.Header)
			}
		}
		s.asked, s.bodies = nil, nil
	}
}

// The request is signed with the function's keys, for SQS in its Region, at the clock's time.
func TestTheRequestIsSigned(t *testing.T) {
	t.Parallel()
	s := newService(t)
	if err := newQueue(t, config(t, ""), s.URL+"/1/push").Enqueue(t.Context(), task("s1")); err != nil {
		t.Fatal(err)
	}
	asked := s.asked[0]
	text, err := io.ReadAll(asked.Body)
	if err != nil {
		t.Fatal(err)
	}
	again, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+"/", bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	again.Header.Set("Content-Type", asked.Header.Get("Content-Type"))
	again.Header.Set("X-Amz-Target", asked.Header.Get("X-Amz-Target"))
	hash := sha256.Sum256(text)
	keys := aws.Credentials{AccessKeyID: "key", SecretAccessKey: "secret", SessionToken: "session"}
	if err := v4.NewSigner().SignHTTP(t.Context(), keys, again, hex.EncodeToString(hash[:]), "sqs", "eu-central-1", now); err != nil {
		t.Fatal(err)
	}
	if got, want := asked.Header.Get("Authorization"), again.Header.Get("Authorization"); got != want {
		t.Errorf("signed %s\nwant %s", got, want)
	}
}

// It is asked once, and the error says what is wrong by name.
func TestWhatFailsIsBusy(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		status       int
		answer, says string
	}{
		"denied":    {http.StatusForbidden, `{"__type":"com.amazonaws.sqs#AccessDeniedException","message":"SECRET"}`, "status 403, com.amazonaws.sqs#AccessDeniedException"},
		"throttled": {http.StatusServiceUnavailable, `{"__type":"SECRET 1"}`, "status 503, of no known kind"},
		"no JSON":   {http.StatusBadGateway, `<html>SECRET`, "status 502, of no known kind"},
	} {
		s := newService(t)
		s.status, s.answer = c.status, c.answer
		err := newQueue(t, config(t, ""), s.URL+"/1/push").Enqueue(t.Context(), task("s1"))
		if chat.CodeOf(err) != chat.Busy || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "SECRET") || len(s.asked) != 1 {
			t.Errorf("%s: %v, asked %d times", name, err, len(s.asked))
		}
	}
}

func TestNobodyAnswers(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0") // it takes connections, and says nothing
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := newQueue(t, config(t, ""), "http://"+listener.Addr().String()+"/1/push").Enqueue(ctx, task("s1")); chat.CodeOf(err) != chat.Busy {
		t.Error(err)
	}
}

// A function sleeps between its events, and the service ends its connections meanwhile.
func TestAConnectionThatHasEndedCostsNoTask(t *testing.T) {
	t.Parallel()
	s := newService(t)
	q := newQueue(t, config(t, ""), s.URL+"/1/push")
	for range 3 {
		if err := q.Enqueue(t.Context(), task("s1")); err != nil {
			t.Fatal(err)
		}
		s.CloseClientConnections()
	}
}

func TestWithoutAQueueThereIsNoFastPath(t *testing.T) {
	t.Parallel()
	if fast, err := fastpath.New(config(t, ""), "", clock, nil); err != nil || fast.Queue != nil {
		t.Errorf("%+v, %v", fast, err)
	}
	if fast, err := fastpath.New(config(t, ""), "http://\x00", clock, nil); err == nil || fast.Queue != nil {
		t.Errorf("%+v, %v", fast, err)
	}
}
