package main

import (
	"context"
	"strconv"
	"testing"
	"time"

	"unsend/shared/edge"
	"unsend/shared/outage"
)

// Whatever is down: the device comes back with another connection, and then that one is known, alone. The rows that it had before, and
// those that a handshake which failed has left, are gone.
func TestOutages(t *testing.T) {
	outage.Play(t, "connect", run, func(c *outage.Case, h edge.Handler) outage.Scene {
		c.Found()
		c.Connect(c.Connection(c.Alice(), "phone", 3*time.Minute))
		connect := func(ctx context.Context, age time.Duration) string {
			connection := c.Connection(c.Alice(), "phone", age)
			c.Cloud.Open(connection.ID)
			response, err := h(ctx, c.Frame(connection, "$connect"))
			c.Must(response, err)
			if response.StatusCode != 200 {
				c.Cloud.Shut(connection.ID) // as API Gateway does
			}
			return strconv.Itoa(response.StatusCode)
		}
		return outage.Scene{
			Invoke: func(ctx context.Context) string { return connect(ctx, time.Minute) },
			Again:  func(ctx context.Context) string { return connect(ctx, 0) },
			Check:  func() { c.OnlyConnected(c.Alice(), c.Connection(c.Alice(), "phone", 0).ID) },
		}
	})
}
