package deployment

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

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
// would never learn of them.
func (d *Deployment) CheckRestored(ctx context.Context, table string) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	if _, err := d.Restored(table).Updates(ctx, "any", chat.UpdateRef{}, 1); err != nil {
		return fmt.Errorf("read the index %s of the table %s (is it restored, with its index, and are both ACTIVE?): %w", dynamo.UpdatesIndex, table, err)
	}
	return nil
}
