package chat

// Status is a message's state; 10000 and above are the application's own.
type Status int

// The statuses.
const (
	Normal  Status = 0
	Revoked Status = 1
	Deleted Status = 2
)

// ClientType is the kind of client an account is connected with.
type ClientType int

// The client types of QChat.
const (
	Android      ClientType = 1
	IOS          ClientType = 2
	PC           ClientType = 4
	WindowsPhone ClientType = 8
	Web          ClientType = 16
	REST         ClientType = 32
	MacOS        ClientType = 64
)

// Known tells whether c is one of QChat's client types.
func (c ClientType) Known() bool {
	switch c {
	case Android, IOS, PC, WindowsPhone, Web, REST, MacOS:
		return true
	}
	return false
}

// MessageKey identifies a message. All four parts must match: an id from another
// channel or server finds nothing.
type MessageKey struct {
	ServerID, ChannelID string
	Timestamp           int64 // ms, set by the server when it was sent
	MsgServerID         string
}

// Content is what a revoke erases.
type Content struct {
	Body, Attach, Ext string
	MentionAll        bool
	MentionAccounts   []string
	MentionRoles      []string
	PushContent       string
	PushPayload       string
}

// IsZero tells whether nothing is left.
func (c Content) IsZero() bool {
	return c.Body == "" && c.Attach == "" && c.Ext == "" && !c.MentionAll &&
		len(c.MentionAccounts) == 0 && len(c.MentionRoles) == 0 && c.PushContent == "" && c.PushPayload == ""
}

// MessageRef names another message of the same channel, by ids only: whoever
// shows a quote takes the text from their own view, so that revoking reaches it.
type MessageRef struct {
	Timestamp   int64
	MsgServerID string
}

// UpdateInfo is what an operator says with a revoke. It is shown to everybody who
// sees the channel.
type UpdateInfo struct {
	Postscript, Extension, PushContent, PushPayload string
}

// Actor is who did something, with which device.
type Actor struct {
	AccountID  string
	Nick       string
	ClientType ClientType
	// Device identifies the device for exclusion from notices: the DeviceID that
	// the client named, or a stand-in for one connection. See [Connection.Device].
	Device string
}

// Revocation is how a message ended.
type Revocation struct {
	Operator Actor
	Info     UpdateInfo
}

// Message is a stored message. A revoked one has no Content and a Revocation.
type Message struct {
	MessageKey
	Type       int
	MsgID      string // the client's id, for resending
	From       Actor
	ReplyTo    *MessageRef
	Status     Status
	Version    int64 // 1 when sent; one more with each write
	UpdatedAt  int64 // ms
	ExpiresAt  int64 // s since the epoch; 0 never. A row past it does not exist.
	Content    Content
	Revocation *Revocation
}

// ExpiredAt tells whether the row counts as gone at the time (ms), whether or not the table
// has removed it.
func (m Message) ExpiredAt(ms int64) bool { return m.ExpiresAt != 0 && m.ExpiresAt <= ms/1000 }
