package chat

import "time"

// Connection is one live WebSocket connection of an account.
type Connection struct {
	ID         string
	AccountID  string
	DeviceID   string // as the client or its token named it; empty for none
	ClientType ClientType
	// ConnectedAt is the gateway's time in ms. It orders connections of a device.
	ConnectedAt    int64
	TokenExpiresAt int64 // ms
}

// unnamedDevice marks the stand-in for the device of a connection that named
// none. It cannot be the start of a DeviceID: see [CheckID].
const unnamedDevice = "#"

// Device identifies what is excluded from the notices of its own acts: the
// device that was named, or else this connection alone.
func (c Connection) Device() string {
	if c.DeviceID == "" {
		return unnamedDevice + c.ID
	}
	return c.DeviceID
}

// DeviceID is the name that the device was given by its client; empty for none.
func (a Actor) DeviceID() string {
	if len(a.Device) > 0 && a.Device[:1] == unnamedDevice {
		return ""
	}
	return a.Device
}

// Supersedes tells whether c, connected after old, takes its place: the same
// device of the same account. Connection ids break a tie, so that of two
// exactly one gives way.
func (c Connection) Supersedes(old Connection) bool {
	if c.AccountID != old.AccountID || c.ID == old.ID || c.Device() != old.Device() {
		return false
	}
	return old.before(c)
}

// byAge orders connections, the oldest first.
func byAge(a, b Connection) int {
	if a.before(b) {
		return -1
	}
	return 1
}

func (c Connection) before(d Connection) bool {
	if c.ConnectedAt != d.ConnectedAt {
		return c.ConnectedAt < d.ConnectedAt
	}
	return c.ID < d.ID
}

// youngAt tells whether the connection may still be in its handshake, and so
// answer as if it had gone.
func (c Connection) youngAt(now time.Time) bool {
	return now.UnixMilli()-c.ConnectedAt < PostableAfter.Milliseconds()
}

// EndsAt is when the connection has ended for sure, in ms.
func (c Connection) EndsAt() int64 { return c.ConnectedAt + ConnectionTTL.Milliseconds() }

// Presence is a connection as an audience has it: a hint of where to
// push, with the rights its account had when they were last proved.
type Presence struct {
	ServerID   string
	ChannelID  string // that it subscribed to; empty in the audience of the whole server
	Connection Connection
	Roles      []string
	Generation int64
	ProvedAt   int64 // ms; taken before the strong read that proved them
}
