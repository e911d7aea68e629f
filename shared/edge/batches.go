package edge

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"unsend/shared/chat"
)

// margin is what is left of Lambda's time when the work on a batch must end, to
// answer and to log: a batch whose function is killed comes again from its start.
const margin = 2 * time.Second

// Outcome is what became of a batch.
type Outcome struct {
	// Unfinished are the indexes of what is to be delivered again.
	Unfinished []int
	// Errs are the reasons, for the log.
	Errs []error
	// Counts are numbers for the log, under keys that this package documents.
	Counts []Count
	// Failed: among the reasons are mistakes of ours, rather than what is busy alone.
	Failed bool
	// PushMS are how long pushes of revocations took, in ms, for the log.
	PushMS []int64
	// About names what the batch was about, where that is one thing, under keys that this package documents.
	About []About
}

// About is an id in the log line of a batch.
type About struct{ Key, ID string }

// Count is a number in the log line of a batch.
type Count struct {
	Key string
	N   int
}

// StreamHandler handles batches of a table's stream.
type StreamHandler = func(context.Context, events.DynamoDBEvent) (events.DynamoDBEventResponse, error)

// Stream makes the handler of a consumer of the Messages table's stream. parseKey
// reads the key of a message row.
//
// What serve could not finish is reported by its SequenceNumber, and delivered
// again from there on (Lambda developer guide, "Configuring partial batch response with DynamoDB"). A
// record that is no message's is logged and counts as finished: it would be none the next time either. A panic is
// the invocation's error, since only then does the mapping split the batch until the record that causes it
// stands alone.
func Stream(e Edge, name string, parseKey func(pk, sk string) (chat.MessageKey, error), serve func(context.Context, []chat.Stored) Outcome) StreamHandler {
	return func(ctx context.Context, event events.DynamoDBEvent) (events.DynamoDBEventResponse, error) {
		b := parseRecords(event, parseKey)
		outcome, err := e.batch(ctx, name, b.batch, func(ctx context.Context) Outcome { return serve(ctx, b.stored) })
		if err != nil {
			return events.DynamoDBEventResponse{}, err
		}
		failures := make([]events.DynamoDBBatchItemFailure, len(outcome.Unfinished))
		for i, index := range outcome.Unfinished {
			failures[i].ItemIdentifier = b.ids[index]
		}
		return events.DynamoDBEventResponse{BatchItemFailures: failures}, nil
	}
}

// QueueHandler handles batches of a queue.
type QueueHandler = func(context.Context, events.SQSEvent) (events.SQSEventResponse, error)

// Queue makes the handler of a queue's consumer. What serve could not finish comes
// again when its visibility timeout is over, and ends in the dead letter queue at last. A message that cannot be
// decoded goes the same way, so that somebody sees it. A panic leaves the whole batch to that.
func Queue[T any](e Edge, name string, decode func(body string) (T, error), serve func(context.Context, []T) Outcome) QueueHandler {
	return func(ctx context.Context, event events.SQSEvent) (events.SQSEventResponse, error) {
		b := batch{records: len(event.Records)}
		var values []T
		for _, message := range event.Records {
			value, err := decode(message.Body)
			if err != nil {
				b.unparsable = append(b.unparsable, message.MessageId)
				continue
			}
			values = append(values, value)
			b.ids = append(b.ids, message.MessageId)
		}
		outcome, err := e.batch(ctx, name, b, func(ctx context.Context) Outcome { return serve(ctx, values) })
		if err != nil {
			return events.SQSEventResponse{}, err
		}
		// Empty, not absent: a consumer of the answer may not know null.
		response := events.SQSEventResponse{BatchItemFailures: []events.SQSBatchItemFailure{}}
		for _, index := range outcome.Unfinished {
			response.BatchItemFailures = append(response.BatchItemFailures, events.SQSBatchItemFailure{ItemIdentifier: b.ids[index]})
		}
		for _, id := range b.unparsable {
			response.BatchItemFailures = append(response.BatchItemFailures, events.SQSBatchItemFailure{ItemIdentifier: id})
		}
		return response, nil
	}
}

// batch serves a batch under its deadline and logs its line. The error says that
// there was a panic.
func (e Edge) batch(ctx context.Context, name string, b batch, serve func(context.Context) Outcome) (Outcome, error) {
	ctx, cancel := withMargin(ctx)
	defer cancel()
	inv := e.Begin(ctx, name, "")
	var outcome Outcome
	panicked := chat.Guard(func() error {
		outcome = serve(ctx)
		return nil
	})
	b.describe(inv, outcome)
	if panicked != nil {
		inv.End(ctx, panicked)
		return Outcome{}, errors.New("panic, see the log")
	}
	inv.End(ctx, b.error(outcome))
	return outcome, nil
}

func withMargin(ctx context.Context) (context.Context, context.CancelFunc) {
	deadline, ok := ctx.Deadline()
	if !ok { // not in Lambda
		return context.WithTimeout(ctx, time.Minute)
	}
	return context.WithDeadline(ctx, deadline.Add(-margin))
}

