package deployment

import (
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	cloudformation "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/go-cmp/cmp"

	"unsend/scripts/local/stack"
)

func outputs(pairs ...string) (list []cloudformation.Output) {
	for i := 0; i < len(pairs); i += 2 {
		list = append(list, cloudformation.Output{OutputKey: aws.String(pairs[i]), OutputValue: aws.String(pairs[i+1])})
	}
	return list
}

func TestDescribe(t *testing.T) {
	t.Parallel()
	s := cloudformation.Stack{
		StackName: aws.String("prod"),
		Outputs: outputs("WebSocketUrl", "wss://x/live", "ServerApiUrl", "https://y/", "MessagesTable", "m", "CommunityTable", "c", "SessionsTable", "s", "AuditTable", "a", "TokenSecretArn", "arn",
			"UndeliveredBucket", "b", "PushQueueUrl", "q", "PushDeadLettersUrl", "d"),
		Parameters: []cloudformation.Parameter{
			{ParameterKey: aws.String("TokenAudience"), ParameterValue: aws.String("unsend")},
			{ParameterKey: aws.String("EventBusName"), ParameterValue: aws.String("b")},
			{ParameterKey: aws.String("TokenMaxTtlSeconds"), ParameterValue: aws.String("3600")},
			{ParameterKey: aws.String("LargeServerMembers"), ParameterValue: aws.String("500")},
		},
	}
	got, err := describe(s, "eu-west-1")
	want := stack.Description{
		Name: "prod", Region: "eu-west-1", WebSocketURL: "wss://x/live", ServerURL: "https://y/", MessagesTable: "m", CommunityTable: "c", SessionsTable: "s", AuditTable: "a", EventBus: "b",
		FailureBucket: "b", PushQueueURL: "q", PushDeadLettersURL: "d", LargeServerMembers: 500,
		TokenSecretARN: "arn", TokenAudience: "unsend", TokenMaxTTLSeconds: 3600,
	}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v\n%s", err, diff)
	}
	s.Outputs = outputs("WebSocketUrl", "wss://x/live")
	if _, err := describe(s, "eu-west-1"); err == nil || !strings.Contains(err.Error(), "MessagesTable") {
		t.Errorf("of another kind of stack: %v", err)
	}
}

func TestAStackThatIsNotThere(t *testing.T) {
	t.Parallel()
	_, err := Find(t.Context(), Choice{File: t.TempDir() + "/none.json"})
	if err == nil || !strings.Contains(err.Error(), "scripts/dev") || !strings.Contains(err.Error(), "--stack-name") {
		t.Errorf("got %v", err)
	}
}

// The demo's claim that a text is gone from a row is as good as this search.
func TestEveryTextOfARowIsFound(t *testing.T) {
	t.Parallel()
	text := func(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }
	row := &types.AttributeValueMemberM{Value: map[string]types.AttributeValue{
		"name": &types.AttributeValueMemberL{Value: []types.AttributeValue{
			text("in a list"),
			&types.AttributeValueMemberM{Value: map[string]types.AttributeValue{"deep": text("in a map")}},
		}},
		"set":    &types.AttributeValueMemberSS{Value: []string{"in a set"}},
		"binary": &types.AttributeValueMemberB{Value: []byte("in bytes")},
		"number": &types.AttributeValueMemberN{Value: "17"},
	}}
	got := appendTexts(nil, row)
	for _, want := range []string{"name", "in a list", "deep", "in a map", "in a set", "in bytes", "17"} {
		if !slices.Contains(got, want) {
			t.Errorf("%q was not found in %q", want, got)
		}
	}
}
