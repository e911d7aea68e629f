package outage

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"unsend/shared/dynamo"
	"unsend/shared/dynamo/dynamotest"
)

// What functions depend on, as template.yaml names it.
const (
	Messages    = "Messages"
	Updates     = "updates" // the index of Messages
	Community   = "Community"
	Sessions    = "Sessions"
	Audit       = "Audit"
	PushQueue   = "PushQueue"
	SweepQueue  = "SweepQueue"
	Secrets     = "TokenSecrets"
	KeySet      = "TokenJwksUrl"
	Connections = "@connections"
	Bus         = "EventBusName"
)

// place is a call on a dependency.
type place struct{ on, call string }

// asked is one request to the cloud.
type asked struct {
	request   *http.Request
	body      []byte
	service   string
	operation string
	calls     []place // of a transaction its parts, else one
	spoilt    place
	closing   <-chan struct{}
}

// Cloud is what a function sees of AWS: a real endpoint, and connections of its own, of which a test spoils some answers. It is
// safe for concurrent use.
type Cloud struct {
	URL string

	names   map[string]string // of tables and queues, to what they are
	proxy   *httputil.ReverseProxy
	keySet  []byte
	closing chan struct{}

	mu     sync.Mutex
	broken place
	kind   Kind
	hits   int // requests that met the outage
	open   map[string]bool
	frames map[string][]string // by connection
	taken  map[string][]string // bodies of messages and events that were taken, by where
}

// newCloud serves until the test ends.
func newCloud(t *testing.T, endpoint string, tables dynamo.Tables, queues map[string]string, keySet []byte) *Cloud {
	t.Helper()
	target, err := url.Parse(endpoint)
	if err != nil {
		t.Fatal(err)
	}
	c := &Cloud{
		names:  map[string]string{tables.Messages: Messages, tables.Community: Community, tables.Sessions: Sessions, tables.Audit: Audit},
		keySet: keySet, closing: make(chan struct{}),
		open: map[string]bool{}, frames: map[string][]string{}, taken: map[string][]string{},
		proxy: &httputil.ReverseProxy{
			// Sooner than the local stack closes connections: a request that meets the closing fails.
			Transport: &http.Transport{IdleConnTimeout: time.Second},
			// The host stays the one that was signed for.
			Rewrite: func(r *httputil.ProxyRequest) { r.Out.URL.Scheme, r.Out.URL.Host = target.Scheme, target.Host },
			// A function that hangs up is no error.
			ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) },
		},
	}
	for name, address := range queues {
		c.names[address] = name
	}
	server := httptest.NewServer(c)
	t.Cleanup(func() { close(c.closing); server.Close() })
	c.URL = server.URL
	return c
}

// spoil has the call on the dependency fail from now on.
func (c *Cloud) spoil(on, call string, kind Kind) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.broken, c.kind, c.hits = place{on, call}, kind, 0
}

// met tells whether a request has met the outage.
func (c *Cloud) met() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.hits > 0
}

// mend gives how many requests met the outage.
func (c *Cloud) mend() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.broken = place{}
	return c.hits
}

// Open makes the connection one that takes frames.
func (c *Cloud) Open(connectionID string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.open[connectionID] = true
}

// IsOpen tells whether the connection was opened, and not closed since.
func (c *Cloud) IsOpen(connectionID string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.open[connectionID]
}

// Frames are those that the connection took.
func (c *Cloud) Frames(connectionID string) []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.frames[connectionID])
}

// Take removes what a queue, or the bus, has taken: the bodies of messages, or of requests.
func (c *Cloud) Take(name string) []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	taken := c.taken[name]
	delete(c.taken, name)
	return taken
}

// ServeHTTP spoils the answer, or gives it.
func (c *Cloud) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // whoever asked has hung up
	}
	a := asked{request: r, body: body, closing: c.closing}
	c.describe(&a)
	kind, spoilt := c.meets(&a)
	switch {
	case !spoilt:
		c.serve(w, a)
	case kind == Lost, kind == LostOnce:
		c.serve(httptest.NewRecorder(), a)
		kind.spoil(w, a)
	default:
		kind.spoil(w, a)
	}
}

// meets tells whether the request meets the outage.
func (c *Cloud) meets(a *asked) (Kind, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !slices.Contains(a.calls, c.broken) {
		return "", false
	}
	c.hits++
	a.spoilt = c.broken
	return c.kind, !c.kind.blips() || c.hits == 1
}

