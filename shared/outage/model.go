package outage

import (
	"context"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"unsend/shared/chat"
	"unsend/shared/dynamo"
)

// model is a community that those of the cases are copies of.
type model struct {
	client *dynamodb.Client
	table  string
	id     string
	rows   []map[string]types.AttributeValue
}

// newModel makes the community, at a time that is long enough ago for pushes to know of, and keeps its rows.
func newModel(t *testing.T, client *dynamodb.Client, tables dynamo.Tables) *model {
	t.Helper()
	c := &Case{T: t, ID: "model", Store: dynamo.New(client, tables, dynamo.Options{})}
	c.Prepared(c.found)
	out, err := client.Scan(t.Context(), &dynamodb.ScanInput{TableName: aws.String(tables.Community), ConsistentRead: aws.Bool(true)})
	if err != nil || len(out.Items) == 0 || len(out.Items) > 25 {
		t.Fatalf("%d rows of the model, %v: one batch has room for 25", len(out.Items), err)
	}
	return &model{client: client, table: tables.Community, id: c.ID, rows: out.Items}
}

// found makes the community, or what is left of making it.
func (c *Case) found() error {
	at := time.Now().Add(-time.Minute)
	_, err := c.Store.ChangeServer(c.Context(), c.ServerID(), c.Act(chat.ActionPutServer, at), func(s *chat.Server) error {
		s.OwnerID = "owner-" + c.ID
		s.Roles = []chat.Role{
			{ID: chat.Everyone, Grant: chat.Grant{Allow: chat.MaskOf(chat.SendMessage)}},
			{ID: "mod", Priority: 1, Grant: chat.Grant{Allow: chat.MaskOf(chat.RevokeMemberMessage)}},
		}
		return nil
	})
	if err != nil {
		return err
	}
	if _, err := c.Store.ChangeChannel(c.Context(), c.ServerID(), Channel, c.Act(chat.ActionPutChannel, at), func(*chat.Channel) error { return nil }); err != nil {
		return err
	}
	for account, roles := range map[string][]string{c.Alice(): nil, c.Bob(): {"mod"}} {
		if _, err := c.Store.ChangeMember(c.Context(), c.ServerID(), account, c.Act(chat.ActionPutMember, at), func(m *chat.Member) error {
			m.Join(at)
			m.Roles = roles
			return nil
		}); err != nil {
			return err
		}
	}
	return nil
}

// copyFor writes the rows with the other id in place of the model's.
func (m *model) copyFor(ctx context.Context, id string) error {
	writes := make([]types.WriteRequest, len(m.rows))
	for i, row := range m.rows {
		named := maps.Clone(row)
		for name, value := range row {
			named[name] = renamed(value, m.id, id)
		}
		writes[i].PutRequest = &types.PutRequest{Item: named}
	}
	out, err := m.client.BatchWriteItem(ctx, &dynamodb.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{m.table: writes}})
	if err != nil || len(out.UnprocessedItems) > 0 {
		return &chat.Error{Code: chat.Busy, Err: err}
	}
	return nil
}

// renamed is the value with the other id in each text; what a community's rows have besides texts has no id.
func renamed(value types.AttributeValue, from, to string) types.AttributeValue {
	switch v := value.(type) {
	case *types.AttributeValueMemberS:
		return &types.AttributeValueMemberS{Value: strings.ReplaceAll(v.Value, from, to)}
	case *types.AttributeValueMemberL:
		list := slices.Clone(v.Value)
		for i := range list {
			list[i] = renamed(list[i], from, to)
		}
		return &types.AttributeValueMemberL{Value: list}
	}
	return value
}
