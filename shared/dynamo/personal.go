package dynamo

import "unsend/shared/chat"

// personalRow is what a channel holds for one account.
type personalRow struct {
	Override           grantRow `dynamodbav:"override"`
	OverrideGeneration int64    `dynamodbav:"override_generation,omitempty"`
	WhiteGeneration    int64    `dynamodbav:"white,omitempty"`
	Black              bool     `dynamodbav:"black,omitempty"`
	Version            int64    `dynamodbav:"version"`
	Sight              int64    `dynamodbav:"sight,omitempty"`
}

// listRow is the same account's list entries, beside those of the channel's other
// accounts. It is there while the account is on a list.
type listRow struct {
	WhiteGeneration int64 `dynamodbav:"w,omitempty"`
	Black           bool  `dynamodbav:"b,omitempty"`
}

func personalKey(server, channel, account string) (itemKey, error) {
	return newKey([]string{"personal", server, channel}, []string{account})
}

func listKey(server, channel, account string) (itemKey, error) {
	return newKey([]string{"lists", server, channel}, []string{account})
}

func personalPartition(server, channel string) (string, error) {
	return partition("personal", server, channel)
}

func listPartition(server, channel string) (string, error) {
	return partition("lists", server, channel)
}

func encodePersonal(key itemKey, p chat.Personal) (item, error) {
	return key.with(personalRow{grantRowOf(p.Override), p.OverrideGeneration, p.WhiteGeneration, p.Black, p.Version, p.Sight})
}

// decodePersonal reads the row; nil is the zero value, with its ids.
func decodePersonal(server, channel, account string, row item) (chat.Personal, error) {
	stored, err := decode[personalRow](row)
	if err != nil {
		return chat.Personal{}, err
	}
	return chat.Personal{
		ServerID: server, ChannelID: channel, AccountID: account,
		Override: stored.Override.grant(), OverrideGeneration: stored.OverrideGeneration,
		WhiteGeneration: stored.WhiteGeneration, Black: stored.Black, Version: stored.Version, Sight: stored.Sight,
	}, nil
}

func encodeListEntry(p chat.Personal) (item, error) {
	key, err := listKey(p.ServerID, p.ChannelID, p.AccountID)
	if err != nil {
		return nil, err
	}
	return key.with(listRow{p.WhiteGeneration, p.Black})
}

func decodeListEntry(row item) (chat.ListEntry, error) {
	stored, err := decode[listRow](row)
	return chat.ListEntry{AccountID: textOf(row[attrSK]), WhiteGeneration: stored.WhiteGeneration, Black: stored.Black}, err
}

// listed tells whether the account has a row in the channel's lists.
func listed(p chat.Personal) bool { return p.WhiteGeneration != 0 || p.Black }
