package dynamo

import "unsend/shared/chat"

// presenceRow is a connection as a server's audience has it: about 150 bytes, so
// that one unit of a strong read gives some 27.
type presenceRow struct {
	Account string `dynamodbav:"a"`
	connectionRow
	Roles      []string `dynamodbav:"r,omitempty"`
	Generation int64    `dynamodbav:"g,omitempty"`
	ProvedAt   int64    `dynamodbav:"p"` // ms
}

func presenceKey(server, connection string) (itemKey, error) {
	return newKey([]string{"server", server}, []string{connection})
}

func presencePartition(server string) (string, error) { return partition("server", server) }

func encodePresence(p chat.Presence) (item, error) {
	key, err := presenceKey(p.ServerID, p.Connection.ID)
	if err != nil {
		return nil, err
	}
	return key.with(presenceRow{p.Connection.AccountID, connectionRowOf(p.Connection), list(p.Roles), p.Generation, p.ProvedAt})
}

func decodePresence(server string, row item) (chat.Presence, error) {
	stored, err := decode[presenceRow](row)
	return chat.Presence{
		ServerID: server, Connection: stored.connection(stored.Account, textOf(row[attrSK])),
		Roles: stored.Roles, Generation: stored.Generation, ProvedAt: stored.ProvedAt,
	}, err
}
