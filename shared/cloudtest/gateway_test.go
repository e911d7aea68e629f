package cloudtest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	unsend "unsend/clients/go"
	"unsend/shared/chat"
	"unsend/shared/cloudtest/history"
)

// conn is a connection as API Gateway has it. Its fields are the world's to lock.
type conn struct {
	id          string
	device      *device
	connectedAt time.Time
	openedAt    time.Time
	open        bool // $connect has returned
	ended       bool
	over        chan struct{} // closed when it has ended
	falseGone   time.Time     // when a post or closing was answered 410 while it was live, the last time
	whole       bool          // everybody was told when it was opened
	subscribed  map[string]time.Time
	told        map[string]bool
}

func told(key chat.MessageKey, event chat.Event) string {
	return fmt.Sprint(event, key.ChannelID, key.MsgServerID)
}

// gateway is the connection service as the functions have it.
type gateway struct{ w *world }

// Post gives the frame to the device, unless a fault befalls it.
func (g gateway) Post(ctx context.Context, id string, frame []byte) error {
	w := g.w
	inv := ctx.Value(invocationKey{}).(*invocation)
	if inv.dead.Load() {
		return errKilled
	}
	decided := w.fate(inv, "Post", id)
	latency := w.between("latency of a post", time.Millisecond, 900*time.Millisecond)
	if decided == strange && w.chance("it hangs", 0.5) {
		latency = time.Hour
	}
	timer := time.NewTimer(latency)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
		return chat.ErrTimeout
	}
	switch decided {
	case killedBefore:
		inv.dead.Store(true)
	case throttled:
		return chat.ErrThrottled
	case strange:
		w.mu.Lock()
		defer w.mu.Unlock()
		if c := w.conns[id]; c != nil {
			c.falseGone = time.Now()
		}
		return chat.ErrGone
	}
	if inv.dead.Load() {
		return errKilled
	}
	err := w.deliver(id, frame)
	w.traced("%s: Post to %s: %v, fate %d", inv.name, id, err, decided)
	switch decided {
	case killedAfter:
		inv.dead.Store(true)
		return errKilled
	case answerLost:
		return chat.ErrTimeout
	}
	return err
}

// deliver looks whether the account may know it at this moment, and gives it to the device.
func (w *world) deliver(id string, frame []byte) error {
	var notices struct{ Notices []unsend.Notice }
	if err := json.Unmarshal(frame, &notices); err != nil {
		w.t.Error(err)
	}
	w.mu.Lock()
	c := w.conns[id]
	if c == nil || c.ended || !c.open {
		w.mu.Unlock()
		return chat.ErrGone
	}
	var late []string
	for _, n := range notices.Notices {
		since, lost := w.sights.LostSince(sight(c.device.account, n.Message.ChannelID))
		if lost && time.Since(since) > history.Silence {
			late = append(late, fmt.Sprintf("%s was told of %s %v after %s was out of sight", id, n.Message.MsgServerID, time.Since(since), n.Message.ChannelID))
		}
		c.told[told(chat.MessageKey(n.Message.MessageKey), chat.Event(n.Event))] = true
		if n.Message.Status == unsend.StatusRevoked && n.Message.Content.Body != "" {
			late = append(late, id+" was told a text that was taken back")
		}
	}
	w.mu.Unlock()
	for _, text := range late {
		w.violated("%s", text)
	}
	c.device.notices(c, notices.Notices)
	return nil
}

// Close ends a connection.
func (g gateway) Close(ctx context.Context, id string) error {
	_, err := call(ctx, g.w, "Close", id, func(context.Context) (nothing, error) {
		g.w.mu.Lock()
		c := g.w.conns[id]
		pending := c != nil && !c.open
		if c != nil && c.open && g.w.profile.faults > 0 && time.Since(c.falseGone) < 10*time.Second && len(id)%2 == 0 {
			c.falseGone = time.Now() // and so does its closing; only a ping will tell
			pending = true
		}
		g.w.mu.Unlock()
		if pending || !g.w.end(id) { // whoever is still in the handshake is not there yet
			return nothing{}, chat.ErrGone
		}
		return nothing{}, nil
	})
	if chat.CodeOf(err) == chat.Busy {
		return chat.ErrThrottled
	}
	return err
}

// end ends a connection for the device, too; its $disconnect comes a little later, or never.
func (w *world) end(id string) bool {
	w.mu.Lock()
	c := w.conns[id]
	if c == nil || c.ended {
		w.mu.Unlock()
		return false
	}
	c.ended = true
	close(c.over)
	opened := c.open
	w.mu.Unlock()
	if opened && !w.chance("the disconnect is lost", 0.2) {
		w.running.Go(func() {
			time.Sleep(w.between("disconnect", 10*time.Millisecond, 40*time.Second))
			for range 3 { // an asynchronous invocation is tried three times
				err := w.invoke(context.Background(), "disconnect", func(ctx context.Context, p *process) error {
					return p.sessions.Disconnect(ctx, c.connection())
				})
				if err == nil {
					return
				}
				time.Sleep(30 * time.Second)
			}
		})
	}
	return true
}

func (c *conn) connection() chat.Connection {
	return chat.Connection{
		ID: c.id, AccountID: c.device.account, DeviceID: c.device.id, ClientType: chat.Web,
		ConnectedAt: c.connectedAt.UnixMilli(), TokenExpiresAt: c.connectedAt.Add(6 * time.Hour).UnixMilli(),
	}
}
