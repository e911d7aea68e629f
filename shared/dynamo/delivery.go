package dynamo

import (
	"context"
	"errors"

	"unsend/shared/chat"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// Deliveries reads the rows with the numbers of members, a hundred in a request.
func (s *Store) Deliveries(ctx context.Context, serverIDs []string) (map[string]chat.Delivery, error) {
	const op = "Deliveries"
	keys, err := keysFor(serverIDs, memberCountKey)
	if err != nil {
		return nil, failed(op, err)
	}
	rows, err := s.batchGet(ctx, op, s.tables.Community, keys)
	if err != nil {
		return nil, err
	}
	deliveries := make(map[string]chat.Delivery, len(serverIDs))
	for i, server := range serverIDs {
		if deliveries[server], err = decodeDelivery(rows[keys[i]]); err != nil {
			return nil, failed(op, err)
		}
	}
	return deliveries, nil
}

// ChangeDelivery is one conditional update.
func (s *Store) ChangeDelivery(ctx context.Context, serverID string, was, is chat.Delivery) error {
	const op = "ChangeDelivery"
	key, err := memberCountKey(serverID)
	if err != nil {
		return failed(op, err)
	}
	condition, values := "#since = :was", item{":large": &types.AttributeValueMemberBOOL{Value: is.Large}, ":since": number(is.Since), ":was": number(was.Since)}
	if was.Since == 0 {
		condition = "attribute_not_exists(#since)"
		delete(values, ":was")
	}
	return s.written(ctx, op, func(ctx context.Context) error {
		_, err := s.client.UpdateItem(ctx, &dynamodb.UpdateItemInput{
			TableName: aws.String(s.tables.Community), Key: key.item(),
			UpdateExpression:          aws.String("SET #large = :large, #since = :since"),
			ConditionExpression:       aws.String(condition),
			ExpressionAttributeNames:  map[string]string{"#large": attrLarge, "#since": attrSince},
			ExpressionAttributeValues: values,
		})
		if _, ok := errors.AsType[*types.ConditionalCheckFailedException](err); ok {
			return nil
		}
		return failed(op, err)
	})
}
