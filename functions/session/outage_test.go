package main

import (
	"context"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"unsend/shared/chat"
	"unsend/shared/edge"
	"unsend/shared/outage"
)

// Whatever is down: asked again, the channel is subscribed to, in the list and in the audience, and a connection without rows is closed.
func TestOutages(t *testing.T) {
	outage.Play(t, "session", run, func(c *outage.Case, h edge.Handler) outage.Scene {
		c.Found()
		phone := c.Connection(c.Alice(), "phone", time.Minute)
		asked := func(event events.APIGatewayWebsocketProxyRequest) func(context.Context) string {
			return func(ctx context.Context) string {
				code, _ := c.Answered(h(ctx, event))
				return code
			}
		}
		switch {
		case c.Of == "subscribe":
			event := c.Frame(phone, "subscribe", "server_id", c.ServerID(), "channel_ids", []string{outage.Channel})
			return outage.Scene{Invoke: asked(event), Check: func() { subscribed(c, phone) }}
		case c.On == outage.Connections:
			c.Cloud.Open(phone.ID)
			return outage.Scene{Invoke: asked(c.Frame(phone, "ping")), Check: func() {
				if c.Cloud.IsOpen(phone.ID) {
					c.Error("a connection of which there is no row is open")
				}
			}}
		}
		c.Connect(phone)
		return outage.Scene{Invoke: asked(c.Frame(phone, "ping")), Check: func() {
			if c.OnlyConnected(c.Alice(), phone.ID); !c.Cloud.IsOpen(phone.ID) {
				c.Error("a connection was closed that is well")
			}
		}}
	})
}

func subscribed(c *outage.Case, connection chat.Connection) {
	c.Helper()
	channel := chat.ChannelRef{ServerID: c.ServerID(), ChannelID: outage.Channel}
	list, err := c.Store.Subscriptions(c.Context(), c.Alice(), connection.ID)
	c.Must(list, err)
	if len(list) != 1 || list[0] != channel {
		c.Errorf("the list holds %v", list)
	}
	n := 0
	for shard := range chat.SubscriberShards {
		rows, err := c.Store.Presences(c.Context(), chat.Crowd{ServerID: channel.ServerID, ChannelID: channel.ChannelID, Shard: shard}, []string{connection.ID}, 0)
		c.Must(rows, err)
		n += len(rows)
	}
	if n != 1 {
		c.Errorf("%d rows among the subscribers", n)
	}
}
