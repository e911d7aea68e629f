package eventbridge_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/google/go-cmp/cmp"

	"unsend/shared/chat"
	"unsend/shared/eventbridge"
)

// entry is one of a request, as the service gets it.
type entry struct {
	EventBusName, Source, DetailType, Detail string
	Time                                     float64 // s
}

// service answers as EventBridge does, and keeps what it was asked.
type service struct {
	mu      sync.Mutex
	asked   [][]entry
	status  int                  // where the whole request is refused
	refusal string               // the code that it is refused with
	code    func(e entry) string // of an entry's error; empty: taken
	short   bool                 // the answer has no entries
}

func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	text, _ := io.ReadAll(r.Body)
	var request struct{ Entries []entry }
	_ = json.Unmarshal(text, &request)
	s.mu.Lock()
	s.asked = append(s.asked, request.Entries)
	s.mu.Unlock()
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	if s.status != 0 {
		w.WriteHeader(s.status)
		_, _ = fmt.Fprintf(w, `{"__type":%q,"message":"SECRET"}`, s.refusal)
		return
	}
	answer := struct {
		FailedEntryCount int
		Entries          []map[string]string
	}{}
	for _, e := range request.Entries {
		if code := s.code(e); code != "" {
			answer.FailedEntryCount++
			answer.Entries = append(answer.Entries, map[string]string{"ErrorCode": code, "ErrorMessage": "SECRET"})
		} else {
			answer.Entries = append(answer.Entries, map[string]string{"EventId": "1"})
		}
	}
	if s.short {
		answer.Entries = nil
	}
	_ = json.NewEncoder(w).Encode(answer)
}

func taken(entry) string { return "" }

func start(t *testing.T, s *service) *eventbridge.Bus {
	t.Helper()
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	return eventbridge.New(aws.Config{
		Region: "eu-central-1", BaseEndpoint: aws.String(server.URL), Retryer: func() aws.Retryer { return aws.NopRetryer{} },
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "key", SecretAccessKey: "secret"}, nil
		}),
	}, "the-bus")
}

func key(id string) chat.MessageKey {
	return chat.MessageKey{ServerID: "s1", ChannelID: "c1", Timestamp: 1_767_225_600_123, MsgServerID: id}
}

func TestAnEventIsIdsAndWho(t *testing.T) {
	t.Parallel()
	s := &service{code: taken}
	failures := start(t, s).Publish(t.Context(), []chat.BusEvent{
		{Type: chat.MessageSent, Key: key("m1"), Version: 1, At: 1_767_225_600_123, By: chat.Who{AccountID: "alice", ClientType: chat.Web}},
		{Type: chat.MessageRevoked, Key: key("m1"), Version: 2, At: 1_767_225_603_456, PushContent: "a message was taken back", PushPayload: `{"badge":0}`,
			By: chat.Who{AccountID: "bob", DeviceID: "desk", ClientType: chat.PC}},
	})
	want := [][]entry{{
		{"the-bus", "unsend", "message.sent", `{"id":"s1/c1/m1/1","server_id":"s1","channel_id":"c1","timestamp":1767225600123,"msg_server_id":"m1","version":1,` +
			`"sender":{"accid":"alice","client_type":16}}`, 1_767_225_600.123},
		{"the-bus", "unsend", "message.revoked", `{"id":"s1/c1/m1/2","server_id":"s1","channel_id":"c1","timestamp":1767225600123,"msg_server_id":"m1","version":2,` +
			`"operator":{"accid":"bob","device_id":"desk","client_type":4},"update_timestamp":1767225603456,` +
			`"push_content":"a message was taken back","push_payload":"{\"badge\":0}"}`, 1_767_225_603.456},
	}}
	if d := cmp.Diff(want, s.asked); d != "" || len(failures) > 0 {
		t.Errorf("%v\n-want +got\n%s", failures, d)
	}
}

// What README.md shows is what a bus gets.
func TestTheEventOfTheREADME(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, block, _ := strings.Cut(string(text), "```json\n{\"source\"")
	block, _, _ = strings.Cut(block, "\n```")
	var page struct {
		Source, DetailType string
		Detail             json.RawMessage
	}
	if err := json.Unmarshal([]byte(strings.Replace(`{"source"`+block, "detail-type", "detailType", 1)), &page); err != nil {
		t.Fatalf("README.md has no event: %v", err)
	}
	s := &service{code: taken}
	start(t, s).Publish(t.Context(), []chat.BusEvent{{Type: chat.MessageRevoked, Key: key("01KDVDNQ3VC6X8J3QW2Z1N5R7T"), Version: 2, At: 1_767_225_603_456,
		By: chat.Who{AccountID: "bob", DeviceID: "desk", ClientType: chat.PC}, PushContent: "a message was taken back", PushPayload: `{"badge":0}`}})
	if got := s.asked[0][0]; got.Source != page.Source || got.DetailType != page.DetailType || got.Detail != string(page.Detail) {
		t.Errorf("the bus got\n%s, and README.md shows\n%s", got.Detail, page.Detail)
	}
}

