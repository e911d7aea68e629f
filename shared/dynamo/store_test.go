package dynamo_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"unsend/shared/chat"
	"unsend/shared/chat/chattest"
	"unsend/shared/dynamo"
	"unsend/shared/dynamo/dynamotest"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// inspected is a store whose tables a test can look into.
type inspected struct {
	*dynamo.Store
	t      *testing.T
	client *dynamodb.Client
	tables dynamo.Tables
}

var (
	_ chattest.Dumper        = inspected{}
	_ chattest.ChangeCounter = inspected{}
)

func newInspected(t *testing.T) inspected {
	client := dynamotest.Client(t)
	tables := dynamotest.Tables(t, client)
	return inspected{dynamo.New(client, tables, dynamo.Options{}), t, client, tables}
}

func newStore(t *testing.T) chat.Store { return newInspected(t) }

func TestStore(t *testing.T)    { chattest.Run(t, newStore) }
func TestServices(t *testing.T) { chattest.RunServices(t, newStore) }

// Dump is every attribute of every row of the tables, and of the index.
func (s inspected) Dump() string {
	var text strings.Builder
	for _, in := range []*dynamodb.ScanInput{
		{TableName: aws.String(s.tables.Messages)},
		{TableName: aws.String(s.tables.Messages), IndexName: aws.String(dynamo.UpdatesIndex)},
		{TableName: aws.String(s.tables.Community)},
		{TableName: aws.String(s.tables.Sessions)},
		{TableName: aws.String(s.tables.Audit)},
	} {
		for _, row := range s.scan(in) {
			fmt.Fprintln(&text, row)
		}
	}
	return text.String()
}

func (s inspected) scan(in *dynamodb.ScanInput) []map[string]any {
	s.t.Helper()
	var rows []map[string]any
	pages := dynamodb.NewScanPaginator(s.client, in)
	for pages.HasMorePages() {
		page, err := pages.NextPage(context.WithoutCancel(s.t.Context()))
		if err != nil {
			s.t.Fatal(err)
		}
		var decoded []map[string]any
		if err := attributevalue.UnmarshalListOfMaps(page.Items, &decoded); err != nil {
			s.t.Fatal(err)
		}
		rows = append(rows, decoded...)
	}
	return rows
}

// ChangeRows is how many change rows the server has.
func (s inspected) ChangeRows(serverID string) int {
	out, err := s.client.Query(s.t.Context(), &dynamodb.QueryInput{
		TableName: aws.String(s.tables.Community), Select: types.SelectCount,
		KeyConditionExpression:    aws.String("pk = :pk"),
		ExpressionAttributeValues: map[string]types.AttributeValue{":pk": &types.AttributeValueMemberS{Value: "changes#" + serverID}},
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return int(out.Count)
}

func TestModel(t *testing.T) { chattest.RunModel(t, newStore) }

func TestAdministration(t *testing.T) {
	t.Parallel()
	store := newStore(t)
	chattest.RunAdministration(t, 200, func() chat.Store { return store })
}
