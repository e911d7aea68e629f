package eventbridge

import (
	"fmt"

	"unsend/shared/chat"
)

// detail is an event's detail. Names stay what they are, and more may come: other systems match and read them.
type detail struct {
	ID          string `json:"id"` // server/channel/message/version: what a repeated event has in common with the first
	ServerID    string `json:"server_id"`
	ChannelID   string `json:"channel_id"`
	Timestamp   int64  `json:"timestamp"` // ms
	MsgServerID string `json:"msg_server_id"`
	Version     int64  `json:"version"`

	Sender *who `json:"sender,omitempty"` // of message.sent

	// Of message.revoked. What the push texts say is the operator's, from update_info.
	Operator        *who   `json:"operator,omitempty"`
	UpdateTimestamp int64  `json:"update_timestamp,omitempty"` // ms
	PushContent     string `json:"push_content,omitempty"`
	PushPayload     string `json:"push_payload,omitempty"`
}

type who struct {
	AccountID  string          `json:"accid"`
	DeviceID   string          `json:"device_id,omitempty"`
	ClientType chat.ClientType `json:"client_type"`
}

func detailOf(e chat.BusEvent) detail {
	by := who(e.By)
	d := detail{
		ID:       fmt.Sprintf("%s/%s/%s/%d", e.Key.ServerID, e.Key.ChannelID, e.Key.MsgServerID, e.Version),
		ServerID: e.Key.ServerID, ChannelID: e.Key.ChannelID, Timestamp: e.Key.Timestamp, MsgServerID: e.Key.MsgServerID, Version: e.Version,
	}
	if e.Type == chat.MessageSent {
		d.Sender = &by
		return d
	}
	d.Operator, d.UpdateTimestamp, d.PushContent, d.PushPayload = &by, e.At, e.PushContent, e.PushPayload
	return d
}
