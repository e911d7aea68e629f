package chattest

import (
	"context"
	"slices"

	"unsend/shared/chat"
)

// auditID is the place of an entry in its server's audit.
type auditID struct {
	server string
	at     chat.UpdateRef
}

// PutAudit stores the entries. It fails as a whole, where a test says so.
func (s *Store) PutAudit(ctx context.Context, entries []chat.AuditEntry) []chat.Failure {
	_, err := do(ctx, s, "PutAudit", func() (struct{}, error) {
		for _, e := range entries {
			s.audit[auditID{e.ServerID, e.Ref()}] = e
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
		var places []chat.UpdateRef
		for id := range s.audit {
			if id.server == q.ServerID && compareUpdates(id.at, q.From) > 0 && id.at.UpdatedAt < q.Until {
				places = append(places, id.at)
			}
		}
		slices.SortFunc(places, compareUpdates)
		var page chat.AuditPage
		if len(places) >= q.Limit {
			places = places[:q.Limit]
			// As with a table, only reading on tells that nothing follows.
			page.Next = clonePointer(&places[q.Limit-1])
		}
		for _, at := range places {
			if e := s.audit[auditID{q.ServerID, at}]; !e.ExpiredAt(q.Now.UnixMilli()) {
				page.Entries = append(page.Entries, e)
			}
		}
		return page, nil
	})
}
