package unsend

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/coder/websocket"
)

// Client is one connection. Its methods may be called from any goroutine.
type Client struct {
	options Options
	conn    *websocket.Conn
	notices chan Notice

	ctx  context.Context // ends with the connection; its cause says why
	stop context.CancelCauseFunc
	done chan struct{} // closed when every goroutine has ended
	work sync.WaitGroup

	mu      sync.Mutex
	closing bool
	lastID  int64
	pending map[string]waiter // by request id
	heardAt time.Time
	ears    *ears // nil: notices go to the channel
}

// waiter is who waits for an answer.
type waiter struct {
	answered chan answer // takes one value
	// take, where set, sees the answer first, in the order of arrival among answers and notices.
	take func(answer)
}

// ears hears instead of the channel of notices, in the order of arrival; each call holds up the next frame.
type ears struct {
	notices    func(ctx context.Context, notices []json.RawMessage) // of one frame, not checked yet
	unreadable func(ctx context.Context)                            // a frame is none
}

func start(conn *websocket.Conn, o Options, e *ears) *Client {
	// Not the context of Dial: that one ends before the connection does.
	ctx, stop := context.WithCancelCause(context.Background())
	c := &Client{
		options: o, conn: conn, notices: make(chan Notice, o.NoticeBuffer),
		ctx: ctx, stop: stop, done: make(chan struct{}), pending: map[string]waiter{}, ears: e,
	}
	c.work.Go(c.read)
	if o.PingEvery > 0 {
		c.work.Go(c.heartbeat)
	}
	go func() {
		<-ctx.Done()
		_ = conn.CloseNow() // it ended already, or is to end at once
		c.work.Wait()
		close(c.notices)
		close(c.done)
	}()
	return c
}

// Notices gives what others do, in the order of arrival. It is closed after the
// connection has ended.
func (c *Client) Notices() <-chan Notice { return c.notices }

// Done is closed when the connection has ended and nothing of it runs any more.
func (c *Client) Done() <-chan struct{} { return c.done }

// Err says why the connection ended: [ErrClosed], [ErrSlowConsumer], [ErrNoHeartbeat] or a
// *[DisconnectedError]. It is nil while the connection lives.
func (c *Client) Err() error { return context.Cause(c.ctx) }

// Close ends the connection, politely where the server answers within a second,
// and waits until nothing of it runs any more. Closing again does nothing.
func (c *Client) Close() error {
	if c.Err() == nil {
		c.stopPolitely()
	}
	<-c.done
	if err := c.Err(); !errors.Is(err, ErrClosed) {
		return err
	}
	return nil
}

func (c *Client) stopPolitely() {
	const patience = time.Second
	timer := time.AfterFunc(patience, func() { c.stop(ErrClosed) })
	defer timer.Stop()
	c.mu.Lock()
	c.closing = true
	c.mu.Unlock()
	_ = c.conn.Close(websocket.StatusNormalClosure, "") // the connection is given up either way
	c.stop(ErrClosed)
}

// end ends the connection after reading or writing failed. The first cause stays.
func (c *Client) end(err error) {
	c.mu.Lock()
	closing := c.closing
	c.mu.Unlock()
	if closing {
		c.stop(ErrClosed)
		return
	}
	c.stop(disconnected(err))
}

// Send sends a message and gives it as it was stored.
func (c *Client) Send(ctx context.Context, r SendRequest) (Message, error) {
	if r.MsgID == "" {
		r.MsgID = c.options.NewID()
	}
	var m Message
	err := c.call(ctx, "send", r, part{"message", &m})
	return m, err
}

// Revoke takes a message back and gives it as it is now. Of one that was taken
// back before it gives the first operator's result.
func (c *Client) Revoke(ctx context.Context, r RevokeRequest) (Message, error) {
	var m Message
	err := c.call(ctx, "revoke", r, part{"message", &m})
	return m, err
}

// RevokeBatch takes messages of a channel back, and answers for each in their order: some may be refused where others
// are not, see [RevokeOutcome.Err]. Repeating it is safe.
func (c *Client) RevokeBatch(ctx context.Context, r RevokeBatchRequest) ([]RevokeOutcome, error) {
	var outcomes []RevokeOutcome
	err := c.call(ctx, "revokeBatch", r, part{"results", &outcomes})
	return outcomes, err
}

