package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"unsend/shared/chat"
	"unsend/shared/edge"
)

type notifier interface {
	Notify(context.Context, []chat.Stored) chat.Report
}

// handler serves batches of the stream.
type handler func(context.Context, events.DynamoDBEvent) (events.DynamoDBEventResponse, error)

// margin is what is left of Lambda's time when the work must end, to answer and
// to log: a batch whose function is killed is told of again from its start.
const margin = 2 * time.Second

// newHandler makes the handler. parseKey reads the key of a message row.
//
// What the notifier could not finish is reported by its SequenceNumber, and
// delivered again from there on. A record that is no message's is logged and counts as finished:
// it would be none the next time either. A panic is the invocation's error, since only then
// does the mapping split the batch until the record that causes it stands alone.
func newHandler(e edge.Edge, n notifier, parseKey func(pk, sk string) (chat.MessageKey, error)) handler {
	return func(ctx context.Context, event events.DynamoDBEvent) (events.DynamoDBEventResponse, error) {
		ctx, cancel := withMargin(ctx)
		defer cancel()
		inv := e.Begin(ctx, "notify", "")
		b := parse(event, parseKey)
		var report chat.Report
		panicked := chat.Guard(func() error {
			report = n.Notify(ctx, b.stored)
			return nil
		})
		b.describe(inv, report)
		if panicked != nil {
			inv.End(ctx, panicked)
			return events.DynamoDBEventResponse{}, errors.New("panic, see the log")
		}
		inv.End(ctx, b.outcome(report))
		return b.response(report), nil
	}
}

func withMargin(ctx context.Context) (context.Context, context.CancelFunc) {
	deadline, ok := ctx.Deadline()
	if !ok { // not in Lambda
		return context.WithTimeout(ctx, time.Minute)
	}
	return context.WithDeadline(ctx, deadline.Add(-margin))
}

// batch is what the records say; sequence[i] is the number of stored[i].
type batch struct {
	stored     []chat.Stored
	sequence   []string
	records    int
	unparsable []string // sequence numbers
}

func parse(event events.DynamoDBEvent, parseKey func(pk, sk string) (chat.MessageKey, error)) batch {
	b := batch{records: len(event.Records)}
	for _, record := range event.Records {
		kind, ok := kinds[record.EventName]
		if !ok {
			continue // a removal has nothing to tell
		}
		key, err := keyOf(record.Change.Keys, parseKey)
		if err != nil {
			b.unparsable = append(b.unparsable, record.Change.SequenceNumber)
			continue
		}
		b.stored = append(b.stored, chat.Stored{Key: key, Kind: kind})
		b.sequence = append(b.sequence, record.Change.SequenceNumber)
	}
	return b
}

var kinds = map[string]chat.StoredKind{
	string(events.DynamoDBOperationTypeInsert): chat.Inserted,
	string(events.DynamoDBOperationTypeModify): chat.Modified,
}

func keyOf(keys map[string]events.DynamoDBAttributeValue, parseKey func(pk, sk string) (chat.MessageKey, error)) (chat.MessageKey, error) {
	pk, sk := keys["pk"], keys["sk"]
	// String panics for other types.
	if pk.DataType() != events.DataTypeString || sk.DataType() != events.DataTypeString {
		return chat.MessageKey{}, errors.New("a key is no string")
	}
	return parseKey(pk.String(), sk.String())
}

func (b batch) response(report chat.Report) events.DynamoDBEventResponse {
	failures := make([]events.DynamoDBBatchItemFailure, len(report.Unfinished))
	for i, index := range report.Unfinished {
		failures[i].ItemIdentifier = b.sequence[index]
	}
	return events.DynamoDBEventResponse{BatchItemFailures: failures}
}

// outcome is busy when records come again, whatever their reasons: nobody waits
// for an answer, and the stream retries.
func (b batch) outcome(report chat.Report) error {
	errs := slices.Clone(report.Errs)
	if len(b.unparsable) > 0 {
		errs = append(errs, fmt.Errorf("no message's key, records %s", strings.Join(b.unparsable, ", ")))
	}
	switch {
	case len(b.unparsable) > 0:
		return &chat.Error{Code: chat.Internal, Err: errors.Join(errs...)}
	case len(report.Unfinished) > 0 || len(errs) > 0:
		return &chat.Error{Code: chat.Busy, Err: errors.Join(errs...)}
	}
	return nil
}

func (b batch) describe(inv *edge.Invocation, r chat.Report) {
	for _, c := range []struct {
		key string
		n   int
	}{
		{"records", b.records}, {"unparsable", len(b.unparsable)}, {"unfinished", len(r.Unfinished)}, {"notices", r.Notices},
		{"dropped", r.Dropped}, {"posts", r.Posts}, {"gone", r.Gone}, {"young", r.Young}, {"retried", r.Retried}, {"closed", r.Closed},
	} {
		inv.Count(c.key, c.n)
	}
}
