package chat

// The requests of the services: what a frame asks for, before any check.

// SendRequest asks to store a message.
type SendRequest struct {
	ServerID, ChannelID string
	MsgID               string
	Type                int
	Content             Content
	ReplyTo             *MessageRef
}

// RevokeRequest asks to take a message back.
type RevokeRequest struct {
	Key  MessageKey
	Info UpdateInfo
}

// RevokeBatchRequest asks to take messages of one channel back.
type RevokeBatchRequest struct {
	ServerID, ChannelID string
	Messages            []MessageRef
	Info                UpdateInfo
}

func (r RevokeBatchRequest) key(m MessageRef) MessageKey {
	return MessageKey{ServerID: r.ServerID, ChannelID: r.ChannelID, Timestamp: m.Timestamp, MsgServerID: m.MsgServerID}
}

// HistoryRequest asks for a page of a channel.
type HistoryRequest struct {
	ServerID, ChannelID string
	Newer               bool
	After               *MessageRef
	Limit               int // 0: DefaultHistoryPage
}

// SyncRequest asks what was taken back in a server.
type SyncRequest struct {
	ServerID string
	// From is a former answer's cursor; nil for the first sync.
	From *UpdateRef
}

// Event is what a notice tells.
type Event string

// The events.
const (
	MessageReceived Event = "message"         // RegRecvCb
	MessageUpdated  Event = "message_updated" // RegUpdatedCb
)

// Notice is what a device is told of one message.
type Notice struct {
	Event   Event
	Message Message
	// Subscribed: it is told to subscribers of the channel, rather than to everybody who sees it.
	Subscribed bool
}

// StoredKind is what the stream says happened to a message row.
type StoredKind int

// The kinds.
const (
	Inserted StoredKind = iota + 1
	Modified
)

// Name is what the table's stream calls the kind (DynamoDB API Reference, "Record", eventName). Tasks and given-up
// records are kept under these names.
func (k StoredKind) Name() string {
	switch k {
	case Inserted:
		return "INSERT"
	case Modified:
		return "MODIFY"
	}
	return ""
}

// ParseStoredKind reads a name; false for one that tells nothing, as a removal.
func ParseStoredKind(name string) (StoredKind, bool) {
	for _, kind := range []StoredKind{Inserted, Modified} {
		if kind.Name() == name {
			return kind, true
		}
	}
	return 0, false
}

// Stored tells that a message row was written: the stream holds its key, nothing else.
type Stored struct {
	Key  MessageKey
	Kind StoredKind
}

// Update tells that a message was taken back, by ids only.
type Update struct {
	MessageKey
	Version    int64
	UpdatedAt  int64 // ms
	Revocation Revocation
}
