package wire

import (
	"slices"
	"strings"

	"github.com/go-json-experiment/json"

	"unsend/shared/chat"
)

// DecodeSend reads a frame of the action "send". server_id, channel_id and
// msg_id must be there; msg_type is 0 where it is not. resend_flag is taken for
// QChat's sake and has no effect: msg_id alone makes a send repeatable.
func DecodeSend(body string) (Frame[chat.SendRequest], error) {
	return decode(body, Send, &sendMembers{})
}

// DecodeRevoke reads a frame of the action "revoke". The four parts of the
// message's key must be there.
func DecodeRevoke(body string) (Frame[chat.RevokeRequest], error) {
	return decode(body, Revoke, &revokeMembers{})
}

// DecodeRevokeBatch reads a frame of the action "revokeBatch". server_id, channel_id
// and messages must be there, and of each message its timestamp and msg_server_id.
func DecodeRevokeBatch(body string) (Frame[chat.RevokeBatchRequest], error) {
	return decode(body, RevokeBatch, &revokeBatchMembers{})
}

// DecodeHistory reads a frame of the action "history". server_id and channel_id
// must be there. direction is "older" (where it is not given) or "newer"; cursor
// continues a walk, timestamp (ms) begins one at a time, and only one of the two may be given.
func DecodeHistory(body string) (Frame[chat.HistoryRequest], error) {
	return decode(body, History, &historyMembers{})
}

// DecodeSync reads a frame of the action "sync". server_id must be there; cursor
// is a former answer's, and not given for the first sync.
func DecodeSync(body string) (Frame[chat.SyncRequest], error) {
	return decode(body, Sync, &syncMembers{})
}

// DecodeSubscribe reads a frame of the action "subscribe". server_id and channel_ids must be there.
func DecodeSubscribe(body string) (Frame[chat.SubscribeRequest], error) {
	return decode(body, Subscribe, &subscribeMembers{})
}

// DecodeUnsubscribe reads a frame of the action "unsubscribe", which is like subscribe's.
func DecodeUnsubscribe(body string) (Frame[chat.SubscribeRequest], error) {
	return decode(body, Unsubscribe, &subscribeMembers{})
}

// DecodePing reads a frame of the action "ping".
func DecodePing(body string) (Frame[struct{}], error) {
	return decode(body, Ping, &pingMembers{})
}

// DecodeDefault reads a frame that no route was found for, and always refuses
// it: with what is wrong with it as JSON, or with its unknown action.
func DecodeDefault(body string) (Frame[struct{}], error) {
	frame := Frame[struct{}]{RequestID: findRequestID(body)}
	if err := checkSize(body); err != nil {
		return frame, err
	}
	var h head // of other members nothing is known
	if err := json.Unmarshal([]byte(body), &h); err != nil {
		return frame, refuse(err)
	}
	action, err := required("action", h.Action)
	switch {
	case err != nil:
		return frame, err
	case slices.Contains(Actions, action):
		return frame, chat.InvalidField("action", "could not be routed; send the frame as plain JSON text")
	default:
		return frame, chat.InvalidField("action", "is unknown; known are "+strings.Join(Actions, ", "))
	}
}

type sendMembers struct {
	head
	ServerID  *string `json:"server_id"`
	ChannelID *string `json:"channel_id"`
	messageMembers
}

// messageMembers is what a message is made of.
type messageMembers struct {
	MsgID           *string         `json:"msg_id"`
	Type            *int            `json:"msg_type"`
	Body            *string         `json:"msg_body"`
	Attach          *string         `json:"msg_attach"`
	Ext             *string         `json:"msg_ext"`
	MentionAll      *bool           `json:"mention_all"`
	MentionAccounts []string        `json:"mention_accids"`
	MentionRoles    []string        `json:"mention_role_ids"`
	PushContent     *string         `json:"push_content"`
	PushPayload     *string         `json:"push_payload"`
	ResendFlag      *bool           `json:"resend_flag"`
	ReplyTo         *messageRefJSON `json:"reply_to"`
}

type messageRefJSON struct {
	Timestamp   *int64  `json:"timestamp"`
	MsgServerID *string `json:"msg_server_id"`
}

type revokeMembers struct {
	head
	ServerID    *string         `json:"server_id"`
	ChannelID   *string         `json:"channel_id"`
	Timestamp   *int64          `json:"timestamp"`
	MsgServerID *string         `json:"msg_server_id"`
	Info        *updateInfoJSON `json:"update_info"`
}

type revokeBatchMembers struct {
	head
	ServerID  *string `json:"server_id"`
	ChannelID *string `json:"channel_id"`
	takenBackMembers
}

// takenBackMembers is which messages are taken back, and what is said with it.
type takenBackMembers struct {
	Messages []*messageRefJSON `json:"messages"`
	Info     *updateInfoJSON   `json:"update_info"`
}

type historyMembers struct {
	head
	ServerID  *string `json:"server_id"`
	ChannelID *string `json:"channel_id"`
	Direction *string `json:"direction"`
	Cursor    *string `json:"cursor"`
	Timestamp *int64  `json:"timestamp"`
	Limit     *int    `json:"limit"`
}

type syncMembers struct {
	head
	ServerID *string `json:"server_id"`
	Cursor   *string `json:"cursor"`
}

type subscribeMembers struct {
	head
	ServerID   *string  `json:"server_id"`
	ChannelIDs []string `json:"channel_ids"`
}

type pingMembers struct{ head }

func (m *sendMembers) envelope() head    { return m.head }
func (m *revokeMembers) envelope() head  { return m.head }
func (m *historyMembers) envelope() head { return m.head }
func (m *syncMembers) envelope() head    { return m.head }
func (m *pingMembers) envelope() head    { return m.head }