func events(n int) []chat.BusEvent {
	list := make([]chat.BusEvent, n)
	for i := range list {
		list[i] = chat.BusEvent{Type: chat.MessageSent, Key: key(fmt.Sprintf("m%02d", i)), Version: 1}
	}
	return list
}

func TestTenEventsInARequest(t *testing.T) {
	t.Parallel()
	for n, requests := range map[int]int{0: 0, 1: 1, 10: 1, 11: 2, 95: 10} {
		s := &service{code: taken}
		if failures := start(t, s).Publish(t.Context(), events(n)); len(failures) > 0 {
			t.Errorf("%d events: %v", n, failures)
		}
		sum := 0
		for _, asked := range s.asked {
			sum += len(asked)
			if len(asked) > 10 {
				t.Errorf("%d entries in a request", len(asked))
			}
		}
		if len(s.asked) != requests || sum != n {
			t.Errorf("%d events: %d in %d requests", n, sum, len(s.asked))
		}
	}
}

// byReason are the items that failed, by the error's text.
func byReason(failures []chat.Failure) map[string][]int {
	all := map[string][]int{}
	for _, f := range failures {
		all[f.Err.Error()] = append(all[f.Err.Error()], f.Items...)
	}
	for _, items := range all {
		slices.Sort(items)
	}
	return all
}

func TestWhatIsNotTakenIsToldByEvent(t *testing.T) {
	t.Parallel()
	s := &service{code: func(e entry) string {
		switch {
		case strings.Contains(e.Detail, "m03"), strings.Contains(e.Detail, "m14"):
			return "ThrottlingException"
		case strings.Contains(e.Detail, "m07"):
			return "InternalFailure"
		case strings.Contains(e.Detail, "m09"):
			return "NotAuthorizedForSourceException"
		}
		return ""
	}}
	got := byReason(start(t, s).Publish(t.Context(), events(25)))
	want := map[string][]int{
		"503 busy, try again: put events on the bus: ThrottlingException": {3, 14},
		"503 busy, try again: put events on the bus: InternalFailure":     {7},
		"put events on the bus: NotAuthorizedForSourceException":          {9},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("-want +got\n%s", d)
	}
}

func TestARequestThatFails(t *testing.T) {
	t.Parallel()
	refusing := &service{status: http.StatusBadRequest, refusal: "AccessDeniedException"}
	throttling := &service{status: http.StatusBadRequest, refusal: "ThrottlingException"}
	failing := &service{status: http.StatusInternalServerError, refusal: "SomethingElse"}
	short := &service{code: taken, short: true}
	gone := start(t, &service{code: taken})
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for name, failures := range map[string][]chat.Failure{
		"refused":           start(t, refusing).Publish(t.Context(), events(12)),
		"throttled":         start(t, throttling).Publish(t.Context(), events(12)),
		"failing":           start(t, failing).Publish(t.Context(), events(12)),
		"half an answer":    start(t, short).Publish(t.Context(), events(12)),
		"an ended context":  gone.Publish(ended, events(12)),
		"nobody is at home": eventbridge.New(nobody(), "the-bus").Publish(t.Context(), events(12)),
	} {
		var items []int
		for _, f := range failures {
			items = append(items, f.Items...)
			if (chat.CodeOf(f.Err) == chat.Busy) == (name == "refused") || strings.Contains(f.Err.Error(), "SECRET") {
				t.Errorf("%s: %v", name, f.Err)
			}
		}
		slices.Sort(items)
		if want := []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}; !slices.Equal(items, want) {
			t.Errorf("%s: failed are %v", name, items)
		}
	}
}

func nobody() aws.Config {
	return aws.Config{
		Region: "eu-central-1", BaseEndpoint: aws.String("http://127.0.0.1:1"), Retryer: func() aws.Retryer { return aws.NopRetryer{} },
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "key", SecretAccessKey: "secret"}, nil
		}),
	}
}
