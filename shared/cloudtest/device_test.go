package cloudtest_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	unsend "unsend/clients/go"
	"unsend/shared/chat"
	"unsend/shared/cloudtest"
	"unsend/shared/wire"
)

// device is a client as the README asks for: it shows revoked beats new, syncs when it connects, 75 s later, after
// subscribing, and every few pings, and reads the history again where its sight of a channel changed.
type device struct {
	w           *world
	account, id string
	eager       bool // reads the history whenever it opens
	n           int  // of things done, for their names

	mu       sync.Mutex
	views    map[string]*unsend.View
	access   map[string]string
	delivery string
	cursor   *chat.UpdateRef
}

const (
	heartbeat    = 50 * time.Second
	syncEvery    = 3 * time.Minute
	secondSync   = 75 * time.Second
	longestLived = 2 * time.Hour // of a connection
)

func (d *device) name(what string) string {
	d.n++
	return fmt.Sprintf("%s of %s/%s %d", what, d.account, d.id, d.n)
}

// run is the device's life, until the world ends.
func (d *device) run(ctx context.Context) {
	cloudtest.Sleep(ctx, d.w.between("start of "+d.account+d.id, 0, 20*time.Second))
	for ctx.Err() == nil {
		if c := d.connect(ctx); c != nil {
			d.online(ctx, c)
		}
		if !d.w.quiet.Load() {
			cloudtest.Sleep(ctx, d.w.between("offline", 0, 50*time.Second))
		}
		cloudtest.Sleep(ctx, d.w.between("reconnect", 500*time.Millisecond, 4*time.Second))
	}
}

// connect gives nil when the handshake failed.
func (d *device) connect(ctx context.Context) *conn {
	c := &conn{
		id: d.name("connection") + "=", device: d, connectedAt: time.Now(), over: make(chan struct{}),
		subscribed: map[string]time.Time{}, told: map[string]bool{},
	}
	d.w.mu.Lock()
	d.w.conns[c.id] = c
	d.w.mu.Unlock()
	err := d.w.invoke(ctx, d.name("connect"), func(ctx context.Context, p *process) error {
		ctx, cancel := context.WithTimeout(ctx, 8*time.Second)
		defer cancel()
		return p.sessions.Connect(ctx, c.connection())
	})
	if err != nil {
		d.w.end(c.id)
		return nil
	}
	cloudtest.Sleep(ctx, d.w.between("handshake", 10*time.Millisecond, 8*time.Second))
	deliveries, err := d.w.store.Deliveries(context.Background(), []string{server})
	if err != nil {
		d.w.t.Error(err)
	}
	d.w.mu.Lock()
	defer d.w.mu.Unlock()
	if c.ended {
		return nil
	}
	c.open, c.openedAt, c.whole = true, time.Now(), deliveries[server].Mode(time.Now()) == chat.ToAll
	return c
}

