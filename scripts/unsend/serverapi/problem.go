package serverapi

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"slices"
	"strings"
)

// Problem is a refusal (RFC 9457).
type Problem struct {
	Status int    `json:"status"`
	Title  string `json:"title"`
	Detail string `json:"detail"`
	Field  string `json:"field"` // that is to blame, where one is
	ETag   string `json:"-"`     // of the row as it is, where Status is 412
	AWS    bool   `json:"-"`     // AWS refuses it: the service was not asked
	odd    bool   // an id in the path is "." or "..", or holds a slash
}

// Error is what the service says, or AWS in front of it.
func (p *Problem) Error() string {
	text := cmp.Or(p.Detail, p.Title, http.StatusText(p.Status))
	if p.Field != "" {
		text = p.Field + ": " + text
	}
	return fmt.Sprintf("%s (HTTP %d)", text, p.Status)
}

// Older tells whether the deployment knows nothing of what was asked for, as it is of an earlier release: this client
// sends nothing that its own does not know. A test of functions/server holds the service's texts to it.
func (p *Problem) Older() bool {
	return p.unrouted() && !p.odd || p.Status == http.StatusBadRequest && strings.Contains(p.Detail, "unknown parameter")
}

// Lost tells whether the service was asked for something else: an id in the path was read as more of the path.
func (p *Problem) Lost() bool { return p.unrouted() && p.odd }

func (p *Problem) unrouted() bool {
	return p.Status == http.StatusNotFound && p.Detail == "no such resource" || p.Status == http.StatusMethodNotAllowed
}

// Busy tells whether the same may do better a little later.
func (p *Problem) Busy() bool { return busy(p.Status) }

func busy(status int) bool {
	return status == http.StatusServiceUnavailable || status == http.StatusTooManyRequests
}

// IsStatus tells whether the error is a refusal with this HTTP status.
func IsStatus(err error, status int) bool {
	p, ok := errors.AsType[*Problem](err)
	return ok && p.Status == status
}

// problemOf reads the refusal of a request. What is none of the service's own is AWS's, which answers before the function is called.
func problemOf(r request, got answer) *Problem {
	p := &Problem{}
	kind, _, _ := mime.ParseMediaType(got.header.Get("Content-Type"))
	if kind != "application/problem+json" || json.Unmarshal(got.body, p) != nil {
		p = &Problem{Title: http.StatusText(got.status), Detail: detailOfAWS(got.status), AWS: true}
	}
	p.Status, p.ETag, p.odd = got.status, got.header.Get("ETag"), slices.ContainsFunc(r.path, isOdd)
	return p
}

func isOdd(id string) bool { return id == "." || id == ".." || strings.Contains(id, "/") }

func detailOfAWS(status int) string {
	switch status {
	case http.StatusForbidden:
		return "AWS refuses the request: your credentials need lambda:InvokeFunctionUrl and lambda:InvokeFunction on the alias live of the function server, and this machine's clock must be right"
	case http.StatusNotFound:
		return "there is no Server API at this address: is the deployment still there?"
	}
	return ""
}
