package deployment

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
)

// updateTimeout bounds an update of the stack.
const updateTimeout = 10 * time.Minute

// Parameters are what the stack was given, by name: its defaults, too, and never a secret.
func (d *Deployment) Parameters(ctx context.Context) (map[string]string, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	found, err := cloudformation.NewFromConfig(d.aws).DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: &d.Name})
	if err != nil {
		return nil, fmt.Errorf("ask for the parameters of the stack %q: %w", d.Name, err)
	}
	return parametersOf(found.Stacks[0]), nil
}

func parametersOf(s types.Stack) map[string]string {
	parameters := map[string]string{}
	for _, p := range s.Parameters {
		parameters[aws.ToString(p.ParameterKey)] = aws.ToString(p.ParameterValue)
	}
	return parameters
}

// SetParameter deploys another value of one of the stack's parameters, and returns when it is in force. A value that is set already
// is an error of CloudFormation's: there is nothing to update.
func (d *Deployment) SetParameter(ctx context.Context, name, value string) error {
	client := cloudformation.NewFromConfig(d.aws)
	stack := &cloudformation.DescribeStacksInput{StackName: &d.Name}
	found, err := client.DescribeStacks(ctx, stack)
	if err != nil {
		return err
	}
	in := &cloudformation.UpdateStackInput{StackName: &d.Name, UsePreviousTemplate: aws.Bool(true),
		Capabilities: []types.Capability{types.CapabilityCapabilityIam, types.CapabilityCapabilityAutoExpand}}
	for _, p := range found.Stacks[0].Parameters {
		parameter := types.Parameter{ParameterKey: p.ParameterKey, UsePreviousValue: aws.Bool(true)}
		if *p.ParameterKey == name {
			parameter = types.Parameter{ParameterKey: p.ParameterKey, ParameterValue: &value}
		}
		in.Parameters = append(in.Parameters, parameter)
	}
	if _, err := client.UpdateStack(ctx, in); err != nil {
		return err
	}
	waiter := cloudformation.NewStackUpdateCompleteWaiter(client, func(o *cloudformation.StackUpdateCompleteWaiterOptions) { o.MinDelay = time.Second })
	return waiter.Wait(ctx, stack, updateTimeout)
}
