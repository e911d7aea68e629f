package dynamo

import (
	"errors"
	"fmt"
	"net"
	"testing"
	"time"

	"unsend/shared/chat"

	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
)

// throttled is a refusal with the reason, as the member is named in each exception.
func throttled(code, member, reason string) func(request) (int, string, error) {
	return func(request) (int, string, error) {
		return 400, fmt.Sprintf(`{"__type":"com.amazonaws.dynamodb.v20120810#%s","message":"slow down",%q:[{"reason":%q,"resource":"arn"}]}`, code, member, reason), nil
	}
}

// An account could send so much that its count was refused, and then had no limit. A table, or an AWS account, that has no room is not its fault.
func TestACountWhoseKeyIsHotIsOverTheLimit(t *testing.T) {
	const provisioned, throttling = "ProvisionedThroughputExceededException", "ThrottlingException"
	for name, c := range map[string]struct {
		answer func(request) (int, string, error)
		code   chat.Code
	}{
		"the key":                     {throttled(provisioned, "ThrottlingReasons", "TableWriteKeyRangeThroughputExceeded"), chat.RateLimited},
		"the key, said the other way": {throttled(throttling, "throttlingReasons", "TableWriteKeyRangeThroughputExceeded"), chat.RateLimited},
		"the table":                   {throttled(provisioned, "ThrottlingReasons", "TableWriteProvisionedThroughputExceeded"), chat.Busy},
		"the most that is allowed":    {throttled(throttling, "throttlingReasons", "TableWriteMaxOnDemandThroughputExceeded"), chat.Busy},
		"the AWS account":             {throttled(throttling, "throttlingReasons", "TableWriteAccountLimitExceeded"), chat.Busy},
		"an index":                    {throttled(provisioned, "ThrottlingReasons", "IndexWriteKeyRangeThroughputExceeded"), chat.Busy},
		"no reason":                   {fails(400, provisioned, "slow down"), chat.Busy},
	} {
		t.Run(name, func(t *testing.T) {
			s, _, _ := scripted(c.answer)
			if _, err := s.CountFrame(t.Context(), "alice", time.UnixMilli(1)); chat.CodeOf(err) != c.code {
				t.Errorf("%v, want %d", err, c.code)
			}
		})
	}
}

// The frame does not wait for a count that comes late, and of one that is asked for again it would not know why it was refused. What else
// fails once is asked for again.
func TestAThrottledCountIsNotRepeated(t *testing.T) {
	refused := &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connection refused")}
	for name, c := range map[string]struct {
		answer func(request) (int, string, error)
		asked  int
	}{
		"throttled":  {throttled("ThrottlingException", "throttlingReasons", "TableWriteKeyRangeThroughputExceeded"), 1},
		"failing":    {fails(500, "InternalServerError", ""), 3},
		"no network": {func(request) (int, string, error) { return 0, "", refused }, 3},
	} {
		t.Run(name, func(t *testing.T) {
			s, service, _ := scripted(c.answer)
			s.client = dynamodb.New(s.client.Options(), func(o *dynamodb.Options) {
				o.Retryer = retry.NewStandard(func(o *retry.StandardOptions) {
					o.Backoff = retry.BackoffDelayerFunc(func(int, error) (time.Duration, error) { return 0, nil })
				})
			})
			if _, err := s.CountFrame(t.Context(), "alice", time.UnixMilli(1)); err == nil || len(service.requests) != c.asked {
				t.Errorf("asked %d times, want %d: %v", len(service.requests), c.asked, err)
			}
		})
	}
}
