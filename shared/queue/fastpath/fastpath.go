// Package fastpath puts revocations into the push queue where somebody waits for the answer and the task may also be lost: with one
// request. It speaks to SQS by itself (SQS developer guide, "Making query API requests using AWS JSON protocol"): with the SDK's client of
// it a function behind a route would be larger than it may be.
package fastpath

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"unsend/shared/chat"
	"unsend/shared/queue/form"
)

// mostAnswer is more than SQS answers with.
const mostAnswer = 16 << 10

// queue is a chat.Queue. It is safe for concurrent use.
type queue struct {
	cfg      aws.Config
	url      string
	endpoint string
	clock    chat.Clock
	signer   *v4.Signer
}

var _ chat.Queue = (*queue)(nil)

// New is a fast path by the queue at the URL; with an empty one there is none. The service is at the configuration's endpoint, where that
// has one, else at the URL's host. failed is told what goes wrong later.
func New(cfg aws.Config, queueURL string, clock chat.Clock, failed func(context.Context, error)) (chat.FastPath, error) {
	if queueURL == "" {
		return chat.FastPath{}, nil
	}
	at, err := url.Parse(queueURL)
	if err != nil {
		return chat.FastPath{}, errors.New("the push queue's URL is none")
	}
	endpoint := at.Scheme + "://" + at.Host + "/"
	if cfg.BaseEndpoint != nil {
		endpoint = *cfg.BaseEndpoint
	}
	return chat.FastPath{Queue: &queue{cfg: cfg, url: queueURL, endpoint: endpoint, clock: clock, signer: v4.NewSigner()}, Failed: failed}, nil
}

// sendMessage is the request (SQS API Reference, "SendMessage").
type sendMessage struct {
	QueueURL string `json:"QueueUrl"`
	Body     string `json:"MessageBody"`
	Delay    int32  `json:"DelaySeconds,omitempty"`
	Group    string `json:"MessageGroupId"`
}

// Enqueue stores the task, or fails with Busy. See [chat.Queue].
func (q *queue) Enqueue(ctx context.Context, task chat.Task) error {
	body, err := form.EncodeTask(task)
	if err != nil {
		return err
	}
	request, err := q.request(ctx, sendMessage{QueueURL: q.url, Body: body, Delay: form.Seconds(task.Delay), Group: form.Group(task.ServerID)})
	if err != nil {
		return fmt.Errorf("a request to the queue: %w", err)
	}
	if err := q.ask(request); err != nil {
		return &chat.Error{Code: chat.Busy, Err: fmt.Errorf("put a message into the queue: %w", err)}
	}
	return nil
}

func (q *queue) request(ctx context.Context, message sendMessage) (*http.Request, error) {
	text, err := json.Marshal(message)
	if err != nil {
		return nil, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, q.endpoint, bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/x-amz-json-1.0")
	r.Header.Set("X-Amz-Target", "AmazonSQS.SendMessage")
	credentials, err := q.cfg.Credentials.Retrieve(ctx)
	if err != nil {
		return nil, err
	}
	hash := sha256.Sum256(text)
	if err := q.signer.SignHTTP(ctx, credentials, r, hex.EncodeToString(hash[:]), "sqs", q.cfg.Region, q.clock()); err != nil {
		return nil, err
	}
	// A connection that ended while the function slept is found out by writing to it: net/http then writes to a new one, as it
	// may for what is harmless to repeat. The key itself is not sent (net/http, Transport).
	r.Header["Idempotency-Key"] = nil
	return r, nil
}

func (q *queue) ask(r *http.Request) error {
	answer, err := q.cfg.HTTPClient.Do(r)
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }() // it was read
	// To its end, so that the connection is kept.
	text, err := io.ReadAll(io.LimitReader(answer.Body, mostAnswer))
	switch {
	case answer.StatusCode != http.StatusOK:
		return fmt.Errorf("status %d, %s", answer.StatusCode, kind(text))
	case err != nil:
		return err
	}
	return nil
}

// kind names the error of an answer; its text is not repeated.
func kind(answer []byte) string {
	var failed struct {
		Type string `json:"__type"`
	}
	if err := json.Unmarshal(answer, &failed); err != nil || !isName(failed.Type) {
		return "of no known kind"
	}
	return failed.Type
}

func isName(text string) bool {
	for _, r := range text {
		if !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r == '.' || r == '#') {
			return false
		}
	}
	return text != "" && len(text) <= 100
}
