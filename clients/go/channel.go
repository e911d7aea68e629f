package unsend

import (
	"fmt"
	"math"
)

// Tag is the message's name in its deployment: tags order the messages of a channel as the channel does. Use it to name a notification.
func (k MessageKey) Tag() string {
	return fmt.Sprintf("%s#%s#%015d#%s", k.ServerID, k.ChannelID, k.Timestamp, k.MsgServerID)
}

// channel is a channel as a session shows it: its newest messages.
//
// A message in doubt is not shown until it is told of once more: one that was read from the store, until the first sync, and
// one in a channel that the account had lost sight of, until the history was read again.
type channel struct {
	view  *View
	limit int
	// opened: shown by the application, and kept complete.
	opened bool
	// caughtUp is the connection, by its number, on which the history was read: since then notices keep it complete. 0: none.
	caughtUp int
	// knownTo is until when, in ms, it was complete when it was last read, or kept so; -1: that is not known.
	knownTo int64
	// from is the tag of the oldest message from which on nothing is left out. What is older is kept, and not shown.
	from string
	// readTo: what is older than this tag is not shown until the history was read. It is how far back a read has come, where what is
	// known need not adjoin it.
	readTo string
	hidden bool
	doubts map[MessageKey]bool
	// dirty: the store has something else.
	dirty bool
}

const never = -1

// afterAll is after every tag.
const afterAll = "\uffff"

func newChannel(serverID, channelID string, limit int) *channel {
	return &channel{view: NewView(serverID, channelID), limit: limit, knownTo: never, doubts: map[MessageKey]bool{}}
}

// shown are the messages to show, oldest first.
func (c *channel) shown() []Message {
	if c.hidden {
		return nil
	}
	var shown []Message
	for _, m := range c.view.messages {
		if tag := m.Tag(); tag >= c.from && tag >= c.readTo && !c.doubts[m.MessageKey] {
			shown = append(shown, m)
		}
	}
	return shown
}

// quote is a message's text, where it is known and sure.
func (c *channel) quote(ref MessageRef) string {
	m, known := c.view.Message(MessageKey{c.view.serverID, c.view.channelID, ref.Timestamp, ref.MsgServerID})
	if !known || m.Ended() || c.hidden || c.doubts[m.MessageKey] {
		return ""
	}
	return m.Body
}

// apply takes a message of this channel, and tells what is different now: in what is known, and in what is shown.
func (c *channel) apply(m Message) (change Change, visible bool) {
	wasInDoubt := c.doubts[m.MessageKey]
	delete(c.doubts, m.MessageKey)
	change = c.view.Apply(m)
	if evicted := c.evict(); evicted == m.MessageKey {
		change = Unchanged // older than all of a full view: it is not taken in
	}
	c.dirty = c.dirty || change != Unchanged
	return change, !c.hidden && (wasInDoubt || change != Unchanged)
}

// evict makes room: the oldest goes.
func (c *channel) evict() MessageKey {
	if len(c.view.messages) <= c.limit {
		return MessageKey{}
	}
	oldest := c.view.messages[0].MessageKey
	c.forget(func(m Message) bool { return m.MessageKey == oldest })
	return oldest
}

func (c *channel) forget(which func(Message) bool) {
	kept := c.view.messages[:0:0]
	for _, m := range c.view.messages {
		if which(m) {
			delete(c.doubts, m.MessageKey)
			c.dirty = true
		} else {
			kept = append(kept, m)
		}
	}
	c.view.messages = kept
}

// reach: nothing is left out from this tag on.
func (c *channel) reach(from string) {
	c.dirty = c.dirty || c.from != from
	c.from = from
}

// reads: a read has come so far back; empty: to what is known, or to its end.
func (c *channel) reads(to string) {
	c.dirty = c.dirty || c.readTo != to
	c.readTo = to
}

// doubt hides all texts until each is told of again. What was taken back is beyond doubt.
func (c *channel) doubt() {
	for _, m := range c.view.messages {
		if !m.Ended() {
			c.doubts[m.MessageKey] = true
		}
	}
}

// trust ends all doubts: nothing was taken back but what is known.
func (c *channel) trust() { clear(c.doubts) }

// settle forgets what is still in doubt: it was not in the history.
func (c *channel) settle() {
	c.forget(func(m Message) bool { return c.doubts[m.MessageKey] })
}

// drop forgets every text, and that there were any. That something was taken back is kept, against a text that comes late.
func (c *channel) drop() {
	c.forgetKnown()
	c.doubt()
	c.settle()
}

// hide: the account lost sight of the channel. Nothing is shown, and no text is kept.
func (c *channel) hide() {
	c.drop()
	c.hidden = true
}

// leftBehind: nothing keeps the channel complete any more, which it was until now if it was read on this connection.
func (c *channel) leftBehind(connection int) {
	if c.caughtUp != 0 && c.caughtUp == connection {
		c.knownTo, c.dirty = c.newest(), true
	}
	c.caughtUp = 0
}

// forgetKnown forgets until when the channel was complete: the next read is of the newest page.
func (c *channel) forgetKnown() {
	c.dirty = c.dirty || c.knownTo != never || c.caughtUp != 0
	c.knownTo, c.caughtUp = never, 0
}

// newest is the time of the newest message; 0 where there is none.
func (c *channel) newest() int64 {
	if n := len(c.view.messages); n > 0 {
		return c.view.messages[n-1].Timestamp
	}
	return 0
}

// oldest is the time of the oldest message.
func (c *channel) oldest() int64 {
	if len(c.view.messages) == 0 {
		return math.MaxInt64
	}
	return c.view.messages[0].Timestamp
}

// channelRow is a channel as it is kept.
type channelRow struct {
	To       int64     `json:"to"`
	From     string    `json:"from"`
	ReadTo   string    `json:"read_to,omitempty"`
	Messages []Message `json:"messages"`
}

// row is the channel as it is to be kept during a connection.
func (c *channel) row(connection int) channelRow {
	to := c.knownTo
	if c.caughtUp != 0 && c.caughtUp == connection {
		to = c.newest()
	}
	return channelRow{To: to, From: c.from, ReadTo: c.readTo, Messages: c.view.messages}
}

// load takes what was kept. All of it is in doubt.
func (c *channel) load(row channelRow) {
	for _, m := range row.Messages {
		c.apply(m)
	}
	c.knownTo, c.from, c.readTo, c.dirty = row.To, row.From, row.ReadTo, false
	c.doubt()
}
