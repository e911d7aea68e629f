package dynamo

import "unsend/shared/chat"

// connectionRow is a connection as its account has it. Names are short, since
// presenceRow shares them and is read by the hundred.
type connectionRow struct {
	Device         string `dynamodbav:"d,omitempty"`
	ClientType     int    `dynamodbav:"k,omitempty"`
	ConnectedAt    int64  `dynamodbav:"c"` // ms
	TokenExpiresAt int64  `dynamodbav:"x"` // ms
	TTL            int64  `dynamodbav:"ttl"`
}

func connectionKey(account, connection string) (itemKey, error) {
	return newKey([]string{"account", account}, []string{connection})
}

func connectionPartition(account string) (string, error) { return partition("account", account) }

func connectionRowOf(c chat.Connection) connectionRow {
	return connectionRow{c.DeviceID, int(c.ClientType), c.ConnectedAt, c.TokenExpiresAt, secondsUp(c.EndsAt())}
}

func encodeConnection(c chat.Connection) (item, error) {
	key, err := connectionKey(c.AccountID, c.ID)
	if err != nil {
		return nil, err
	}
	return key.with(connectionRowOf(c))
}

func (r connectionRow) connection(account, id string) chat.Connection {
	return chat.Connection{
		ID: id, AccountID: account, DeviceID: r.Device, ClientType: chat.ClientType(r.ClientType),
		ConnectedAt: r.ConnectedAt, TokenExpiresAt: r.TokenExpiresAt,
	}
}

func decodeConnection(account string, row item) (chat.Connection, error) {
	stored, err := decode[connectionRow](row)
	return stored.connection(account, textOf(row[attrSK])), err
}
