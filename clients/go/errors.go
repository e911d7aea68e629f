package unsend

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/coder/websocket"
)

// The codes of refusals. They are QChat's.
const (
	CodeForbidden   = 403 // not a member, banned, channel not visible, permission missing
	CodeNotFound    = 404 // no such message
	CodeTooLong     = 405 // a parameter is too long
	CodeInvalid     = 414 // a parameter is missing or malformed
	CodeRateLimited = 416
	CodeInternal    = 500
	CodeBusy        = 503 // try again; also where API Gateway answers in the place of a function
	CodeTooLate     = 508 // message recall time exceeded
)

// Error is a refusal by the server.
type Error struct {
	Code      int
	Reason    string
	Field     string // of the request, dotted; empty where none is to blame
	Retryable bool   // the same request can succeed later
}

// Error gives code and reason.
func (e *Error) Error() string { return fmt.Sprintf("%d %s", e.Code, e.Reason) }

// CodeOf is the code of a refusal; 200 for nil, 0 for any other error.
func CodeOf(err error) int {
	if err == nil {
		return http.StatusOK
	}
	if refusal, ok := errors.AsType[*Error](err); ok {
		return refusal.Code
	}
	return 0
}

// How a connection can end on this side.
var (
	// ErrClosed: Close was called.
	ErrClosed = errors.New("the connection was closed")
	// ErrSlowConsumer: notices were not read as fast as they came.
	ErrSlowConsumer = errors.New("the connection was given up: its notices were not read in time")
	// ErrNoHeartbeat: the server did not answer a ping in time.
	ErrNoHeartbeat = errors.New("the connection was given up: the server did not answer a ping in time")
)

// How a request can end without a refusal.
var (
	// ErrNoAnswer: none came in time. The request may have been carried out.
	ErrNoAnswer = errors.New("no answer in time")
	// ErrUnreadable: the server sent what is no frame, or a part that is not as it must be.
	ErrUnreadable = errors.New("the server sent what cannot be read")
)

// DisconnectedError says that the other side, or the network, ended the connection.
type DisconnectedError struct {
	Status int    // of the WebSocket's close frame; -1 when there was none
	Reason string // of the close frame
	Err    error
}

// Error describes the end.
func (e *DisconnectedError) Error() string {
	if e.Status < 0 {
		return "disconnected: " + e.Err.Error()
	}
	if e.Reason == "" {
		return fmt.Sprintf("disconnected by the server (%d)", e.Status)
	}
	return fmt.Sprintf("disconnected by the server (%d %q)", e.Status, e.Reason) // quoted: it is any text
}

// Unwrap gives the cause.
func (e *DisconnectedError) Unwrap() error { return e.Err }

func disconnected(err error) error {
	if closing, ok := errors.AsType[websocket.CloseError](err); ok {
		return &DisconnectedError{Status: int(closing.Code), Reason: closing.Reason, Err: err}
	}
	return &DisconnectedError{Status: -1, Err: err}
}

// DialError says that the server did not accept the connection.
type DialError struct {
	Status int // of the HTTP answer; 0 when there was none
	Err    error
}

// Error says what to do next where the status tells it.
func (e *DialError) Error() string {
	switch e.Status {
	case 0:
		return fmt.Sprintf("connect: %v", e.Err)
	case http.StatusUnauthorized, http.StatusForbidden:
		return fmt.Sprintf("connect: the token was refused (%d): get a new one for this deployment", e.Status)
	case http.StatusTooManyRequests:
		return "connect: too many connections at once (429): try again later"
	}
	return fmt.Sprintf("connect: the server answered %d instead of opening a WebSocket", e.Status)
}

// Unwrap gives the cause.
func (e *DialError) Unwrap() error { return e.Err }

// How a request of a [Session] can end, beside a refusal and [ErrNoAnswer].
var (
	// ErrNotConnected: there is no connection now. The session goes on to make one.
	ErrNotConnected = errors.New("not connected")
	// ErrUnanswered: the request was repeated for an hour without an answer, and may have been carried out.
	ErrUnanswered = errors.New("no answer within an hour")
	// ErrFull: 100 requests wait for an answer.
	ErrFull = errors.New("too many requests wait for an answer")
)

// TokenError says that the token function failed, or took too long. Its text does not give the cause, which may hold a token.
type TokenError struct{ Err error }

// Error leaves out the cause.
func (e *TokenError) Error() string { return "connect: the token function failed" }

// Unwrap gives the cause.
func (e *TokenError) Unwrap() error { return e.Err }

// StoreError says that the store failed. Its text does not give the cause, which may hold a message's text.
type StoreError struct {
	Op  string // get, set, delete or keys
	Err error
}

// Error leaves out the cause.
func (e *StoreError) Error() string { return "the store failed: " + e.Op }

// Unwrap gives the cause.
func (e *StoreError) Unwrap() error { return e.Err }

// IsRetryable tells whether the same request can succeed later: the server was busy, the connection ended, or no answer came.
func IsRetryable(err error) bool {
	if refusal, ok := errors.AsType[*Error](err); ok {
		return refusal.Retryable
	}
	if _, ok := errors.AsType[*DisconnectedError](err); ok {
		return true
	}
	return errors.Is(err, ErrNoAnswer) || errors.Is(err, ErrNotConnected) || errors.Is(err, ErrNoHeartbeat)
}
