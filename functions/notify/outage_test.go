package main

import (
	"context"
	"testing"
	"time"

	"unsend/shared/chat"
	"unsend/shared/config"
	"unsend/shared/edge"
	"unsend/shared/outage"
)

// Whatever is down: when it is back, and push has told what was left to it, the other device has the message.
func TestOutages(t *testing.T) {
	outage.Play(t, "notify", run, func(c *outage.Case, _ edge.StreamHandler) outage.Scene {
		c.Found()
		desk := c.Connect(c.Connection(c.Bob(), "desk", time.Minute))
		c.Env[config.ServerPushBudget] = "2500"
		switch {
		case c.Of == "one that has gone":
			c.Gone()
		case c.On == outage.PushQueue:
			c.Connect(c.Connection(c.Bob(), "tablet", time.Minute))
			c.Env[config.DirectPushLimit] = "1"
		}
		h, err := run(c.Context(), c.Getenv)
		c.Must(h, err)
		m := c.Send("m1", 0)
		event := outage.Streamed(chat.Stored{Key: m.MessageKey, Kind: chat.Inserted})
		return outage.Scene{
			Invoke: func(ctx context.Context) string {
				response, err := h(ctx, event)
				return c.AfterStream(len(event.Records), response, err)
			},
			Check: func() { c.Pushed(); c.Told(desk, m); c.OnlyConnected(c.Alice()) },
		}
	})
}
