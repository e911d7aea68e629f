package wire

import (
	"fmt"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"unsend/shared/chat"
)

// Result is what a request that succeeded is answered with; at most one field is set.
type Result struct {
	Message    *chat.Message
	Page       *chat.HistoryPage
	Sync       *chat.SyncPage
	Subscribed []chat.Subscribed
	Revoked    []chat.RevokeOutcome
	ServerTime int64 // ms
}

type answerJSON struct {
	Type      string    `json:"type"`
	Action    string    `json:"action"`
	RequestID string    `json:"request_id,omitzero"`
	Code      chat.Code `json:"res_code"`

	Reason    string `json:"reason,omitzero"`
	Field     string `json:"field,omitzero"`
	Retryable *bool  `json:"retryable,omitzero"` // always there when Code is not OK

	Message    jsontext.Value   `json:"message,omitzero"`
	Messages   []jsontext.Value `json:"messages,omitzero"` // an empty page is []
	Next       string           `json:"next,omitzero"`
	ServerTime int64            `json:"server_time,omitzero"`

	Updates []jsontext.Value  `json:"updates,omitzero"` // none is []
	Cursor  string            `json:"cursor,omitzero"`
	More    bool              `json:"more,omitzero"`
	Access  map[string]string `json:"access,omitzero"` // on the last page; no channel is {}
	Mode    chat.Mode         `json:"delivery,omitzero"`
	Reset   bool              `json:"reset,omitzero"`

	Channels []subscribedJSON `json:"channels,omitzero"`

	Results []outcomeJSON `json:"results,omitzero"`
}

// subscribedJSON is what became of one channel of a request.
type subscribedJSON struct {
	ChannelID string    `json:"channel_id"`
	Code      chat.Code `json:"res_code"`
	Reason    string    `json:"reason,omitzero"`
}

func subscribedToJSON(channels []chat.Subscribed) []subscribedJSON {
	var list []subscribedJSON
	for _, c := range channels {
		entry := subscribedJSON{ChannelID: c.ChannelID, Code: chat.CodeOf(c.Err)}
		if c.Err != nil {
			entry.Reason = chat.AsError(c.Err).SafeReason()
		}
		list = append(list, entry)
	}
	return list
}

// outcomeJSON is what became of one message of a batch: the version and the time where it is revoked, else the reason.
type outcomeJSON struct {
	refJSON
	Code            chat.Code `json:"res_code"`
	Version         int64     `json:"version,omitzero"`
	UpdateTimestamp int64     `json:"update_timestamp,omitzero"`
	Reason          string    `json:"reason,omitzero"`
	Retryable       *bool     `json:"retryable,omitzero"` // always there when Code is not OK
}

// outcomesToJSON needs no cut: 100 outcomes with the longest ids are a quarter of a frame.
func outcomesToJSON(outcomes []chat.RevokeOutcome) []outcomeJSON {
	var list []outcomeJSON
	for _, o := range outcomes {
		entry := outcomeJSON{refJSON: refJSON(o.MessageRef), Code: chat.CodeOf(o.Err)}
		if o.Err == nil {
			entry.Version, entry.UpdateTimestamp = o.Message.Version, o.Message.UpdatedAt
		} else {
			retryable := entry.Code.Retryable()
			entry.Reason, entry.Retryable = chat.AsError(o.Err).SafeReason(), &retryable
		}
		list = append(list, entry)
	}
	return list
}

// Answer is the frame for a request that succeeded. A page of history is cut
// where it would be longer than [MaxFrame]: "next" then continues after the last
// message that is in it, so that a walk meets every message exactly once.
func Answer(action, requestID string, r Result) (string, error) {
	answer := answerJSON{Type: "response", Action: action, RequestID: requestID, Code: chat.OK, ServerTime: r.ServerTime,
		Channels: subscribedToJSON(r.Subscribed), Results: outcomesToJSON(r.Revoked)}
	var err error
	if r.Message != nil {
		answer.Message, err = encode(toJSON(*r.Message))
	}
	if r.Page != nil {
		answer.Messages, answer.Next, err = encodePage(*r.Page)
	}
	if r.Sync != nil {
		err = answer.addSync(*r.Sync)
	}
	if err != nil {
		return "", fmt.Errorf("encode the answer: %w", err)
	}
	text, err := encode(answer)
	if err != nil {
		return "", fmt.Errorf("encode the answer: %w", err)
	}
	return string(text), nil
}

// Refusal is the frame for a request that failed with err. Of an error that is
// no [chat.Error] it tells nothing but code 500.
func Refusal(action, requestID string, err error) string {
	e := chat.AsError(err)
	retryable := e.Code.Retryable()
	text, encodeErr := encode(answerJSON{
		Type: "response", Action: action, RequestID: requestID, Code: e.Code,
		Reason: e.SafeReason(), Field: e.Field, Retryable: &retryable,
	})
	if encodeErr != nil { // no value of these types does that; an answer is owed all the same
		return `{"type":"response","action":"","res_code":500,"reason":"internal error","retryable":false}`
	}
	return string(text)
}

// pageEnvelope is more than everything in an answer around the messages: names,
// code, a request id of 64 bytes each escaped, a cursor of 98.
const pageEnvelope = 512

// encodePage encodes as many messages as fit, at least one, and the cursor
// after the last of them.
func encodePage(p chat.HistoryPage) ([]jsontext.Value, string, error) {
	encoded, err := fitting(p.Messages, pageEnvelope, func(m chat.Message) any { return toJSON(m) })
	if n := len(encoded); err == nil && n < len(p.Messages) {
		last := p.Messages[n-1]
		return encoded, formatCursor(&chat.MessageRef{Timestamp: last.Timestamp, MsgServerID: last.MsgServerID}), nil
	}
	return encoded, formatCursor(p.Next), err
}

// fitting encodes as many of the values as a frame holds beside its envelope,
// but at least one.
func fitting[T any](values []T, envelope int, toJSON func(T) any) ([]jsontext.Value, error) {
	encoded := make([]jsontext.Value, 0, len(values))
	size := envelope
	for i, v := range values {
		value, err := encode(toJSON(v))
		if err != nil {
			return nil, err
		}
		if size += len(value) + len(","); size > MaxFrame && i > 0 {
			break
		}
		encoded = append(encoded, value)
	}
	return encoded, nil
}

// encode never fails on a text: were one stored that is no UTF-8, it is shown
// with replacement characters rather than not at all.
func encode(v any) (jsontext.Value, error) {
	return json.Marshal(v, jsontext.AllowInvalidUTF8(true))
}
