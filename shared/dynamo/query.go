package dynamo

import (
	"context"
	"maps"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// get reads one row strongly; nil when it does not exist.
func (s *Store) get(ctx context.Context, op, table string, key itemKey) (item, error) {
	out, err := s.client.GetItem(ctx, &dynamodb.GetItemInput{
		TableName: aws.String(table), Key: key.item(), ConsistentRead: aws.Bool(true),
	})
	if err != nil {
		return nil, failed(op, err)
	}
	if len(out.Item) == 0 {
		return nil, nil
	}
	return out.Item, nil
}

// span is a part of a partition: the rows whose sort key compares so with bound, or lies between bound and end.
type span struct {
	table, pk  string
	updates    bool   // of the index UpdatesIndex, by its own keys, eventually consistent
	comparison string // ">", ">=", "<", "<="; empty: the whole partition
	bound      string
	end        string // with no comparison: from bound to here, both included
	backward   bool
	after      string // the sort key that the page begins behind, in a span that has it; empty: the beginning
	filter     *filter
	limit      int // rows of a page, those that the filter leaves out among them; 0: as many as the service gives, up to 1 MB
}

func (p span) input() *dynamodb.QueryInput {
	partition, sort := p.keyNames()
	in := &dynamodb.QueryInput{
		TableName:                 aws.String(p.table),
		ConsistentRead:            aws.Bool(!p.updates),
		ScanIndexForward:          aws.Bool(!p.backward),
		KeyConditionExpression:    aws.String("#pk = :pk"),
		ExpressionAttributeNames:  map[string]string{"#pk": partition},
		ExpressionAttributeValues: item{":pk": text(p.pk)},
	}
	if p.updates {
		in.IndexName = aws.String(UpdatesIndex)
	}
	switch {
	case p.comparison != "":
		in.KeyConditionExpression = aws.String("#pk = :pk AND #sk " + p.comparison + " :sk")
		in.ExpressionAttributeNames["#sk"] = sort
		in.ExpressionAttributeValues[":sk"] = text(p.bound)
	case p.end != "":
		in.KeyConditionExpression = aws.String("#pk = :pk AND #sk BETWEEN :sk AND :end")
		in.ExpressionAttributeNames["#sk"] = sort
		in.ExpressionAttributeValues[":sk"], in.ExpressionAttributeValues[":end"] = text(p.bound), text(p.end)
	}
	if p.after != "" {
		in.ExclusiveStartKey = itemKey{p.pk, p.after}.item()
	}
	p.filter.apply(in)
	if p.limit > 0 {
		in.Limit = aws.Int32(int32(p.limit))
	}
	return in
}

// filter is what is returned of the rows that a query reads, and so pays for.
type filter struct {
	condition  string
	projection string
	names      map[string]string
	values     item
}

// having leaves out rows without the attribute.
func having(attribute string) *filter {
	return &filter{condition: "attribute_exists(#having)", names: map[string]string{"#having": attribute}}
}

func (f *filter) apply(in *dynamodb.QueryInput) {
	if f == nil {
		return
	}
	if f.condition != "" {
		in.FilterExpression = aws.String(f.condition)
	}
	if f.projection != "" {
		in.ProjectionExpression = aws.String(f.projection)
	}
	maps.Copy(in.ExpressionAttributeNames, f.names)
	maps.Copy(in.ExpressionAttributeValues, f.values)
}

// page reads one page. last is the sort key of the last row read when there may be more.
func (s *Store) page(ctx context.Context, op string, p span) (rows []item, last string, err error) {
	out, err := s.client.Query(ctx, p.input())
	if err != nil {
		return nil, "", failed(op, err)
	}
	_, sort := p.keyNames()
	return out.Items, textOf(out.LastEvaluatedKey[sort]), nil
}

func (p span) keyNames() (partition, sort string) {
	if p.updates {
		return attrUPK, attrUSK
	}
	return attrPK, attrSK
}

// all reads page after page, strongly, until the end or until more than most rows were read; 0 is no limit.
func (s *Store) all(ctx context.Context, op string, p span, most int) ([]item, error) {
	in := p.input()
	var rows []item
	for {
		if most > 0 {
			in.Limit = aws.Int32(int32(most + 1 - len(rows)))
		}
		out, err := s.client.Query(ctx, in)
		if err != nil {
			return nil, failed(op, err)
		}
		rows = append(rows, out.Items...)
		if len(out.LastEvaluatedKey) == 0 || most > 0 && len(rows) > most {
			return rows, nil
		}
		in.ExclusiveStartKey = map[string]types.AttributeValue(out.LastEvaluatedKey)
	}
}
