package operations

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"unsend/shared/dynamo"
	"unsend/shared/dynamo/dynamotest"
	"unsend/shared/dynamo/meter"
	"unsend/shared/edge"
)

// counted is a world whose calls are counted.
type counted struct {
	*world
	meter *meter.Meter
	log   bytes.Buffer
	run   runner
	ends  []func()
}

func newCounted(client Client, tables dynamo.Tables, scene Scene, run runner) *counted {
	c := &counted{meter: meter.New(), run: run}
	c.meter.Index = func(table string, row meter.Item) meter.Item { return dynamotest.InUpdates(tables, table, row) }
	outside := func(o *dynamodb.Options) { o.HTTPClient = meter.Outside(c, o.HTTPClient) }
	clock := func() time.Time { return began }
	c.world = newWorld(client(c.meter.Attach, outside), client(), tables, scene, clock, edge.NewLogger(&c.log, func(string) string { return "" }), new(atomic.Int64))
	return c
}

// Cleanup keeps what ends with this world. See [meter.Outside].
func (c *counted) Cleanup(end func()) { c.ends = append(c.ends, end) }

func (c *counted) close() {
	for _, end := range c.ends {
		end()
	}
}

// count does the operation once, in a bubble.
func (c *counted) count(each operation) (Operation, error) {
	counted := Operation{Name: each.name}
	var answer string
	if err := c.run(func(ctx context.Context) error {
		invocation, err := each.prepare(ctx, c.world)
		if err != nil {
			return fmt.Errorf("prepare: %w", err)
		}
		c.meter.Begin()
		c.log.Reset()
		if answer, err = invocation.do(ctx); err != nil {
			return err
		}
		return invocation.check(answer)
	}); err != nil {
		return counted, err
	}
	for _, call := range c.meter.Calls() {
		if call.Attempts > 1 || call.Unprocessed > 0 {
			return counted, fmt.Errorf("%s took %d attempts, and left %d", call.Operation, call.Attempts, call.Unprocessed)
		}
	}
	units := c.meter.Units()
	counted.RoundTrips, counted.Requests = c.meter.RoundTrips(), len(c.meter.Calls())
	counted.Reads, counted.Writes, counted.LogBytes, counted.Answer = units.Read, units.Write, c.log.Len(), 0
	if strings.HasPrefix(answer, "{") { // a frame
		counted.Answer = len(answer)
	}
	return counted, nil
}