// online stays until the connection ends, or the device goes.
func (d *device) online(ctx context.Context, c *conn) {
	opened := time.Now()
	if d.eager {
		d.mu.Lock()
		d.access = map[string]string{}
		d.mu.Unlock()
	}
	d.sync(ctx, c)
	next := map[string]time.Time{
		"ping": opened.Add(heartbeat), "second sync": opened.Add(secondSync), "sync": opened.Add(syncEvery), "end": opened.Add(longestLived),
		"act": opened.Add(d.w.between("act", time.Second, 20*time.Second)),
	}
	for ctx.Err() == nil {
		what := slices.MinFunc(slices.Sorted(maps.Keys(next)), func(a, b string) int { return next[a].Compare(next[b]) })
		timer := time.NewTimer(time.Until(next[what]))
		select {
		case <-c.over:
			timer.Stop()
			return
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
		switch what {
		case "ping":
			d.request(ctx, c, "ping", func(ctx context.Context, p *process) (string, error) {
				at, err := p.sessions.Ping(ctx, c.connection())
				return answer(wire.Ping, wire.Result{ServerTime: at.UnixMilli()}, err)
			})
			next[what] = time.Now().Add(heartbeat)
		case "second sync":
			d.sync(ctx, c)
			next[what] = time.Now().Add(100 * time.Hour)
		case "sync":
			d.sync(ctx, c)
			next[what] = time.Now().Add(syncEvery)
		case "end":
			d.w.end(c.id)
		case "act":
			if next[what] = time.Now().Add(100 * time.Hour); d.w.quiet.Load() {
				break
			}
			if !d.act(ctx, c) {
				d.w.end(c.id)
				return
			}
			next[what] = time.Now().Add(d.w.between("act", time.Second, 20*time.Second))
		}
	}
}

// answer is the frame that a client gets.
func answer(action string, result wire.Result, err error) (string, error) {
	if err != nil {
		return wire.Refusal(action, "1", err), nil
	}
	return wire.Answer(action, "1", result)
}

// response is an answer as a client reads it.
type response struct {
	Code     int               `json:"res_code"`
	Message  *unsend.Message   `json:"message"`
	Messages []unsend.Message  `json:"messages"`
	Next     string            `json:"next"`
	Updates  []unsend.Update   `json:"updates"`
	Access   map[string]string `json:"access"`
	Delivery string            `json:"delivery"`
	Reset    bool              `json:"reset"`
	Channels []unsend.Subscribed
}

var errNoAnswer = errors.New("no answer")

// request sends a frame on the connection; no answer comes of a function that was killed, or on a connection that has ended.
func (d *device) request(ctx context.Context, c *conn, what string, f func(context.Context, *process) (string, error)) (response, error) {
	var text string
	err := d.w.invoke(ctx, d.name(what), func(ctx context.Context, p *process) (err error) {
		ctx, cancel := context.WithTimeout(ctx, 4*time.Second)
		defer cancel()
		text, err = f(ctx, p)
		return err
	})
	d.w.mu.Lock()
	ended := c.ended
	d.w.mu.Unlock()
	if err != nil || ended {
		cloudtest.Sleep(ctx, time.Second) // that nothing comes takes time to see
		return response{}, errNoAnswer
	}
	var r response
	if err := json.Unmarshal([]byte(text), &r); err != nil {
		d.w.t.Error(err)
	}
	return r, nil
}

// again repeats a request until it is answered, as long as the connection lives. 503 and 416 are answers to repeat.
func (d *device) again(ctx context.Context, c *conn, what string, f func(context.Context, *process) (string, error)) (response, bool) {
	for range 20 {
		r, err := d.request(ctx, c, what, f)
		if err == nil && r.Code != int(chat.Busy) && r.Code != int(chat.Internal) {
			return r, true
		}
		select {
		case <-c.over:
			return response{}, false
		default:
		}
		if ctx.Err() != nil {
			return response{}, false
		}
		cloudtest.Sleep(ctx, d.w.between("again", 200*time.Millisecond, 2*time.Second))
	}
	return response{}, false
}

// sync learns what was taken back, and what is to be seen.
func (d *device) sync(ctx context.Context, c *conn) {
	if !d.syncOnce(ctx, c) {
		return
	}
	d.mu.Lock()
	large := d.delivery != unsend.DeliveryAll
	var missing []string
	d.w.mu.Lock()
	for _, channel := range slices.Sorted(maps.Keys(d.access)) {
		if _, ok := c.subscribed[channel]; large && !ok {
			missing = append(missing, channel)
		}
	}
	d.w.mu.Unlock()
	d.mu.Unlock()
	if len(missing) > 0 && d.subscribe(ctx, c, missing) {
		d.syncOnce(ctx, c)
	}
}

func (d *device) subscribe(ctx context.Context, c *conn, channels []string) bool {
	r, ok := d.again(ctx, c, "subscribe", func(ctx context.Context, p *process) (string, error) {
		done, err := p.subscriptions.Subscribe(ctx, c.connection(), chat.SubscribeRequest{ServerID: server, ChannelIDs: channels})
		return answer(wire.Subscribe, wire.Result{Subscribed: done}, err)
	})
	if !ok || r.Code != 200 {
		return false
	}
	d.w.mu.Lock()
	defer d.w.mu.Unlock()
	for _, s := range r.Channels {
		if s.Code == 200 {
			c.subscribed[s.ChannelID] = time.Now()
		}
	}
	return true
}

func (d *device) syncOnce(ctx context.Context, c *conn) bool {
	var page chat.SyncPage
	for more := true; more; more = page.More {
		d.mu.Lock()
		from := d.cursor
		d.mu.Unlock()
		r, ok := d.again(ctx, c, "sync", func(ctx context.Context, p *process) (text string, err error) {
			page, err = p.syncs.Sync(ctx, c.connection(), chat.SyncRequest{ServerID: server, From: from})
			return answer(wire.Sync, wire.Result{Sync: &page}, err)
		})
		switch {
		case !ok:
			return false
		case r.Code == int(chat.Forbidden):
			d.mu.Lock()
			defer d.mu.Unlock()
			d.access, d.views = map[string]string{}, map[string]*unsend.View{}
			return false
		case r.Code != 200:
			return false
		}
		d.mu.Lock()
		for _, u := range r.Updates {
			d.viewOf(u.ChannelID).ApplyUpdate(u)
		}
		next := page.Next
		d.cursor = &next
		d.mu.Unlock()
		if !page.More {
			return d.follow(ctx, c, r)
		}
	}
	return true
}

// follow reads the history of the channels whose stamp is new.
func (d *device) follow(ctx context.Context, c *conn, r response) bool {
	d.mu.Lock()
	d.delivery = r.Delivery
	for channel := range d.access {
		if r.Access[channel] == "" {
			delete(d.access, channel)
			delete(d.views, channel)
		}
	}
	var anew []string
	for _, channel := range slices.Sorted(maps.Keys(r.Access)) {
		if d.access[channel] != r.Access[channel] {
			anew = append(anew, channel)
		}
	}
	d.mu.Unlock()
	for _, channel := range anew {
		if !d.history(ctx, c, channel) {
			continue // its stamp stays new
		}
		d.mu.Lock()
		d.access[channel] = r.Access[channel]
		d.mu.Unlock()
	}
	return true
}

// history reads everything there is of a channel.
func (d *device) history(ctx context.Context, c *conn, channel string) bool {
	request := chat.HistoryRequest{ServerID: server, ChannelID: channel, Limit: 100}
	for {
		var page chat.HistoryPage
		r, ok := d.again(ctx, c, "history", func(ctx context.Context, p *process) (text string, err error) {
			page, err = p.histories.History(ctx, c.connection(), request)
			return answer(wire.History, wire.Result{Page: &page}, err)
		})
		if !ok || r.Code != 200 {
			return false
		}
		d.mu.Lock()
		for _, m := range r.Messages {
			d.viewOf(channel).Apply(m)
		}
		d.mu.Unlock()
		if page.Next == nil {
			return true
		}
		request.After = page.Next
	}
}

// viewOf is called with the lock held.
func (d *device) viewOf(channel string) *unsend.View {
	if d.views[channel] == nil {
		d.views[channel] = unsend.NewView(server, channel)
	}
	return d.views[channel]
}

// notices is what comes on a connection.
func (d *device) notices(c *conn, notices []unsend.Notice) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, n := range notices {
		d.viewOf(n.Message.ChannelID).Apply(n.Message)
	}
}

