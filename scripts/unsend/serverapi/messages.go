package serverapi

import (
	"context"
	"net/http"
	"strconv"
)

// Send sends a message. Sent again with the same msg_id, it is the same message.
func (c *Client) Send(ctx context.Context, w Write, server, channel string, d Draft) (m Message, err error) {
	_, err = c.do(ctx, request{method: http.MethodPost, path: []string{"servers", server, "channels", channel, "messages"}, write: w, body: d}, &m)
	return m, err
}

// Revoke takes messages of a channel back, 100 with a request, and tells each what became of every one.
func (c *Client) Revoke(ctx context.Context, w Write, server, channel string, r Revocation, each func(Revoked)) error {
	refused := func(result Revoked) bool { return busy(result.ResCode) }
	return inBatches(ctx, c, r.Messages, refused, each, func(part []Ref) ([]Revoked, error) {
		var out struct{ Results []Revoked }
		r.Messages = part
		_, err := c.do(ctx, request{method: http.MethodPost, path: []string{"servers", server, "channels", channel, "messages", "revoke"}, write: w, body: r}, &out)
		return out.Results, err
	})
}

// PutSweep begins a sweep; the same one again goes on where it stopped.
func (c *Client) PutSweep(ctx context.Context, w Write, server, id string, s Sweep) (job Job, err error) {
	_, err = c.do(ctx, request{method: http.MethodPut, path: []string{"servers", server, "sweeps", id}, write: w, body: s}, &job)
	return job, err
}

// Jobs are those of a server.
func (c *Client) Jobs(server string) *Pages[Job] {
	return pages[Job](c, "jobs", "servers", server, "jobs")
}

// Job reads a job.
func (c *Client) Job(ctx context.Context, server, kind, id string) (job Job, err error) {
	_, err = c.do(ctx, request{method: http.MethodGet, path: []string{"servers", server, "jobs", kind, id}}, &job)
	return job, err
}

// Resume has a job go on that has stopped. One that is at work, or done, is none the worse for it.
func (c *Client) Resume(ctx context.Context, server, kind, id string) (job Job, err error) {
	_, err = c.do(ctx, request{method: http.MethodPost, path: []string{"servers", server, "jobs", kind, id, "resume"}}, &job)
	return job, err
}

// Audit is who did what in a server, the oldest first: from is inclusive, until exclusive, in ms; 0 is no bound.
func (c *Client) Audit(server string, from, until int64) *Pages[Act] {
	p := pages[Act](c, "entries", "servers", server, "audit")
	for name, at := range map[string]int64{"from": from, "until": until} {
		if at > 0 {
			p.query.Set(name, strconv.FormatInt(at, 10))
		}
	}
	return p
}
