package wire

import (
	"fmt"

	"github.com/go-json-experiment/json/jsontext"

	"unsend/shared/chat"
)

type noticesJSON struct {
	Type    string           `json:"type"`
	Notices []jsontext.Value `json:"notices"`
}

type noticeJSON struct {
	Event chat.Event `json:"event"`
	Code  chat.Code  `json:"res_code"`
	// Info is what the operator said; there when Event is [chat.MessageUpdated].
	Info    *updateInfoJSON `json:"update_info,omitzero"`
	Message messageJSON     `json:"message"`
}

// noticesEnvelope is the length of a frame without its notices.
const noticesEnvelope = len(`{"type":"notices","notices":[]}`)

// EncodeNotices writes the notices, in their order, into as few frames of at
// most [MaxFrame] bytes as that order allows. No notices are no frames.
func EncodeNotices(notices []chat.Notice) ([][]byte, error) {
	var (
		frames [][]byte
		list   []jsontext.Value
		size   = noticesEnvelope
	)
	for _, n := range notices {
		value, err := encodeNotice(n)
		if err != nil {
			return nil, err
		}
		if len(list) > 0 && size+len(value)+len(",") > MaxFrame {
			if frames, err = appendFrame(frames, list); err != nil {
				return nil, err
			}
			list, size = nil, noticesEnvelope
		}
		list = append(list, value)
		size += len(value) + len(",")
	}
	if len(list) == 0 {
		return frames, nil
	}
	return appendFrame(frames, list)
}

func appendFrame(frames [][]byte, list []jsontext.Value) ([][]byte, error) {
	frame, err := encode(noticesJSON{Type: "notices", Notices: list})
	if err != nil {
		return nil, fmt.Errorf("encode notices: %w", err)
	}
	return append(frames, frame), nil
}

func encodeNotice(n chat.Notice) (jsontext.Value, error) {
	notice := noticeJSON{Event: n.Event, Code: chat.OK, Message: toJSON(n.Message)}
	notice.Message.NotifyReason = notifiedAll
	if n.Subscribed {
		notice.Message.NotifyReason = notifiedSubscribers
	}
	if n.Event == chat.MessageUpdated {
		notice.Info = &updateInfoJSON{}
		if n.Message.Revocation != nil {
			*notice.Info = updateInfoJSON(n.Message.Revocation.Info)
		}
	}
	value, err := encode(notice)
	if err != nil {
		return nil, fmt.Errorf("encode a notice: %w", err)
	}
	return value, nil
}
