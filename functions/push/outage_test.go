package main

import (
	"context"
	"testing"
	"time"

	"unsend/shared/chat"
	"unsend/shared/edge"
	"unsend/shared/outage"
	"unsend/shared/queue/form"
)

// Whatever is down: when it is back, and what was put off has had its turn, the device has the message.
func TestOutages(t *testing.T) {
	outage.Play(t, "push", run, func(c *outage.Case, h edge.QueueHandler) outage.Scene {
		c.Found()
		desk := c.Connect(c.Connection(c.Bob(), "desk", time.Minute))
		m := c.Send("m1", 0)
		task := chat.Task{ServerID: c.ServerID(), Records: []chat.Stored{{Key: m.MessageKey, Kind: chat.Inserted}}}
		tasks := []chat.Task{task}
		switch c.Of {
		case "some that are left":
			tasks[0].Part = &chat.Part{Only: []string{desk.ID}}
		case "one that has gone":
			c.Gone()
		case "two servers":
			other := m.MessageKey
			other.ServerID = "other-" + c.ID
			tasks = append(tasks, chat.Task{ServerID: other.ServerID, Records: []chat.Stored{{Key: other, Kind: chat.Inserted}}, Part: &chat.Part{}})
		}
		var bodies []string
		for _, task := range tasks {
			body, err := form.EncodeTask(task)
			c.Must(body, err)
			bodies = append(bodies, body)
		}
		event := outage.Queued(bodies...)
		return outage.Scene{
			Invoke: func(ctx context.Context) string {
				response, err := h(ctx, event)
				return c.AfterQueue(len(event.Records), response, err)
			},
			Check: func() { c.Pushed(); c.Told(desk, m); c.OnlyConnected(c.Alice()) },
		}
	})
}
