package dynamo

import (
	"strconv"

	"unsend/shared/chat"
)

// presenceRow is a connection as a server's audience has it: about 150 bytes, so
// that one unit of a strong read gives some 27.
type presenceRow struct {
	Account string `dynamodbav:"a"`
	connectionRow
	Roles      []string `dynamodbav:"r,omitempty"`
	Generation int64    `dynamodbav:"g,omitempty"`
	ProvedAt   int64    `dynamodbav:"p"` // ms
}

func presenceKey(crowd chat.Crowd, connection string) (itemKey, error) {
	return newKey(crowdParts(crowd), []string{connection})
}

func presencePartition(crowd chat.Crowd) (string, error) { return partition(crowdParts(crowd)...) }

func crowdParts(crowd chat.Crowd) []string {
	if crowd.ChannelID == "" {
		return []string{"server", crowd.ServerID}
	}
	return []string{"channel", crowd.ServerID, crowd.ChannelID, strconv.Itoa(crowd.Shard)}
}

func encodePresence(p chat.Presence) (item, error) {
	key, err := presenceKey(p.Crowd(), p.Connection.ID)
	if err != nil {
		return nil, err
	}
	return key.with(presenceRow{p.Connection.AccountID, connectionRowOf(p.Connection), list(p.Roles), p.Generation, p.ProvedAt})
}

func decodePresence(crowd chat.Crowd, row item) (chat.Presence, error) {
	stored, err := decode[presenceRow](row)
	return chat.Presence{
		ServerID: crowd.ServerID, ChannelID: crowd.ChannelID, Connection: stored.connection(stored.Account, textOf(row[attrSK])),
		Roles: stored.Roles, Generation: stored.Generation, ProvedAt: stored.ProvedAt,
	}, err
}
