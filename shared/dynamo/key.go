package dynamo

import (
	"fmt"
	"strconv"
	"strings"

	"unsend/shared/chat"

	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// The attributes that every table has.
const (
	attrPK      = "pk"
	attrSK      = "sk"
	attrTTL     = "ttl" // s since the epoch; the tables' time-to-live attribute
	attrVersion = "version"
)

const separator = "#"

// item is a stored row, or, with two attributes, a key.
type item = map[string]types.AttributeValue

// itemKey is a row's key in its table.
type itemKey struct{ pk, sk string }

var errBadKey = &chat.Error{Code: chat.Invalid, Reason: "an id is empty or holds #, or a time is out of range"}

// newKey joins the parts of a key. What one part may not hold keeps keys of
// different parts different.
func newKey(pk, sk []string) (itemKey, error) {
	for _, parts := range [][]string{pk, sk} {
		for _, part := range parts {
			if part == "" || strings.Contains(part, separator) {
				return itemKey{}, errBadKey
			}
		}
	}
	return itemKey{strings.Join(pk, separator), strings.Join(sk, separator)}, nil
}

// keysFor makes a key of each id, in their order.
func keysFor(ids []string, key func(string) (itemKey, error)) ([]itemKey, error) {
	keys := make([]itemKey, len(ids))
	for i, id := range ids {
		var err error
		if keys[i], err = key(id); err != nil {
			return nil, err
		}
	}
	return keys, nil
}

// partition is the first half of a key, for queries.
func partition(parts ...string) (string, error) {
	key, err := newKey(parts, nil)
	return key.pk, err
}

// stamp is a time (ms) as a part of a key; empty, and so refused, for one that
// does not fit.
func stamp(ms int64) string {
	if ms < 0 || ms > chat.MaxTimestamp {
		return ""
	}
	return fmt.Sprintf("%015d", ms)
}

func parseStamp(text string) (int64, error) {
	ms, err := strconv.ParseInt(text, 10, 64)
	if err != nil || stamp(ms) != text {
		return 0, errBadRow
	}
	return ms, nil
}

func (k itemKey) item() item {
	return item{attrPK: text(k.pk), attrSK: text(k.sk)}
}

// keyOf finds the key in a row.
func keyOf(row item) itemKey { return itemKey{textOf(row[attrPK]), textOf(row[attrSK])} }

// encode makes attributes of what v's tags name. An error of the encoder is
// dropped, since it may quote a value.
func encode(v any) (item, error) {
	attributes, err := attributevalue.MarshalMap(v)
	if err != nil {
		return nil, fmt.Errorf("encode %T: %w", v, errBadValue)
	}
	return attributes, nil
}

// with is the row of the key, with what v's tags name.
func (k itemKey) with(v any) (item, error) {
	row, err := encode(v)
	if err != nil {
		return nil, err
	}
	row[attrPK], row[attrSK] = text(k.pk), text(k.sk)
	return row, nil
}

// decode reads a row by T's tags. The error names no value of the row. (It is small enough to be inlined: what is made of it for each T, with
// T's tags in its name, would be in the binary.)
func decode[T any](row item) (v T, err error) {
	err = decodeInto(row, &v)
	return v, err
}

func decodeInto(row item, v any) error {
	if attributevalue.UnmarshalMap(row, v) != nil {
		return fmt.Errorf("decode %T: %w", v, errBadRow)
	}
	return nil
}

func text(s string) *types.AttributeValueMemberS { return &types.AttributeValueMemberS{Value: s} }

func textOf(v types.AttributeValue) string {
	if s, ok := v.(*types.AttributeValueMemberS); ok {
		return s.Value
	}
	return ""
}

func number[N ~int | ~int64](n N) *types.AttributeValueMemberN {
	return &types.AttributeValueMemberN{Value: strconv.FormatInt(int64(n), 10)}
}

// secondsUp rounds up, so that a row lives for as long as was promised at least.
func secondsUp(ms int64) int64 { return (ms + 999) / 1000 }

// shard is the id's of n, as a part of a key.
func shard(id string, n int) string { return strconv.Itoa(chat.ShardOf(id, n)) }

// list is the list as it is stored: an empty one is none, so that equal rows are
// stored alike.
func list[T any](values []T) []T {
	if len(values) == 0 {
		return nil
	}
	return values
}
