package unsend

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
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
	pending map[string]chan response // by request id; each takes one value
}

// response is an answer of any action.
type response struct {
	Type       string          `json:"type"`
	RequestID  string          `json:"request_id"`
	Code       int             `json:"res_code"`
	Reason     string          `json:"reason"`
	Field      string          `json:"field"`
	Retryable  bool            `json:"retryable"`
	Message    json.RawMessage `json:"message"`
	Messages   []Message       `json:"messages"`
	Next       string          `json:"next"`
	ServerTime int64           `json:"server_time"`
	Notices    []Notice        `json:"notices"`
	SyncPage
	Channels []Subscribed    `json:"channels"`
	Results  []RevokeOutcome `json:"results"`
}

func start(conn *websocket.Conn, o Options) *Client {
	// Not the context of Dial: that one ends before the connection does.
	ctx, stop := context.WithCancelCause(context.Background())
	c := &Client{
		options: o, conn: conn, notices: make(chan Notice, o.NoticeBuffer),
		ctx: ctx, stop: stop, done: make(chan struct{}), pending: map[string]chan response{},
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
	answer, err := c.request(ctx, func(h head) any {
		return struct {
			head
			SendRequest
		}{h, r}
	}, "send")
	if err != nil {
		return Message{}, fmt.Errorf("send: %w", err)
	}
	return answer.message("send")
}

// Revoke takes a message back and gives it as it is now. Of one that was taken
// back before it gives the first operator's result.
func (c *Client) Revoke(ctx context.Context, r RevokeRequest) (Message, error) {
	answer, err := c.request(ctx, func(h head) any {
		return struct {
			head
			RevokeRequest
		}{h, r}
	}, "revoke")
	if err != nil {
		return Message{}, fmt.Errorf("revoke: %w", err)
	}
	return answer.message("revoke")
}

// RevokeBatch takes messages of a channel back, and answers for each in their order: some may be refused where others
// are not, see [RevokeOutcome.Err]. Repeating it is safe.
func (c *Client) RevokeBatch(ctx context.Context, r RevokeBatchRequest) ([]RevokeOutcome, error) {
	answer, err := c.request(ctx, func(h head) any {
		return struct {
			head
			RevokeBatchRequest
		}{h, r}
	}, "revokeBatch")
	if err != nil {
		return nil, fmt.Errorf("revokeBatch: %w", err)
	}
	return answer.Results, nil
}

// History reads a page of a channel.
func (c *Client) History(ctx context.Context, r HistoryRequest) (Page, error) {
	answer, err := c.request(ctx, func(h head) any {
		return struct {
			head
			HistoryRequest
		}{h, r}
	}, "history")
	if err != nil {
		return Page{}, fmt.Errorf("history: %w", err)
	}
	return Page{Messages: answer.Messages, Next: answer.Next}, nil
}

// Sync gives what was taken back in a server since the cursor, an earlier
// answer's; empty for the first. An update may come more than once.
func (c *Client) Sync(ctx context.Context, serverID, cursor string) (SyncPage, error) {
	answer, err := c.request(ctx, func(h head) any {
		return struct {
			head
			ServerID string `json:"server_id"`
			Cursor   string `json:"cursor,omitempty"`
		}{h, serverID, cursor}
	}, "sync")
	if err != nil {
		return SyncPage{}, fmt.Errorf("sync: %w", err)
	}
	return answer.SyncPage, nil
}

// Subscribe has this connection told of channels of a large server, and answers for each. It ends with the
// connection. What was taken back before may have been missed: Sync after it.
func (c *Client) Subscribe(ctx context.Context, serverID string, channelIDs ...string) ([]Subscribed, error) {
	return c.subscription(ctx, "subscribe", serverID, channelIDs)
}

// Unsubscribe ends it.
func (c *Client) Unsubscribe(ctx context.Context, serverID string, channelIDs ...string) ([]Subscribed, error) {
	return c.subscription(ctx, "unsubscribe", serverID, channelIDs)
}

func (c *Client) subscription(ctx context.Context, action, serverID string, channelIDs []string) ([]Subscribed, error) {
	answer, err := c.request(ctx, func(h head) any {
		return struct {
			head
			ServerID   string   `json:"server_id"`
			ChannelIDs []string `json:"channel_ids"`
		}{h, serverID, channelIDs}
	}, action)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", action, err)
	}
	return answer.Channels, nil
}

// Ping gives the server's time.
func (c *Client) Ping(ctx context.Context) (time.Time, error) {
	answer, err := c.request(ctx, func(h head) any { return h }, "ping")
	if err != nil {
		return time.Time{}, fmt.Errorf("ping: %w", err)
	}
	return time.UnixMilli(answer.ServerTime), nil
}

type head struct {
	Action    string `json:"action"`
	RequestID string `json:"request_id"`
}

// request sends a frame and waits for its answer.
func (c *Client) request(ctx context.Context, frame func(head) any, action string) (response, error) {
	ctx, cancel := context.WithTimeout(ctx, c.options.RequestTimeout)
	defer cancel()
	id, answered, err := c.expect()
	if err != nil {
		return response{}, err
	}
	defer c.forget(id)
	if err := c.write(ctx, frame(head{Action: action, RequestID: id})); err != nil {
		return response{}, err
	}
	select {
	case answer := <-answered:
		return answer, answer.refusal()
	case <-c.ctx.Done():
		return response{}, c.Err()
	case <-ctx.Done():
		return response{}, fmt.Errorf("no answer in time: %w", ctx.Err())
	}
}

func (c *Client) expect() (id string, answered chan response, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.Err() != nil {
		return "", nil, c.Err()
	}
	if c.closing {
		return "", nil, ErrClosed
	}
	c.lastID++
	id, answered = strconv.FormatInt(c.lastID, 10), make(chan response, 1)
	c.pending[id] = answered
	return id, answered, nil
}

func (c *Client) forget(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.pending, id)
}

// write does not hand ctx to the connection, which would end with it: giving up
// one request must not end the others.
func (c *Client) write(ctx context.Context, frame any) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false) // < is one byte, not six
	if err := encoder.Encode(frame); err != nil {
		return err
	}
	writing, cancel := context.WithTimeout(c.ctx, c.options.RequestTimeout)
	defer cancel()
	if err := c.conn.Write(writing, websocket.MessageText, bytes.TrimSuffix(text.Bytes(), []byte("\n"))); err != nil {
		c.end(err)
		return c.Err()
	}
	return nil
}

func (r response) refusal() error {
	if r.Code == http.StatusOK {
		return nil
	}
	return &Error{Code: r.Code, Reason: r.Reason, Field: r.Field, Retryable: r.Retryable}
}

func (r response) message(action string) (Message, error) {
	var m Message
	if err := json.Unmarshal(r.Message, &m); err != nil {
		return m, fmt.Errorf("%s: the answer holds no message: %w", action, err)
	}
	return m, nil
}
