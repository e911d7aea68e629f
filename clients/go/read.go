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
		var frame response
		if err := json.Unmarshal(text, &frame); err != nil {
			continue // a later server's frame is no reason to lose the connection
		}
		if !c.take(frame) {
			return
		}
	}
}

// take tells whether the connection goes on.
func (c *Client) take(frame response) bool {
	switch frame.Type {
	case "response":
		c.answer(frame.RequestID, frame)
	case "notices":
		for _, n := range frame.Notices {
			select {
			case c.notices <- n:
			default:
				c.stop(ErrSlowConsumer)
				return false
			}
		}
	case "":
		c.gatewayFailed(frame)
	}
	return true
}

func (c *Client) answer(id string, frame response) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if answered, ok := c.pending[id]; ok {
		answered <- frame
		delete(c.pending, id) // a second answer finds nobody
	}
}

// gatewayFailed: API Gateway speaks for a function that could not, in a frame
// {"message": …, "connectionId": …} without the id of the request. Where a single request is
// under way it is that one's; else each runs into its own deadline. Its failures are throttling, timeouts and
// functions that ended: temporary, so the code is the one of what is worth repeating, while a
// function's own 500 is not.
func (c *Client) gatewayFailed(frame response) {
	var reason string
	if json.Unmarshal(frame.Message, &reason) != nil || reason == "" {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.pending) != 1 {
		return
	}
	for id, answered := range c.pending {
		answered <- response{Code: CodeBusy, Reason: "gateway: " + reason, Retryable: true}
		delete(c.pending, id)
	}
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
