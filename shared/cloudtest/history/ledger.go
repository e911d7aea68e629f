package history

import (
	"fmt"
	"math"
	"slices"
	"sync"
	"time"
	"unsafe"

	unsend "unsend/clients/go"
)

// Channel names a channel of a server.
type Channel struct{ ServerID, ChannelID string }

// Text is what a run sends under a msg_id: it is known wherever it turns up.
func Text(msgID string) string { return textMark + msgID + ";" }

// textMark begins each text and is in nothing else.
const textMark = "text of "

// Ledger is what happened. It may be used by several at a time.
type Ledger struct {
	mu         sync.Mutex
	sights     *Sights
	large      map[string]bool
	devices    map[string]*device
	sends      map[string]*send    // by msg_id
	messages   map[string]*message // by msg_server_id
	due        map[due]time.Time
	overdue    []overdue
	sweeps     map[string]*Sweep
	violations []string
	counts     Counts
}

// Counts are for whoever watches.
type Counts struct {
	Sent, Revoked   int // acknowledged
	Told            int // notices
	Unknown         int // tries without an answer
	Due             int // notices that somebody still waits for
	LongestUntilNow time.Duration
}

// New is an empty ledger.
func New() *Ledger {
	return &Ledger{
		sights: NewSights(), large: map[string]bool{}, devices: map[string]*device{}, sends: map[string]*send{},
		messages: map[string]*message{}, due: map[due]time.Time{}, sweeps: map[string]*Sweep{},
	}
}

// send is a message by its msg_id. An open try is one that was not refused: it may have been carried out.
type send struct {
	msgID, author, device string
	channel               Channel
	firstTry              time.Time
	open                  int
	acked                 bool
	key                   unsend.MessageKey // once acked
}

// message is one that a server has named.
type message struct {
	key       unsend.MessageKey
	told      [2]uint64      // by the device's index
	knows     uint64         // which devices know that it was taken back
	operators map[string]int // open tries, by account
	tried     uint64         // which devices tried
	firstTry  time.Time      // to take it back
	revokedAt time.Time      // when that was first acknowledged
	operator  string         // as acknowledged; empty: no answer said
}

// Sweep takes back what an account sent from Since to Until, in ms.
type Sweep struct {
	ServerID, Account, Operator string
	Since, Until                int64
	Done                        bool
}

func (l *Ledger) locked(work func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	work()
}

// violated is called with the lock held.
func (l *Ledger) violated(format string, args ...any) {
	const most = 200 // a run that fails this often fails for one reason
	if len(l.violations) < most {
		l.violations = append(l.violations, fmt.Sprintf(format, args...))
	}
}

// Violations are those that are known by now.
func (l *Ledger) Violations() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.violations)
}

// Counts are those of now.
func (l *Ledger) Counts() Counts {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.counts
	c.Due = len(l.due)
	return c
}

// Waiting is for how long somebody has waited for a notice already.
func (l *Ledger) Waiting(now time.Time) (longest time.Duration) {
	l.locked(func() {
		for _, at := range l.due {
			longest = max(longest, now.Sub(at))
		}
	})
	return longest
}

// Size is about what the ledger takes of memory, in bytes.
func (l *Ledger) Size() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	const ids, entry = 120, 64 // the strings of one, and its place in a map
	return len(l.sends)*(int(unsafe.Sizeof(send{}))+ids+entry) + len(l.messages)*(int(unsafe.Sizeof(message{}))+ids+entry)
}

// messageOf is called with the lock held.
func (l *Ledger) messageOf(key unsend.MessageKey) *message {
	m := l.messages[key.MsgServerID]
	if m == nil {
		m = &message{key: key}
		l.messages[key.MsgServerID] = m
	}
	return m
}

// Sending: a device, or for an account alone the back end, is about to try.
func (l *Ledger) Sending(device, account, msgID string, to Channel, now time.Time) {
	l.locked(func() {
		s := l.sends[msgID]
		if s == nil {
			s = &send{msgID: msgID, author: account, device: device, channel: to, firstTry: now}
			l.sends[msgID] = s
		}
		s.open++
	})
}

// SendRefused: this try was not carried out.
func (l *Ledger) SendRefused(msgID string) { l.locked(func() { l.sends[msgID].open-- }) }

// Unanswered: this try may have been carried out.
func (l *Ledger) Unanswered() { l.locked(func() { l.counts.Unknown++ }) }

// Sent: the message was acknowledged, with what it has become.
func (l *Ledger) Sent(m unsend.Message, now time.Time) {
	l.locked(func() {
		s := l.sends[m.MsgID]
		if s == nil {
			l.violated("a send was answered with %s, whose msg_id nobody sent", m.MsgServerID)
			return
		}
		if s.acked {
			if s.key != m.MessageKey {
				l.violated("the sends of %s were answered with %s and %s", m.MsgID, s.key.MsgServerID, m.MsgServerID)
			}
			return
		}
		s.acked, s.key = true, m.MessageKey
		l.counts.Sent++
		if message := l.messageOf(m.MessageKey); !m.Ended() && message.revokedAt.IsZero() {
			l.expect(message, Received, s.firstTry, now, l.bit(s.device))
		}
	})
}

// Revoking: an account is about to try, with a device or, without, by the back end.
func (l *Ledger) Revoking(device, account string, key unsend.MessageKey, now time.Time) {
	l.locked(func() {
		m := l.messageOf(key)
		if m.operators == nil {
			m.operators = map[string]int{}
		}
		m.operators[account]++
		m.tried |= l.bit(device)
		if m.firstTry.IsZero() {
			m.firstTry = now
		}
	})
}

// RevokeRefused: this try was not carried out.
func (l *Ledger) RevokeRefused(account string, key unsend.MessageKey) {
	l.locked(func() { l.messageOf(key).operators[account]-- })
}

// Revoked: it was acknowledged that the message is taken back, by that operator; empty: the answer does not say.
func (l *Ledger) Revoked(key unsend.MessageKey, operator string, now time.Time) {
	l.locked(func() {
		m := l.messageOf(key)
		switch {
		case m.operator == "":
			m.operator = operator
		case operator != "" && operator != m.operator:
			l.violated("%s was answered as taken back by %s and by %s", key.MsgServerID, m.operator, operator)
		}
		if m.revokedAt.IsZero() {
			m.revokedAt = now
			l.counts.Revoked++
			if !l.maybeSwept(m) {
				l.expect(m, Updated, m.firstTry, now, m.tried)
			}
		}
	})
}

// maybeSwept tells whether a sweep may have taken the message back before anybody tried: who came since then was not told.
func (l *Ledger) maybeSwept(m *message) bool {
	for _, s := range l.sweeps {
		if s.ServerID == m.key.ServerID && m.key.Timestamp >= s.Since && m.key.Timestamp <= s.latest() {
			return true
		}
	}
	return false
}

// sweptLate is how much later than its Until a sweep may still take something back: what was on its way from somebody who
// was banned or left.
const sweptLate = time.Minute

// latest is the time, in ms, of the latest message that the sweep may have taken back.
func (s *Sweep) latest() int64 {
	if s.Done {
		return s.Until + sweptLate.Milliseconds()
	}
	return math.MaxInt64
}

// Sweeping: a sweep of that name is about to be asked for.
func (l *Ledger) Sweeping(name string, s Sweep) { l.locked(func() { l.sweeps[name] = &s }) }

// Swept: it is done, with the range that it had.
func (l *Ledger) Swept(name string, since, until int64) {
	l.locked(func() {
		s := l.sweeps[name]
		s.Since, s.Until, s.Done = since, until, true
	})
}
