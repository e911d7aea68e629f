// Package events is the sample events: each is what AWS sends to a function, whole, and is
// an input of that function's tests. `sam local invoke Send --event events/send.json` takes them, too; the tokens in
// them ended in 2026 and are signed with a secret that no deployment has.
package events

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// samples are the names of all of them.
func samples(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("%v, %v", files, err)
	}
	for i, file := range files {
		files[i] = strings.TrimSuffix(file, ".json")
	}
	return files
}

// reads finds where a test loads a sample: Event(t, "name") or Load[E](t, "name").
var reads = regexp.MustCompile(`\bedgetest\.(?:Event|Load\[[\w.]+\])\(t, "([^"]+)"\)`)

// A sample that no test reads would rot.
func TestEverySampleIsUsed(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../functions/*/*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	read := map[string]bool{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range reads.FindAllStringSubmatch(string(text), -1) {
			read[match[1]] = true
		}
	}
	for _, sample := range samples(t) {
		if !read[sample] {
			t.Errorf("no test of a function reads %s", sample)
		}
	}
}

// Parts of a requestContext that AWS documents for each kind of event of a WebSocket API.
var (
	common = []string{"routeKey", "eventType", "extendedRequestId", "requestTime", "messageDirection", "stage", "connectedAt",
		"requestTimeEpoch", "identity", "requestId", "domainName", "connectionId", "apiId"}
	byKind = map[string][]string{
		"CONNECT":    nil,
		"DISCONNECT": {"authorizer", "disconnectStatusCode", "disconnectReason"},
		"MESSAGE":    {"authorizer", "messageId"},
	}
	// streamed are those of a record of a stream that shows keys only.
	streamed = []string{"ApproximateCreationDateTime", "Keys", "SequenceNumber", "SizeBytes", "StreamViewType"}
	// byURL are those of a request to a function URL (Lambda developer guide, "Invoking Lambda function URLs").
	byURL = []string{"accountId", "apiId", "authorizer", "domainName", "domainPrefix", "http", "requestId", "routeKey", "stage", "time", "timeEpoch"}
)

// A sample holds what AWS documents for its trigger, so that a handler which
// begins to need a part of it finds it there.
func TestSamplesAreWhole(t *testing.T) {
	t.Parallel()
	for _, sample := range samples(t) {
		text, err := os.ReadFile(sample + ".json")
		if err != nil {
			t.Fatal(err)
		}
		var event struct {
			Type           string         `json:"type"` // of an authorizer's event
			MethodArn      string         `json:"methodArn"`
			RequestContext map[string]any `json:"requestContext"`
			Records        []struct {
				EventID, EventName, EventVersion, EventSource, AWSRegion, EventSourceARN string
				Dynamodb                                                                 map[string]any
			}
		}
		if err := json.Unmarshal(text, &event); err != nil {
			t.Fatalf("%s: %v", sample, err)
		}
		if sample == "queue" || sample == "sweep" {
			queued(t, text)
			continue
		}
		for i, record := range event.Records {
			if record.EventID == "" || record.EventName == "" || record.EventVersion == "" || record.EventSource != "aws:dynamodb" ||
				record.AWSRegion == "" || record.EventSourceARN == "" {
				t.Errorf("%s: record %d is %+v", sample, i, record)
			}
			holds(t, sample, record.Dynamodb, streamed)
		}
		if event.Records != nil {
			continue
		}
		if sample == "server" {
			holds(t, sample, event.RequestContext, byURL)
			continue
		}
		kind, _ := event.RequestContext["eventType"].(string)
		more, known := byKind[kind]
		switch authorizes := strings.HasPrefix(sample, "authorize-"); {
		case !known:
			t.Errorf("%s: an event of the unknown type %q", sample, kind)
		case authorizes && (event.Type != "REQUEST" || event.MethodArn == ""):
			t.Errorf("%s: type %q, methodArn %q", sample, event.Type, event.MethodArn)
		case !authorizes && kind == "CONNECT":
			more = []string{"authorizer"}
		}
		holds(t, sample, event.RequestContext, common)
		holds(t, sample, event.RequestContext, more)
	}
}

func holds(t *testing.T, sample string, object map[string]any, keys []string) {
	t.Helper()
	for _, key := range keys {
		if _, ok := object[key]; !ok {
			t.Errorf("%s: %s is missing", sample, key)
		}
	}
}

// queued checks an event of a queue (Lambda developer guide, "Using Lambda with Amazon SQS").
func queued(t *testing.T, text []byte) {
	t.Helper()
	var event struct{ Records []map[string]any }
	if err := json.Unmarshal(text, &event); err != nil || len(event.Records) == 0 {
		t.Fatalf("%d records, %v", len(event.Records), err)
	}
	for _, record := range event.Records {
		holds(t, "queue", record, []string{"messageId", "receiptHandle", "body", "attributes", "messageAttributes", "md5OfBody",
			"eventSource", "eventSourceARN", "awsRegion"})
	}
}
