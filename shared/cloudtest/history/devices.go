package history

import (
	"fmt"
	"time"

	unsend "unsend/clients/go"
)

// mostDevices is what a mask has room for.
const mostDevices = 64

// device is one that is told.
type device struct {
	name, account string
	index         int
	// strict ones show nothing that they know to be taken back, not even once; the others hear frames in the order
	// in which functions posted them, and that of two functions is any.
	strict     bool
	since      time.Time // online since; zero: offline
	subscribed map[Channel]time.Time
	learned    map[string]time.Time // what it lately learned to be taken back, by msg_server_id
}

// due is a notice that a device must be told.
type due struct {
	device *device
	m      *message
	event  Event
}

// overdue is a notice that somebody waited for from its acknowledgement until they did not any more.
type overdue struct {
	due
	from, until time.Time
}

// AddDevice makes a device known, which is offline. At most 64 can be.
func (l *Ledger) AddDevice(name, account string, strict bool) {
	l.locked(func() {
		if len(l.devices) == mostDevices {
			panic(fmt.Sprintf("history: more than %d devices", mostDevices))
		}
		l.devices[name] = &device{
			name: name, account: account, index: len(l.devices), strict: strict,
			subscribed: map[Channel]time.Time{}, learned: map[string]time.Time{},
		}
	})
}

// bit is the device's in a mask; none for "".
func (l *Ledger) bit(name string) uint64 {
	if d := l.devices[name]; d != nil {
		return 1 << d.index
	}
	return 0
}

// Large says that a server tells those who subscribed.
func (l *Ledger) Large(server string) { l.locked(func() { l.large[server] = true }) }

// Online: the device is connected from now on.
func (l *Ledger) Online(name string, now time.Time) {
	l.locked(func() {
		l.offline(name, now)
		l.devices[name].since = now
	})
}

// Offline: what it was not told it need not be told any more, but for what is [Overdue].
func (l *Ledger) Offline(name string, now time.Time) { l.locked(func() { l.offline(name, now) }) }

func (l *Ledger) offline(name string, now time.Time) {
	d := l.devices[name]
	d.since = time.Time{}
	clear(d.subscribed)
	l.forgive(now, func(owed due) bool { return owed.device == d })
}

// Subscribed: the device is told of the channel of a large server from now on.
func (l *Ledger) Subscribed(name string, to Channel, now time.Time) {
	l.locked(func() { l.devices[name].subscribed[to] = now })
}

// Unsubscribing: it need not be told of it from now on.
func (l *Ledger) Unsubscribing(name string, to Channel, now time.Time) {
	l.locked(func() {
		d := l.devices[name]
		delete(d.subscribed, to)
		l.forgive(now, func(owed due) bool { return owed.device == d && owed.m.channel() == to && l.large[to.ServerID] })
	})
}

// Moving: what these accounts see may change from now on.
func (l *Ledger) Moving(now time.Time, sights ...Sight) {
	l.locked(func() {
		for _, at := range sights {
			l.sights.Moving(at, now)
			l.forgive(now, func(owed due) bool { return owed.sight() == at })
		}
	})
}

// Seen follows the change: what an account sees now. Answered tells whether the change was acknowledged.
func (l *Ledger) Seen(at Sight, sees, answered bool, now time.Time) {
	l.locked(func() {
		l.sights.Set(at, sees, now)
		if answered {
			l.sights.Answered(at, now)
		}
	})
}

// Sees tells whether the account sees the channel.
func (l *Ledger) Sees(at Sight) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.sights.Sees(at)
}

func (m *message) channel() Channel { return Channel{m.key.ServerID, m.key.ChannelID} }

func (d due) sight() Sight {
	return Sight{d.device.account, d.m.key.ServerID, d.m.key.ChannelID}
}

// forgive strikes out what these are owed. What was overdue is judged in the end.
func (l *Ledger) forgive(now time.Time, whom func(due) bool) {
	for owed, at := range l.due {
		if !whom(owed) {
			continue
		}
		delete(l.due, owed)
		if now.Sub(at) > Overdue {
			l.overdue = append(l.overdue, overdue{owed, at, now})
		}
	}
}

// expect notes who must be told of what was first tried at began: who was online and in sight before, and still is.
func (l *Ledger) expect(m *message, e Event, began, now time.Time, but uint64) {
	for _, d := range l.devices {
		if bit := uint64(1) << d.index; (but|m.told[e])&bit == 0 && l.mustKnow(d, m, began) {
			l.due[due{d, m, e}] = now
		}
	}
}

func (l *Ledger) mustKnow(d *device, m *message, began time.Time) bool {
	at := Sight{d.account, m.key.ServerID, m.key.ChannelID}
	if d.since.IsZero() || began.Sub(d.since) < Settling || !l.sights.Sees(at) || began.Sub(l.sights.MovedAt(at)) < RowsFollow {
		return false
	}
	if !l.large[m.key.ServerID] {
		return true
	}
	since, ok := d.subscribed[m.channel()]
	return ok && began.Sub(since) >= Settling
}

