package unsend

import "net/http"

// The statuses of a message. From 10000 on they are the application's own.
const (
	StatusNormal  = 0
	StatusRevoked = 1
	StatusDeleted = 2
)

// The events of a notice.
const (
	EventMessage        = "message"         // somebody sent
	EventMessageUpdated = "message_updated" // somebody took a message back
)

// MessageKey identifies a message.
type MessageKey struct {
	ServerID    string `json:"server_id"`
	ChannelID   string `json:"channel_id"`
	Timestamp   int64  `json:"timestamp"` // ms, of the server's clock
	MsgServerID string `json:"msg_server_id"`
}

// MessageRef names another message of the same channel.
type MessageRef struct {
	Timestamp   int64  `json:"timestamp"`
	MsgServerID string `json:"msg_server_id"`
}

// UpdateInfo is what an operator says with a revoke. Everybody who sees the
// channel sees it.
type UpdateInfo struct {
	Postscript  string `json:"postscript,omitempty"`
	Extension   string `json:"extension,omitempty"`
	PushContent string `json:"push_content,omitempty"`
	PushPayload string `json:"push_payload,omitempty"`
}

// Operation is who took a message back, and what they said.
type Operation struct {
	OperatorID         string `json:"operator_id"`
	OperatorNick       string `json:"operator_nick,omitempty"`
	OperatorClientType int    `json:"operator_client_type"`
	UpdateInfo
}

// Message is a message as this account may see it. A revoked one has none of the
// fields of its content, and an Operation.
type Message struct {
	MessageKey
	MsgID           string      `json:"msg_id"`
	Type            int         `json:"msg_type"`
	FromAccount     string      `json:"from_accid"`
	FromNick        string      `json:"from_nick,omitempty"`
	FromClientType  int         `json:"from_client_type"`
	FromDeviceID    string      `json:"from_device_id,omitempty"`
	Status          int         `json:"status"`
	Version         int64       `json:"version"`
	UpdateTimestamp int64       `json:"update_timestamp"`
	ReplyTo         *MessageRef `json:"reply_to,omitempty"`
	Operation       *Operation  `json:"update_ope_info,omitempty"`
	NotifyReason    int         `json:"notify_reason,omitempty"`
	Content
}

// Content is what a revoke erases.
type Content struct {
	Body            string   `json:"msg_body,omitempty"`
	Attach          string   `json:"msg_attach,omitempty"`
	Ext             string   `json:"msg_ext,omitempty"`
	MentionAll      bool     `json:"mention_all,omitempty"`
	MentionAccounts []string `json:"mention_accids,omitempty"`
	MentionRoles    []string `json:"mention_role_ids,omitempty"`
	PushContent     string   `json:"push_content,omitempty"`
	PushPayload     string   `json:"push_payload,omitempty"`
}

// IsEmpty tells whether nothing is in it.
func (c Content) IsEmpty() bool {
	return c.Body == "" && c.Attach == "" && c.Ext == "" && !c.MentionAll && len(c.MentionAccounts) == 0 &&
		len(c.MentionRoles) == 0 && c.PushContent == "" && c.PushPayload == ""
}

// Ended tells whether the message was taken back or deleted.
func (m Message) Ended() bool { return m.Status == StatusRevoked || m.Status == StatusDeleted }

// SendRequest asks to send a message. Body or Attach must be there.
type SendRequest struct {
	ServerID  string `json:"server_id"`
	ChannelID string `json:"channel_id"`
	// MsgID makes the send repeatable: sent again within 24 h it gives the first
	// one's message. Empty: a new one is made, and stands in the answer.
	MsgID   string      `json:"msg_id"`
	Type    int         `json:"msg_type"`
	ReplyTo *MessageRef `json:"reply_to,omitempty"`
	Content
}

// RevokeRequest asks to take a message back.
type RevokeRequest struct {
	MessageKey
	Info UpdateInfo `json:"update_info"`
}

// RevokeBatchRequest asks to take messages of one channel back, 1 to 100.
type RevokeBatchRequest struct {
	ServerID  string       `json:"server_id"`
	ChannelID string       `json:"channel_id"`
	Messages  []MessageRef `json:"messages"`
	Info      UpdateInfo   `json:"update_info"`
}

// RevokeOutcome is what became of one message of a RevokeBatch.
type RevokeOutcome struct {
	MessageRef
	Code int `json:"res_code"`
	// Version and UpdateTimestamp are those of the message that is taken back, by this request or an earlier one.
	Version         int64 `json:"version"`
	UpdateTimestamp int64 `json:"update_timestamp"`
	// Reason and Retryable are those of a refusal.
	Reason    string `json:"reason"`
	Retryable bool   `json:"retryable"`
}

// Err is the refusal as an *[Error]; nil where the message is taken back.
func (o RevokeOutcome) Err() error {
	if o.Code == http.StatusOK {
		return nil
	}
	return &Error{Code: o.Code, Reason: o.Reason, Retryable: o.Retryable}
}

// The directions of history.
const (
	Older = "older"
	Newer = "newer"
)

// HistoryRequest asks for a page of a channel.
type HistoryRequest struct {
	ServerID  string `json:"server_id"`
	ChannelID string `json:"channel_id"`
	Direction string `json:"direction,omitempty"` // Older, where it is empty
	// Cursor is a former page's Next. With neither it nor Timestamp the page begins at
	// the channel's newest (or, walking newer, oldest) message.
	Cursor    string `json:"cursor,omitempty"`
	Timestamp *int64 `json:"timestamp,omitempty"` // ms to begin at; excludes Cursor
	Limit     int    `json:"limit,omitempty"`     // 1 to 100; 0: the server's default
}

// Page is a page of history in the order of the walk: older begins with the
// newest message.
type Page struct {
	Messages []Message `json:"messages"`
	Next     string    `json:"next,omitempty"` // empty at the end
}

// Update tells that a message was taken back while this device was away.
type Update struct {
	MessageKey
	Status          int       `json:"status"`
	Version         int64     `json:"version"`
	UpdateTimestamp int64     `json:"update_timestamp"`
	Operation       Operation `json:"update_ope_info"`
}

// SyncPage is what a device has missed in a server.
type SyncPage struct {
	Updates []Update `json:"updates"`
	// Cursor is where the next Sync begins; right away when there is More.
	Cursor string `json:"cursor"`
	More   bool   `json:"more"`
	// Access has a stamp for each channel that the account sees, on the last page.
	// Read the history of a channel again whose stamp is new or changed.
	Access map[string]string `json:"access"`
	// Delivery says who is told of what happens in the server, on the last page: where it is not DeliveryAll,
	// Subscribe to the channels that are shown.
	Delivery string `json:"delivery"`
	// Reset: drop what is kept of the server and read the history again.
	Reset bool `json:"reset"`
}

// What SyncPage.Delivery says.
const (
	DeliveryAll         = "all"         // every connection of the members
	DeliveryBoth        = "both"        // and subscribers, while the server becomes a large one or a small one again
	DeliverySubscribers = "subscribers" // those who subscribed to the channel
)

// Subscribed is what became of one channel of a Subscribe.
type Subscribed struct {
	ChannelID string `json:"channel_id"`
	Code      int    `json:"res_code"`
	Reason    string `json:"reason"`
}

// Notice tells what somebody did.
type Notice struct {
	Event   string      `json:"event"`
	Code    int         `json:"res_code"`
	Info    *UpdateInfo `json:"update_info,omitempty"`
	Message Message     `json:"message"`
}
