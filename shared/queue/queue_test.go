package queue_test

import (
	"context"
	"crypto/md5"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
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

// sqs answers as SQS does, and keeps what it was asked.
func sqs(t *testing.T, status int) (*queue.Queue, *[]map[string]any) {
	t.Helper()
	var asked []map[string]any
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		var request map[string]any
		if err := json.Unmarshal(text, &request); err != nil {
			t.Error(err)
		}
		asked = append(asked, request)
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
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
	q, asked := sqs(t, http.StatusOK)
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

func TestEnqueueFails(t *testing.T) {
	t.Parallel()
	q, _ := sqs(t, http.StatusServiceUnavailable)
	if err := q.Enqueue(t.Context(), task("s1")); chat.CodeOf(err) != chat.Busy {
		t.Errorf("a failing service: %v", err)
	}
}
