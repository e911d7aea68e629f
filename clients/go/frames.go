package unsend

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// frameOf is a request as text: the members of body, which is a JSON object, after action and id.
func frameOf(action, id string, body any) ([]byte, error) {
	var members bytes.Buffer
	encoder := json.NewEncoder(&members)
	encoder.SetEscapeHTML(false) // < is one byte, not six
	if err := encoder.Encode(body); err != nil {
		return nil, errors.New("the request is no JSON") // the cause could quote it
	}
	text := fmt.Appendf(nil, `{"action":%q,"request_id":%q`, action, id)
	if rest := bytes.TrimPrefix(bytes.TrimSpace(members.Bytes()), []byte("{")); len(rest) > 1 {
		text = append(text, ',')
		return append(text, rest...), nil
	}
	return append(text, '}'), nil
}

// answer is that of any action, as it came: its parts are still to be read.
type answer struct {
	err    error // the refusal, or ErrUnreadable
	fields map[string]json.RawMessage
	given  Message // as it is known, whatever the answer says
}

func answerOf(frame map[string]json.RawMessage) answer {
	var code int
	if json.Unmarshal(frame["res_code"], &code) != nil {
		return answer{err: ErrUnreadable}
	}
	if code == http.StatusOK {
		return answer{fields: frame}
	}
	refusal := &Error{Code: code}
	refusal.Reason, _ = stringOf(frame["reason"])
	refusal.Field, _ = stringOf(frame["field"])
	refusal.Retryable = isTrue(frame["retryable"])
	return answer{err: refusal}
}

// part is a member of an answer, and where to read it to. One that is absent leaves that as it is.
type part struct {
	name string
	into any
}

func (a answer) read(parts ...part) error {
	for _, p := range parts {
		raw, ok := a.fields[p.name]
		if !ok && p.name == "message" {
			return fmt.Errorf("%w: the answer holds no message", ErrUnreadable)
		}
		if ok && json.Unmarshal(raw, p.into) != nil {
			return fmt.Errorf("%w: %s", ErrUnreadable, p.name) // the cause could quote it
		}
	}
	return nil
}

// fieldsOf are the members of a JSON object; nil where the text is none.
func fieldsOf(text []byte) map[string]json.RawMessage {
	var fields map[string]json.RawMessage
	if json.Unmarshal(text, &fields) != nil {
		return nil
	}
	return fields
}

func stringOf(raw json.RawMessage) (text string, ok bool) {
	return text, len(raw) > 0 && raw[0] == '"' && json.Unmarshal(raw, &text) == nil
}

// stringOrNumber is an id in whichever way it was written.
func stringOrNumber(raw json.RawMessage) string {
	if text, ok := stringOf(raw); ok {
		return text
	}
	return string(raw)
}

func listOf(raw json.RawMessage) (list []json.RawMessage, ok bool) {
	return list, len(raw) > 0 && raw[0] == '[' && json.Unmarshal(raw, &list) == nil
}

func isTrue(raw json.RawMessage) bool { return string(raw) == "true" }

// essentials are what a message needs to be placed and judged: an absent status must not pass for a normal one.
type essentials struct {
	ServerID        *string `json:"server_id"`
	ChannelID       *string `json:"channel_id"`
	MsgServerID     *string `json:"msg_server_id"`
	Timestamp       *int64  `json:"timestamp"`
	Status          *int64  `json:"status"`
	Version         *int64  `json:"version"`
	UpdateTimestamp *int64  `json:"update_timestamp"`
}

// messageOf reads a message, or what sync tells of one, and tells whether it is one.
func messageOf(raw json.RawMessage) (m Message, ok bool) {
	var e essentials
	if json.Unmarshal(raw, &e) != nil || json.Unmarshal(raw, &m) != nil {
		return Message{}, false
	}
	for _, id := range []*string{e.ServerID, e.ChannelID, e.MsgServerID} {
		if id == nil || *id == "" || strings.Contains(*id, "#") { // which separates ids
			return Message{}, false
		}
	}
	for _, number := range []*int64{e.Timestamp, e.Status, e.Version, e.UpdateTimestamp} {
		if number == nil || *number < 0 {
			return Message{}, false
		}
	}
	return m, true
}

// noticeOf reads a notice. Its message must be one; an event that is not known is no reason to pass it over.
func noticeOf(raw json.RawMessage) (n Notice, ok bool) {
	fields := fieldsOf(raw)
	if n.Message, ok = messageOf(fields["message"]); !ok {
		return Notice{}, false
	}
	n.Event, _ = stringOf(fields["event"])
	if json.Unmarshal(fields["res_code"], &n.Code) != nil {
		n.Code = http.StatusOK
	}
	var info UpdateInfo
	if json.Unmarshal(fields["update_info"], &info) == nil {
		n.Info = &info
	}
	return n, true
}

// messagesOf reads a list of messages, and counts what is none.
func messagesOf(raw json.RawMessage) (messages []Message, none int, ok bool) {
	list, ok := listOf(raw)
	for _, each := range list {
		if m, ok := messageOf(each); ok {
			messages = append(messages, m)
		} else {
			none++
		}
	}
	return messages, none, ok
}
