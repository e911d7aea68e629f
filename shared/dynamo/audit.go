package dynamo

import (
	"context"
	"strings"
	"sync"

	"unsend/shared/chat"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// auditRow is who took a message back. When, and which, is in its key. It does not say what the message said: it is no place for content.
type auditRow struct {
	Version    int64  `dynamodbav:"version"`
	Operator   string `dynamodbav:"operator"`
	Device     string `dynamodbav:"device,omitempty"`
	ClientType int    `dynamodbav:"client,omitempty"`
	Door       string `dynamodbav:"door"`
	Author     string `dynamodbav:"author,omitempty"`
	Reason     string `dynamodbav:"reason,omitempty"`
	ExpiresAt  int64  `dynamodbav:"ttl,omitempty"`
}

func auditPartition(server string) (string, error) { return partition("server", server) }

// auditKey: an entry's place does not depend on when it is written, so that writing it again finds it.
func auditKey(server string, at chat.UpdateRef) (itemKey, error) {
	return newKey([]string{"server", server}, []string{stamp(at.UpdatedAt), at.ChannelID, stamp(at.Timestamp), at.MsgServerID})
}

// parsePlace reads the sort key.
func parsePlace(sk string) (chat.UpdateRef, error) {
	parts := strings.Split(sk, separator)
	if len(parts) != 4 {
		return chat.UpdateRef{}, errBadRow
	}
	at, err := parseStamp(parts[0])
	if err != nil {
		return chat.UpdateRef{}, err
	}
	sent, err := parseStamp(parts[2])
	return chat.UpdateRef{UpdatedAt: at, ChannelID: parts[1], Timestamp: sent, MsgServerID: parts[3]}, err
}

func encodeAudit(e chat.AuditEntry) (item, error) {
	key, err := auditKey(e.ServerID, e.Ref())
	if err != nil {
		return nil, err
	}
	return key.with(auditRow{
		Version: e.Version, Operator: e.Operator.AccountID, Device: e.Operator.DeviceID, ClientType: int(e.Operator.ClientType),
		Door: string(e.Door), Author: e.AuthorID, Reason: e.Reason, ExpiresAt: e.ExpiresAt,
	})
}

func decodeAudit(server string, row item) (chat.AuditEntry, error) {
	at, err := parsePlace(textOf(row[attrSK]))
	if err != nil {
		return chat.AuditEntry{}, err
	}
	stored, err := decode[auditRow](row)
	return chat.AuditEntry{
		MessageKey: chat.MessageKey{ServerID: server, ChannelID: at.ChannelID, Timestamp: at.Timestamp, MsgServerID: at.MsgServerID},
		Version:    stored.Version, RevokedAt: at.UpdatedAt, Door: chat.Door(stored.Door), AuthorID: stored.Author, Reason: stored.Reason,
		Operator:  chat.Who{AccountID: stored.Operator, DeviceID: stored.Device, ClientType: chat.ClientType(stored.ClientType)},
		ExpiresAt: stored.ExpiresAt,
	}, err
}

// PutAudit writes 25 entries in a request, requests at the same time. One that fails is none of the others' concern.
func (s *Store) PutAudit(ctx context.Context, entries []chat.AuditEntry) []chat.Failure {
	const op = "PutAudit"
	var (
		mu     sync.Mutex
		writes []func(context.Context) error
	)
	batch, places, failures := auditBatch(op, entries)
	for chunk := range batch.chunks() {
		writes = append(writes, func(ctx context.Context) error {
			left := chunk
			err := chat.Guard(func() (err error) {
				left, err = s.batchWriteChunk(ctx, op, s.tables.Audit, chunk)
				return err
			})
			if err != nil {
				mu.Lock()
				defer mu.Unlock()
				failures = append(failures, unwritten(left, places, err))
			}
			return nil // the other requests go on
		})
	}
	_ = s.parallel(ctx, writes...)
	return failures
}

// auditBatch also tells which entries, by index, each row is of: they may repeat. Those that have no row have failed.
func auditBatch(op string, entries []chat.AuditEntry) (batch batchWrite, places map[itemKey][]int, failures []chat.Failure) {
	places = make(map[itemKey][]int, len(entries))
	for i, e := range entries {
		row, err := encodeAudit(e)
		if err != nil {
			failures = append(failures, chat.Failure{Items: []int{i}, Err: failed(op, err)})
			continue
		}
		batch.put(row)
		places[keyOf(row)] = append(places[keyOf(row)], i)
	}
	return batch, places, failures
}

func unwritten(left []types.WriteRequest, places map[itemKey][]int, err error) chat.Failure {
	failure := chat.Failure{Err: err}
	for _, request := range left {
		failure.Items = append(failure.Items, places[keyOf(request.PutRequest.Item)]...)
	}
	return failure
}

// Audit reads one page with one query.
func (s *Store) Audit(ctx context.Context, q chat.AuditQuery) (chat.AuditPage, error) {
	const op = "Audit"
	p, err := s.auditSpan(q)
	if err != nil {
		return chat.AuditPage{}, failed(op, err)
	}
	if p.bound > p.end {
		return chat.AuditPage{}, nil // the service refuses to look between them
	}
	rows, last, err := s.page(ctx, op, p)
	if err != nil {
		return chat.AuditPage{}, err
	}
	var page chat.AuditPage
	for _, row := range rows {
		e, err := decodeAudit(q.ServerID, row)
		if err != nil {
			return chat.AuditPage{}, failed(op, err)
		}
		if !e.ExpiredAt(q.Now.UnixMilli()) {
			page.Entries = append(page.Entries, e)
		}
	}
	if last != "" {
		at, err := parsePlace(last)
		if err != nil {
			return chat.AuditPage{}, failed(op, err)
		}
		page.Next = &at
	}
	return page, nil
}

// auditSpan: all entries of one ms begin with its stamp and '#', so that they are behind the stamp alone. Behind an entry's
// own key the first one that another can have goes on with ' ', the least character of an id.
func (s *Store) auditSpan(q chat.AuditQuery) (span, error) {
	pk, err := auditPartition(q.ServerID)
	if err != nil {
		return span{}, err
	}
	p := span{table: s.tables.Audit, pk: pk, bound: stamp(q.From.UpdatedAt), end: stamp(q.Until), limit: q.Limit}
	if p.bound == "" || p.end == "" {
		return span{}, errBadKey
	}
	if q.From.MsgServerID != "" {
		key, err := auditKey(q.ServerID, q.From)
		if err != nil {
			return span{}, err
		}
		p.bound = key.sk + " "
	}
	return p, nil
}
