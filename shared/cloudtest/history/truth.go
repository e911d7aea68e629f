package history

import (
	"encoding/json"
	"fmt"
	"regexp"

	unsend "unsend/clients/go"
	"unsend/shared/chat"
	"unsend/shared/wire"
)

// Truth is what the table holds of a channel, as a client would read it.
type Truth map[unsend.MessageKey]unsend.Message

// TruthOf turns rows into what a client reads of them. Errors: a row that cannot be written as an answer.
func TruthOf(rows []chat.Message) (Truth, error) {
	truth := Truth{}
	for i := range rows {
		text, err := wire.Answer(wire.Send, "1", wire.Result{Message: &rows[i]})
		if err != nil {
			return nil, err
		}
		var answer struct{ Message unsend.Message }
		if err := json.Unmarshal([]byte(text), &answer); err != nil {
			return nil, err
		}
		truth[answer.Message.MessageKey] = answer.Message
	}
	return truth, nil
}

// Differs is what somebody shows otherwise than the table has it.
func Differs(who string, shown []unsend.Message, truth Truth) (violations []string) {
	for _, m := range shown {
		row, ok := truth[m.MessageKey]
		if !ok || m.Status != row.Status || m.Version != row.Version || m.Content.Body != row.Content.Body {
			violations = append(violations, fmt.Sprintf("%s shows %s of %s as status %d, version %d, with %d bytes of text; the table: %t, %d, %d, %d", who,
				m.MsgServerID, m.ChannelID, m.Status, m.Version, len(m.Content.Body), ok, row.Status, row.Version, len(row.Content.Body)))
		}
	}
	return violations
}

// StillShown is what was taken back and is shown all the same.
func StillShown(who string, shown []unsend.Message, truth Truth) (violations []string) {
	for _, m := range shown {
		if truth[m.MessageKey].Status == unsend.StatusRevoked && (m.Status != unsend.StatusRevoked || !m.Content.IsEmpty()) {
			violations = append(violations, fmt.Sprintf("%s still shows %s of %s", who, m.MsgServerID, m.ChannelID))
		}
	}
	return violations
}

// Lacks is what the table holds and nobody shows there: of the whole channel, or from a message on.
func Lacks(who string, shown []unsend.Message, truth Truth, from int64) (violations []string) {
	has := map[unsend.MessageKey]bool{}
	for _, m := range shown {
		has[m.MessageKey] = true
	}
	for key := range truth {
		if key.Timestamp >= from && !has[key] {
			violations = append(violations, fmt.Sprintf("%s does not show %s of %s", who, key.MsgServerID, key.ChannelID))
		}
	}
	return violations
}

// textInside finds what Text makes.
var textInside = regexp.MustCompile(textMark + `([\w-]+);`)

// TextsIn are the msg_ids whose texts a text holds.
func TextsIn(text string) (msgIDs []string) {
	for _, found := range textInside.FindAllStringSubmatch(text, -1) {
		msgIDs = append(msgIDs, found[1])
	}
	return msgIDs
}
