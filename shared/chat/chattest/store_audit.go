package chattest

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"unsend/shared/chat"
)

// auditID is the place of an entry in its server's audit.
type auditID struct{ server, place string }

// placeOf is a text in whose order entries follow each other: by time, and then in any.
func placeOf(e chat.AuditEntry) string {
	if r := e.Revoke; r != nil {
		return fmt.Sprintf("%015d\x00revoke\x00%s\x00%015d\x00%s", r.RevokedAt, r.ChannelID, r.Timestamp, r.MsgServerID)
	}
	p := e.Policy
	return fmt.Sprintf("%015d\x00policy\x00%s\x00%s\x00%015d", p.At, p.ChannelID, p.AccountID, p.Version)
}

// keep stores an entry. Called with the lock held.
func (s *Store) keep(server string, e chat.AuditEntry) { s.audit[auditID{server, placeOf(e)}] = e }

// kept tells whether an entry has this one's place.
func (s *Store) kept(server string, e chat.AuditEntry) bool {
	_, ok := s.audit[auditID{server, placeOf(e)}]
	return ok
}

// PutAudit stores the entries. It fails as a whole, where a test says so.
func (s *Store) PutAudit(ctx context.Context, entries []chat.RevokeEntry) []chat.Failure {
	_, err := do(ctx, s, "PutAudit", func() (struct{}, error) {
		for _, e := range entries {
			s.keep(e.ServerID, chat.AuditEntry{Revoke: &e})
		}
		return struct{}{}, nil
	})
	if err == nil || len(entries) == 0 {
		return nil
	}
	failure := chat.Failure{Err: err}
	for i := range entries {
		failure.Items = append(failure.Items, i)
	}
	return []chat.Failure{failure}
}

// Audit reads a page of the server's audit, by time.
func (s *Store) Audit(ctx context.Context, q chat.AuditQuery) (chat.AuditPage, error) {
	return do(ctx, s, "Audit", func() (chat.AuditPage, error) {
		if q.After != "" && strings.Count(q.After, "\x00") != 4 {
			return chat.AuditPage{}, chat.UnknownPosition()
		}
		entries := maps.Clone(s.audit)
		maps.DeleteFunc(entries, func(id auditID, e chat.AuditEntry) bool {
			return id.server != q.ServerID || id.place <= q.After || e.At() < q.From || e.At() >= q.Until
		})
		var page chat.AuditPage
		places := slices.SortedFunc(maps.Keys(entries), func(a, b auditID) int { return strings.Compare(a.place, b.place) })
		if len(places) >= q.Limit {
			places = places[:q.Limit]
			// As with a table, only reading on tells that nothing follows.
			page.Next = places[q.Limit-1].place
		}
		for _, id := range places {
			if e := entries[id]; !e.ExpiredAt(q.Now.UnixMilli()) {
				page.Entries = append(page.Entries, cloneEntry(e))
			}
		}
		return page, nil
	})
}

func cloneEntry(e chat.AuditEntry) chat.AuditEntry {
	copied := chat.AuditEntry{Revoke: clonePointer(e.Revoke), Policy: clonePointer(e.Policy)}
	if copied.Policy != nil {
		copied.Policy.Changes = cloneList(copied.Policy.Changes)
	}
	return copied
}
