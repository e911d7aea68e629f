package wire

import (
	"encoding/base64"
	"encoding/binary"

	"unsend/shared/chat"
)

// A cursor is base64url (no padding) of a version byte, the time in ms as 8
// bytes, big end first, and the id. Clients repeat it and know nothing of it,
// so the version lets a later release read what an earlier one handed out.
const cursorVersion = 1

const cursorHead = 1 + 8

// formatCursor is the cursor that continues after ref; empty for nil.
func formatCursor(ref *chat.MessageRef) string {
	if ref == nil {
		return ""
	}
	raw := binary.BigEndian.AppendUint64([]byte{cursorVersion}, uint64(ref.Timestamp))
	return base64.RawURLEncoding.EncodeToString(append(raw, ref.MsgServerID...))
}

// parseCursor reads what formatCursor wrote, and nothing else.
func parseCursor(field, text string) (*chat.MessageRef, error) {
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(raw) < cursorHead || raw[0] != cursorVersion {
		return nil, notACursor(field)
	}
	ref := &chat.MessageRef{
		Timestamp:   int64(binary.BigEndian.Uint64(raw[1:cursorHead])),
		MsgServerID: string(raw[cursorHead:]),
	}
	// The encoding has several spellings of the same bytes; only one is ours.
	if checkTimestamp(field, ref.Timestamp) != nil || chat.CheckID(field, ref.MsgServerID) != nil || formatCursor(ref) != text {
		return nil, notACursor(field)
	}
	return ref, nil
}

func notACursor(field string) error { return invalid(field, "is none that a history answer gave") }
