package unsend

import (
	"encoding/json"
	"time"
)

// read hands on what arrives until the connection ends.
func (c *Client) read() {
	for {
		_, text, err := c.conn.Read(c.ctx)
		if err != nil {
			c.end(err)
			return
		}
		if !c.take(text) {
			return
		}
	}
}

// take tells whether the connection goes on. What cannot be read is passed over: a later server's frame is no reason to
// lose it.
func (c *Client) take(text []byte) bool {
	c.mu.Lock()
	c.heardAt = time.Now()
	c.mu.Unlock()
	frame := fieldsOf(text)
	switch kind, known := stringOf(frame["type"]); {
	case kind == "response":
		c.answer(stringOrNumber(frame["request_id"]), answerOf(frame))
		return true
	case kind == "notices":
		if list, ok := listOf(frame["notices"]); ok {
			return c.hear(list)
		}
	case !known && frame["type"] == nil:
		if reason, ok := stringOf(frame["message"]); ok {
			c.gatewayFailed(reason)
			return true
		}
	}
	if c.ears != nil {
		c.ears.unreadable(c.ctx)
	}
	return true
}

func (c *Client) hear(list []json.RawMessage) bool {
	if c.ears != nil {
		c.ears.notices(c.ctx, list)
		return true
	}
	for _, raw := range list {
		var n Notice
		if json.Unmarshal(raw, &n) != nil {
			continue // the others count
		}
		select {
		case c.notices <- n:
		default:
			c.stop(ErrSlowConsumer)
			return false
		}
	}
	return true
}

func (c *Client) answer(id string, a answer) {
	c.mu.Lock()
	w, ok := c.pending[id]
	delete(c.pending, id) // a second answer finds nobody
	c.mu.Unlock()
	if !ok {
		return
	}
	if w.take != nil {
		w.take(a)
	}
	w.answered <- a
}

// gatewayFailed: API Gateway speaks for a function that could not, in a frame
// {"message": …, "connectionId": …} without the id of the request. Where a single request is
// under way it is that one's; else each runs into its own deadline. Its failures are throttling, timeouts and
// functions that ended: temporary, so the code is the one of what is worth repeating, while a
// function's own 500 is not.
func (c *Client) gatewayFailed(reason string) {
	c.mu.Lock()
	only := ""
	if len(c.pending) == 1 {
		for id := range c.pending {
			only = id
		}
	}
	c.mu.Unlock()
	c.answer(only, answer{err: &Error{Code: CodeBusy, Reason: "gateway: " + reason, Retryable: true}})
}

// heartbeat keeps the connection from being taken for idle, and notices when
// nobody is at its other end.
func (c *Client) heartbeat() {
	ticker := time.NewTicker(c.options.PingEvery)
	defer ticker.Stop()
	for {
		select {
		case <-c.ctx.Done():
			return
		case <-ticker.C:
		}
		if _, err := c.Ping(c.ctx); err != nil && CodeOf(err) == 0 {
			c.stop(ErrNoHeartbeat) // nothing, if the connection has ended
			return
		}
	}
}
