package deployment

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"unsend/shared/chat"
	"unsend/shared/dynamo"
)

// restoreAttempts is how often a request to a restored table is tried, with the SDK's jitter between: a new table is
// throttled until it has grown with its load.
const restoreAttempts = 10

// Restored is the deployment's store with another table as its messages.
func (d *Deployment) Restored(table string) *dynamo.Store {
	tables := dynamo.Tables{Messages: table, Community: d.CommunityTable, Sessions: d.SessionsTable, Audit: d.AuditTable}
	return dynamo.New(dynamo.NewClient(d.aws, func(o *dynamodb.Options) { o.RetryMaxAttempts = restoreAttempts }), tables, dynamo.Options{})
}

// CheckRestored refuses a table that is not there, or not ready, or without the index that sync reads: writes would succeed, and devices
// would never learn of them. It refuses a table that has a stream, as those that are served have, unless it may be live, and one that AWS knows
// to be restored from another table than this stack's messages.
//
// point is the time (ms) that the table was restored from; 0: AWS does not say.
func (d *Deployment) CheckRestored(ctx context.Context, table string, live bool) (point int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	described, err := d.table(ctx, table)
	if err != nil {
		return 0, fmt.Errorf("look at the table %s (is it restored, and may you call dynamodb:DescribeTable on it?): %w", table, err)
	}
	if stream := described.StreamSpecification; stream != nil && aws.ToBool(stream.StreamEnabled) && !live {
		return 0, fmt.Errorf("%s has a stream, as a table that is served has and a restored one has not: name a restored one, or say --live", table)
	}
	point, err = d.restoredFrom(described)
	if err != nil {
		return 0, err
	}
	if _, err := d.Restored(table).Updates(ctx, "any", chat.UpdateRef{}, 1); err != nil {
		return 0, fmt.Errorf("read the index %s of the table %s (is it restored, with its index, and are both ACTIVE?): %w", dynamo.UpdatesIndex, table, err)
	}
	return point, nil
}

// restoredFrom is the point in time, where AWS says it. The table in use may have been restored under another name.
func (d *Deployment) restoredFrom(t *types.TableDescription) (point int64, err error) {
	name, summary := aws.ToString(t.TableName), t.RestoreSummary
	if summary == nil || name == d.MessagesTable {
		return 0, nil
	}
	if source := aws.ToString(summary.SourceTableArn); source != strings.TrimSuffix(aws.ToString(t.TableArn), name)+d.MessagesTable {
		return 0, fmt.Errorf("%s was restored from %s, not from %s, which the stack %q serves: name the stack that it belongs to", name, source, d.MessagesTable, d.Name)
	}
	if summary.RestoreDateTime != nil {
		point = summary.RestoreDateTime.UnixMilli()
	}
	return point, nil
}

// AuditCreated is since when there is an audit: it has nothing of before.
func (d *Deployment) AuditCreated(ctx context.Context) (time.Time, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	described, err := d.table(ctx, d.AuditTable)
	if err != nil {
		return time.Time{}, fmt.Errorf("look at the table %s (may you call dynamodb:DescribeTable on it?): %w", d.AuditTable, err)
	}
	return aws.ToTime(described.CreationDateTime), nil
}

func (d *Deployment) table(ctx context.Context, name string) (*types.TableDescription, error) {
	out, err := dynamo.NewClient(d.aws).DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: &name})
	if err != nil {
		return nil, err
	}
	return out.Table, nil
}
