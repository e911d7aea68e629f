package chattest

import (
	"fmt"
	"slices"
	"time"

	"unsend/shared/chat"
)

// entry is one of the server's audit, with every field set, from a time after s.now.
func (s *suite) entry(after time.Duration) chat.RevokeEntry {
	return chat.RevokeEntry{
		MessageKey: chat.MessageKey{ServerID: s.server, ChannelID: s.channel, Timestamp: s.now.UnixMilli(), MsgServerID: s.newID()},
		Version:    2, RevokedAt: s.now.Add(after).UnixMilli(), AuthorID: s.account("alice"), Door: chat.APIDoor, Reason: "wrong room ❤",
		Operator: chat.Who{AccountID: s.account("bob"), DeviceID: "desk", ClientType: chat.REST}, ExpiresAt: s.now.Unix() + 1_000,
	}
}

func (s *suite) audit(entries ...chat.RevokeEntry) {
	s.Helper()
	for _, failure := range s.store.PutAudit(s.Context(), entries) {
		s.Fatal(failure.Err)
	}
}

// audited walks the server's audit in pages of limit.
func (s *suite) audited(q chat.AuditQuery) (all []chat.AuditEntry) {
	s.Helper()
	q.ServerID, q.Now = s.server, s.now
	for pages := 0; ; pages++ {
		page := got(s.store.Audit(s.Context(), q))(s)
		if len(page.Entries) > q.Limit {
			s.Fatalf("a page of %d, limit %d", len(page.Entries), q.Limit)
		}
		all = append(all, page.Entries...)
		if page.Next == "" {
			return all
		}
		if pages > 200 {
			s.Fatal("the walk does not end")
		}
		q.After = page.Next
	}
}

// revoked are entries as they are read.
func revoked(entries ...chat.RevokeEntry) (all []chat.AuditEntry) {
	for _, e := range entries {
		all = append(all, chat.AuditEntry{Revoke: &e})
	}
	return all
}

// wholeAudit is a query of all there is.
func wholeAudit(limit int) chat.AuditQuery {
	return chat.AuditQuery{Until: chat.MaxTimestamp, Limit: limit}
}

var auditTests = map[string]func(*suite){
	"nothing was taken back": func(s *suite) {
		same(s, got(s.store.Audit(s.Context(), chat.AuditQuery{ServerID: s.server, Until: chat.MaxTimestamp, Limit: 10, Now: s.now}))(s), chat.AuditPage{})
	},
	"no entries": func(s *suite) { s.audit() },
	"an entry is all that was said": func(s *suite) {
		least := chat.RevokeEntry{MessageKey: chat.MessageKey{ServerID: s.server, ChannelID: s.channel, MsgServerID: s.newID()},
			Operator: chat.Who{AccountID: "bob"}, Door: chat.WebSocketDoor}
		e := s.entry(0)
		s.audit(e, least)
		same(s, s.audited(wholeAudit(10)), revoked(least, e))
	},
	"putting again changes nothing": func(s *suite) {
		one, two := s.entry(0), s.entry(time.Second)
		s.audit(one, two, one)
		s.audit(two)
		same(s, s.audited(wholeAudit(10)), revoked(one, two))
	},
	"any number, by time, whatever the page": func(s *suite) {
		var all []chat.RevokeEntry
		for i := range 60 {
			s.channel = fmt.Sprintf("c%d-%s", i%3, s.server)
			all = append(all, s.entry(time.Duration(i/9)*time.Millisecond))
		}
		s.audit(all...)
		slices.SortFunc(all, func(a, b chat.RevokeEntry) int { return compareUpdates(a.Ref(), b.Ref()) })
		for _, limit := range []int{1, 7, 59, 60, 61, 100} {
			same(s, s.audited(wholeAudit(limit)), revoked(all...))
		}
	},
	"from a ms on, that one included, until another, that one not": func(s *suite) {
		var all []chat.RevokeEntry
		for i := range 4 {
			all = append(all, s.entry(time.Duration(i)*time.Millisecond))
		}
		s.audit(all...)
		for from := range 4 {
			for until := range 4 {
				q := chat.AuditQuery{From: all[from].RevokedAt, Until: all[until].RevokedAt, Limit: 2}
				same(s, s.audited(q), revoked(all[from:max(from, until)]...))
			}
		}
	},
	"after an entry, its own left out, and not before From": func(s *suite) {
		one, two, later := s.entry(0), s.entry(0), s.entry(time.Second)
		longer := one
		longer.MsgServerID = one.MsgServerID + " x"
		s.audit(one, longer, two, later)
		q := chat.AuditQuery{ServerID: s.server, Until: chat.MaxTimestamp, Limit: 1, Now: s.now}
		q.After = got(s.store.Audit(s.Context(), q))(s).Next
		q.Limit = 10
		same(s, s.audited(q), revoked(longer, two, later))
		q.From = later.RevokedAt
		same(s, s.audited(q), revoked(later))
		q.Until = one.RevokedAt
		same(s, s.audited(q), nil)
	},
	"a position that no page gave": func(s *suite) {
		for _, position := range []string{"x", "001767225600123", "001767225600123#a#b", "#####", "\xff", "001767225600123#c#00176722560012#m"} {
			q := wholeAudit(10)
			q.ServerID, q.Now, q.After = s.server, s.now, position
			_, err := s.store.Audit(s.Context(), q)
			s.code(err, chat.Invalid)
		}
	},
	"what has expired is left out, and the walk goes on": func(s *suite) {
		var want []chat.RevokeEntry
		for i := range 9 {
			e := s.entry(time.Duration(i) * time.Millisecond)
			if e.ExpiresAt = s.now.Unix() + 1; i > 2 && i < 7 {
				e.ExpiresAt = s.now.Unix() // this very second
			} else {
				want = append(want, e)
			}
			s.audit(e)
		}
		same(s, s.audited(wholeAudit(2)), revoked(want...))
	},
	"a server's alone": func(s *suite) {
		mine := s.entry(0)
		other := s.entry(0)
		other.ServerID += "x"
		s.audit(mine, other)
		same(s, s.audited(wholeAudit(10)), revoked(mine))
	},
}