// batch is what is known of a batch before it is served; ids are those of what is served.
type batch struct {
	records    int
	ids        []string
	unparsable []string
}

// recordBatch is a batch of the stream.
type recordBatch struct {
	batch
	stored []chat.Stored
}

func parseRecords(event events.DynamoDBEvent, parseKey func(pk, sk string) (chat.MessageKey, error)) recordBatch {
	b := recordBatch{batch: batch{records: len(event.Records)}}
	for _, record := range event.Records {
		kind, ok := chat.ParseStoredKind(record.EventName)
		if !ok {
			continue // a removal has nothing to tell
		}
		key, err := keyOf(record.Change.Keys, parseKey)
		if err != nil {
			b.unparsable = append(b.unparsable, record.Change.SequenceNumber)
			continue
		}
		b.stored = append(b.stored, chat.Stored{Key: key, Kind: kind})
		b.ids = append(b.ids, record.Change.SequenceNumber)
	}
	return b
}

func keyOf(keys map[string]events.DynamoDBAttributeValue, parseKey func(pk, sk string) (chat.MessageKey, error)) (chat.MessageKey, error) {
	pk, sk := keys["pk"], keys["sk"]
	// String panics for other types.
	if pk.DataType() != events.DataTypeString || sk.DataType() != events.DataTypeString {
		return chat.MessageKey{}, errors.New("a key is no string")
	}
	return parseKey(pk.String(), sk.String())
}

// error is internal where somebody must mend something, else busy when something comes again or was put off: nobody waits for an answer, and the
// mapping retries.
func (b batch) error(o Outcome) error {
	errs := slices.Clone(o.Errs)
	if len(b.unparsable) > 0 {
		errs = append(errs, fmt.Errorf("cannot be read, records %s", strings.Join(b.unparsable, ", ")))
	}
	if len(b.unparsable) > 0 || o.Failed {
		return &chat.Error{Code: chat.Internal, Err: errors.Join(errs...)}
	}
	if len(o.Unfinished) > 0 || len(errs) > 0 {
		return &chat.Error{Code: chat.Busy, Err: errors.Join(errs...)}
	}
	return nil
}

func (b batch) describe(inv *Invocation, o Outcome) {
	counts := append([]Count{{"records", b.records}, {"unparsable", len(b.unparsable)}, {"unfinished", len(o.Unfinished)}}, o.Counts...)
	for _, c := range counts {
		inv.Count(c.Key, c.N)
	}
	inv.pushed(o.PushMS)
	for _, about := range o.About {
		inv.Add(about.Key, about.ID)
	}
}

// passing are what is no refusal, and passes by itself.
var passing = []error{chat.ErrThrottled, chat.ErrTimeout, context.DeadlineExceeded, context.Canceled}

// isMistake tells whether somebody must mend what the error says, or a part of it where several are joined.
func isMistake(err error) bool {
	switch e := err.(type) {
	case *chat.Error:
		return e.Code != chat.Busy
	case interface{ Unwrap() []error }:
		return slices.ContainsFunc(e.Unwrap(), isMistake)
	case interface{ Unwrap() error }:
		if cause := e.Unwrap(); cause != nil {
			return isMistake(cause)
		}
	}
	return !slices.Contains(passing, err)
}

// Pushed is the outcome that a report of pushes has.
func Pushed(r chat.Report) Outcome {
	return Outcome{Unfinished: r.Unfinished, Errs: r.Errs, Failed: slices.ContainsFunc(r.Errs, isMistake), PushMS: r.RevokesTold, Counts: []Count{
		{"notices", r.Notices}, {droppedKey, r.Dropped}, {audienceKey, r.Audience}, {postsKey, r.Posts}, {goneKey, r.Gone},
		{"young", r.Young}, {retriedKey, r.Retried}, {"closed", r.Closed}, {"queued", r.Queued},
	}}
}

// Recorded is the outcome that a report of recording has.
func Recorded(r chat.RecordReport) Outcome {
	return Outcome{Unfinished: r.Unfinished, Errs: r.Errs, Failed: slices.ContainsFunc(r.Errs, isMistake), Counts: []Count{{"audited", r.Audited}, {"published", r.Published}}}
}

// Worked is the outcome of work on one job: what was done, why it waits for something that is busy (nil: it does not), and why it is to be
// delivered again (nil: it is not).
func Worked(job chat.JobRef, did chat.JobCounts, busy, err error) Outcome {
	o := Outcome{
		Counts: []Count{
			{"channels", did.Channels}, {"found", did.Found}, {"revoked", did.Revoked}, {"refused", did.Refused}, {"removed", did.Removed},
		},
		About: []About{{"server", job.ServerID}, {"kind", string(job.Kind)}, {"job", job.ID}},
	}
	if did.Revoked > 0 {
		o.Counts = append(o.Counts, Count{revokesKey + "200", did.Revoked})
	}
	if busy != nil {
		o.Errs = append(o.Errs, busy)
	}
	if err != nil {
		o.Errs, o.Unfinished, o.Failed = append(o.Errs, err), []int{0}, chat.CodeOf(err) != chat.Busy
	}
	return o
}
