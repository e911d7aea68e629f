package operations

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go/middleware"

	"unsend/shared/dynamo"
	"unsend/shared/dynamo/meter"
)

// carrier is a store whose transactions are kept instead of done, and whose reads find nothing: what it was to put is then carried to
// the endpoint 25 rows in a request, and what it was to count is added up. The rows are those of the real store; a long
// history only arrives sooner. Left out are the marks of messages that were sent, which nobody looks at after 24 hours.
type carrier struct {
	*dynamo.Store
	client *dynamodb.Client
	marks  string // their table

	mu     sync.Mutex
	rows   map[string][]types.WriteRequest // by table
	counts map[countID]*types.Update
}

// countID names a row that counts.
type countID struct{ table, pk, sk string }

const (
	rowsInARequest = 25
	requestsAtOnce = 4
)

func newCarrier(client *dynamodb.Client, tables dynamo.Tables) *carrier {
	c := &carrier{client: client, marks: tables.Sessions, rows: map[string][]types.WriteRequest{}, counts: map[countID]*types.Update{}}
	kept := dynamo.NewClient(aws.Config{Region: "us-east-1"}, func(o *dynamodb.Options) {
		o.APIOptions = append(o.APIOptions, func(stack *middleware.Stack) error {
			return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("Carrier", c.keep), middleware.Before)
		})
	})
	c.Store = dynamo.New(kept, tables, dynamo.Options{})
	return c
}

func (c *carrier) keep(_ context.Context, in middleware.InitializeInput, _ middleware.InitializeHandler) (
	out middleware.InitializeOutput, _ middleware.Metadata, err error,
) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch in := in.Parameters.(type) {
	case *dynamodb.GetItemInput:
		out.Result = &dynamodb.GetItemOutput{}
	case *dynamodb.TransactWriteItemsInput:
		out.Result = &dynamodb.TransactWriteItemsOutput{}
		for _, write := range in.TransactItems {
			if err := c.note(write); err != nil {
				return out, middleware.Metadata{}, err
			}
		}
	default:
		err = fmt.Errorf("the carrier has no answer to %T", in)
	}
	return out, middleware.Metadata{}, err
}

// note keeps a write. A condition is not looked at: all rows of a scene are new.
func (c *carrier) note(write types.TransactWriteItem) error {
	switch {
	case write.Put != nil && *write.Put.TableName == c.marks:
	case write.Put != nil:
		c.rows[*write.Put.TableName] = append(c.rows[*write.Put.TableName], types.WriteRequest{PutRequest: &types.PutRequest{Item: write.Put.Item}})
	case write.Update != nil && *write.Update.UpdateExpression == "ADD #n :n":
		return c.add(write.Update)
	case write.Update != nil:
		// The tally of an account's servers, which the store makes of what is there when it needs one.
	case write.ConditionCheck != nil:
	default:
		return fmt.Errorf("the carrier cannot keep %+v", write)
	}
	return nil
}

func (c *carrier) add(update *types.Update) error {
	id := countID{*update.TableName, update.Key["pk"].(*types.AttributeValueMemberS).Value, update.Key["sk"].(*types.AttributeValueMemberS).Value}
	sum, ok := c.counts[id]
	if !ok {
		c.counts[id] = update
		return nil
	}
	total := 0
	for _, u := range []*types.Update{sum, update} {
		n, err := strconv.Atoi(u.ExpressionAttributeValues[":n"].(*types.AttributeValueMemberN).Value)
		if err != nil {
			return err
		}
		total += n
	}
	sum.ExpressionAttributeValues = meter.Item{":n": &types.AttributeValueMemberN{Value: strconv.Itoa(total)}}
	return nil
}

// deliver carries what was kept.
func (c *carrier) deliver(ctx context.Context) error {
	for table, rows := range c.rows {
		if err := c.deliverRows(ctx, table, rows); err != nil {
			return err
		}
	}
	for _, u := range c.counts {
		if _, err := c.client.UpdateItem(ctx, &dynamodb.UpdateItemInput{
			TableName: u.TableName, Key: u.Key, UpdateExpression: u.UpdateExpression,
			ExpressionAttributeNames: u.ExpressionAttributeNames, ExpressionAttributeValues: u.ExpressionAttributeValues,
			ReturnValues: types.ReturnValueAllNew,
		}); err != nil {
			return err
		}
	}
	clear(c.rows)
	clear(c.counts)
	return nil
}

func (c *carrier) deliverRows(ctx context.Context, table string, rows []types.WriteRequest) error {
	batches := slices.Collect(slices.Chunk(rows, rowsInARequest))
	return each(requestsAtOnce, batches, func(batch []types.WriteRequest) error {
		for tries := 0; len(batch) > 0; tries++ {
			if tries == 10 {
				return fmt.Errorf("%d rows of %s were left unprocessed", len(batch), table)
			}
			if tries > 0 {
				time.Sleep(time.Duration(tries) * 50 * time.Millisecond)
			}
			out, err := c.client.BatchWriteItem(ctx, &dynamodb.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{table: batch}})
			if err != nil {
				return err
			}
			batch = out.UnprocessedItems[table]
		}
		return nil
	})
}

// each does f for each of the list, some at a time, and gives the first error.
func each[T any](lanes int, list []T, f func(T) error) error {
	errs := make(chan error, lanes)
	next := make(chan T, len(list))
	for _, v := range list {
		next <- v
	}
	close(next)
	for range lanes {
		go func() {
			for v := range next {
				if err := f(v); err != nil {
					errs <- err
					return
				}
			}
			errs <- nil
		}()
	}
	var first error
	for range lanes {
		if err := <-errs; first == nil {
			first = err
		}
	}
	return first
}
