package fanout

import (
	"context"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go/middleware"

	"unsend/shared/dynamo"
	"unsend/shared/dynamo/meter"
)

// weights are the sizes of rows in bytes, as DynamoDB bills them.
type weights struct{ presence, message, server, channel, member, change int }

// weigh has the real store write the rows of a small play, and weighs what it would have sent.
func weigh(ctx context.Context, p scenery) (weights, error) {
	written := map[string]int{}
	client := dynamo.NewClient(aws.Config{Region: "us-east-1"}, func(o *dynamodb.Options) {
		o.APIOptions = append(o.APIOptions, func(stack *middleware.Stack) error {
			return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("Weigh", func(_ context.Context, in middleware.InitializeInput, _ middleware.InitializeHandler) (
				out middleware.InitializeOutput, _ middleware.Metadata, err error,
			) {
				out.Result, err = answered(in.Parameters, written)
				return out, middleware.Metadata{}, err
			}), middleware.Before)
		})
	})
	store := dynamo.New(client, dynamo.Tables{Messages: "m", Community: "c", Sessions: "s", Audit: "a"}, dynamo.Options{})
	if err := p.put(ctx, store, 1); err != nil {
		return weights{}, fmt.Errorf("weigh rows: %w", err)
	}
	if _, err := store.PutMessage(ctx, p.message(p.began), p.began); err != nil {
		return weights{}, fmt.Errorf("weigh rows: %w", err)
	}
	w := weights{
		presence: max(written["s server"], written["s channel"]), message: written["m message"], server: written["c server"], channel: written["c channel"],
		member: written["c members"], change: written["c changes"],
	}
	for name, size := range map[string]int{"presence": w.presence, "message": w.message, "server": w.server, "channel": w.channel, "member": w.member, "change": w.change} {
		if size == 0 {
			return w, fmt.Errorf("weigh rows: no row of a %s among %v", name, written)
		}
	}
	return w, nil
}

// answered notes the weights of what is written, and finds nothing for whoever reads.
func answered(in any, written map[string]int) (any, error) {
	note := func(table *string, item meter.Item) {
		pk, sk := item["pk"].(*types.AttributeValueMemberS).Value, item["sk"].(*types.AttributeValueMemberS).Value
		kind, _, _ := strings.Cut(pk, "#")
		switch {
		case *table == "m":
			kind = "message"
		case *table == "c" && strings.HasPrefix(sk, "channel#"):
			kind = "channel"
		}
		name := *table + " " + kind
		written[name] = max(written[name], meter.ItemSize(item))
	}
	switch in := in.(type) {
	case *dynamodb.GetItemInput:
		return &dynamodb.GetItemOutput{}, nil
	case *dynamodb.QueryInput:
		return &dynamodb.QueryOutput{}, nil
	case *dynamodb.PutItemInput:
		note(in.TableName, in.Item)
		return &dynamodb.PutItemOutput{}, nil
	case *dynamodb.BatchWriteItemInput:
		for table, requests := range in.RequestItems {
			for _, request := range requests {
				note(&table, request.PutRequest.Item)
			}
		}
		return &dynamodb.BatchWriteItemOutput{}, nil
	case *dynamodb.UpdateItemInput: // of how the server tells its members, which nobody weighs
		return &dynamodb.UpdateItemOutput{}, nil
	case *dynamodb.TransactWriteItemsInput:
		for _, write := range in.TransactItems {
			if write.Put != nil {
				note(write.Put.TableName, write.Put.Item)
			}
		}
		return &dynamodb.TransactWriteItemsOutput{}, nil
	}
	return nil, fmt.Errorf("no answer to %T", in)
}
