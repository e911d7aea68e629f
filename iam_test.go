package unsend_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// permitted is everything that each role may do, as action@resource: exactly what
// its function calls, on nothing wider than what it calls it on. Logs, of which
// each role has its own group's two actions, and traces are left out.
var permitted = map[string][]string{
	"AuthorizeRole": {"secretsmanager:GetSecretValue@TokenSecretA.Id", "secretsmanager:GetSecretValue@TokenSecretB.Id"},
	"ConnectRole": {
		"dynamodb:Query@Community.Arn", "dynamodb:BatchGetItem@Community.Arn",
		"dynamodb:PutItem@Sessions.Arn", "dynamodb:Query@Sessions.Arn", "dynamodb:BatchGetItem@Sessions.Arn", "dynamodb:BatchWriteItem@Sessions.Arn",
		"execute-api:ManageConnections@DELETE",
	},
	"DisconnectRole": {"dynamodb:Query@Community.Arn", "dynamodb:BatchGetItem@Sessions.Arn", "dynamodb:BatchWriteItem@Sessions.Arn"},
	"SessionRole": {
		"dynamodb:BatchGetItem@Community.Arn",
		"dynamodb:Query@Sessions.Arn", "dynamodb:BatchGetItem@Sessions.Arn", "dynamodb:BatchWriteItem@Sessions.Arn", "dynamodb:UpdateItem@Sessions.Arn",
		"execute-api:ManageConnections@DELETE",
	},
	"SendRole": {
		"dynamodb:BatchGetItem@Community.Arn",
		"dynamodb:PutItem@Messages.Arn", "dynamodb:GetItem@Messages.Arn",
		"dynamodb:PutItem@Sessions.Arn", "dynamodb:UpdateItem@Sessions.Arn",
	},
	"RevokeRole": {
		"dynamodb:BatchGetItem@Community.Arn", "dynamodb:UpdateItem@Messages.Arn", "dynamodb:UpdateItem@Sessions.Arn",
		"sqs:SendMessage@PushQueue.Arn", // with FastRevocations
	},
	"ReadRole": {
		"dynamodb:BatchGetItem@Community.Arn", "dynamodb:Query@Community.Arn",
		"dynamodb:Query@Messages.Arn", "dynamodb:Query@${Messages.Arn}/index/updates", "dynamodb:UpdateItem@Sessions.Arn",
	},
	"ServerRole": {
		"dynamodb:BatchGetItem@Community.Arn", "dynamodb:GetItem@Community.Arn", "dynamodb:Query@Community.Arn",
		// A transaction is its parts: the policy, its companions, tallies, and roles that are gone.
		"dynamodb:PutItem@Community.Arn", "dynamodb:UpdateItem@Community.Arn", "dynamodb:DeleteItem@Community.Arn", "dynamodb:ConditionCheckItem@Community.Arn",
		"dynamodb:PutItem@Audit.Arn", "dynamodb:Query@Audit.Arn", // an entry in the transaction; the list
		"dynamodb:Query@Sessions.Arn", "dynamodb:BatchGetItem@Sessions.Arn", "dynamodb:BatchWriteItem@Sessions.Arn",
		// Messages that a back end sends, with their markers, and takes back.
		"dynamodb:PutItem@Messages.Arn", "dynamodb:GetItem@Messages.Arn", "dynamodb:UpdateItem@Messages.Arn", "dynamodb:PutItem@Sessions.Arn",
		"sqs:SendMessage@SweepQueue.Arn",
		"sqs:SendMessage@PushQueue.Arn", // with FastRevocations
		"execute-api:ManageConnections@DELETE",
	},
	"SweepRole": {
		"dynamodb:Query@Messages.Arn", "dynamodb:UpdateItem@Messages.Arn", "dynamodb:BatchWriteItem@Messages.Arn",
		"dynamodb:BatchGetItem@Community.Arn", "dynamodb:GetItem@Community.Arn", "dynamodb:Query@Community.Arn",
		// Jobs are put; a member goes in a transaction with its account's rows; other rows by the batch.
		"dynamodb:PutItem@Community.Arn", "dynamodb:UpdateItem@Community.Arn", "dynamodb:DeleteItem@Community.Arn", "dynamodb:BatchWriteItem@Community.Arn",
		"sqs:SendMessage@SweepQueue.Arn", "sqs:ReceiveMessage@SweepQueue.Arn", "sqs:DeleteMessage@SweepQueue.Arn",
		"sqs:GetQueueAttributes@SweepQueue.Arn",
	},
	"NotifyRole": {
		"dynamodb:BatchGetItem@Messages.Arn",
		"dynamodb:BatchGetItem@Community.Arn", "dynamodb:Query@Community.Arn",
		"dynamodb:Query@Sessions.Arn", "dynamodb:BatchGetItem@Sessions.Arn", "dynamodb:BatchWriteItem@Sessions.Arn",
		"execute-api:ManageConnections@POST", "execute-api:ManageConnections@DELETE",
		"dynamodb:DescribeStream@Messages.StreamArn", "dynamodb:GetRecords@Messages.StreamArn", "dynamodb:GetShardIterator@Messages.StreamArn",
		"dynamodb:ListStreams@${Messages.Arn}/stream/*", // it has no narrower resource
		"s3:PutObject@${Undelivered.Arn}/*", "s3:ListBucket@Undelivered.Arn",
		"sqs:SendMessage@PushQueue.Arn",
	},
	"RecordRole": {
		"dynamodb:BatchGetItem@Messages.Arn",
		"dynamodb:BatchWriteItem@Audit.Arn",
		"events:PutEvents@arn:${AWS::Partition}:events:${AWS::Region}:${AWS::AccountId}:event-bus/${EventBusName}", // where there is one
		"dynamodb:DescribeStream@Messages.StreamArn", "dynamodb:GetRecords@Messages.StreamArn", "dynamodb:GetShardIterator@Messages.StreamArn",
		"dynamodb:ListStreams@${Messages.Arn}/stream/*",
		"s3:PutObject@${Undelivered.Arn}/*", "s3:ListBucket@Undelivered.Arn",
	},
	"PushRole": {
		"dynamodb:BatchGetItem@Messages.Arn",
		"dynamodb:BatchGetItem@Community.Arn", "dynamodb:Query@Community.Arn",
		"dynamodb:Query@Sessions.Arn", "dynamodb:BatchGetItem@Sessions.Arn", "dynamodb:BatchWriteItem@Sessions.Arn",
		"execute-api:ManageConnections@POST", "execute-api:ManageConnections@DELETE",
		"sqs:SendMessage@PushQueue.Arn", "sqs:ReceiveMessage@PushQueue.Arn", "sqs:DeleteMessage@PushQueue.Arn",
		"sqs:GetQueueAttributes@PushQueue.Arn",
	},
}

