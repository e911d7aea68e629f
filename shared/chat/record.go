package chat

import (
	"context"
	"maps"
	"slices"
	"time"
)

// BusEventType is what an event on the bus tells.
type BusEventType string

// The types. Their texts are what rules of a bus match: they do not change.
const (
	MessageSent    BusEventType = "message.sent"
	MessageRevoked BusEventType = "message.revoked"
)

// sentVersion is a message's version when it is sent.
const sentVersion = 1

// BusEvent is what other systems are told of a message: by ids, never by its content.
type BusEvent struct {
	Type    BusEventType
	Key     MessageKey
	Version int64
	At      int64 // ms: when it was sent, or taken back
	By      Who   // who sent it, or took it back
	// PushContent and PushPayload are what the operator of a revocation said for push providers, so
	// that they can withdraw what they showed. They are never the message's own.
	PushContent, PushPayload string
}

// Recorder keeps who took what back, and tells an event bus what became of messages.
type Recorder struct {
	Messages  MessageReader
	Audit     AuditWriter
	Events    EventPublisher // nil: there is no bus
	Clock     Clock
	Retention time.Duration // of what is kept; 0 is for ever
}

// RecordReport is what became of a batch.
type RecordReport struct {
	// Unfinished are the indexes of the records that must be delivered again. Recording twice is harmless.
	Unfinished []int
	// Errs are the reasons.
	Errs []error

	Audited   int // audit entries that were stored
	Published int // events that the bus took
}

// Record reads the records' rows again and works on what they say: an audit entry for each message that was
// taken back, then, where there is a bus, the events. So no event tells of a revocation that the audit does not hold.
//
// A modification that is no revocation says nothing, and neither does a row that is gone. A message that was revoked by the
// time its insert is read was sent all the same. Of one that has expired nothing is told but who took it back.
//
// A record is finished when all that it has to say was stored and taken. What fails leaves its own records unfinished and no
// others. Three sequential round trips. At least once: entries are stored again as they are, and events repeat their ids.
func (r *Recorder) Record(ctx context.Context, records []Stored) RecordReport {
	batch := &recordBatch{Recorder: r, left: map[int]bool{}}
	batch.rows = batch.read(ctx, records)
	sent, revoked := batch.sort(records)
	batch.audit(ctx, revoked)
	batch.publish(ctx, append(sent, revoked...))
	batch.report.Unfinished = slices.Sorted(maps.Keys(batch.left))
	return batch.report
}

// recordBatch is one batch at work.
type recordBatch struct {
	*Recorder
	rows   map[MessageKey]Message
	left   map[int]bool // the records that are unfinished
	report RecordReport
}

// saying is a message that has something to say, and the records that are about it.
type saying struct {
	event   BusEventType
	message Message
	records []int
}

// read gives the rows that are there. A row that cannot be read is its own records' trouble: then each is read by
// itself. When the table is busy all of them wait.
func (b *recordBatch) read(ctx context.Context, records []Stored) map[MessageKey]Message {
	rows := make(map[MessageKey]Message, len(records))
	take := func(records []Stored) error {
		messages, err := b.Messages.Messages(ctx, keysOf(records))
		for _, m := range messages {
			rows[m.MessageKey] = m
		}
		return err
	}
	err := take(records)
	switch {
	case err == nil:
		return rows
	case CodeOf(err) == Busy:
		b.fail(indexes(len(records)), err)
		return rows
	}
	for i := range records {
		if err := take(records[i : i+1]); err != nil {
			b.fail([]int{i}, err)
		}
	}
	return rows
}

func indexes(n int) []int {
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	return all
}

// sort finds what there is to say, each thing once, in the order of the records.
func (b *recordBatch) sort(records []Stored) (sent, revoked []saying) {
	index := map[Stored]int{}
	for i, record := range records {
		row, ok := b.rows[record.Key]
		if !ok || b.left[i] {
			continue
		}
		into, event := &revoked, MessageRevoked
		switch {
		case record.Kind == Modified && row.Status == Revoked && row.Revocation != nil:
		case record.Kind == Inserted && !row.ExpiredAt(b.Clock().UnixMilli()):
			into, event = &sent, MessageSent
		default:
			continue
		}
		at, known := index[record]
		if !known {
			at = len(*into)
			index[record] = at
			*into = append(*into, saying{event: event, message: row})
		}
		(*into)[at].records = append((*into)[at].records, i)
	}
	return sent, revoked
}

func (b *recordBatch) audit(ctx context.Context, revoked []saying) {
	if len(revoked) == 0 {
		return
	}
	entries := make([]RevokeEntry, len(revoked))
	for i, s := range revoked {
		entries[i] = b.entry(s.message)
	}
	b.report.Audited = len(entries) - b.failed(revoked, b.Audit.PutAudit(ctx, entries))
}

// publish leaves out what the audit has not stored: it comes again.
func (b *recordBatch) publish(ctx context.Context, all []saying) {
	said := slices.DeleteFunc(all, func(s saying) bool { return b.left[s.records[0]] })
	if b.Events == nil || len(said) == 0 {
		return
	}
	events := make([]BusEvent, len(said))
	for i, s := range said {
		events[i] = busEvent(s.event, s.message)
	}
	b.report.Published = len(events) - b.failed(said, b.Events.Publish(ctx, events))
}

// failed marks the records of what failed, and tells of how many things that is.
func (b *recordBatch) failed(said []saying, failures []Failure) (n int) {
	for _, failure := range failures {
		var records []int
		for _, i := range failure.Items {
			records = append(records, said[i].records...)
		}
		b.fail(records, failure.Err)
		n += len(failure.Items)
	}
	return n
}

func (b *recordBatch) fail(records []int, err error) {
	for _, i := range records {
		b.left[i] = true
	}
	b.report.Errs = append(b.report.Errs, err)
}

// entry is the same whenever it is made.
func (r *Recorder) entry(m Message) RevokeEntry {
	return RevokeEntry{
		MessageKey: m.MessageKey, Version: m.Version, RevokedAt: m.UpdatedAt, AuthorID: m.From.AccountID,
		Operator: m.Revocation.Operator.who(), Door: m.Revocation.Operator.door(), Reason: m.Revocation.Info.Postscript,
		ExpiresAt: auditExpiry(m.UpdatedAt, r.Retention),
	}
}

// busEvent is the same whenever it is made: a message's sending has its first version and time, whatever became of it.
func busEvent(kind BusEventType, m Message) BusEvent {
	if kind == MessageSent {
		return BusEvent{Type: kind, Key: m.MessageKey, Version: sentVersion, At: m.Timestamp, By: m.From.who()}
	}
	return BusEvent{
		Type: kind, Key: m.MessageKey, Version: m.Version, At: m.UpdatedAt, By: m.Revocation.Operator.who(),
		PushContent: m.Revocation.Info.PushContent, PushPayload: m.Revocation.Info.PushPayload,
	}
}
