package dynamo

import (
	"time"

	"unsend/shared/chat"
)

// markerRow remembers, for DedupTTL, which message a client's id stored.
type markerRow struct {
	Timestamp int64  `dynamodbav:"at"`
	ID        string `dynamodbav:"id"`
	Until     int64  `dynamodbav:"ttl"` // s; the marker counts while this is later than now
}

func markerKey(m chat.Message) (itemKey, error) {
	return newKey([]string{"sent", m.From.AccountID, m.ServerID, m.ChannelID, m.MsgID}, []string{"marker"})
}

func encodeMarker(m chat.Message, now time.Time) (item, error) {
	key, err := markerKey(m)
	if err != nil {
		return nil, err
	}
	return key.with(markerRow{m.Timestamp, m.MsgServerID, secondsUp(now.Add(chat.DedupTTL).UnixMilli())})
}

// marked is the key of the message that the marker of m's id names.
func marked(m chat.Message, row item) (chat.MessageKey, error) {
	stored, err := decode[markerRow](row)
	if err != nil {
		return chat.MessageKey{}, err
	}
	key := m.MessageKey
	key.Timestamp, key.MsgServerID = stored.Timestamp, stored.ID
	return key, nil
}
