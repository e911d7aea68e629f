// Package events is the sample events: each is what AWS sends to a function, whole, and is
// an input of that function's tests. `sam local invoke Send --event events/send.json` takes them, too; the tokens in
// them ended in 2026 and are signed with a secret that no deployment has.
package events

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A sample that no test reads would rot.
func TestEverySampleIsUsed(t *testing.T) {
	t.Parallel()
	samples, err := filepath.Glob("*.json")
	if err != nil || len(samples) == 0 {
		t.Fatalf("%v, %v", samples, err)
	}
	tests := readTests(t)
	for _, sample := range samples {
		if name := strings.TrimSuffix(sample, ".json"); !strings.Contains(tests, `"`+name+`"`) {
			t.Errorf("no test of a function reads %s", sample)
		}
	}
}

func readTests(t *testing.T) string {
	t.Helper()
	files, err := filepath.Glob("../functions/*/*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(text)
	}
	return all.String()
}

// A sample holds what AWS documents for its trigger, so that a handler which
// begins to need a part of it finds it there.
func TestSamplesAreWhole(t *testing.T) {
	t.Parallel()
	common := []string{"routeKey", "eventType", "extendedRequestId", "requestTime", "messageDirection", "stage", "connectedAt",
		"requestTimeEpoch", "identity", "requestId", "domainName", "connectionId", "apiId"}
	for sample, more := range map[string][]string{
		"authorize-header": nil, "authorize-subprotocol": nil, "authorize-query": nil,
		"connect": {"authorizer"}, "disconnect": {"authorizer", "disconnectStatusCode", "disconnectReason"},
		"default": {"authorizer", "messageId"}, "default-not-json": {"authorizer", "messageId"}, "ping": {"authorizer", "messageId"},
		"send": {"authorizer", "messageId"}, "revoke": {"authorizer", "messageId"}, "history": {"authorizer", "messageId"},
		"sync": {"authorizer", "messageId"},
	} {
		text, err := os.ReadFile(sample + ".json")
		if err != nil {
			t.Fatal(err)
		}
		var event struct {
			RequestContext map[string]any `json:"requestContext"`
		}
		if err := json.Unmarshal(text, &event); err != nil {
			t.Fatalf("%s: %v", sample, err)
		}
		for _, key := range append(common, more...) {
			if _, ok := event.RequestContext[key]; !ok {
				t.Errorf("%s: requestContext has no %s", sample, key)
			}
		}
	}
}
