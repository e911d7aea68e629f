package dynamo

import (
	"strings"

	"unsend/shared/chat"
)

// policyRow is who changed a row of a community. When, which row and to which version is in its key.
type policyRow struct {
	Action    string   `dynamodbav:"action"`
	Role      string   `dynamodbav:"role,omitempty"`
	Operator  string   `dynamodbav:"operator,omitempty"`
	Principal string   `dynamodbav:"principal,omitempty"`
	Door      string   `dynamodbav:"door"`
	Changes   []string `dynamodbav:"changes,omitempty"`
	ExpiresAt int64    `dynamodbav:"ttl,omitempty"`
}

// policyEntryKey: the channel is empty for the rows of a server and its members, the account for those of a server and its channels.
// The version is as wide as a time, so that the versions of a row follow each other within a ms.
func policyEntryKey(e chat.PolicyEntry) (itemKey, error) {
	pk, err := auditPartition(e.ServerID)
	at, version := stamp(e.At), stamp(e.Version)
	if err != nil || at == "" || version == "" || strings.Contains(e.ChannelID+e.AccountID, separator) {
		return itemKey{}, errBadKey
	}
	return itemKey{pk, strings.Join([]string{at, policyKind, e.ChannelID, e.AccountID, version}, separator)}, nil
}

func encodePolicyEntry(e chat.PolicyEntry) (item, error) {
	key, err := policyEntryKey(e)
	if err != nil {
		return nil, err
	}
	return key.with(policyRow{string(e.Action), e.RoleID, e.Operator, e.Principal, string(e.Door), list(e.Changes), e.ExpiresAt})
}

func decodePolicyEntry(server string, row item) (chat.PolicyEntry, error) {
	e, err := parsePolicyPlace(strings.Split(textOf(row[attrSK]), separator))
	if err != nil {
		return chat.PolicyEntry{}, err
	}
	stored, err := decode[policyRow](row)
	e.ServerID, e.RoleID, e.Action, e.Operator = server, stored.Role, chat.Action(stored.Action), stored.Operator
	e.Principal, e.Door, e.Changes, e.ExpiresAt = stored.Principal, chat.Door(stored.Door), stored.Changes, stored.ExpiresAt
	return e, err
}

func parsePolicyPlace(parts []string) (chat.PolicyEntry, error) {
	at, err := parseStamp(parts[0])
	if err != nil {
		return chat.PolicyEntry{}, err
	}
	version, err := parseStamp(parts[4])
	return chat.PolicyEntry{ChannelID: parts[2], AccountID: parts[3], At: at, Version: version}, err
}
