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

// parseCursor reads what formatCursor wrote, and nothing else: of the spellings
// that base64 has for the same bytes, and of the versions, only one is ours.
func parseCursor(field, text string) (*chat.MessageRef, error) {
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(raw) < cursorHead {
		return nil, notACursor(field)
	}
	ref := &chat.MessageRef{
		Timestamp:   int64(binary.BigEndian.Uint64(raw[1:cursorHead])),
		MsgServerID: string(raw[cursorHead:]),
	}
	if chat.CheckTimestamp(field, ref.Timestamp) != nil || chat.CheckID(field, ref.MsgServerID) != nil || formatCursor(ref) != text {
		return nil, notACursor(field)
	}
	return ref, nil
}

func notACursor(field string) error { return chat.InvalidField(field, "is none that an answer gave") }

// A cursor of sync is base64url of its version byte, the update's time, and,
// after an update, the time and the two ids of its message, the channel's preceded by its length.
const (
	updateCursorVersion = 2
	updateCursorHead    = 1 + 8
	updateCursorKey     = updateCursorHead + 8 + 1
)

func formatUpdateCursor(ref chat.UpdateRef) string {
	raw := binary.BigEndian.AppendUint64([]byte{updateCursorVersion}, uint64(ref.UpdatedAt))
	if ref.MsgServerID != "" {
		raw = binary.BigEndian.AppendUint64(raw, uint64(ref.Timestamp))
		raw = append(raw, byte(len(ref.ChannelID))) // at most chat.MaxIDBytes
		raw = append(append(raw, ref.ChannelID...), ref.MsgServerID...)
	}
	return base64.RawURLEncoding.EncodeToString(raw)
}

// parseUpdateCursor reads what formatUpdateCursor wrote, and nothing else.
func parseUpdateCursor(field, text string) (*chat.UpdateRef, error) {
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(raw) < updateCursorHead {
		return nil, notACursor(field)
	}
	ref := &chat.UpdateRef{UpdatedAt: int64(binary.BigEndian.Uint64(raw[1:updateCursorHead]))}
	if len(raw) > updateCursorKey {
		end := updateCursorKey + int(raw[updateCursorKey-1])
		if end >= len(raw) {
			return nil, notACursor(field)
		}
		ref.Timestamp = int64(binary.BigEndian.Uint64(raw[updateCursorHead:]))
		ref.ChannelID, ref.MsgServerID = string(raw[updateCursorKey:end]), string(raw[end:])
		if chat.CheckID(field, ref.ChannelID) != nil || chat.CheckID(field, ref.MsgServerID) != nil {
			return nil, notACursor(field)
		}
	}
	if chat.CheckTimestamp(field, ref.UpdatedAt) != nil || chat.CheckTimestamp(field, ref.Timestamp) != nil || formatUpdateCursor(*ref) != text {
		return nil, notACursor(field)
	}
	return ref, nil
}
