// Package serverapi is a client of the Server API (docs/openapi.yaml): communities, their messages, jobs and
// audit, by requests that are signed with AWS credentials.
//
// Each method is one request, but for [Pages] and what takes many at once. It is given up after [CallTimeout].
// What AWS or the service calls busy is repeated, a few times and after a pause that grows; what failed without a
// clear answer is repeated only where a second one does no harm. A refusal is a [*Problem], which says why.
//
// A row has the ETag that it was read with. A [Write] that names it holds for that version only, so that nobody
// overwrites what somebody else has changed since.
package serverapi

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	jsonv2 "github.com/go-json-experiment/json"

	"unsend/scripts/unsend/wait"
)

const (
	// CallTimeout bounds a request, with its repetitions.
	CallTimeout = 2 * time.Minute

	attempts       = 5
	attemptTimeout = 40 * time.Second // the function gives up sooner, and says so; a cold start comes before it
	firstPause     = 500 * time.Millisecond
	longestPause   = 5 * time.Second

	maxAnswer = 8 << 20 // Lambda's own limit is 6 MB
)

// Options are what a client needs.
type Options struct {
	URL         string // the output ServerApiUrl
	Region      string
	Credentials aws.CredentialsProvider
	HTTP        *http.Client // nil: one that follows no redirects
	// Again, where set, is told why a request is about to be made again. Several may call it at a time.
	Again func(error)
	// Slow, where set, is told that an answer takes longer than two seconds. Several may call it at a time.
	Slow func()
}

// Client asks one deployment. It may be used by several at a time.
type Client struct {
	Options
	signer *v4.Signer
	sleep  func(context.Context, time.Duration) error
	slow   time.Duration
}

// New makes a client; it asks nothing yet.
func New(o Options) *Client {
	if o.HTTP == nil {
		// Whoever redirects would be sent a request that was signed for somebody else.
		o.HTTP = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	}
	o.URL = strings.TrimSuffix(o.URL, "/")
	return &Client{Options: o, signer: v4.NewSigner(), sleep: wait.For, slow: 2 * time.Second}
}

// Write says under which conditions a write holds.
type Write struct {
	ActingAs string // the account whose permissions bind it; empty: none
	IfMatch  string // the ETag that the row must have; empty: any
	New      bool   // it must not be there yet
}

// request is one to send.
type request struct {
	method string
	path   []string // ids, not yet escaped
	query  url.Values
	write  Write
	body   any // nil: none
}

func (r request) url(base string) string {
	var path strings.Builder
	for _, each := range r.path {
		path.WriteByte('/')
		path.WriteString(url.PathEscape(each))
	}
	query := url.Values{}
	for name, values := range r.query {
		query[name] = values
	}
	if r.write.ActingAs != "" {
		query.Set("acting_as", r.write.ActingAs)
	}
	if len(query) > 0 {
		path.WriteString("?" + query.Encode())
	}
	return base + path.String()
}

// repeatable: a write that was bound to a version would be refused the second time, though the first one held.
func (r request) repeatable() bool { return r.write.IfMatch == "" && !r.write.New }

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// do sends the request, and repeats it where that can help. into may be nil.
func (c *Client) do(ctx context.Context, r request, into any) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, CallTimeout)
	defer cancel()
	body, err := encode(r.body)
	if err != nil {
		return answer{}, err
	}
	for attempt := 1; ; attempt++ {
		got, err := c.attempt(ctx, r, body)
		if err == nil {
			return got, decode(got, into)
		}
		if attempt == attempts || !worthwhile(err, r.repeatable()) {
			return got, err
		}
		if c.Again != nil {
			c.Again(err)
		}
		if c.sleep(ctx, pause(attempt, got.header.Get("Retry-After"))) != nil {
			return got, err // which says more than that the time is over
		}
	}
}

func encode(body any) ([]byte, error) {
	if body == nil {
		return nil, nil
	}
	text, err := jsonv2.Marshal(body, jsonv2.Deterministic(true)) // which writes nil lists as empty ones
	if err != nil {
		return nil, errors.New("the request cannot be written as JSON: is all of it UTF-8?") // err could quote what is sent
	}
	return text, nil
}

func decode(got answer, into any) error {
	if into == nil || len(got.body) == 0 {
		return nil
	}
	if err := json.Unmarshal(got.body, into); err != nil {
		return errors.New("the Server API answered with something else than docs/openapi.yaml says: is this tool older than the deployment?")
	}
	return nil
}

// attempt sends the request once.
func (c *Client) attempt(ctx context.Context, r request, body []byte) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, attemptTimeout)
	defer cancel()
	signed, err := c.signed(ctx, r, body)
	if err != nil {
		return answer{}, err
	}
	if c.Slow != nil {
		defer time.AfterFunc(c.slow, c.Slow).Stop()
	}
	response, err := c.HTTP.Do(signed)
	if err != nil {
		return answer{}, &unanswered{fmt.Errorf("ask the Server API: %w", err)}
	}
	defer func() { _ = response.Body.Close() }() // it was read
	text, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	got := answer{response.StatusCode, response.Header, text}
	switch {
	case err != nil:
		return got, &unanswered{fmt.Errorf("read the Server API's answer: %w", err)}
	case len(text) > maxAnswer:
		return got, fmt.Errorf("the Server API's answer is longer than %d MB", maxAnswer>>20)
	case response.StatusCode/100 != 2:
		return got, problemOf(r, got)
	}
	return got, nil
}

func (c *Client) signed(ctx context.Context, r request, body []byte) (*http.Request, error) {
	out, err := http.NewRequestWithContext(ctx, r.method, r.url(c.URL), bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("the address of the Server API: %w", err)
	}
	if len(body) > 0 {
		out.Header.Set("Content-Type", "application/json")
	}
	if r.write.IfMatch != "" {
		out.Header.Set("If-Match", r.write.IfMatch)
	}
	if r.write.New {
		out.Header.Set("If-None-Match", "*")
	}
	keys, err := c.Credentials.Retrieve(ctx)
	if err != nil {
		return nil, fmt.Errorf("get your AWS credentials (log in, or set AWS_PROFILE): %w", err)
	}
	sum := sha256.Sum256(body)
	if err := c.signer.SignHTTP(ctx, keys, out, hex.EncodeToString(sum[:]), "lambda", c.Region, time.Now()); err != nil {
		return nil, fmt.Errorf("sign the request: %w", err)
	}
	return out, nil
}

// unanswered is an error of the network: it may have been done, or not.
type unanswered struct{ error }

func (u *unanswered) Unwrap() error { return u.error }

// worthwhile tells whether the same request may do better a second time.
func worthwhile(err error, repeatable bool) bool {
	if p, ok := errors.AsType[*Problem](err); ok {
		return p.Busy() || p.Status >= 500 && repeatable
	}
	_, ok := errors.AsType[*unanswered](err)
	return ok && repeatable
}

// pause is how long to wait before the next attempt: at random, from half to all of what doubles each time, and
// what the answer asks for.
func pause(attempt int, retryAfter string) time.Duration {
	most := min(firstPause<<(attempt-1), longestPause)
	after := most/2 + rand.N(most/2) //nolint:gosec // spreads requests, protects nothing
	if seconds, err := strconv.Atoi(retryAfter); err == nil && seconds > 0 {
		after += min(time.Duration(seconds)*time.Second, longestPause)
	}
	return after
}
