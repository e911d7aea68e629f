package main

import (
	"context"
	"strconv"
	"testing"
	"time"

	"unsend/shared/edge"
	"unsend/shared/outage"
)

// Whatever is down: $disconnect does not come again, and the rows that it has left go with the device's next connect.
func TestOutages(t *testing.T) {
	outage.Play(t, "disconnect", run, func(c *outage.Case, h edge.Handler) outage.Scene {
		c.Found()
		old := c.Connect(c.Connection(c.Alice(), "phone", time.Minute))
		next := c.Connection(c.Alice(), "phone", 0)
		return outage.Scene{
			Invoke: func(ctx context.Context) string {
				c.Cloud.Shut(old.ID)
				response, err := h(ctx, c.Frame(old, "$disconnect"))
				c.Must(response, err)
				return strconv.Itoa(response.StatusCode)
			},
			Again: func(context.Context) string { c.Connect(next); return "200" },
			Check: func() { c.OnlyConnected(c.Alice(), next.ID) },
		}
	})
}
