package history

import (
	"fmt"
	"slices"
	"time"

	unsend "unsend/clients/go"
	"unsend/shared/chat"
)

// Final is what there is when everything has settled.
type Final struct {
	Truth map[Channel]Truth // of each channel that there ever was
	Gone  map[Channel]bool  // those that were deleted
	Audit []chat.RevokeEntry
	// Cut is when something ended a push in the middle: what it was about waits until its task is seen again.
	Cut []time.Time
}

// Judge gives all violations.
func (l *Ledger) Judge(f Final) []string {
	l.locked(func() {
		rows := map[string]int{}
		audited := l.judgeAudit(f)
		for channel, truth := range f.Truth {
			for key, row := range truth {
				rows[row.MsgID]++
				l.judgeRow(channel, row, audited[key], f)
			}
		}
		for _, s := range l.sends {
			l.judgeSend(s, rows[s.msgID], f)
		}
		for owed, at := range l.due {
			l.judgeDue(owed, at, f)
		}
		for _, o := range l.overdue {
			l.judgeOverdue(o, f)
		}
	})
	return l.Violations()
}

func (l *Ledger) judgeSend(s *send, rows int, f Final) {
	switch {
	case f.Gone[s.channel]:
		if rows > 0 {
			l.violated("%s is still there, and its channel %s was deleted", s.msgID, s.channel.ChannelID)
		}
	case rows > 1:
		l.violated("%s is there %d times", s.msgID, rows)
	case rows == 0 && s.acked:
		l.violated("%s was acknowledged as %s, and is lost", s.msgID, s.key.MsgServerID)
	case rows == 1 && !s.acked && s.open == 0:
		l.violated("%s was refused each time, and is there", s.msgID)
	}
}

func (l *Ledger) judgeRow(where Channel, row unsend.Message, audited []chat.RevokeEntry, f Final) {
	s := l.sends[row.MsgID]
	switch {
	case s == nil:
		l.violated("%s of %s is there, and nobody sent it", row.MsgServerID, where.ChannelID)
		return
	case s.channel != where || s.author != row.FromAccount:
		l.violated("%s is in %s, by %s; it was sent to %s, by %s", row.MsgID, where.ChannelID, row.FromAccount, s.channel.ChannelID, s.author)
	case s.acked && s.key != row.MessageKey:
		l.violated("%s is there as %s, and was acknowledged as %s", row.MsgID, row.MsgServerID, s.key.MsgServerID)
	}
	if row.Status == unsend.StatusRevoked {
		l.judgeRevoked(row, audited)
		l.judgeTold(row, Updated, 0)
	} else {
		l.judgeNormal(row, audited)
		l.judgeTold(row, Received, l.bit(s.device))
	}
}

// judgeTold: whoever was online and in sight from before it was written to the end was told, whether or not somebody was answered. Of a
// session it is enough to show it.
func (l *Ledger) judgeTold(row unsend.Message, e Event, but uint64) {
	m := l.messageOf(row.MessageKey)
	for _, d := range l.devices {
		bit := uint64(1) << d.index
		if !d.strict && (m.told[e]|m.tried|but)&bit == 0 && l.mustKnow(d, m, time.UnixMilli(row.UpdateTimestamp)) {
			l.violated("%s was not told %s of %s in %s of %s, and was online all the time", d.name, e, row.MsgServerID, row.ChannelID, row.ServerID)
		}
	}
}

func (l *Ledger) judgeNormal(row unsend.Message, audited []chat.RevokeEntry) {
	m := l.messageOf(row.MessageKey)
	switch {
	case row.Status != unsend.StatusNormal || row.Version != 1 || row.Content.Body != Text(row.MsgID):
		l.violated("%s has status %d, version %d, or not its text", row.MsgServerID, row.Status, row.Version)
	case !m.revokedAt.IsZero() || m.knows != 0:
		l.violated("%s was taken back, as somebody was told, and is there", row.MsgServerID)
	case len(audited) > 0:
		l.violated("the audit says that %s was taken back, and it is there", row.MsgServerID)
	}
	for name, s := range l.sweeps {
		if s.Done && s.covers(row, s.Until) {
			l.violated("the sweep %s left %s", name, row.MsgServerID)
		}
	}
}

