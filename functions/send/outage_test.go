package main

import (
	"context"
	"testing"
	"time"

	"unsend/shared/chat"
	"unsend/shared/edge"
	"unsend/shared/outage"
)

// Whatever is down: a msg_id makes one message, of which its sender gets the id at last.
func TestOutages(t *testing.T) {
	outage.Play(t, "send", run, func(c *outage.Case, h edge.Handler) outage.Scene {
		c.Found()
		event := c.Frame(c.Connection(c.Alice(), "phone", time.Minute), "send",
			"server_id", c.ServerID(), "channel_id", outage.Channel, "msg_id", "m1", "msg_body", outage.Secret)
		if c.Of == "a repeated one" {
			c.PreparedBy(h, event)
		}
		var told map[string]any
		return outage.Scene{
			Invoke: func(ctx context.Context) (code string) {
				code, told = c.Answered(h(ctx, event))
				return code
			},
			Check: func() {
				rows := c.Messages()
				message, _ := told["message"].(map[string]any)
				if len(rows) != 1 || rows[0].MsgServerID != message["msg_server_id"] || rows[0].Status != chat.Normal {
					c.Errorf("stored %+v, told %v", rows, message)
				}
			},
		}
	})
}
