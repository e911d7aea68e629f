package main

import (
	"context"
	"testing"
	"time"

	"unsend/shared/edge"
	"unsend/shared/outage"
)

// Whatever is down: a page is whole, or it is none.
func TestOutages(t *testing.T) {
	outage.Play(t, "read", run, func(c *outage.Case, h edge.Handler) outage.Scene {
		c.Found()
		m := c.Send("m1", 0)
		c.Revoke(m)
		phone := c.Connection(c.Alice(), "phone", time.Minute)
		event, list := c.Frame(phone, "history", "server_id", c.ServerID(), "channel_id", outage.Channel), "messages"
		if c.Of == "sync" {
			first := c.PreparedBy(h, c.Frame(phone, "sync", "server_id", c.ServerID()))
			event, list = c.Frame(phone, "sync", "server_id", c.ServerID(), "cursor", first["cursor"]), "updates"
		}
		return outage.Scene{Invoke: func(ctx context.Context) string {
			code, answer := c.Answered(h(ctx, event))
			rows, _ := answer[list].([]any)
			if (code == "200") != (len(rows) == 1) {
				c.Errorf("%s of %d rows", code, len(rows))
			}
			return code
		}}
	})
}
