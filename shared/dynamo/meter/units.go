package meter

import (
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// Item is a row, or a key.
type Item = map[string]types.AttributeValue

// rowID names a row by the key attributes of this project's tables.
type rowID struct{ table, pk, sk string }

func idOf(table string, row Item) rowID { return rowID{table, text(row["pk"]), text(row["sk"])} }

func text(v types.AttributeValue) string {
	if s, ok := v.(*types.AttributeValueMemberS); ok {
		return s.Value
	}
	return ""
}

// What a unit holds, in bytes.
const (
	readStep  = 4096
	writeStep = 1024
)

// units computes what a call consumed. Called with the lock held.
func (m *Meter) units(in, out any, err error) Units {
	switch in := in.(type) {
	case *dynamodb.GetItemInput:
		if out, ok := out.(*dynamodb.GetItemOutput); ok {
			return read(in.ConsistentRead, m.seen(*in.TableName, out.Item))
		}
	case *dynamodb.QueryInput:
		if out, ok := out.(*dynamodb.QueryOutput); ok {
			return read(in.ConsistentRead, m.seen(*in.TableName, out.Items...))
		}
	case *dynamodb.BatchGetItemInput:
		if out, ok := out.(*dynamodb.BatchGetItemOutput); ok {
			return m.batchGet(in, out)
		}
	case *dynamodb.PutItemInput:
		return m.put(*in.TableName, in.Item)
	case *dynamodb.BatchWriteItemInput:
		return m.batchWrite(in)
	case *dynamodb.UpdateItemInput:
		return m.update(in, out, err)
	case *dynamodb.TransactWriteItemsInput:
		return m.transaction(in, err)
	}
	return Units{}
}

// seen remembers the rows' sizes and adds them up.
func (m *Meter) seen(table string, rows ...Item) int {
	sum := 0
	for _, row := range rows {
		size := ItemSize(row)
		m.sizes[idOf(table, row)] = size
		sum += size
	}
	return sum
}

// read: an eventually consistent one costs half.
func read(strong *bool, size int) Units {
	units := steps(size, readStep)
	if !aws.ToBool(strong) {
		units /= 2
	}
	return Units{Read: units}
}

// batchGet: each item is rounded up by itself, and one that is missing counts too.
func (m *Meter) batchGet(in *dynamodb.BatchGetItemInput, out *dynamodb.BatchGetItemOutput) Units {
	var sum Units
	for table, asked := range in.RequestItems {
		rows := out.Responses[table]
		for _, row := range rows {
			sum = sum.plus(read(asked.ConsistentRead, m.seen(table, row)))
		}
		missing := len(asked.Keys) - len(rows) - len(out.UnprocessedKeys[table].Keys)
		for range missing {
			sum = sum.plus(read(asked.ConsistentRead, 0))
		}
	}
	return sum
}

// put costs the larger of the row before and after, and the index's row.
func (m *Meter) put(table string, row Item) Units {
	id := idOf(table, row)
	after := ItemSize(row)
	units := Units{Write: steps(max(m.sizes[id], after), writeStep)}
	m.sizes[id] = after
	return units.plus(m.indexed(table, row))
}

func (m *Meter) remove(table string, key Item) Units {
	id := idOf(table, key)
	units := Units{Write: steps(m.sizes[id], writeStep)}
	delete(m.sizes, id)
	return units
}

func (m *Meter) indexed(table string, row Item) Units {
	if m.Index == nil {
		return Units{}
	}
	projected := m.Index(table, row)
	if projected == nil {
		return Units{}
	}
	return Units{Write: steps(ItemSize(projected), writeStep)}
}

func (m *Meter) batchWrite(in *dynamodb.BatchWriteItemInput) Units {
	var sum Units
	for table, requests := range in.RequestItems {
		for _, request := range requests {
			if request.PutRequest != nil {
				sum = sum.plus(m.put(table, request.PutRequest.Item))
			} else {
				sum = sum.plus(m.remove(table, request.DeleteRequest.Key))
			}
		}
	}
	return sum
}

// update must return ALL_NEW, and ALL_OLD on failure, which costs the row as it is.
func (m *Meter) update(in *dynamodb.UpdateItemInput, out any, err error) Units {
	if refused, ok := errors.AsType[*types.ConditionalCheckFailedException](err); ok {
		return Units{Write: steps(ItemSize(refused.Item), writeStep)}
	}
	if done, ok := out.(*dynamodb.UpdateItemOutput); ok && err == nil {
		return m.put(*in.TableName, done.Attributes)
	}
	return Units{}
}

// transaction: each item costs twice, whether or not the transaction succeeds.
func (m *Meter) transaction(in *dynamodb.TransactWriteItemsInput, err error) Units {
	var sum Units
	for _, write := range in.TransactItems {
		sum = sum.plus(m.write(write, err == nil))
	}
	return Units{Write: 2 * sum.Write}
}

func (m *Meter) write(write types.TransactWriteItem, done bool) Units {
	switch {
	case write.Put != nil && done:
		return m.put(*write.Put.TableName, write.Put.Item)
	case write.Put != nil:
		id := idOf(*write.Put.TableName, write.Put.Item)
		return Units{Write: steps(max(m.sizes[id], ItemSize(write.Put.Item)), writeStep)}
	case write.Delete != nil:
		return m.remove(*write.Delete.TableName, write.Delete.Key)
	case write.ConditionCheck != nil: // weighs what it looks at
		return Units{Write: steps(m.sizes[idOf(*write.ConditionCheck.TableName, write.ConditionCheck.Key)], writeStep)}
	}
	return Units{Write: 1} // an update of a counter: a row of less than 1 KB here
}

// askForUnits makes the service report what it thinks it consumed.
func askForUnits(in any) {
	const total = types.ReturnConsumedCapacityTotal
	switch in := in.(type) {
	case *dynamodb.GetItemInput:
		in.ReturnConsumedCapacity = total
	case *dynamodb.QueryInput:
		in.ReturnConsumedCapacity = total
	case *dynamodb.BatchGetItemInput:
		in.ReturnConsumedCapacity = total
	case *dynamodb.PutItemInput:
		in.ReturnConsumedCapacity = total
	case *dynamodb.BatchWriteItemInput:
		in.ReturnConsumedCapacity = total
	case *dynamodb.UpdateItemInput:
		in.ReturnConsumedCapacity = total
	case *dynamodb.TransactWriteItemsInput:
		in.ReturnConsumedCapacity = total
	}
}

// reported is what the answer says of its units; a failure says nothing.
func reported(out any) float64 {
	var consumed []types.ConsumedCapacity
	one := func(c *types.ConsumedCapacity) {
		if c != nil {
			consumed = append(consumed, *c)
		}
	}
	switch out := out.(type) {
	case *dynamodb.GetItemOutput:
		one(out.ConsumedCapacity)
	case *dynamodb.QueryOutput:
		one(out.ConsumedCapacity)
	case *dynamodb.PutItemOutput:
		one(out.ConsumedCapacity)
	case *dynamodb.UpdateItemOutput:
		one(out.ConsumedCapacity)
	case *dynamodb.BatchGetItemOutput:
		consumed = out.ConsumedCapacity
	case *dynamodb.BatchWriteItemOutput:
		consumed = out.ConsumedCapacity
	case *dynamodb.TransactWriteItemsOutput:
		consumed = out.ConsumedCapacity
	}
	sum := 0.0
	for _, c := range consumed {
		sum += aws.ToFloat64(c.CapacityUnits)
	}
	return sum
}

func unprocessed(out any) int {
	n := 0
	switch out := out.(type) {
	case *dynamodb.BatchGetItemOutput:
		for _, left := range out.UnprocessedKeys {
			n += len(left.Keys)
		}
	case *dynamodb.BatchWriteItemOutput:
		for _, left := range out.UnprocessedItems {
			n += len(left)
		}
	}
	return n
}
