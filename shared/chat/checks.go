package chat

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// CheckID refuses what is no id: 1 to 64 bytes of valid UTF-8 without '#', which
// separates the parts of keys, without control, formatting, line-breaking
// or other invisible characters, and without spaces at its ends. The error is
// Invalid and names the field, never the value.
func CheckID(field, id string) error { return checkID(field, id, MaxIDBytes) }

// CheckRoleID is CheckID for a role, whose id is at most 20 bytes.
func CheckRoleID(field, id string) error { return checkID(field, id, MaxRoleIDBytes) }

func checkID(field, id string, most int) error {
	switch {
	case id == "":
		return InvalidField(field, "is missing")
	case len(id) > most:
		return &Error{Code: Invalid, Field: field, Reason: "is longer than an id may be"}
	case !utf8.ValidString(id):
		return InvalidField(field, "is not valid UTF-8")
	case strings.ContainsFunc(id, forbiddenInID):
		return InvalidField(field, "holds # or a control or invisible character")
	case strings.TrimSpace(id) != id:
		return InvalidField(field, "begins or ends with a space")
	}
	return nil
}

// forbiddenInID: '#' separates the parts of keys; the others make one id look
// like another.
func forbiddenInID(r rune) bool {
	return r == '#' || unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) || blank(r)
}

// blank: what is no control, formatting or space by its category, and is not seen all the same.
func blank(r rune) bool {
	const emptyBraille = '\u2800'
	return r == emptyBraille || unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector) ||
		r == '\u17b4' || r == '\u17b5' // Khmer vowels that Unicode has deprecated as inherent
}

// CheckTimestamp refuses times that no message can have.
func CheckTimestamp(field string, ms int64) error {
	if ms < 0 || ms > MaxTimestamp {
		return InvalidField(field, "is no time in ms")
	}
	return nil
}

// CheckHistoryLimit refuses a size that no page of history has.
func CheckHistoryLimit(field string, n int) error {
	if n < 1 || n > MaxHistoryPage {
		return InvalidField(field, fmt.Sprintf("must be from 1 to %d", MaxHistoryPage))
	}
	return nil
}

// checkText refuses a text of more than the given characters or bytes; 0 is no limit.
func checkText(field, text string, chars, bytes int) error {
	switch {
	case bytes > 0 && len(text) > bytes:
		return LongerThan(field, bytes, "bytes")
	case !utf8.ValidString(text):
		return InvalidField(field, "is not valid UTF-8")
	case chars > 0 && utf8.RuneCountInString(text) > chars:
		return LongerThan(field, chars, "characters")
	}
	return nil
}

// firstOf runs checks in order and gives the first refusal.
func firstOf(checks ...func() error) error {
	for _, check := range checks {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

func (k MessageKey) check() error {
	return firstOf(
		func() error { return CheckID("server_id", k.ServerID) },
		func() error { return CheckID("channel_id", k.ChannelID) },
		func() error { return CheckTimestamp("timestamp", k.Timestamp) },
		func() error { return CheckID("msg_server_id", k.MsgServerID) },
	)
}

func (i UpdateInfo) check() error {
	return firstOf(
		func() error { return checkText("update_info.postscript", i.Postscript, MaxPostscriptChars, 0) },
		func() error { return checkText("update_info.extension", i.Extension, 0, MaxExtensionBytes) },
		func() error { return checkText("update_info.push_content", i.PushContent, MaxPushContentChars, 0) },
		func() error { return checkText("update_info.push_payload", i.PushPayload, 0, MaxPushPayloadBytes) },
	)
}

func (c Content) check() error {
	return firstOf(
		func() error { return checkText("msg_body", c.Body, MaxBodyChars, MaxBodyBytes) },
		func() error { return checkText("msg_attach", c.Attach, 0, MaxAttachBytes) },
		func() error { return checkText("msg_ext", c.Ext, 0, MaxExtBytes) },
		func() error { return checkText("push_content", c.PushContent, MaxPushContentChars, 0) },
		func() error { return checkText("push_payload", c.PushPayload, 0, MaxPushPayloadBytes) },
		c.checkMentions,
	)
}

func (c Content) checkMentions() error {
	if len(c.MentionAccounts)+len(c.MentionRoles) > MaxMentions {
		return &Error{Code: TooLong, Field: "mention_accids", Reason: fmt.Sprintf("more than %d mentions", MaxMentions)}
	}
	for _, account := range c.MentionAccounts {
		if err := CheckID("mention_accids", account); err != nil {
			return err
		}
	}
	for _, role := range c.MentionRoles {
		if err := CheckRoleID("mention_role_ids", role); err != nil {
			return err
		}
	}
	return nil
}

// messageTypes are QChat's, by number; see the Message of its API.
var messageTypes = map[int]bool{0: true, 1: true, 2: true, 3: true, 4: true, 5: true, 6: true, 10: true, 100: true}

func (r SendRequest) check() error {
	return firstOf(
		func() error { return CheckID("server_id", r.ServerID) },
		func() error { return CheckID("channel_id", r.ChannelID) },
		func() error { return CheckID("msg_id", r.MsgID) },
		func() error {
			if !messageTypes[r.Type] {
				return InvalidField("msg_type", "is no message type")
			}
			return nil
		},
		r.Content.check,
		r.checkNotEmpty,
		r.checkReply,
	)
}

func (r SendRequest) checkNotEmpty() error {
	if r.Content.Body == "" && r.Content.Attach == "" {
		return InvalidField("msg_body", "is empty, and so is msg_attach")
	}
	return nil
}

func (r SendRequest) checkReply() error {
	if r.ReplyTo == nil {
		return nil
	}
	return r.ReplyTo.check("reply_to")
}

func (m MessageRef) check(field string) error {
	if err := CheckTimestamp(field+".timestamp", m.Timestamp); err != nil {
		return err
	}
	return CheckID(field+".msg_server_id", m.MsgServerID)
}

func (r RevokeBatchRequest) check() error {
	return firstOf(
		func() error { return CheckID("server_id", r.ServerID) },
		func() error { return CheckID("channel_id", r.ChannelID) },
		r.checkMessages,
		r.Info.check,
	)
}

func (r RevokeBatchRequest) checkMessages() error {
	const field = "messages"
	if n := len(r.Messages); n == 0 || n > MaxMessagesPerFrame {
		return InvalidField(field, fmt.Sprintf("must hold 1 to %d messages", MaxMessagesPerFrame))
	}
	for i, m := range r.Messages {
		if err := m.check(field); err != nil {
			return err
		}
		if slices.Contains(r.Messages[:i], m) {
			return InvalidField(field, "names a message twice")
		}
	}
	return nil
}

func (r HistoryRequest) check() error {
	return firstOf(
		func() error { return CheckID("server_id", r.ServerID) },
		func() error { return CheckID("channel_id", r.ChannelID) },
		func() error {
			if r.Limit == 0 {
				return nil
			}
			return CheckHistoryLimit("limit", r.Limit)
		},
		func() error {
			if r.After == nil {
				return nil
			}
			return CheckTimestamp("timestamp", r.After.Timestamp)
		},
	)
}

func (r SyncRequest) check() error {
	if err := CheckID("server_id", r.ServerID); err != nil || r.From == nil {
		return err
	}
	return CheckTimestamp("cursor", r.From.UpdatedAt)
}
