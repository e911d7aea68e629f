package dynamo

import (
	"context"
	"errors"
	"strings"

	"unsend/shared/chat"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// TablePage is one Scan, the only one: see [chat.TableReader].
func (s *Store) TablePage(ctx context.Context, after *chat.MessageKey, limit int) (chat.TablePage, error) {
	const op = "TablePage"
	in := &dynamodb.ScanInput{
		TableName: aws.String(s.tables.Messages), ConsistentRead: aws.Bool(true), Limit: aws.Int32(int32(limit)),
		ProjectionExpression: aws.String("#pk, #sk"), ExpressionAttributeNames: map[string]string{"#pk": attrPK, "#sk": attrSK},
	}
	if after != nil {
		key, err := messageKey(*after)
		if err != nil {
			return chat.TablePage{}, failed(op, err)
		}
		in.ExclusiveStartKey = key.item()
	}
	out, err := s.client.Scan(ctx, in)
	if err != nil {
		return chat.TablePage{}, failed(op, err)
	}
	page := chat.TablePage{Rows: map[chat.ChannelRef]int{}}
	for _, row := range out.Items {
		key, err := messageKeyOf(row)
		if err != nil {
			return chat.TablePage{}, failed(op, err)
		}
		page.Rows[chat.ChannelRef{ServerID: key.ServerID, ChannelID: key.ChannelID}]++
	}
	if len(out.LastEvaluatedKey) > 0 {
		key, err := messageKeyOf(out.LastEvaluatedKey)
		if err != nil {
			return chat.TablePage{}, failed(op, err)
		}
		page.Next = &key
	}
	return page, nil
}

func messageKeyOf(row item) (chat.MessageKey, error) {
	return ParseMessageKey(textOf(row[attrPK]), textOf(row[attrSK]))
}

// Gone reads the marks of what was deleted, page by page.
func (s *Store) Gone(ctx context.Context, serverID string) (chat.Gone, error) {
	const op = "Gone"
	key, err := goneServerKey(serverID)
	if err != nil {
		return chat.Gone{}, failed(op, err)
	}
	rows, err := s.all(ctx, op, span{table: s.tables.Community, pk: key.pk}, 0)
	if err != nil {
		return chat.Gone{}, err
	}
	gone := chat.Gone{Channels: map[string]bool{}}
	for _, row := range rows {
		switch kind, id, _ := strings.Cut(textOf(row[attrSK]), separator); kind {
		case goneServer:
			gone.Server = true
		case goneChannel:
			gone.Channels[id] = true
		}
	}
	return gone, nil
}

// reappliable is the condition of a revocation that is done again: the audit has judged all else.
const reappliable = "attribute_exists(#pk) AND #status = :normal"

// ReapplyRevocation is one conditional UpdateItem. Nothing of the row is returned, whatever becomes of it.
func (s *Store) ReapplyRevocation(ctx context.Context, e chat.RevokeEntry) (reapplied bool, err error) {
	const op = "ReapplyRevocation"
	key, err := messageKey(e.MessageKey)
	if err != nil {
		return false, failed(op, err)
	}
	revocation := chat.Revocation{Operator: e.Actor(), Info: chat.UpdateInfo{Postscript: e.Reason}}
	values, err := erasureValues(e.MessageKey, revocation, e.RevokedAt)
	if err != nil {
		return false, failed(op, err)
	}
	values[":version"] = number(e.Version)
	in := s.erasure(key, reappliable, ":version", values)
	err = s.written(ctx, op, func(ctx context.Context) error {
		_, err := s.client.UpdateItem(ctx, in)
		if _, ok := errors.AsType[*types.ConditionalCheckFailedException](err); ok {
			reapplied = false
			return nil
		}
		reapplied = err == nil
		return failed(op, err)
	})
	return reapplied && err == nil, err
}
