package dynamo

import (
	"context"
	"strconv"
	"time"

	"unsend/shared/chat"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// framesRow is how many frames an account has had in one window.
type framesRow struct {
	Count int `dynamodbav:"n"`
}

func framesKey(account string, now time.Time) (itemKey, error) {
	window := now.UnixMilli() / chat.FrameWindow.Milliseconds()
	return newKey([]string{"frames", account}, []string{strconv.FormatInt(window, 10)})
}

// CountFrame counts with one update, which adds and tells at once. An update that the client
// repeats, as its answer was lost, can count a frame twice.
func (s *Store) CountFrame(ctx context.Context, accountID string, now time.Time) (n int, err error) {
	const op = "CountFrame"
	key, err := framesKey(accountID, now)
	if err != nil {
		return 0, failed(op, err)
	}
	ends := secondsUp(now.Add(2 * chat.FrameWindow).UnixMilli())
	err = s.written(ctx, op, func(ctx context.Context) error {
		out, err := s.client.UpdateItem(ctx, &dynamodb.UpdateItemInput{
			TableName: aws.String(s.tables.Sessions), Key: key.item(),
			UpdateExpression:          aws.String("SET #ttl = :ends ADD #n :one"),
			ExpressionAttributeNames:  map[string]string{"#n": attrCount, "#ttl": attrTTL},
			ExpressionAttributeValues: item{":one": number(1), ":ends": number(ends)},
			ReturnValues:              types.ReturnValueUpdatedNew,
		})
		if err != nil {
			return failed(op, err)
		}
		row, err := decode[framesRow](out.Attributes)
		n = row.Count
		return failed(op, err)
	})
	return n, err
}
