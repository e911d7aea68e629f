package dynamo

import (
	"strings"

	"unsend/shared/chat"
)

// The kinds of change rows, by what may be seen differently since.
const (
	changedAccount = "a" // by one account
	changedChannel = "c" // one channel, by anybody
	changedServer  = "s" // anything of the server
)

// changeRow has all it says in its key. It ends when no connection can be left
// whose rights were proved before it.
type changeRow struct {
	TTL int64 `dynamodbav:"ttl"`
}

// changeKey: kind is followed by the account's or channel's id.
func changeKey(server string, at int64, kind ...string) (itemKey, error) {
	return newKey([]string{"changes", server}, append([]string{stamp(at)}, kind...))
}

func changePartition(server string) (string, error) { return partition("changes", server) }

func encodeChange(key itemKey, at int64) (item, error) {
	return key.with(changeRow{secondsUp(at + chat.ChangeTTL.Milliseconds())})
}

// decodeChange reads when something changed, and for which account: empty when
// it was not one account's change.
func decodeChange(row item) (at int64, account string, err error) {
	parts := strings.SplitN(textOf(row[attrSK]), separator, 3)
	if at, err = parseStamp(parts[0]); err != nil || len(parts) < 2 {
		return 0, "", errBadRow
	}
	if parts[1] == changedAccount && len(parts) == 3 {
		account = parts[2]
	}
	return at, account, nil
}
