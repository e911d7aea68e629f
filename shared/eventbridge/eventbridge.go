// Package eventbridge tells an EventBridge bus what became of messages.
//
// # An event
//
// source is [Source], detail-type the event's type; what detail holds is in [detail]: ids, times and
// who did it. Of a message's own text nothing is in there: the event says which message, and whoever may see it asks for it.
//
// An event comes at least once, and a repeated one has the same detail.id; the bus keeps no order (EventBridge user guide,
// "PutEvents"). So a listener remembers the ids, or does what can be done twice, and lets revoked beat sent.
package eventbridge

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"golang.org/x/sync/errgroup"

	"unsend/shared/chat"
)

// Source is what rules match to get the events of Unsend.
const Source = "unsend"

const (
	maxEntries = 10 // of a request (EventBridge API Reference, "PutEvents")
	putsAtOnce = 8
)

// Bus is a chat.EventPublisher. It is safe for concurrent use.
type Bus struct {
	client *sdk.Client
	name   string
}

var _ chat.EventPublisher = (*Bus)(nil)

// New makes the bus of the name, in the function's account and Region.
func New(cfg aws.Config, name string) *Bus {
	return &Bus{client: sdk.NewFromConfig(cfg), name: name}
}

// Publish puts ten events in a request, requests at the same time. See [chat.EventPublisher].
func (b *Bus) Publish(ctx context.Context, events []chat.BusEvent) (failures []chat.Failure) {
	var (
		mu   sync.Mutex
		puts errgroup.Group
	)
	puts.SetLimit(putsAtOnce)
	first := 0
	for part := range slices.Chunk(events, maxEntries) {
		from := first
		puts.Go(func() error {
			failed := b.put(ctx, part, from)
			mu.Lock()
			defer mu.Unlock()
			failures = append(failures, failed...)
			return nil // the other requests go on
		})
		first += len(part)
	}
	_ = puts.Wait()
	return failures
}

// put puts one request's events; the first has the index from.
func (b *Bus) put(ctx context.Context, events []chat.BusEvent, from int) (failures []chat.Failure) {
	err := chat.Guard(func() error {
		entries, err := b.entries(events)
		if err != nil {
			return err
		}
		out, err := b.client.PutEvents(ctx, &sdk.PutEventsInput{Entries: entries})
		if err != nil {
			return explain(err)
		}
		failures = refused(out.Entries, len(events), from)
		return nil
	})
	if err != nil {
		return []chat.Failure{{Items: span(from, len(events)), Err: err}}
	}
	return failures
}

func (b *Bus) entries(events []chat.BusEvent) ([]types.PutEventsRequestEntry, error) {
	entries := make([]types.PutEventsRequestEntry, len(events))
	for i, e := range events {
		text, err := json.Marshal(detailOf(e))
		if err != nil {
			return nil, errors.New("encode an event") // the encoder's error may quote a value
		}
		entries[i] = types.PutEventsRequestEntry{
			EventBusName: aws.String(b.name), Source: aws.String(Source), DetailType: aws.String(string(e.Type)),
			Detail: aws.String(string(text)), Time: aws.Time(time.UnixMilli(e.At)),
		}
	}
	return entries, nil
}

// refused gives the events that were not taken, those of one reason together. The service answers entry by entry, in their order.
func refused(results []types.PutEventsResultEntry, n, from int) (failures []chat.Failure) {
	byCode := map[string]int{}
	for i := range n {
		code := noAnswer
		if i < len(results) {
			code = aws.ToString(results[i].ErrorCode)
		}
		if code == "" {
			continue
		}
		at, known := byCode[code]
		if !known {
			at = len(failures)
			byCode[code] = at
			failures = append(failures, chat.Failure{Err: refusal(code)})
		}
		failures[at].Items = append(failures[at].Items, from+i)
	}
	return failures
}

func span(from, n int) []int {
	all := make([]int, n)
	for i := range all {
		all[i] = from + i
	}
	return all
}

// laterCodes are the service's codes for what may be taken later (API Reference, "PutEvents" and "PutEventsResultEntry"). Others say what
// somebody must mend: a permission that is missing, an event that is none.
var laterCodes = []string{"ThrottlingException", "InternalException", "InternalFailure", "ServiceUnavailable", noAnswer}

// noAnswer stands for the code of an event about which the service says nothing.
const noAnswer = "no answer"

// explain keeps the code of a refusal. Its text may quote the request.
func explain(err error) error {
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		if answer, ok := errors.AsType[*smithyhttp.ResponseError](err); ok && answer.HTTPStatusCode() >= http.StatusInternalServerError {
			return busy(errors.New(api.ErrorCode()))
		}
		return refusal(api.ErrorCode())
	}
	return busy(err)
}

// refusal is what a code says.
func refusal(code string) error {
	if slices.Contains(laterCodes, code) {
		return busy(errors.New(code))
	}
	return fmt.Errorf("put events on the bus: %s", code)
}

// busy: the same events may be taken later.
func busy(cause error) error {
	return &chat.Error{Code: chat.Busy, Err: fmt.Errorf("put events on the bus: %w", cause)}
}
