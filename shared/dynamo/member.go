package dynamo

import "unsend/shared/chat"

// memberRow is an account in a server. It stays when the account leaves.
type memberRow struct {
	Nick       string   `dynamodbav:"nick,omitempty"`
	Joined     bool     `dynamodbav:"joined,omitempty"`
	Banned     bool     `dynamodbav:"banned,omitempty"`
	Roles      []string `dynamodbav:"roles,omitempty"`
	JoinedAt   int64    `dynamodbav:"joined_at,omitempty"` // ms
	Generation int64    `dynamodbav:"generation,omitempty"`
	Version    int64    `dynamodbav:"version"`
	Sight      int64    `dynamodbav:"sight,omitempty"`
}

// membershipRow is one of an account's servers, with what a connection's rows
// need of the member row. It is there while the account is a member and not banned.
type membershipRow struct {
	Roles      []string `dynamodbav:"roles,omitempty"`
	Generation int64    `dynamodbav:"generation,omitempty"`
}

func memberKey(server, account string) (itemKey, error) {
	return newKey([]string{"members", server}, []string{account})
}

func membershipKey(account, server string) (itemKey, error) {
	return newKey([]string{"account", account}, []string{server})
}

// What tells members, and those who are banned, from others.
const (
	attrJoined = "joined"
	attrBanned = "banned"
)

func memberPartition(server string) (string, error) { return partition("members", server) }

func membershipPartition(account string) (string, error) { return partition("account", account) }

// member demands that the account is a member and not banned.
func (w *transaction) member(server, account string) {
	key, err := memberKey(server, account)
	w.check(key, "attribute_exists(#joined) AND attribute_not_exists(#banned)", // which are there when they are true
		map[string]string{"#joined": attrJoined, "#banned": attrBanned}, nil, chat.HeirIsNoMember(), err)
}

func encodeMember(key itemKey, m chat.Member) (item, error) {
	return key.with(memberRow{m.Nick, m.Joined, m.Banned, list(m.Roles), m.JoinedAt, m.Generation, m.Version, m.Sight})
}

// decodeMember reads the row; nil is the zero value, with its ids.
func decodeMember(server, account string, row item) (chat.Member, error) {
	stored, err := decode[memberRow](row)
	if err != nil {
		return chat.Member{}, err
	}
	return chat.Member{
		ServerID: server, AccountID: account, Nick: stored.Nick, Joined: stored.Joined, Banned: stored.Banned,
		Roles: stored.Roles, JoinedAt: stored.JoinedAt, Generation: stored.Generation, Version: stored.Version, Sight: stored.Sight,
	}, nil
}

func encodeMembership(m chat.Member) (item, error) {
	key, err := membershipKey(m.AccountID, m.ServerID)
	if err != nil {
		return nil, err
	}
	return key.with(membershipRow{list(m.Roles), m.Generation})
}

func decodeMembership(row item) (chat.Membership, error) {
	stored, err := decode[membershipRow](row)
	return chat.Membership{ServerID: textOf(row[attrSK]), Roles: stored.Roles, Generation: stored.Generation}, err
}