// Told: a notice came to the device, or an event of its session.
func (l *Ledger) Told(name string, e Event, m unsend.Message, now time.Time) {
	l.locked(func() {
		d := l.devices[name]
		l.counts.Told++
		l.silent(d, m, now)
		l.take(d, e, m, now)
	})
}

// take is called with the lock held.
func (l *Ledger) take(d *device, e Event, m unsend.Message, now time.Time) {
	known := l.messageOf(m.MessageKey)
	l.noText(d, known, m, now)
	l.tell(d, known, e, now)
	if e == Updated || m.Ended() {
		l.tell(d, known, Received, now) // that it is gone says that it was there
		l.learn(d, known, now)
	}
}

func (l *Ledger) tell(d *device, m *message, e Event, now time.Time) {
	m.told[e] |= 1 << d.index
	owed := due{d, m, e}
	if at, ok := l.due[owed]; ok {
		l.counts.LongestUntilNow = max(l.counts.LongestUntilNow, now.Sub(at))
		delete(l.due, owed)
	}
}

func (l *Ledger) learn(d *device, m *message, now time.Time) {
	if bit := uint64(1) << d.index; m.knows&bit == 0 {
		m.knows |= bit
		d.learned[m.key.MsgServerID] = now
		for id, at := range d.learned {
			if now.Sub(at) > longestPost {
				delete(d.learned, id)
			}
		}
	}
}

// knewFor is how long the device has known that the message was taken back.
func (m *message) knewFor(d *device, now time.Time) (since time.Duration, knew bool) {
	if m.knows&(1<<d.index) == 0 {
		return 0, false
	}
	at, lately := d.learned[m.key.MsgServerID]
	if !lately {
		return longestPost, true
	}
	return now.Sub(at), true
}

// noText: nobody gets a text of what they know to be gone, nor anybody long after.
func (l *Ledger) noText(d *device, known *message, m unsend.Message, now time.Time) {
	if m.Content.IsEmpty() {
		return
	}
	after, knew := known.knewFor(d, now)
	switch {
	case m.Ended():
		l.violated("%s was told the text of %s with its revocation", d.name, m.MsgServerID)
	case knew && (d.strict || after > Underway):
		l.violated("%s was told the text of %s, %v after it knew that it was taken back", d.name, m.MsgServerID, after)
	case !known.revokedAt.IsZero() && now.Sub(known.revokedAt) > longestPost:
		l.violated("%s was told the text of %s, %v after its revocation was acknowledged", d.name, m.MsgServerID, now.Sub(known.revokedAt))
	}
}

// silent: nobody is told of what is out of their sight.
func (l *Ledger) silent(d *device, m unsend.Message, now time.Time) {
	since, lost := l.sights.LostSince(Sight{d.account, m.ServerID, m.ChannelID})
	if !lost {
		return
	}
	written := time.UnixMilli(max(m.Timestamp, m.UpdateTimestamp)).Sub(since)
	if written > Silence || now.Sub(since) > Silence+Underway {
		l.violated("%s was told of %s of %s %v after %s was out of its sight; it was written %v after that",
			d.name, m.MsgServerID, m.ChannelID, now.Sub(since), m.ChannelID, written)
	}
}

// Read: an answer to what was asked then held the message.
func (l *Ledger) Read(name string, m unsend.Message, asked, now time.Time) {
	l.locked(func() {
		d, known := l.devices[name], l.messageOf(m.MessageKey)
		if since, lost := l.sights.LostSince(Sight{d.account, m.ServerID, m.ChannelID}); lost && asked.After(since) {
			l.violated("%s read %s of %s, asked for %v after it was out of its sight", name, m.MsgServerID, m.ChannelID, asked.Sub(since))
		}
		if gone := known.revokedAt; !m.Content.IsEmpty() && !gone.IsZero() && asked.After(gone) {
			l.violated("%s read the text of %s, asked for %v after its revocation was acknowledged", name, m.MsgServerID, asked.Sub(gone))
		}
		if m.Ended() {
			l.noText(d, known, m, now)
			l.learn(d, known, now)
		}
	})
}

// Shown: a session showed these messages at that time, when it was asked for them.
func (l *Ledger) Shown(name string, messages []unsend.Message, asked time.Time) {
	l.locked(func() {
		d := l.devices[name]
		for _, m := range messages {
			known := l.messageOf(m.MessageKey)
			if after, knew := known.knewFor(d, asked); knew && after > 0 && !m.Content.IsEmpty() {
				l.violated("%s shows the text of %s, %v after it knew that it was taken back", name, m.MsgServerID, after)
			}
			l.tell(d, known, Received, asked)
			if m.Ended() {
				l.noText(d, known, m, asked)
				l.tell(d, known, Updated, asked)
				l.learn(d, known, asked)
			}
		}
	})
}
