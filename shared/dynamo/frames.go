package dynamo

import (
	"context"
	"errors"
	"strconv"
	"time"

	"unsend/shared/chat"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// countTries is how often a count that fails is tried: quickly, as a frame waits for it.
const countTries = 3

// framesRow is how many frames an account has had in one window.
type framesRow struct {
	Count int `dynamodbav:"n"`
}

func framesKey(account string, now time.Time) (itemKey, error) {
	window := now.UnixMilli() / chat.FrameWindow.Milliseconds()
	return newKey([]string{"frames", account}, []string{strconv.FormatInt(window, 10)})
}

// CountFrame counts with one update, which adds and tells at once. An update that is
// repeated, as its answer was lost, can count a frame twice. DynamoDB takes some 1,000 updates of one count a second: whose
// count is throttled for its key sends more than that, or is beside somebody who does.
func (s *Store) CountFrame(ctx context.Context, accountID string, now time.Time) (n int, err error) {
	const op = "CountFrame"
	key, err := framesKey(accountID, now)
	if err != nil {
		return 0, failed(op, err)
	}
	ends := secondsUp(now.Add(2 * chat.FrameWindow).UnixMilli())
	tries := 0
	err = s.written(ctx, op, func(ctx context.Context) error {
		out, err := s.client.UpdateItem(ctx, &dynamodb.UpdateItemInput{
			TableName: aws.String(s.tables.Sessions), Key: key.item(),
			UpdateExpression:          aws.String("SET #ttl = :ends ADD #n :one"),
			ExpressionAttributeNames:  map[string]string{"#n": attrCount, "#ttl": attrTTL},
			ExpressionAttributeValues: item{":one": number(1), ":ends": number(ends)},
			ReturnValues:              types.ReturnValueUpdatedNew,
		}, func(o *dynamodb.Options) { o.Retryer = aws.NopRetryer{} }) // it would ask again for what was throttled
		if err != nil {
			tries++
			return uncounted(op, err, tries)
		}
		row, err := decode[framesRow](out.Attributes)
		n = row.Count
		return failed(op, err)
	})
	return n, err
}

// uncounted is what a failed count becomes. It is not asked for again where it was throttled, as nobody waits for a later one; what else may
// pass is, until it was tried often enough.
func uncounted(op string, err error, tries int) error {
	failure := failed(op, err)
	switch {
	case keyIsHot(err):
		return &chat.Error{Code: chat.RateLimited, Err: failure}
	case tries < countTries && chat.CodeOf(failure) == chat.Busy && !retry.IsErrorThrottles(retry.DefaultThrottles).IsErrorThrottle(err).Bool():
		return again{failure}
	}
	return failure
}

// keyIsHot tells whether so much was written to one key that DynamoDB refuses more, whatever room its table has (API Reference,
// "ThrottlingReason").
func keyIsHot(err error) bool {
	var reasons []types.ThrottlingReason
	var provisioned *types.ProvisionedThroughputExceededException
	var throttling *types.ThrottlingException
	if errors.As(err, &provisioned) {
		reasons = provisioned.ThrottlingReasons
	} else if errors.As(err, &throttling) {
		reasons = throttling.ThrottlingReasons
	}
	for _, r := range reasons {
		if aws.ToString(r.Reason) == "TableWriteKeyRangeThroughputExceeded" {
			return true
		}
	}
	return false
}
