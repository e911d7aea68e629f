package wire

import "unsend/shared/chat"

// updateJSON is an update of sync: what became of a message, by ids.
type updateJSON struct {
	ServerID        string        `json:"server_id"`
	ChannelID       string        `json:"channel_id"`
	Timestamp       int64         `json:"timestamp"`
	MsgServerID     string        `json:"msg_server_id"`
	Status          chat.Status   `json:"status"`
	Version         int64         `json:"version"`
	UpdateTimestamp int64         `json:"update_timestamp"`
	Operation       operationJSON `json:"update_ope_info"`
}

func updateToJSON(u chat.Update) any {
	return updateJSON{
		ServerID: u.ServerID, ChannelID: u.ChannelID, Timestamp: u.Timestamp, MsgServerID: u.MsgServerID,
		Status: chat.Revoked, Version: u.Version, UpdateTimestamp: u.UpdatedAt, Operation: operationJSONOf(u.Revocation),
	}
}

// accessEntry is more than a channel takes in access: an id of 64 bytes each
// escaped, and a stamp.
const accessEntry = 6*chat.MaxIDBytes + 32

// addSync adds the page, cut where it would be longer than a frame: "more" then
// says so, "cursor" continues after the last update that is in it, and access
// waits for the last page.
func (a *answerJSON) addSync(p chat.SyncPage) error {
	updates, err := fitting(p.Updates, pageEnvelope+accessEntry*len(p.Access), updateToJSON)
	if err != nil {
		return err
	}
	if n := len(updates); n < len(p.Updates) {
		p.Next = p.Updates[n-1].Ref()
		p.More, p.Access, p.Mode = true, nil, ""
	}
	a.Updates, a.Cursor, a.More, a.Access, a.Mode, a.Reset = updates, formatUpdateCursor(p.Next), p.More, p.Access, p.Mode, p.Reset
	return nil
}
