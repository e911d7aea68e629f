package redrive

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"unsend/shared/chat"
	"unsend/shared/queue/form"
)

// wrote is when S3 got the objects of these tests.
var wrote = time.Date(2026, 1, 1, 0, 20, 0, 0, time.UTC)

// key is a message's, and stream its record.
func key(server string, n int) chat.MessageKey {
	return chat.MessageKey{ServerID: server, ChannelID: "c1", Timestamp: 1_767_225_600_000, MsgServerID: fmt.Sprint("m", n)}
}

func stream(event, server string, n int) string {
	return fmt.Sprintf(`{"eventID":"1","eventName":%q,"eventSource":"aws:dynamodb","dynamodb":{"ApproximateCreationDateTime":1767225601.0,`+
		`"Keys":{"pk":{"S":"%s#c1"},"sk":{"S":"001767225600000#m%d"}},"SequenceNumber":"4421","SizeBytes":57,"StreamViewType":"KEYS_ONLY"}}`, event, server, n)
}

// written is what Lambda writes, with the example's values of its developer guide. payload is JSON; empty: absent.
func written(payload string) string {
	if payload != "" {
		payload = `,"payload":` + payload
	}
	return `{"requestContext":{"requestId":"316aa6d0-8154-xmpl-9af7-85d5f4a6bc81","functionArn":"arn:aws:lambda:us-east-2:123456789012:function:myfunction",` +
		`"condition":"RetryAttemptsExhausted","approximateInvokeCount":3},"responseContext":{"statusCode":200,"executedVersion":"$LATEST","functionError":"Unhandled"},` +
		`"version":"1.0","timestamp":"2026-01-01T00:15:02.717Z","DDBStreamBatchInfo":{"shardId":"shardId-1","startSequenceNumber":"800","endSequenceNumber":"900",` +
		`"approximateArrivalOfFirstRecord":"2026-01-01T00:00:01Z","approximateArrivalOfLastRecord":"2026-01-01T00:00:02Z","batchSize":2,` +
		`"streamArn":"arn:aws:dynamodb:us-east-2:123456789012:table/mytable/stream/2019-11-14T00:04:06.388"}` + payload + `}`
}

func records(list ...string) string { return `{"Records":[` + strings.Join(list, ",") + `]}` }

func asText(payload string) string {
	text, _ := json.Marshal(payload) // never fails
	return string(text)
}

func parse(body string) Item { return ParseObject(Object{Key: "k", At: wrote}, []byte(body)) }

func TestBothFormsOfAPayloadAreRead(t *testing.T) {
	t.Parallel()
	payload := records(stream("INSERT", "s1", 1), stream("MODIFY", "s2", 2), stream("REMOVE", "s1", 3), `"torn"`, stream("MODIFY", "s1", 1))
	want := Item{
		From: Bucket, ID: "k", At: time.Date(2026, 1, 1, 0, 15, 2, 717_000_000, time.UTC), Skipped: 2, Attempts: 3,
		Reason: "RetryAttemptsExhausted", State: Replayable, Shares: []Share{{"s1", 2}, {"s2", 1}},
		tasks: []chat.Task{
			{ServerID: "s1", Records: []chat.Stored{{Key: key("s1", 1), Kind: chat.Inserted}, {Key: key("s1", 1), Kind: chat.Modified}}},
			{ServerID: "s2", Records: []chat.Stored{{Key: key("s2", 2), Kind: chat.Modified}}},
		},
	}
	for _, form := range []string{payload, asText(payload)} {
		if diff := cmp.Diff(want, parse(written(form)), cmp.AllowUnexported(Item{})); diff != "" {
			t.Errorf("%.20s: %s", form, diff)
		}
	}
}

func TestATaskHoldsNoMoreThanABatch(t *testing.T) {
	t.Parallel()
	var list []string
	for i := range 2*recordsPerTask + 1 {
		list = append(list, stream("MODIFY", "s1", i))
	}
	var sizes []int
	item := parse(written(records(list...)))
	for _, task := range item.tasks {
		sizes = append(sizes, len(task.Records))
	}
	if want := []int{recordsPerTask, recordsPerTask, 1}; !slices.Equal(sizes, want) || item.Records() != len(list) {
		t.Errorf("tasks of %v records, want %v", sizes, want)
	}
}

