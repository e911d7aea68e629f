package wire

import (
	"github.com/go-json-experiment/json/jsontext"

	"unsend/shared/chat"
)

// Bodies of the Server API that say what frames say, in the same words. The ids of server and channel are in the path.

// DecodeSent reads the body of a message that a back end sends: msg_id must be there. author is empty where from is not given.
// It takes what the frame "send" takes.
//
// Errors: Invalid.
func DecodeSent(body []byte, serverID, channelID string) (author string, r chat.SendRequest, err error) {
	var m struct {
		From *string `json:"from"`
		messageMembers
	}
	if err := Strict(body, &m); err != nil {
		return "", r, err
	}
	r = chat.SendRequest{ServerID: serverID, ChannelID: channelID}
	err = m.into(&r)
	return optional(m.From), r, err
}

// DecodeTakenBack reads the body of messages that a back end takes back. operator is empty where none is given. It takes
// what the frame "revokeBatch" takes.
//
// Errors: Invalid.
func DecodeTakenBack(body []byte, serverID, channelID string) (operator string, r chat.RevokeBatchRequest, err error) {
	var m struct {
		Operator *string `json:"operator"`
		takenBackMembers
	}
	if err := Strict(body, &m); err != nil {
		return "", r, err
	}
	r = chat.RevokeBatchRequest{ServerID: serverID, ChannelID: channelID}
	err = m.into(&r)
	return optional(m.Operator), r, err
}

// DecodeSweep reads the body of a sweep of the server: accid must be there.
//
// Errors: Invalid.
func DecodeSweep(body []byte, serverID, sweepID string) (r chat.SweepRequest, err error) {
	var m struct {
		Account   *string         `json:"accid"`
		ChannelID *string         `json:"channel_id"`
		Since     *int64          `json:"since"`
		Operator  *string         `json:"operator"`
		Info      *updateInfoJSON `json:"update_info"`
		DryRun    *bool           `json:"dry_run"`
	}
	if err := Strict(body, &m); err != nil {
		return r, err
	}
	r = chat.SweepRequest{
		ServerID: serverID, ID: sweepID, ChannelID: optional(m.ChannelID), Since: optional(m.Since),
		OperatorID: optional(m.Operator), Info: chat.UpdateInfo(optional(m.Info)), DryRun: optional(m.DryRun),
	}
	if m.ChannelID != nil && *m.ChannelID == "" {
		// A back end whose variable is empty must not sweep a whole server.
		return r, chat.InvalidField("channel_id", "is empty: leave it out to sweep every channel")
	}
	r.AccountID, err = required("accid", m.Account)
	return r, err
}

// EncodeMessage is a message as frames have it.
func EncodeMessage(m chat.Message) (jsontext.Value, error) { return encode(toJSON(m)) }

// EncodeOutcomes is what became of messages that were to be taken back, as the answer to a frame has it.
func EncodeOutcomes(outcomes []chat.RevokeOutcome) (jsontext.Value, error) {
	return encode(struct {
		Results []outcomeJSON `json:"results"`
	}{outcomesToJSON(outcomes)})
}
