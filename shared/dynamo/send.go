package dynamo

import (
	"context"
	"errors"
	"time"

	"unsend/shared/chat"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// The places of a send's two items in its transaction.
const (
	messageItem = iota
	markerItem
)

var errTaken = errors.New("another message has this key")

// PutMessage stores the message and its marker in one transaction, or reads what
// the live marker names.
func (s *Store) PutMessage(ctx context.Context, m chat.Message, now time.Time) (chat.Sent, error) {
	const op = "PutMessage"
	message, err := encodeMessage(m)
	if err != nil {
		return chat.Sent{}, failed(op, err)
	}
	marker, err := encodeMarker(m, now)
	if err != nil {
		return chat.Sent{}, failed(op, err)
	}
	var first item
	err = s.written(ctx, op, func(ctx context.Context) error {
		live, err := s.putOnce(ctx, op, s.sending(message, marker, now))
		first = live
		return err
	})
	switch {
	case err != nil:
		return chat.Sent{}, err
	case first != nil:
		return s.repeated(ctx, op, m, first, now)
	}
	stored, err := decodeMessage(message)
	if err != nil {
		return chat.Sent{}, failed(op, err)
	}
	return chat.Sent{Message: stored}, nil
}

// sending: the marker may replace one that has ended, whether or not the table
// has removed it.
func (s *Store) sending(message, marker item, now time.Time) *dynamodb.TransactWriteItemsInput {
	return &dynamodb.TransactWriteItemsInput{TransactItems: []types.TransactWriteItem{
		messageItem: {Put: &types.Put{
			TableName: aws.String(s.tables.Messages), Item: message,
			ConditionExpression:      aws.String("attribute_not_exists(#pk)"),
			ExpressionAttributeNames: map[string]string{"#pk": attrPK},
		}},
		markerItem: {Put: &types.Put{
			TableName: aws.String(s.tables.Sessions), Item: marker,
			ConditionExpression:                 aws.String("attribute_not_exists(#pk) OR #ttl <= :now"),
			ExpressionAttributeNames:            map[string]string{"#pk": attrPK, "#ttl": attrTTL},
			ExpressionAttributeValues:           item{":now": number(now.Unix())},
			ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
		}},
	}}
}

// putOnce tries the transaction. A live marker is not an error: it is returned.
func (s *Store) putOnce(ctx context.Context, op string, in *dynamodb.TransactWriteItemsInput) (marker item, err error) {
	_, err = s.client.TransactWriteItems(ctx, in)
	cancelled, ok := errors.AsType[*types.TransactionCanceledException](err)
	if !ok || len(cancelled.CancellationReasons) != len(in.TransactItems) {
		return nil, failed(op, err)
	}
	reasons := cancelled.CancellationReasons
	switch {
	case aws.ToString(reasons[markerItem].Code) == reasonCondition && len(reasons[markerItem].Item) > 0:
		return reasons[markerItem].Item, nil
	case aws.ToString(reasons[messageItem].Code) == reasonCondition:
		return nil, failed(op, errTaken)
	}
	return nil, failed(op, err)
}

func (s *Store) repeated(ctx context.Context, op string, m chat.Message, marker item, now time.Time) (chat.Sent, error) {
	first, err := marked(m, marker)
	if err != nil {
		return chat.Sent{}, failed(op, err)
	}
	key, err := messageKey(first)
	if err != nil {
		return chat.Sent{}, failed(op, err)
	}
	row, err := s.get(ctx, op, s.tables.Messages, key)
	if err != nil {
		return chat.Sent{}, err
	}
	if row == nil {
		return chat.Sent{}, &chat.Error{Code: chat.NotFound}
	}
	stored, err := decodeMessage(row)
	switch {
	case err != nil:
		return chat.Sent{}, failed(op, err)
	case stored.ExpiredAt(now.UnixMilli()):
		return chat.Sent{}, &chat.Error{Code: chat.NotFound}
	}
	return chat.Sent{Message: stored, Repeat: true}, nil
}