func TestWhatCannotBeReplayedSaysWhy(t *testing.T) {
	t.Parallel()
	good := stream("INSERT", "s1", 1)
	whole := written(records(good))
	for _, test := range []struct {
		name, body string
		state      State
		problem    string // a part of it
		skipped    int
	}{
		{"nothing", ``, Unusable, "only a part", 0},
		{"torn", whole[:len(whole)/2], Unusable, "only a part", 0},
		{"of another form", `[]`, Unusable, "only a part", 0},
		{"of something else", `{"payload":{"Records":[]}}`, Unusable, "not what Lambda writes about a batch", 0},
		{"null", `null`, Unusable, "not what Lambda writes about a batch", 0},
		{"no payload", written(``), Unusable, "2 of 2026-01-01T00:00:01Z to 2026-01-01T00:00:02Z: devices that were not told learn of them by sync", 0},
		{"null as payload", written(`null`), Unusable, "by sync", 0},
		{"an empty payload", written(`""`), Unusable, "by sync", 0},
		{"no records", written(records()), Unusable, "by sync", 0},
		{"no times", strings.ReplaceAll(written(``), "approximateArrival", "x"), Unusable, "2 of the shard shardId-1, sequence numbers 800 to 900", 0},
		{"a torn text as payload", written(asText(records(good)[:40])), Unusable, "its payload", 0},
		{"a number as payload", written(`5`), Unusable, "its payload", 0},
		{"records of nothing known", written(records(`{"eventName":"INSERT"}`, stream("DANCE", "s1", 1))), Unusable, "none of its 2 records", 2},
		{"removals", written(records(stream("REMOVE", "s1", 1))), Empty, "", 1},
		{"a removal of nothing known", written(records(stream("REMOVE", "s1", 1), `{}`)), Unusable, "none of its 2 records", 1},
		{"a number for an id", written(records(good, strings.Replace(good, `{"S":"s1#c1"}`, `{"N":"1"}`, 1))), Replayable, "", 1},
		{"an id of another type", written(records(good, strings.Replace(good, `"s1#c1"`, `1`, 1))), Replayable, "", 1},
		{"an id that the queue refuses", written(records(good, strings.Replace(good, "s1#", `s\u0007#`, 1))), Replayable, "", 1},
		{"without Lambda's words", `{"payload":` + records(good) + `}`, Replayable, "", 0},
	} {
		item := parse(test.body)
		if item.State != test.state || !strings.Contains(item.Problem, test.problem) || (item.Problem == "") != (test.problem == "") || item.Skipped != test.skipped {
			t.Errorf("%s: %s, %q, %d skipped; want %s, %q, %d", test.name, item.State, item.Problem, item.Skipped, test.state, test.problem, test.skipped)
		}
	}
}

// Whatever an object holds: what is made of it is what the push queue's readers take, and no record
// is counted twice or not at all.
func FuzzParseObject(f *testing.F) {
	payload := records(stream("INSERT", "s1", 1), stream("REMOVE", "s1", 1), stream("MODIFY", "s ❤", 2))
	for _, seed := range []string{written(payload), written(asText(payload)), written(``), `{"payload":{"Records":[{},null,5]}}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		item := ParseObject(Object{Key: "k", At: wrote}, body)
		if (item.State == Unusable) != (item.Problem != "") || (item.State == Replayable) != (len(item.tasks) > 0) {
			t.Errorf("%s with %q and %d tasks", item.State, item.Problem, len(item.tasks))
		}
		told := 0
		for _, task := range item.tasks {
			told += len(task.Records)
			encoded, err := form.EncodeTask(task)
			if err != nil {
				t.Fatal(err)
			}
			if decoded, err := form.DecodeTask(encoded); err != nil || !cmp.Equal(decoded, task) || len(task.Records) > recordsPerTask {
				t.Errorf("%+v became %+v, %v", task, decoded, err)
			}
		}
		if told != item.Records() || item.Attempts < 0 {
			t.Errorf("%d records in tasks, %d counted", told, item.Records())
		}
	})
}