func (l *Ledger) judgeRevoked(row unsend.Message, audited []chat.RevokeEntry) {
	m := l.messageOf(row.MessageKey)
	operator := OperatorOf(row)
	switch {
	case row.Version != 2 || !row.Content.IsEmpty():
		l.violated("%s is taken back, with version %d, or with a text", row.MsgServerID, row.Version)
	case m.operator != "" && m.operator != operator:
		l.violated("%s is taken back by %s, and was answered as taken back by %s", row.MsgServerID, operator, m.operator)
	case m.operators[operator] <= 0 && !l.sweptBy(row, operator):
		l.violated("%s is taken back by %s, who did not ask for it", row.MsgServerID, operator)
	case len(audited) != 1:
		l.violated("the audit has %d entries of the revocation of %s", len(audited), row.MsgServerID)
	case audited[0].Operator.AccountID != operator || audited[0].Version != row.Version:
		l.violated("the audit says that %s was taken back by %s, the row by %s", row.MsgServerID, audited[0].Operator.AccountID, operator)
	}
}

// OperatorOf is who took the message back; empty where it says nothing of that.
func OperatorOf(m unsend.Message) string {
	if m.Operation == nil {
		return ""
	}
	return m.Operation.OperatorID
}

func (s *Sweep) covers(row unsend.Message, until int64) bool {
	return s.ServerID == row.ServerID && s.Account == row.FromAccount && row.Timestamp >= s.Since && row.Timestamp <= until
}

func (l *Ledger) sweptBy(row unsend.Message, operator string) bool {
	for _, s := range l.sweeps {
		if s.Operator == operator && s.covers(row, s.latest()) {
			return true
		}
	}
	return false
}

// judgeAudit gives the entries by message. Of a channel that was deleted they stay.
func (l *Ledger) judgeAudit(f Final) map[unsend.MessageKey][]chat.RevokeEntry {
	audited := map[unsend.MessageKey][]chat.RevokeEntry{}
	for _, e := range f.Audit {
		key := unsend.MessageKey(e.MessageKey)
		audited[key] = append(audited[key], e)
	}
	for key, entries := range audited {
		if len(entries) > 1 && f.Gone[Channel{key.ServerID, key.ChannelID}] {
			l.violated("the audit has %d entries of the revocation of %s", len(entries), key.MsgServerID)
		}
	}
	return audited
}

func (l *Ledger) judgeDue(owed due, at time.Time, f Final) {
	row := f.Truth[owed.m.channel()][owed.m.key]
	if f.Gone[owed.m.channel()] || owed.event == Received && row.Status != unsend.StatusNormal {
		return
	}
	l.violated("%s was never told %s of %s in %s of %s, acknowledged at %s; in the end it is by %q", owed.device.name, owed.event,
		owed.m.key.MsgServerID, owed.m.key.ChannelID, owed.m.key.ServerID, at.Format(time.TimeOnly), OperatorOf(row))
}

func (l *Ledger) judgeOverdue(o overdue, f Final) {
	row := f.Truth[o.m.channel()][o.m.key]
	if f.Gone[o.m.channel()] || o.event == Received && row.Status != unsend.StatusNormal || f.cut(o.from, o.until) {
		return
	}
	l.violated("%s waited %v for %s of %s in %s of %s, acknowledged at %s, and was not told", o.device.name, o.until.Sub(o.from), o.event,
		o.m.key.MsgServerID, o.m.key.ChannelID, o.m.key.ServerID, o.from.Format(time.TimeOnly))
}

// cut tells whether a push was cut in that time; what the stack logs of that is to the second.
func (f Final) cut(from, until time.Time) bool {
	return slices.ContainsFunc(f.Cut, func(at time.Time) bool { return at.After(from.Add(-time.Second)) && at.Before(until) })
}

// WrongTexts judges a search of the tables, by the msg_ids that [TextsIn] found: a text is in the row of a message that was not taken back, and nowhere else. Each of
// those must have been found, or the search was none. In the messages' table what is not the run's own is left out.
func (f Final) WrongTexts(own func(msgID string) bool, inMessages, elsewhere []string) (violations []string) {
	kept, missing := map[string]bool{}, 0
	for _, truth := range f.Truth {
		for _, m := range truth {
			if m.Status == unsend.StatusNormal {
				kept[m.MsgID] = true
			}
		}
	}
	for _, msgID := range elsewhere {
		violations = append(violations, fmt.Sprintf("a table other than the messages' holds the text of %s", msgID))
	}
	for _, msgID := range inMessages {
		if own(msgID) && !kept[msgID] {
			violations = append(violations, fmt.Sprintf("the messages' table holds the text of %s", msgID))
		}
	}
	for msgID := range kept {
		if !slices.Contains(inMessages, msgID) {
			missing++
		}
	}
	if missing > 0 || len(kept) == 0 {
		violations = append(violations, fmt.Sprintf("the search found no text of %d of the %d messages that are kept: it shows nothing", missing, len(kept)))
	}
	return violations
}
