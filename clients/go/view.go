package unsend

import (
	"cmp"
	"slices"
	"strings"
)

// Change is what a message did to a [View].
type Change int

// The changes.
const (
	Unchanged Change = iota // known already, or older than what is known
	Added
	Updated
)

// View is a channel as one device shows it: its messages in their order. Messages
// may come from answers, notices and history, in any order and any number of times; what
// they come to is the same.
//
//   - What was taken back stays so: revoked beats new, whichever comes first.
//   - What was taken back has no content, not even in memory.
//   - What is known already changes nothing.
//
// A View is not safe for concurrent use.
type View struct {
	serverID, channelID string
	messages            []Message // by time, then id
}

// NewView makes an empty view of a channel.
func NewView(serverID, channelID string) *View {
	return &View{serverID: serverID, channelID: channelID}
}

// Apply takes a message. One of another channel changes nothing.
func (v *View) Apply(m Message) Change {
	if m.ServerID != v.serverID || m.ChannelID != v.channelID {
		return Unchanged
	}
	if m.Ended() {
		m.Content = Content{} // whatever a server sent
	}
	i, found := v.find(m.MessageKey)
	switch {
	case !found:
		v.messages = slices.Insert(v.messages, i, m)
		return Added
	case !m.beats(v.messages[i]):
		return Unchanged
	}
	v.messages[i] = m
	return Updated
}

// ApplyUpdate takes what sync tells of a message. One that is not known yet is
// kept by its ids, so that its text, should it come later, is not shown.
func (v *View) ApplyUpdate(u Update) Change {
	m, known := v.Message(u.MessageKey)
	if !known {
		m = Message{MessageKey: u.MessageKey}
	}
	m.Status, m.Version, m.UpdateTimestamp, m.Operation = u.Status, u.Version, u.UpdateTimestamp, &u.Operation
	return v.Apply(m)
}

// Messages gives the messages, oldest first. The slice is the caller's.
func (v *View) Messages() []Message { return slices.Clone(v.messages) }

// Message finds a message.
func (v *View) Message(key MessageKey) (Message, bool) {
	if i, found := v.find(key); found && v.messages[i].MessageKey == key {
		return v.messages[i], true
	}
	return Message{}, false
}

func (v *View) find(key MessageKey) (int, bool) {
	return slices.BinarySearchFunc(v.messages, key, func(m Message, key MessageKey) int {
		return cmp.Or(cmp.Compare(m.Timestamp, key.Timestamp), strings.Compare(m.MsgServerID, key.MsgServerID))
	})
}

// beats compares two states of one message: the one further on its way wins,
// then the later version, then the one that says more: whose it is, and who took it back. Versions alone do not decide, so that a revoke
// holds against a server that counts wrongly.
func (m Message) beats(known Message) bool {
	return cmp.Or(cmp.Compare(m.stage(), known.stage()), cmp.Compare(m.Version, known.Version),
		cmp.Compare(m.completeness(), known.completeness())) > 0
}

func (m Message) completeness() int {
	said := min(1, len(m.FromAccount))
	if m.Operation != nil {
		said++
	}
	return said
}

// stage: normal (or a status of the application's), revoked, deleted.
func (m Message) stage() int {
	if m.Ended() {
		return m.Status
	}
	return StatusNormal
}