// describe finds out what is asked of whom.
func (c *Cloud) describe(a *asked) {
	if _, id, ok := strings.Cut(a.request.URL.Path, "/@connections/"); ok && id != "" {
		a.service, a.calls = "@connections", []place{{Connections, a.request.Method}}
		return
	}
	if a.request.URL.Path == keySetPath {
		a.service, a.calls = "JWKS", []place{{KeySet, a.request.Method}}
		return
	}
	service, operation, _ := strings.Cut(a.request.Header.Get("X-Amz-Target"), ".")
	a.service, _, _ = strings.Cut(service, "_")
	a.operation = operation
	switch a.service {
	case "DynamoDB":
		a.calls = c.tableCalls(*a)
	case "AmazonSQS":
		var in struct {
			QueueURL string `json:"QueueUrl"`
		}
		_ = json.Unmarshal(a.body, &in) // what cannot be read is no call
		a.calls = []place{{c.names[in.QueueURL], operation}}
	case "secretsmanager":
		a.calls = []place{{Secrets, operation}}
	case "AWSEvents":
		a.calls = []place{{Bus, operation}}
	}
}

// tableCalls are a request's, on the tables and indexes as template.yaml names them.
func (c *Cloud) tableCalls(a asked) (calls []place) {
	for _, call := range dynamotest.Calls(a.operation, a.body) {
		calls = append(calls, place{cmp.Or(call.Index, c.names[call.Table]), call.Operation})
	}
	return calls
}

// unprocessed is the answer of a batch of which nothing was done.
func (a asked) unprocessed() string {
	var in struct {
		RequestItems json.RawMessage
		Entries      []json.RawMessage
	}
	_ = json.Unmarshal(a.body, &in) // it was read before
	switch a.operation {
	case "BatchGetItem":
		return `{"Responses":{},"UnprocessedKeys":` + string(in.RequestItems) + `}`
	case "BatchWriteItem":
		return `{"UnprocessedItems":` + string(in.RequestItems) + `}`
	}
	entries := slices.Repeat([]string{`{"ErrorCode":"ThrottlingException","ErrorMessage":"as a test wants it"}`}, len(in.Entries))
	return fmt.Sprintf(`{"FailedEntryCount":%d,"Entries":[%s]}`, len(entries), strings.Join(entries, ","))
}

// serve answers as the services do.
func (c *Cloud) serve(w http.ResponseWriter, a asked) {
	switch a.service {
	case "@connections":
		c.serveConnection(w, a)
	case "JWKS":
		write(w, http.StatusOK, "", string(c.keySet))
	default:
		c.forward(w, a)
	}
}

// serveConnection is the part of @connections that functions use.
func (c *Cloud) serveConnection(w http.ResponseWriter, a asked) {
	_, id, _ := strings.Cut(a.request.URL.Path, "/@connections/")
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case !c.open[id]:
		write(w, http.StatusGone, "GoneException", `{}`)
	case a.request.Method == http.MethodDelete:
		delete(c.open, id)
		w.WriteHeader(http.StatusNoContent)
	default:
		c.frames[id] = append(c.frames[id], string(a.body))
		w.WriteHeader(http.StatusOK)
	}
}

// forward asks the endpoint, and notes what a queue or the bus has taken.
func (c *Cloud) forward(w http.ResponseWriter, a asked) {
	// Whoever hangs up does not take back what a service has begun.
	r := a.request.Clone(context.WithoutCancel(a.request.Context()))
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(a.body)), int64(len(a.body))
	answer := httptest.NewRecorder()
	c.proxy.ServeHTTP(answer, r)
	if answer.Code == http.StatusOK && (a.operation == "SendMessage" || a.operation == "PutEvents") {
		c.note(a)
	}
	for name, values := range answer.Header() {
		w.Header()[name] = values
	}
	w.WriteHeader(answer.Code)
	_, _ = w.Write(answer.Body.Bytes()) // whoever hung up has its own trouble
}

func (c *Cloud) note(a asked) {
	body := string(a.body)
	if a.operation == "SendMessage" {
		var in struct{ MessageBody string }
		_ = json.Unmarshal(a.body, &in) // the queue has read it
		body = in.MessageBody
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	on := a.calls[0].on
	c.taken[on] = append(c.taken[on], body)
}

// Shut ends a connection as its device does.
func (c *Cloud) Shut(connectionID string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.open, connectionID)
}
