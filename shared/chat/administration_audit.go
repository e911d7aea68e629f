package chat

import "context"

// Audit reads a page of the server's audit, the oldest first: also that of a server which is not there any more. One that
// never was has none. A page may hold fewer entries than the limit, even none, while there are more (Next says).
//
// An entry of a change is there when the change was answered, one of a revocation moments after it: whoever waits for new
// ones reads from a while ago again.
//
// Errors: Invalid, Busy.
func (a *Administration) Audit(ctx context.Context, q AuditQuery) (AuditPage, error) {
	if err := firstOf(
		func() error { return CheckID("server_id", q.ServerID) },
		func() error { return CheckTimestamp("from", q.From) },
		func() error { return CheckTimestamp("until", q.Until) },
		func() error { return checkPage("", q.Limit) },
	); err != nil {
		return AuditPage{}, err
	}
	q.Now = a.Clock()
	return a.Store.Audit(ctx, q)
}