func TestRolesPermitExactlyWhatIsUsed(t *testing.T) {
	t.Parallel()
	roles := resources(loadTemplate(t), "AWS::IAM::Role")
	for name := range permitted {
		if roles[name] == nil {
			t.Errorf("the template has no %s", name)
		}
	}
	for name, role := range roles {
		if role["ManagedPolicyArns"] != nil {
			t.Errorf("%s takes managed policies, which name every resource", name)
		}
		logs := strings.TrimSuffix(name, "Role") + "Logs.Arn"
		want := append([]string{"logs:CreateLogStream@" + logs, "logs:PutLogEvents@" + logs}, permitted[name]...)
		want = append(want, "xray:PutTraceSegments@*", "xray:PutTelemetryRecords@*") // they have no narrower resource
		var got []string
		for _, s := range statements(role) {
			if s["Effect"] != "Allow" || s["NotAction"] != nil || s["NotResource"] != nil {
				t.Errorf("%s has a statement of another kind", name)
			}
			for _, action := range list(s["Action"]) {
				for _, resource := range list(s["Resource"]) {
					got = append(got, fmt.Sprint(action, "@", resourceName(resource)))
				}
			}
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("%s permits\n%s\nand its function uses\n%s", name, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
}

// Lambda looks when tracing is turned on whether the role may send traces. A role that gets the permission in the same update may not do so yet
// where Lambda looks: IAM takes seconds, and the deployment would be rolled back.
func TestRolesMayTraceBeforeTracingIsOn(t *testing.T) {
	t.Parallel()
	want := object{"Effect": "Allow", "Action": []any{"xray:PutTraceSegments", "xray:PutTelemetryRecords"}, "Resource": "*"}
	for name, role := range resources(loadTemplate(t), "AWS::IAM::Role") {
		statements := at(role["Policies"].([]any)[0].(object), "PolicyDocument")["Statement"].([]any)
		if !slices.ContainsFunc(statements, func(s any) bool { return cmp.Equal(s, any(want)) }) {
			t.Errorf("%s has no %v whatever Tracing is", name, want)
		}
	}
}

// resourceName is what a resource refers to; of connections the method.
func resourceName(resource any) string {
	if all, ok := resource.(string); ok {
		return all
	}
	of, _ := resource.(object)
	if attribute, ok := of["Fn::GetAtt"]; ok {
		return fmt.Sprint(attribute)
	}
	text := fmt.Sprint(of["Fn::Sub"])
	const connections = "arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:${Api}/${Stage}/"
	if method, ok := strings.CutPrefix(text, connections); ok {
		return strings.TrimSuffix(method, "/@connections/*")
	}
	return text
}
