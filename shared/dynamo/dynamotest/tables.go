// Package dynamotest makes the tables of package dynamo at a real endpoint, for tests.
package dynamotest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"os"
	"testing"
	"time"

	"unsend/shared/dynamo"
	"unsend/shared/dynamo/meter"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// EndpointVariable names the environment variable with the endpoint to test
// against, such as http://127.0.0.1:4566.
const EndpointVariable = "UNSEND_DYNAMODB_ENDPOINT"

// Client is a client of the endpoint, with the keys test / test. It skips the
// test where the environment names none.
func Client(t testing.TB, options ...func(*dynamodb.Options)) *dynamodb.Client {
	t.Helper()
	endpoint := os.Getenv(EndpointVariable)
	if endpoint == "" {
		t.Skipf("no DynamoDB endpoint in %s: scripts/test starts one and runs this", EndpointVariable)
	}
	return ClientOf(endpoint, options...)
}

// ClientOf is a client of an endpoint, with the keys test / test.
func ClientOf(endpoint string, options ...func(*dynamodb.Options)) *dynamodb.Client {
	return dynamo.NewClient(aws.Config{
		Region:       "us-east-1",
		BaseEndpoint: aws.String(endpoint),
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "test", SecretAccessKey: "test"}, nil
		}),
		HTTPClient: awshttp.NewBuildableClient().WithTransportOptions(func(transport *http.Transport) {
			transport.MaxIdleConnsPerHost = 64
			// Sooner than the local stack closes them: a request that meets the closing fails, and is repeated.
			transport.IdleConnTimeout = time.Second
		}),
	}, options...)
}

// Tables makes the four tables with names of their own, and deletes them when
// the test ends.
func Tables(t testing.TB, client *dynamodb.Client) dynamo.Tables {
	t.Helper()
	tables, err := CreateTables(t.Context(), client, "test-"+rand.Text()[:10]+"-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute) // the test's own has ended
		defer cancel()
		if err := DeleteTables(ctx, client, tables); err != nil {
			t.Error(err)
		}
	})
	return tables
}

// CreateTables makes tables as template.yaml has them, but for backups, and
// waits until they can be used. The prefix must be one that no other tables have.
func CreateTables(ctx context.Context, client *dynamodb.Client, prefix string) (dynamo.Tables, error) {
	tables := dynamo.Tables{Messages: prefix + "messages", Community: prefix + "community", Sessions: prefix + "sessions", Audit: prefix + "audit"}
	for _, in := range []*dynamodb.CreateTableInput{messages(tables.Messages), table(tables.Community), table(tables.Sessions), table(tables.Audit)} {
		if err := create(ctx, client, in); err != nil {
			return tables, fmt.Errorf("create %s: %w", *in.TableName, err)
		}
	}
	return tables, nil
}

// CreateRestored makes a table of messages as restoring one from a point in time makes it: with its index, without a stream. The
// name must be one that no other table has.
func CreateRestored(ctx context.Context, client *dynamodb.Client, name string) error {
	in := messages(name)
	in.StreamSpecification = nil
	return create(ctx, client, in)
}

// DeleteTables deletes them. Tables that do not exist are no error.
func DeleteTables(ctx context.Context, client *dynamodb.Client, tables dynamo.Tables) error {
	for _, name := range []string{tables.Messages, tables.Community, tables.Sessions, tables.Audit} {
		_, err := client.DeleteTable(ctx, &dynamodb.DeleteTableInput{TableName: aws.String(name)})
		if _, gone := errors.AsType[*types.ResourceNotFoundException](err); err != nil && !gone {
			return fmt.Errorf("delete %s: %w", name, err)
		}
	}
	return nil
}

func create(ctx context.Context, client *dynamodb.Client, in *dynamodb.CreateTableInput) error {
	_, err := client.CreateTable(ctx, in)
	// Names are new: one that exists was made by an attempt whose answer was lost.
	if _, exists := errors.AsType[*types.ResourceInUseException](err); err != nil && !exists {
		return err
	}
	// TTL stays off: tests use times of their own, and rows must not vanish under them.
	return dynamodb.NewTableExistsWaiter(client, func(o *dynamodb.TableExistsWaiterOptions) {
		o.MinDelay = 20 * time.Millisecond
	}).Wait(ctx, &dynamodb.DescribeTableInput{TableName: in.TableName}, time.Minute)
}

func table(name string) *dynamodb.CreateTableInput {
	return &dynamodb.CreateTableInput{
		TableName:            aws.String(name),
		BillingMode:          types.BillingModePayPerRequest,
		AttributeDefinitions: attributes("pk", "sk"),
		KeySchema:            key("pk", "sk"),
	}
}

func messages(name string) *dynamodb.CreateTableInput {
	in := table(name)
	in.AttributeDefinitions = attributes("pk", "sk", "upk", "usk")
	in.GlobalSecondaryIndexes = []types.GlobalSecondaryIndex{{
		IndexName: aws.String(dynamo.UpdatesIndex),
		KeySchema: key("upk", "usk"),
		Projection: &types.Projection{
			ProjectionType: types.ProjectionTypeInclude, NonKeyAttributes: dynamo.UpdatesProjection,
		},
	}}
	in.StreamSpecification = &types.StreamSpecification{
		StreamEnabled: aws.Bool(true), StreamViewType: types.StreamViewTypeKeysOnly,
	}
	return in
}

func attributes(names ...string) []types.AttributeDefinition {
	list := make([]types.AttributeDefinition, len(names))
	for i, name := range names {
		list[i] = types.AttributeDefinition{AttributeName: aws.String(name), AttributeType: types.ScalarAttributeTypeS}
	}
	return list
}

func key(partition, sort string) []types.KeySchemaElement {
	return []types.KeySchemaElement{
		{AttributeName: aws.String(partition), KeyType: types.KeyTypeHash},
		{AttributeName: aws.String(sort), KeyType: types.KeyTypeRange},
	}
}

// InUpdates is what the sparse index holds of a row: nothing of one without its key.
func InUpdates(tables dynamo.Tables, table string, row meter.Item) meter.Item {
	if _, ok := row["upk"]; !ok || table != tables.Messages {
		return nil
	}
	projected := meter.Item{}
	for _, name := range append([]string{"pk", "sk", "upk", "usk"}, dynamo.UpdatesProjection...) {
		projected[name] = row[name]
	}
	return projected
}
