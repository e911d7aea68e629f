package wire

import (
	"testing"

	"github.com/go-json-experiment/json"

	"unsend/shared/chat"
)

// reencode writes a request as a client does.
func reencode(t *testing.T, action string, f Frame[any]) string {
	t.Helper()
	h := head{Action: &action, RequestID: &f.RequestID}
	var members any
	switch r := f.Request.(type) {
	case chat.SendRequest:
		members = sendToJSON(h, r)
	case chat.RevokeRequest:
		info := updateInfoJSON(r.Info)
		members = &revokeMembers{head: h, ServerID: &r.Key.ServerID, ChannelID: &r.Key.ChannelID,
			Timestamp: &r.Key.Timestamp, MsgServerID: &r.Key.MsgServerID, Info: &info}
	case chat.RevokeBatchRequest:
		info := updateInfoJSON(r.Info)
		m := &revokeBatchMembers{head: h, ServerID: &r.ServerID, ChannelID: &r.ChannelID, takenBackMembers: takenBackMembers{Info: &info}}
		for _, ref := range r.Messages {
			m.Messages = append(m.Messages, &messageRefJSON{Timestamp: &ref.Timestamp, MsgServerID: &ref.MsgServerID})
		}
		members = m
	case chat.HistoryRequest:
		members = historyToJSON(h, r)
	case chat.SyncRequest:
		m := &syncMembers{head: h, ServerID: &r.ServerID}
		if r.From != nil {
			cursor := formatUpdateCursor(*r.From)
			m.Cursor = &cursor
		}
		members = m
	case chat.SubscribeRequest:
		members = &subscribeMembers{head: h, ServerID: &r.ServerID, ChannelIDs: r.ChannelIDs}
	default:
		members = &pingMembers{head: h}
	}
	body, err := json.Marshal(members)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

func sendToJSON(h head, r chat.SendRequest) *sendMembers {
	m := &sendMembers{head: h, ServerID: &r.ServerID, ChannelID: &r.ChannelID, messageMembers: messageMembers{MsgID: &r.MsgID, Type: &r.Type,
		Body: &r.Content.Body, Attach: &r.Content.Attach, Ext: &r.Content.Ext, MentionAll: &r.Content.MentionAll,
		MentionAccounts: r.Content.MentionAccounts, MentionRoles: r.Content.MentionRoles,
		PushContent: &r.Content.PushContent, PushPayload: &r.Content.PushPayload}}
	if r.ReplyTo != nil {
		m.ReplyTo = &messageRefJSON{Timestamp: &r.ReplyTo.Timestamp, MsgServerID: &r.ReplyTo.MsgServerID}
	}
	return m
}

func historyToJSON(h head, r chat.HistoryRequest) *historyMembers {
	direction := "older"
	if r.Newer {
		direction = "newer"
	}
	m := &historyMembers{head: h, ServerID: &r.ServerID, ChannelID: &r.ChannelID, Direction: &direction}
	if r.Limit != 0 {
		m.Limit = &r.Limit
	}
	switch {
	case r.After == nil:
	case r.After.MsgServerID == "":
		m.Timestamp = &r.After.Timestamp
	default:
		cursor := formatCursor(r.After)
		m.Cursor = &cursor
	}
	return m
}
