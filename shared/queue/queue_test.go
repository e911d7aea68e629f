package queue_test

import (
	"context"
	"crypto/md5"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/google/go-cmp/cmp"

	"unsend/shared/chat"
	"unsend/shared/queue"
	"unsend/shared/queue/form"
)

func task(server string) chat.Task {
	key := chat.MessageKey{ServerID: server, ChannelID: "c1", Timestamp: 1_767_225_600_000, MsgServerID: "m1"}
	return chat.Task{ServerID: server, Records: []chat.Stored{{Key: key, Kind: chat.Inserted}, {Key: key, Kind: chat.Modified}}}
}

// sqs answers as SQS does, and keeps what it was asked, with the "trace" that came with it.
func sqs(t *testing.T, status int, code string) (*queue.Queue, *[]map[string]any) {
	t.Helper()
	var asked []map[string]any
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		var request map[string]any
		if err := json.Unmarshal(text, &request); err != nil {
			t.Error(err)
		}
		if trace := r.Header.Get("X-Amzn-Trace-Id"); trace != "" {
			request["trace"] = trace
		}
		asked = append(asked, request)
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		w.Header().Set("X-Amzn-ErrorType", code)
		w.WriteHeader(status)
		sum := md5.Sum([]byte(fmt.Sprint(request["MessageBody"]))) // which the SDK compares
		_, _ = fmt.Fprintf(w, `{"MessageId":"1","MD5OfMessageBody":"%x"}`, sum)
	}))
	t.Cleanup(server.Close)
	return queue.New(aws.Config{
		Region: "eu-central-1", BaseEndpoint: aws.String(server.URL), Retryer: func() aws.Retryer { return aws.NopRetryer{} },
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "key", SecretAccessKey: "secret"}, nil
		}),
	}, server.URL+"/1/push"), &asked
}

func TestEnqueue(t *testing.T) {
	t.Parallel()
	q, asked := sqs(t, http.StatusOK, "")
	for _, delay := range []time.Duration{0, 1500 * time.Millisecond, time.Hour} {
		want := task("s1")
		want.Delay = delay
		if err := q.Enqueue(t.Context(), want); err != nil {
			t.Fatal(err)
		}
	}
	for i, want := range []any{nil, 2.0, 900.0} {
		request := (*asked)[i]
		if group, _ := request["MessageGroupId"].(string); len(group) != 16 {
			t.Errorf("group %q: servers do not take turns", group)
		}
		if got := request["DelaySeconds"]; got != want && (want != nil || got != 0.0) {
			t.Errorf("delay of task %d: %v, want %v", i, got, want)
		}
		body, _ := request["MessageBody"].(string)
		if got, err := form.DecodeTask(body); err != nil || !cmp.Equal(got, task("s1")) {
			t.Errorf("task %d: %+v, %v", i, got, err)
		}
	}
}

// In a function the SDK sends the id of its trace, by which X-Ray puts the trace of who takes a message out beside it
// (docs/operating.md, "Tracing"), and by which Lambda counts its turns.
func TestEnqueueHandsTheTraceOn(t *testing.T) {
	const trace = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"
	t.Setenv("AWS_LAMBDA_FUNCTION_NAME", "push")
	t.Setenv("_X_AMZN_TRACE_ID", trace)
	q, asked := sqs(t, http.StatusOK, "")
	if err := q.Enqueue(t.Context(), task("s1")); err != nil || (*asked)[0]["trace"] != trace {
		t.Errorf("%v, asked with %v", err, (*asked)[0]["trace"])
	}
}

// A refusal that repeating does not mend is no reason to ask for a repetition, and raises another alarm.
func TestEnqueueFails(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		status int
		code   string
		want   chat.Code
	}{
		"failing":            {500, "InternalFailure", chat.Busy},
		"unavailable":        {503, "", chat.Busy},
		"throttled":          {400, "RequestThrottled", chat.Busy},
		"throttled, by AWS":  {400, "ThrottlingException", chat.Busy},
		"not permitted":      {403, "AccessDeniedException", chat.Internal},
		"there is no queue":  {400, "QueueDoesNotExist", chat.Internal},
		"refused in passing": {400, "InvalidMessageContents", chat.Internal},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			q, _ := sqs(t, c.status, c.code)
			if err := q.Enqueue(t.Context(), task("s1")); chat.CodeOf(err) != c.want || !strings.Contains(err.Error(), "put a message into the queue") {
				t.Errorf("%v, want %d", err, c.want)
			}
		})
	}
}