func (m *subscribeMembers) envelope() head { return m.head }

func (m *revokeBatchMembers) envelope() head { return m.head }

func (m *subscribeMembers) request() (r chat.SubscribeRequest, err error) {
	if r.ServerID, err = required("server_id", m.ServerID); err != nil {
		return r, err
	}
	r.ChannelIDs = m.ChannelIDs
	return r, nil
}

func (m *pingMembers) request() (struct{}, error) { return struct{}{}, nil }

func (m *sendMembers) request() (r chat.SendRequest, err error) {
	if r.ServerID, err = required("server_id", m.ServerID); err != nil {
		return r, err
	}
	if r.ChannelID, err = required("channel_id", m.ChannelID); err != nil {
		return r, err
	}
	err = m.into(&r)
	return r, err
}

func (m *messageMembers) into(r *chat.SendRequest) (err error) {
	if r.MsgID, err = required("msg_id", m.MsgID); err != nil {
		return err
	}
	r.Type = optional(m.Type)
	r.Content = m.content()
	r.ReplyTo, err = m.ReplyTo.ref("reply_to")
	return err
}

func (m *messageMembers) content() chat.Content {
	return chat.Content{
		Body:            optional(m.Body),
		Attach:          optional(m.Attach),
		Ext:             optional(m.Ext),
		MentionAll:      optional(m.MentionAll),
		MentionAccounts: nilIfEmpty(m.MentionAccounts),
		MentionRoles:    nilIfEmpty(m.MentionRoles),
		PushContent:     optional(m.PushContent),
		PushPayload:     optional(m.PushPayload),
	}
}

// nilIfEmpty: an empty list and none mean the same.
func nilIfEmpty(list []string) []string {
	if len(list) == 0 {
		return nil
	}
	return list
}

// ref gives the message that is referred to; nil where none is.
func (m *messageRefJSON) ref(field string) (*chat.MessageRef, error) {
	if m == nil {
		return nil, nil
	}
	timestamp, err := requiredTime(field+".timestamp", m.Timestamp)
	if err != nil {
		return nil, err
	}
	id, err := required(field+".msg_server_id", m.MsgServerID)
	if err != nil {
		return nil, err
	}
	return &chat.MessageRef{Timestamp: timestamp, MsgServerID: id}, nil
}

func (m *revokeMembers) request() (r chat.RevokeRequest, err error) {
	if r.Key.ServerID, err = required("server_id", m.ServerID); err != nil {
		return r, err
	}
	if r.Key.ChannelID, err = required("channel_id", m.ChannelID); err != nil {
		return r, err
	}
	if r.Key.Timestamp, err = requiredTime("timestamp", m.Timestamp); err != nil {
		return r, err
	}
	if r.Key.MsgServerID, err = required("msg_server_id", m.MsgServerID); err != nil {
		return r, err
	}
	r.Info = chat.UpdateInfo(optional(m.Info))
	return r, nil
}

func (m *revokeBatchMembers) request() (r chat.RevokeBatchRequest, err error) {
	if r.ServerID, err = required("server_id", m.ServerID); err != nil {
		return r, err
	}
	if r.ChannelID, err = required("channel_id", m.ChannelID); err != nil {
		return r, err
	}
	err = m.into(&r)
	return r, err
}

func (m *takenBackMembers) into(r *chat.RevokeBatchRequest) error {
	const field = "messages"
	for _, message := range m.Messages {
		ref, err := message.ref(field)
		if err != nil {
			return err
		}
		if ref == nil {
			return chat.InvalidField(field, "has the wrong type")
		}
		r.Messages = append(r.Messages, *ref)
	}
	r.Info = chat.UpdateInfo(optional(m.Info))
	return nil
}

func (m *historyMembers) request() (r chat.HistoryRequest, err error) {
	if r.ServerID, err = required("server_id", m.ServerID); err != nil {
		return r, err
	}
	if r.ChannelID, err = required("channel_id", m.ChannelID); err != nil {
		return r, err
	}
	if r.Newer, err = m.newer(); err != nil {
		return r, err
	}
	if r.After, err = m.after(); err != nil {
		return r, err
	}
	r.Limit, err = m.limit()
	return r, err
}

func (m *historyMembers) newer() (bool, error) {
	switch optional(m.Direction) {
	case "", "older":
		return false, nil
	case "newer":
		return true, nil
	}
	return false, chat.InvalidField("direction", "must be older or newer")
}

func (m *historyMembers) after() (*chat.MessageRef, error) {
	switch {
	case m.Cursor != nil && m.Timestamp != nil:
		return nil, chat.InvalidField("timestamp", "excludes cursor")
	case m.Cursor != nil:
		return parseCursor("cursor", *m.Cursor)
	case m.Timestamp != nil:
		return &chat.MessageRef{Timestamp: *m.Timestamp}, chat.CheckTimestamp("timestamp", *m.Timestamp)
	}
	return nil, nil
}

// limit is checked here because 0 means "not given" to the service.
func (m *historyMembers) limit() (int, error) {
	if m.Limit == nil {
		return 0, nil
	}
	return *m.Limit, chat.CheckHistoryLimit("limit", *m.Limit)
}

func (m *syncMembers) request() (r chat.SyncRequest, err error) {
	if r.ServerID, err = required("server_id", m.ServerID); err != nil || m.Cursor == nil {
		return r, err
	}
	r.From, err = parseUpdateCursor("cursor", *m.Cursor)
	return r, err
}

func requiredTime(field string, value *int64) (int64, error) {
	ms, err := required(field, value)
	if err != nil {
		return 0, err
	}
	return ms, chat.CheckTimestamp(field, ms)
}
