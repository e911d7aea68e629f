package main

import (
	"net/http"
	"strings"

	"unsend/shared/chat"
)

// problem is the one shape of all errors (RFC 9457).
type problem struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail"`
	Field  string `json:"field,omitempty"` // of the body, the path, the query or the header that is to blame
}

// statuses are the HTTP statuses of the codes.
var statuses = map[chat.Code]int{
	chat.Forbidden:   http.StatusForbidden,
	chat.NotFound:    http.StatusNotFound,
	chat.TooLong:     http.StatusBadRequest,
	chat.Invalid:     http.StatusBadRequest,
	chat.RateLimited: http.StatusTooManyRequests,
	chat.Conflict:    http.StatusConflict,
	chat.Stale:       http.StatusPreconditionFailed,
	chat.Internal:    http.StatusInternalServerError,
	chat.Busy:        http.StatusServiceUnavailable,
}

// problemOf is what a caller is told of an error: of one of ours no more than that it was one.
func problemOf(err error) problem {
	refusal := chat.AsError(err)
	status, ok := statuses[refusal.Code]
	if !ok {
		status = http.StatusInternalServerError
	}
	if refusal == errTooLarge {
		status = http.StatusRequestEntityTooLarge
	}
	return newProblem(status, refusal.SafeReason(), refusal.Field)
}

func newProblem(status int, detail, field string) problem {
	return problem{Type: "about:blank", Title: http.StatusText(status), Status: status, Detail: detail, Field: field}
}

func writeProblem(w http.ResponseWriter, p problem) {
	w.Header().Set("Content-Type", "application/problem+json")
	if p.Status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "1")
	}
	writeJSON(w, p.Status, p)
}

// answerMethod tells which methods there are.
func answerMethod(w http.ResponseWriter, err errMethod) {
	allow := strings.Join(err.allow, ", ")
	w.Header().Set("Allow", allow)
	writeProblem(w, newProblem(http.StatusMethodNotAllowed, "the resource has the methods "+allow, ""))
}
