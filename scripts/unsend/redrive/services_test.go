package redrive

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"unsend/shared/chat"
	"unsend/shared/chat/chattest"
)

// service answers each request as serve says, and gives how it is called.
func service(t *testing.T, serve http.HandlerFunc) aws.Config {
	t.Helper()
	server := httptest.NewServer(serve)
	t.Cleanup(server.Close)
	return aws.Config{
		Region: "eu-central-1", BaseEndpoint: aws.String(server.URL), Retryer: func() aws.Retryer { return aws.NopRetryer{} },
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "key", SecretAccessKey: "secret"}, nil
		}),
	}
}

func TestObjectsThatAreNoLongerOrTooLarge(t *testing.T) {
	t.Parallel()
	bucket := NewS3(service(t, func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasSuffix(r.URL.Path, "/gone"):
			w.WriteHeader(http.StatusNotFound)
			_, _ = io.WriteString(w, `<Error><Code>NoSuchKey</Code></Error>`)
		case strings.HasSuffix(r.URL.Path, "/most"):
			_, _ = w.Write(bytes.Repeat([]byte("x"), maxObjectBytes))
		case strings.HasSuffix(r.URL.Path, "/large"):
			_, _ = w.Write(bytes.Repeat([]byte("x"), maxObjectBytes+1))
		default:
			w.WriteHeader(http.StatusForbidden)
			_, _ = io.WriteString(w, `<Error><Code>AccessDenied</Code></Error>`)
		}
	}), "undelivered", true)
	if _, err := bucket.Read(t.Context(), "gone"); !errors.Is(err, ErrGone) {
		t.Errorf("one that has gone: %v", err)
	}
	if body, err := bucket.Read(t.Context(), "most"); err != nil || len(body) != maxObjectBytes {
		t.Errorf("the largest one: %d bytes, %v", len(body), err)
	}
	if _, err := bucket.Read(t.Context(), "large"); !errors.Is(err, ErrTooLarge) {
		t.Errorf("a larger one: %v", err)
	}
	_, read := bucket.Read(t.Context(), "secret")
	_, listed := bucket.List(t.Context(), "")
	for action, err := range map[string]error{"s3:GetObject": read, "s3:ListBucket": listed, "s3:DeleteObject": bucket.Delete(t.Context(), "secret")} {
		if err == nil || !strings.Contains(err.Error(), action) || errors.Is(err, ErrGone) {
			t.Errorf("without %s: %v", action, err)
		}
	}
}

func TestLettersAreHiddenAndShownAgain(t *testing.T) {
	t.Parallel()
	var asked []string
	queue := NewSQS(service(t, func(w http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		_, action, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
		asked = append(asked, action+" "+string(text))
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		switch action {
		case "ReceiveMessage":
			_, _ = io.WriteString(w, `{"Messages":[{"MessageId":"1","ReceiptHandle":"h","Body":"b","Attributes":{"SentTimestamp":"1767225601000"}}]}`)
		case "GetQueueAttributes":
			_, _ = io.WriteString(w, `{"Attributes":{"ApproximateNumberOfMessagesNotVisible":"7"}}`)
		default:
			_, _ = io.WriteString(w, `{}`)
		}
	}), "http://127.0.0.1/1/dead")
	hidden, err := queue.Hidden(t.Context())
	if err != nil || hidden != 7 {
		t.Errorf("%d are hidden, %v", hidden, err)
	}
	letters, err := queue.Receive(t.Context(), 3)
	want := Letter{ID: "1", Handle: "h", Body: "b", At: time.Date(2026, 1, 1, 0, 0, 1, 0, time.UTC)}
	if err != nil || len(letters) != 1 || letters[0] != want {
		t.Errorf("%+v, %v", letters, err)
	}
	if err := errors.Join(queue.Delete(t.Context(), want), queue.Release(t.Context(), make([]Letter, 11))); err != nil {
		t.Error(err)
	}
	// A time of 0 that is not sent is the queue's own (aws/aws-sdk-go-v2#2250).
	for i, part := range []string{"ApproximateNumberOfMessagesNotVisible", `"VisibilityTimeout":120`, `"ReceiptHandle":"h"`, `"VisibilityTimeout":0`, `"Id":"0"`} {
		if i >= len(asked) || !strings.Contains(asked[i], part) {
			t.Errorf("request %d lacks %s: %q", i, part, asked)
		}
	}
}

// Each refusal names the permission that may be missing.
func TestWhatAQueueRefuses(t *testing.T) {
	t.Parallel()
	queue := NewSQS(service(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		w.WriteHeader(http.StatusForbidden)
		_, _ = io.WriteString(w, `{"__type":"com.amazonaws.sqs#AccessDeniedException"}`)
	}), "http://127.0.0.1/1/dead")
	_, hidden := queue.Hidden(t.Context())
	_, received := queue.Receive(t.Context(), 1)
	tasks := &chattest.Queue{Fail: func(chat.Task) error { return errRefused }}
	for action, err := range map[string]error{
		"sqs:GetQueueAttributes": hidden, "sqs:ReceiveMessage": received, "sqs:DeleteMessage": queue.Delete(t.Context(), Letter{}),
		"sqs:ChangeMessageVisibility": queue.Release(t.Context(), []Letter{{}}), "sqs:SendMessage": Bounded(tasks).Enqueue(t.Context(), task("s1", 1)),
	} {
		if err == nil || !strings.Contains(err.Error(), action) {
			t.Errorf("without %s: %v", action, err)
		}
	}
}
