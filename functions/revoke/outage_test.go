package main

import (
	"context"
	"slices"
	"testing"
	"time"

	"unsend/shared/chat"
	"unsend/shared/edge"
	"unsend/shared/outage"
)

// Whatever is down: a message that its author was told is revoked is, with the first operator's result, and repeating gets there.
func TestOutages(t *testing.T) {
	outage.Play(t, "revoke", run, func(c *outage.Case, h edge.Handler) outage.Scene {
		c.Found()
		first, second := c.Send("m1", 0), c.Send("m2", 0)
		place := func(m chat.Message) []any { return []any{"timestamp", m.Timestamp, "msg_server_id", m.MsgServerID} }
		phone := c.Connection(c.Alice(), "phone", time.Minute)
		members := append([]any{"server_id", c.ServerID(), "channel_id", outage.Channel, "update_info", map[string]any{"postscript": "wrong room"}}, place(first)...)
		event := c.Frame(phone, "revoke", members...)
		revoked := []string{first.MsgServerID}
		if c.Of == "revokeBatch" {
			both := []map[string]any{pairs(place(first)), pairs(place(second))}
			event = c.Frame(phone, "revokeBatch", append(slices.Clone(members[:6]), "messages", both)...)
			revoked = append(revoked, second.MsgServerID)
		}
		return outage.Scene{
			Invoke: func(ctx context.Context) string {
				code, answer := c.Answered(h(ctx, event))
				return outage.Parts(code, answer["results"])
			},
			Check: func() {
				for _, m := range c.Messages() {
					want := chat.Normal
					if slices.Contains(revoked, m.MsgServerID) {
						want = chat.Revoked
					}
					if m.Status != want || (want == chat.Revoked) != (m.Version == 2 && m.Content.Body == "") {
						c.Errorf("%s is %+v", m.MsgServerID, m)
					}
				}
			},
		}
	})
}

func pairs(list []any) map[string]any {
	members := map[string]any{}
	for i := 0; i < len(list); i += 2 {
		members[list[i].(string)] = list[i+1]
	}
	return members
}
