package wire

import "unsend/shared/chat"

// QChat's notify_reason: a notice to everybody who sees the channel, or to its subscribers.
const (
	notifiedAll         = 1
	notifiedSubscribers = 2
)

type messageJSON struct {
	ServerID        string          `json:"server_id"`
	ChannelID       string          `json:"channel_id"`
	Timestamp       int64           `json:"timestamp"`
	MsgServerID     string          `json:"msg_server_id"`
	MsgID           string          `json:"msg_id"`
	Type            int             `json:"msg_type"`
	FromAccount     string          `json:"from_accid"`
	FromNick        string          `json:"from_nick,omitzero"`
	FromClientType  chat.ClientType `json:"from_client_type"`
	FromDeviceID    string          `json:"from_device_id,omitzero"`
	Status          chat.Status     `json:"status"`
	Version         int64           `json:"version"`
	UpdateTimestamp int64           `json:"update_timestamp"`
	ReplyTo         *refJSON        `json:"reply_to,omitzero"`
	// Content is nil once the message is revoked or deleted.
	Content      *contentJSON   `json:",embed"`
	Operation    *operationJSON `json:"update_ope_info,omitzero"`
	NotifyReason int            `json:"notify_reason,omitzero"`
}

// contentJSON is what a revoke erases. It is the only type here that holds any of it.
type contentJSON struct {
	Body            string   `json:"msg_body,omitzero"`
	Attach          string   `json:"msg_attach,omitzero"`
	Ext             string   `json:"msg_ext,omitzero"`
	MentionAll      bool     `json:"mention_all,omitzero"`
	MentionAccounts []string `json:"mention_accids,omitempty"`
	MentionRoles    []string `json:"mention_role_ids,omitempty"`
	PushContent     string   `json:"push_content,omitzero"`
	PushPayload     string   `json:"push_payload,omitzero"`
}

type refJSON struct {
	Timestamp   int64  `json:"timestamp"`
	MsgServerID string `json:"msg_server_id"`
}

// UpdateInfo has the fields of [chat.UpdateInfo], in its order.
type UpdateInfo = updateInfoJSON

type updateInfoJSON struct {
	Postscript  string `json:"postscript,omitzero"`
	Extension   string `json:"extension,omitzero"`
	PushContent string `json:"push_content,omitzero"`
	PushPayload string `json:"push_payload,omitzero"`
}

type operationJSON struct {
	OperatorID         string          `json:"operator_id"`
	OperatorNick       string          `json:"operator_nick,omitzero"`
	OperatorClientType chat.ClientType `json:"operator_client_type"`
	Info               updateInfoJSON  `json:",embed"`
}

func toJSON(m chat.Message) messageJSON {
	return messageJSON{
		ServerID:        m.ServerID,
		ChannelID:       m.ChannelID,
		Timestamp:       m.Timestamp,
		MsgServerID:     m.MsgServerID,
		MsgID:           m.MsgID,
		Type:            m.Type,
		FromAccount:     m.From.AccountID,
		FromNick:        m.From.Nick,
		FromClientType:  m.From.ClientType,
		FromDeviceID:    m.From.DeviceID(),
		Status:          m.Status,
		Version:         m.Version,
		UpdateTimestamp: m.UpdatedAt,
		ReplyTo:         (*refJSON)(m.ReplyTo),
		Content:         contentOf(m),
		Operation:       operationOf(m),
	}
}

// contentOf is nil for a message that has ended, whatever the row still holds.
func contentOf(m chat.Message) *contentJSON {
	if m.Status == chat.Revoked || m.Status == chat.Deleted || m.Revocation != nil {
		return nil
	}
	c := contentJSON(m.Content)
	return &c
}

func operationOf(m chat.Message) *operationJSON {
	if m.Revocation == nil {
		return nil
	}
	operation := operationJSONOf(*m.Revocation)
	return &operation
}

func operationJSONOf(r chat.Revocation) operationJSON {
	return operationJSON{
		OperatorID:         r.Operator.AccountID,
		OperatorNick:       r.Operator.Nick,
		OperatorClientType: r.Operator.ClientType,
		Info:               updateInfoJSON(r.Info),
	}
}
