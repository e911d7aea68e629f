package edge

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"

	"unsend/shared/chat"
)

// measuring is an edge that makes metrics, and where it logs.
func measuring() (Edge, *bytes.Buffer) {
	log := &bytes.Buffer{}
	e := testEdge(log)
	e.Metrics = "Unsend/test"
	return e, log
}

// metricsOf are the names and units of a line's metrics.
func metricsOf(t *testing.T, log *bytes.Buffer) (line map[string]any, metrics []definition) {
	t.Helper()
	var aws struct {
		Embedded embedded `json:"_aws"`
	}
	text := bytes.Clone(log.Bytes())
	log.Reset()
	if bytes.Count(text, []byte("\n")) != 1 {
		t.Fatalf("not one line: %s", text)
	}
	if err := errors.Join(json.Unmarshal(text, &line), json.Unmarshal(text, &aws)); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	for _, directive := range aws.Embedded.CloudWatchMetrics {
		metrics = append(metrics, directive.Metrics...)
	}
	return line, metrics
}

// everything is a batch of which all numbers are something.
func everything() Outcome {
	return Pushed(chat.Report{Notices: 1, Dropped: 2, Posts: 3, Gone: 4, Young: 5, Retried: 6, Closed: 7, Queued: 8, Audience: 9, RevokesTold: []int64{10, 11}})
}

func queueOf(e Edge, o Outcome) QueueHandler {
	return Queue(e, "push", func(string) (int, error) { return 0, nil }, func(context.Context, []int) Outcome { return o })
}

// Each metric costs by the month: all that there can be are listed here, and none has a dimension, which would multiply them.
func TestMetricsAreFew(t *testing.T) {
	t.Parallel()
	e, log := measuring()
	var all []string
	take := func() {
		_, metrics := metricsOf(t, log)
		for _, m := range metrics {
			all = append(all, m.Name)
		}
	}
	if _, err := queueOf(e, everything())(t.Context(), events.SQSEvent{}); err != nil {
		t.Fatal(err)
	}
	take()
	inv := e.Begin(t.Context(), "x", "")
	inv.Sent()
	inv.Count(coldStartKey, 1)
	var errs []error
	for _, code := range chat.Codes {
		if code == chat.OK {
			errs = append(errs, nil)
		} else if code != chat.Repeated { // no revoke is answered so
			errs = append(errs, &chat.Error{Code: code})
		}
	}
	inv.Revoked(errs...)
	inv.End(t.Context(), nil)
	if line := log.String(); !strings.Contains(line, `"Dimensions":[[]]`) {
		t.Errorf("dimensions in %s", line)
	}
	take()
	slices.Sort(all)
	want := []string{"audience", "cold_start", "dropped", "gone", "posts", "push_ms", "retried", "revokes_200", "revokes_403", "revokes_404",
		"revokes_405", "revokes_414", "revokes_416", "revokes_500", "revokes_503", "revokes_508", "sends"}
	if !slices.Equal(all, want) {
		t.Errorf("the metrics are\n%v\nwant\n%v", all, want)
	}
}

// Ids, names and errors are in the line, and in no metric.
func TestMetricsHoldNoContent(t *testing.T) {
	t.Parallel()
	e, log := measuring()
	o := everything()
	o.Errs, o.About = []error{errors.New("SECRET")}, []About{{"server", "SECRET"}, {"kind", "SECRET"}}
	if _, err := queueOf(e, o)(t.Context(), events.SQSEvent{}); err != nil {
		t.Fatal(err)
	}
	line, metrics := metricsOf(t, log)
	if text := fmt.Sprint(line["_aws"]); strings.Contains(text, "SECRET") || len(metrics) != 6 {
		t.Errorf("_aws is %s", text)
	}
	for _, m := range metrics {
		switch value := line[m.Name].(type) {
		case float64:
		case []any:
			if m.Unit != "Milliseconds" || fmt.Sprint(value) != "[10 11]" {
				t.Errorf("%s in %s is %v", m.Name, m.Unit, value)
			}
		default:
			t.Errorf("%s is the text %v", m.Name, value)
		}
	}
	if line["server"] != "SECRET" || line["code"] != 503.0 {
		t.Errorf("the line itself has lost something: %v", line)
	}
}

func TestMetricsCanBeTurnedOff(t *testing.T) {
	t.Parallel()
	e, log := measuring()
	e.Metrics = ""
	if _, err := queueOf(e, everything())(t.Context(), events.SQSEvent{}); err != nil {
		t.Fatal(err)
	}
	if line, _ := metricsOf(t, log); line["_aws"] != nil || line["posts"] != 3.0 || line["audience"] != 9.0 {
		t.Errorf("line %v", line)
	}
}

// What is 0 makes no metric; a line of none has no member _aws; and of very many values as many are told as a line may hold.
func TestMetricsOfNothingAndOfTooMuch(t *testing.T) {
	t.Parallel()
	e, log := measuring()
	if _, err := queueOf(e, Pushed(chat.Report{}))(t.Context(), events.SQSEvent{}); err != nil {
		t.Fatal(err)
	}
	if line, _ := metricsOf(t, log); line["_aws"] != nil || line["posts"] != 0.0 {
		t.Errorf("line %v", line)
	}
	if _, err := queueOf(e, Pushed(chat.Report{RevokesTold: make([]int64, 250)}))(t.Context(), events.SQSEvent{}); err != nil {
		t.Fatal(err)
	}
	line, _ := metricsOf(t, log)
	if values, _ := line["push_ms"].([]any); len(values) != 100 {
		t.Errorf("%d values", len(values))
	}
}

func TestOnlyTheFirstInvocationIsCold(t *testing.T) {
	t.Parallel()
	e := New(func(string) string { return "" }, "Unsend/test")
	_, log := measuring()
	e.Log, e.Clock = testEdge(log).Log, testEdge(log).Clock
	for i, want := range []any{1.0, nil, nil} {
		e.Begin(t.Context(), "x", "").End(t.Context(), nil)
		if line, _ := metricsOf(t, log); line["cold_start"] != want {
			t.Errorf("invocation %d: cold_start is %v", i, line["cold_start"])
		}
	}
}

// A batch that was refused as a whole counts once; one that was answered in parts by its parts.
func TestRevokesAreCountedByCode(t *testing.T) {
	t.Parallel()
	e, log := measuring()
	inv := e.Begin(t.Context(), "revokeBatch", "")
	tooLate := &chat.Error{Code: chat.TooLate}
	inv.Revoked(nil, tooLate, tooLate, errors.New("broken"), nil, nil)
	inv.End(t.Context(), nil)
	if line, metrics := metricsOf(t, log); line["revokes_200"] != 3.0 || line["revokes_508"] != 2.0 || line["revokes_500"] != 1.0 || len(metrics) != 3 {
		t.Errorf("line %v", line)
	}
}
