package dynamo

import (
	"context"
	"slices"
	"strings"
	"sync"

	"unsend/shared/chat"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// revokeRow is who took a message back. When, and which, is in its key. It does not say what the message said: it is no place for content.
type revokeRow struct {
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

// revokeEntryKey: an entry's place does not depend on when it is written, so that writing it again finds it.
func revokeEntryKey(server string, at chat.UpdateRef) (itemKey, error) {
	return newKey([]string{"server", server}, []string{stamp(at.UpdatedAt), at.ChannelID, stamp(at.Timestamp), at.MsgServerID})
}

// parseRevokePlace reads the sort key, by its parts.
func parseRevokePlace(parts []string) (chat.UpdateRef, error) {
	at, err := parseStamp(parts[0])
	if err != nil {
		return chat.UpdateRef{}, err
	}
	sent, err := parseStamp(parts[2])
	return chat.UpdateRef{UpdatedAt: at, ChannelID: parts[1], Timestamp: sent, MsgServerID: parts[3]}, err
}

func encodeRevokeEntry(e chat.RevokeEntry) (item, error) {
	key, err := revokeEntryKey(e.ServerID, e.Ref())
	if err != nil {
		return nil, err
	}
	return key.with(revokeRow{
		Version: e.Version, Operator: e.Operator.AccountID, Device: e.Operator.DeviceID, ClientType: int(e.Operator.ClientType),
		Door: string(e.Door), Author: e.AuthorID, Reason: e.Reason, ExpiresAt: e.ExpiresAt,
	})
}

func decodeRevokeEntry(server string, row item) (chat.RevokeEntry, error) {
	at, err := parseRevokePlace(strings.Split(textOf(row[attrSK]), separator))
	if err != nil {
		return chat.RevokeEntry{}, err
	}
	stored, err := decode[revokeRow](row)
	return chat.RevokeEntry{
		MessageKey: chat.MessageKey{ServerID: server, ChannelID: at.ChannelID, Timestamp: at.Timestamp, MsgServerID: at.MsgServerID},
		Version:    stored.Version, RevokedAt: at.UpdatedAt, Door: chat.Door(stored.Door), AuthorID: stored.Author, Reason: stored.Reason,
		Operator:  chat.Who{AccountID: stored.Operator, DeviceID: stored.Device, ClientType: chat.ClientType(stored.ClientType)},
		ExpiresAt: stored.ExpiresAt,
	}, err
}

// What tells the keys of the two kinds apart is how many parts they have: an id may be any word, the kind's as well.
const (
	policyKind  = "policy"
	revokeParts = 4 // time, channel, sent, message
	policyParts = 5 // time, policyKind, channel, account, version
)

// decodeAudit reads an entry of either kind.
func decodeAudit(server string, row item) (chat.AuditEntry, error) {
	switch strings.Count(textOf(row[attrSK]), separator) + 1 {
	case revokeParts:
		e, err := decodeRevokeEntry(server, row)
		return chat.AuditEntry{Revoke: &e}, err
	case policyParts:
		e, err := decodePolicyEntry(server, row)
		return chat.AuditEntry{Policy: &e}, err
	}
	return chat.AuditEntry{}, errBadRow
}

// checkPosition refuses what is no sort key of the audit: it came from outside.
func checkPosition(sk string) error {
	parts := strings.Split(sk, separator)
	var ids []string
	var err error
	switch len(parts) {
	case revokeParts:
		_, err = parseRevokePlace(parts)
		ids = []string{parts[1], parts[3]}
	case policyParts:
		if parts[1] != policyKind {
			return chat.UnknownPosition()
		}
		_, err = parsePolicyPlace(parts)
		ids = slices.DeleteFunc([]string{parts[1], parts[2], parts[3]}, func(id string) bool { return id == "" })
	default:
		return chat.UnknownPosition()
	}
	if err != nil || slices.ContainsFunc(ids, func(id string) bool { return chat.CheckID("", id) != nil }) {
		return chat.UnknownPosition()
	}
	return nil
}

// PutAudit writes 25 entries in a request, requests at the same time. One that fails is none of the others' concern.
func (s *Store) PutAudit(ctx context.Context, entries []chat.RevokeEntry) []chat.Failure {
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
func auditBatch(op string, entries []chat.RevokeEntry) (batch batchWrite, places map[itemKey][]int, failures []chat.Failure) {
	places = make(map[itemKey][]int, len(entries))
	for i, e := range entries {
		row, err := encodeRevokeEntry(e)
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
	page.Next = last
	return page, nil
}

// auditSpan: all entries of one ms begin with its stamp and '#', so that they are behind the stamp alone. Behind an entry's
// own key the first one that another can have goes on with ' ', the least character of an id.
func (s *Store) auditSpan(q chat.AuditQuery) (span, error) {
	pk, err := auditPartition(q.ServerID)
	if err != nil {
		return span{}, err
	}
	p := span{table: s.tables.Audit, pk: pk, bound: stamp(q.From), end: stamp(q.Until), limit: q.Limit}
	if p.bound == "" || p.end == "" {
		return span{}, errBadKey
	}
	if q.After != "" {
		if err := checkPosition(q.After); err != nil {
			return span{}, err
		}
		p.bound = max(p.bound, q.After+" ")
	}
	return p, nil
}