// History reads a page of a channel.
func (c *Client) History(ctx context.Context, r HistoryRequest) (Page, error) {
	var p Page
	err := c.call(ctx, "history", r, part{"messages", &p.Messages}, part{"next", &p.Next})
	return p, err
}

// syncRequest asks for what was taken back in a server.
type syncRequest struct {
	ServerID string `json:"server_id"`
	Cursor   string `json:"cursor,omitempty"`
}

// Sync gives what was taken back in a server since the cursor, an earlier
// answer's; empty for the first. An update may come more than once.
func (c *Client) Sync(ctx context.Context, serverID, cursor string) (SyncPage, error) {
	var p SyncPage
	err := c.call(ctx, "sync", syncRequest{serverID, cursor}, part{"updates", &p.Updates}, part{"cursor", &p.Cursor}, part{"more", &p.More},
		part{"access", &p.Access}, part{"delivery", &p.Delivery}, part{"reset", &p.Reset})
	return p, err
}

// subscription asks to be told of channels, or no longer.
type subscription struct {
	ServerID   string   `json:"server_id"`
	ChannelIDs []string `json:"channel_ids"`
}

// Subscribe has this connection told of channels of a large server, and answers for each. It ends with the
// connection. What was taken back before may have been missed: Sync after it.
func (c *Client) Subscribe(ctx context.Context, serverID string, channelIDs ...string) ([]Subscribed, error) {
	var channels []Subscribed
	err := c.call(ctx, "subscribe", subscription{serverID, channelIDs}, part{"channels", &channels})
	return channels, err
}

// Unsubscribe ends it.
func (c *Client) Unsubscribe(ctx context.Context, serverID string, channelIDs ...string) ([]Subscribed, error) {
	var channels []Subscribed
	err := c.call(ctx, "unsubscribe", subscription{serverID, channelIDs}, part{"channels", &channels})
	return channels, err
}

// Ping gives the server's time.
func (c *Client) Ping(ctx context.Context) (time.Time, error) {
	var ms int64
	if err := c.call(ctx, "ping", struct{}{}, part{"server_time", &ms}); err != nil {
		return time.Time{}, err
	}
	return time.UnixMilli(ms), nil
}

// call sends a request and reads parts of its answer.
func (c *Client) call(ctx context.Context, action string, body any, parts ...part) error {
	a, err := c.request(ctx, action, body, nil)
	if err == nil {
		err = a.read(parts...)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", action, err)
	}
	return nil
}

// request sends a frame and waits for its answer, which take sees first.
func (c *Client) request(ctx context.Context, action string, body any, take func(answer)) (answer, error) {
	within, cancel := context.WithTimeout(ctx, c.options.RequestTimeout)
	defer cancel()
	id, answered, err := c.expect(take)
	if err != nil {
		return answer{}, err
	}
	defer c.forget(id)
	text, err := frameOf(action, id, body)
	if err != nil {
		return answer{}, err
	}
	if err := c.write(within, text); err != nil {
		return answer{}, err
	}
	select {
	case a := <-answered:
		return a, a.err
	case <-c.ctx.Done():
		return answer{}, c.Err()
	case <-within.Done():
		if ctx.Err() != nil {
			return answer{}, ctx.Err()
		}
		return answer{}, fmt.Errorf("%w: %w", ErrNoAnswer, within.Err())
	}
}

func (c *Client) expect(take func(answer)) (id string, answered chan answer, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.Err() != nil {
		return "", nil, c.Err()
	}
	if c.closing {
		return "", nil, ErrClosed
	}
	c.lastID++
	id, answered = strconv.FormatInt(c.lastID, 10), make(chan answer, 1)
	c.pending[id] = waiter{answered, take}
	return id, answered, nil
}

func (c *Client) forget(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.pending, id)
}

// write does not hand ctx to the connection, which would end with it: giving up
// one request must not end the others.
func (c *Client) write(ctx context.Context, text []byte) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	writing, cancel := context.WithTimeout(c.ctx, c.options.RequestTimeout)
	defer cancel()
	if err := c.conn.Write(writing, websocket.MessageText, text); err != nil {
		c.end(err)
		return c.Err()
	}
	return nil
}

// heardSince tells whether anything came from the server after a moment.
func (c *Client) heardSince(t time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.heardAt.After(t)
}