// act does something that people do. False: the device goes.
func (d *device) act(ctx context.Context, c *conn) bool {
	switch n := d.w.draw("action"); {
	case n < 0.08:
		return false
	case n < 0.13:
		d.unsubscribe(ctx, c)
	case n < 0.60:
		d.send(ctx, c)
	default:
		d.revoke(ctx, c)
	}
	return true
}

func (d *device) unsubscribe(ctx context.Context, c *conn) {
	channel := channels[d.w.pick("channel", len(channels))]
	d.w.mu.Lock()
	delete(c.subscribed, channel)
	d.w.mu.Unlock()
	d.again(ctx, c, "unsubscribe", func(ctx context.Context, p *process) (string, error) {
		done, err := p.subscriptions.Unsubscribe(ctx, c.connection(), chat.SubscribeRequest{ServerID: server, ChannelIDs: []string{channel}})
		return answer(wire.Unsubscribe, wire.Result{Subscribed: done}, err)
	})
}

func (d *device) send(ctx context.Context, c *conn) {
	channel, id := channels[d.w.pick("channel", len(channels))], d.name("message")
	r, ok := d.again(ctx, c, "send", func(ctx context.Context, p *process) (string, error) {
		m, err := p.sender.Send(ctx, c.connection(), chat.SendRequest{ServerID: server, ChannelID: channel, MsgID: id, Content: chat.Content{Body: "text of " + id}})
		return answer(wire.Send, wire.Result{Message: &m}, err)
	})
	d.take(ok, r)
}

// revoke takes back a message that the device shows: mostly a new one.
func (d *device) revoke(ctx context.Context, c *conn) {
	channel := channels[d.w.pick("channel", len(channels))]
	d.mu.Lock()
	messages := d.viewOf(channel).Messages()
	d.mu.Unlock()
	messages = slices.DeleteFunc(messages, func(m unsend.Message) bool { return m.Status != unsend.StatusNormal })
	if len(messages) == 0 {
		return
	}
	m := messages[len(messages)-1-d.w.pick("which", min(4, len(messages)))]
	r, ok := d.again(ctx, c, "revoke", func(ctx context.Context, p *process) (string, error) {
		now, err := p.revocations.Revoke(ctx, c.connection(), chat.RevokeRequest{Key: chat.MessageKey(m.MessageKey), Info: chat.UpdateInfo{Postscript: "x"}})
		return answer(wire.Revoke, wire.Result{Message: &now}, err)
	})
	d.take(ok, r)
}

func (d *device) take(ok bool, r response) {
	if !ok || r.Code != 200 || r.Message == nil {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.viewOf(r.Message.ChannelID).Apply(*r.Message)
}
