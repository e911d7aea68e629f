package main

import (
	"context"
	"strings"
	"testing"
	"time"

	"unsend/shared/chat"
	"unsend/shared/edge"
	"unsend/shared/outage"
)

// Whatever is down: when the stream has delivered again, the audit has its one entry, and the bus was told of both.
func TestOutages(t *testing.T) {
	outage.Play(t, "record", run, func(c *outage.Case, h edge.StreamHandler) outage.Scene {
		sent, revoked := c.Send("m1", 0), c.Send("m2", 0)
		c.Revoke(revoked)
		event := outage.Streamed(chat.Stored{Key: sent.MessageKey, Kind: chat.Inserted}, chat.Stored{Key: revoked.MessageKey, Kind: chat.Modified})
		return outage.Scene{
			Invoke: func(ctx context.Context) string {
				response, err := h(ctx, event)
				return c.AfterStream(len(event.Records), response, err)
			},
			Check: func() {
				page, err := c.Store.Audit(c.Context(), chat.AuditQuery{ServerID: c.ServerID(), Until: chat.MaxTimestamp, Limit: 10, Now: time.Now()})
				c.Must(page, err)
				if len(page.Entries) != 1 {
					c.Errorf("the audit has %d entries", len(page.Entries))
				}
				told := strings.Join(c.Cloud.Take(outage.Bus), " ")
				if !strings.Contains(told, sent.MsgServerID) || !strings.Contains(told, revoked.MsgServerID) || strings.Contains(told, outage.Secret) {
					c.Errorf("the bus was told %s", told)
				}
			},
		}
	})
}
