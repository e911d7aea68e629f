package deployment

import (
	"context"
	"fmt"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"unsend/scripts/local/stack"
)

// findByName reads the outputs and parameters of a stack in the user's account.
func findByName(ctx context.Context, c Choice) (*Deployment, error) {
	cfg, err := userConfig(ctx, c.Region)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	answer, err := cloudformation.NewFromConfig(cfg).DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: &c.Name})
	if err != nil {
		return nil, fmt.Errorf("find the stack %q in %s (are you logged in, and is this its region?): %w", c.Name, cfg.Region, err)
	}
	if len(answer.Stacks) == 0 {
		return nil, fmt.Errorf("there is no stack %q in %s: see aws cloudformation list-stacks", c.Name, cfg.Region)
	}
	description, err := describe(answer.Stacks[0], cfg.Region)
	if err != nil {
		return nil, err
	}
	return &Deployment{Description: description, aws: cfg}, nil
}

// describe takes what the commands use.
func describe(s types.Stack, region string) (stack.Description, error) {
	outputs, parameters := map[string]string{}, parametersOf(s)
	for _, o := range s.Outputs {
		outputs[aws.ToString(o.OutputKey)] = aws.ToString(o.OutputValue)
	}
	for _, name := range []string{"WebSocketUrl", "MessagesTable", "CommunityTable", "SessionsTable"} {
		if outputs[name] == "" {
			return stack.Description{}, fmt.Errorf("the stack %q has no output %s: it is not an Unsend, or its deployment has not finished (status %s)",
				aws.ToString(s.StackName), name, s.StackStatus)
		}
	}
	keep, _ := strconv.Atoi(parameters["AuditRetentionDays"])    // 0: for ever
	large, _ := strconv.Atoi(parameters["LargeServerMembers"])   // 0, none is large, for a deployment that knows of none
	longest, _ := strconv.Atoi(parameters["TokenMaxTtlSeconds"]) // 0: the deployment will tell
	return stack.Description{
		Name: aws.ToString(s.StackName), Region: region,
		WebSocketURL: outputs["WebSocketUrl"], ServerURL: outputs["ServerApiUrl"],
		MessagesTable: outputs["MessagesTable"], CommunityTable: outputs["CommunityTable"], SessionsTable: outputs["SessionsTable"],
		PushQueueURL: outputs["PushQueueUrl"], PushDeadLettersURL: outputs["PushDeadLettersUrl"], LargeServerMembers: large,
		AuditTable: outputs["AuditTable"], AuditRetentionDays: keep, EventBus: parameters["EventBusName"],
		StreamARN: outputs["MessagesStreamArn"], FailureBucket: outputs["UndeliveredBucket"],
		TokenSecretARN: outputs["TokenSecretArn"], NextTokenSecretARN: outputs["NextTokenSecretArn"], TokenIssuer: parameters["TokenIssuer"], TokenAudience: parameters["TokenAudience"],
		TokenMaxTTLSeconds: longest,
	}, nil
}
