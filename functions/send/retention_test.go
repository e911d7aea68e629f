package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"unsend/shared/awsenv"
	"unsend/shared/chat"
	"unsend/shared/config"
	"unsend/shared/edge"
	"unsend/shared/edge/edgetest"
)

// table answers as DynamoDB does where alice owns s1 and c1 is public, and gives
// what was written, as it came.
func table(t *testing.T) (url string, written func() []byte) {
	t.Helper()
	const rows = `{"Responses":{"community":[
		{"pk":{"S":"server#s1"},"sk":{"S":"policy"},"owner":{"S":"alice"},"version":{"N":"1"}},
		{"pk":{"S":"server#s1"},"sk":{"S":"channel#c1"},"version":{"N":"1"}},
		{"pk":{"S":"members#s1"},"sk":{"S":"alice"},"joined":{"BOOL":true},"generation":{"N":"1"},"version":{"N":"1"}}]}}`
	var body []byte
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		answer := rows
		if strings.HasSuffix(r.Header.Get("X-Amz-Target"), ".TransactWriteItems") {
			body, answer = text, "{}"
		}
		_, _ = io.WriteString(w, answer) // a client that hangs up fails its own test
	}))
	t.Cleanup(server.Close)
	return server.URL, func() []byte { return body }
}

// The deployment's retention is stored with each message: the table removes it then.
func TestRetentionReachesTheRow(t *testing.T) {
	t.Parallel()
	for days, retention := range map[string]time.Duration{"0": 0, "1": 24 * time.Hour, "30": 30 * 24 * time.Hour} {
		url, written := table(t)
		values := map[string]string{
			config.MessagesTable: "messages", config.CommunityTable: "community", config.SessionsTable: "sessions", config.RetentionDays: days, config.FramesPer10S: "0",
			awsenv.Region: "eu-central-1", awsenv.AccessKeyID: "key", awsenv.SecretKey: "secret", awsenv.Endpoint: url,
			"AWS_LAMBDA_LOG_LEVEL": "ERROR",
		}
		h, err := run(t.Context(), func(name string) string { return values[name] })
		if err != nil {
			t.Fatal(err)
		}
		event := edgetest.Event(t, "send")
		event.RequestContext.Authorizer = edge.Authorized(chat.Connection{
			AccountID: "alice", ClientType: chat.Web, TokenExpiresAt: time.Now().Add(time.Hour).UnixMilli(),
		})
		if answer := edgetest.Ask(t, h, event); answer.Code != chat.OK {
			t.Fatalf("%s days: %s", days, answer.Text)
		}
		ttl, sent := lifetime(t, written())
		switch {
		case days == "0" && ttl != "":
			t.Errorf("a message that is kept for ever ends at %s", ttl)
		case days != "0" && ttl != fmt.Sprint(sent.Add(retention).Unix()+1): // rounded up
			t.Errorf("%s days: a message of %v ends at %s", days, sent, ttl)
		}
	}
}

// lifetime reads the message among a transaction's items: its ttl, and when it was sent.
func lifetime(t *testing.T, transaction []byte) (ttl string, sent time.Time) {
	t.Helper()
	var in struct {
		TransactItems []struct {
			Put struct {
				TableName string
				Item      map[string]struct{ S, N string }
			}
		}
	}
	if err := json.Unmarshal(transaction, &in); err != nil {
		t.Fatalf("%v in what was written: %s", err, transaction)
	}
	for _, item := range in.TransactItems {
		if item.Put.TableName != "messages" {
			continue
		}
		at, _, _ := strings.Cut(item.Put.Item["sk"].S, "#")
		ms, err := strconv.ParseInt(at, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		return item.Put.Item["ttl"].N, time.UnixMilli(ms)
	}
	t.Fatal("no message was written")
	return "", time.Time{}
}
