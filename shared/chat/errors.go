package chat

import (
	"errors"
	"fmt"
)

// Code is a result code of QChat. The numbers are part of the protocol: they
// are never reused for another meaning.
type Code int

// The codes that Unsend answers with.
const (
	OK          Code = 200
	Forbidden   Code = 403 // not a member, banned, channel not visible or not there, permission missing
	NotFound    Code = 404 // no such message in a channel that the caller sees
	TooLong     Code = 405 // a parameter is too long
	Invalid     Code = 414 // a parameter is missing, mistyped or malformed
	RateLimited Code = 416
	Repeated    Code = 417
	Internal    Code = 500
	Busy        Code = 503 // a dependency is throttled or slow
	TooLate     Code = 508 // message recall time exceeded
)

// Codes that only the Server API answers with. They are HTTP's, as QChat has none for them.
const (
	Conflict Code = 409 // a limit is reached, or a rule of the model stands against it
	Stale    Code = 412 // the row is not at the version that the caller named
)

// Codes lists every code of a frame, for tests and documents.
var Codes = []Code{OK, Forbidden, NotFound, TooLong, Invalid, RateLimited, Repeated, Internal, Busy, TooLate}

// Retryable tells whether the same request can succeed later.
func (c Code) Retryable() bool { return c == RateLimited || c == Busy }

// Reason is the text that goes with the code where nothing more precise is known.
func (c Code) Reason() string {
	switch c {
	case OK:
		return "success"
	case Forbidden:
		return "no permission"
	case NotFound:
		return "no such message"
	case TooLong:
		return "parameter too long"
	case Invalid:
		return "parameter error"
	case RateLimited:
		return "too many requests"
	case Repeated:
		return "repeated operation"
	case Busy:
		return "busy, try again"
	case Conflict:
		return "conflict"
	case Stale:
		return "changed meanwhile"
	case TooLate:
		return "message recall time exceeded"
	default:
		return "internal error"
	}
}

// Error is a refusal that its caller may see. Reason and Field hold names and
// limits only, never what the caller sent.
type Error struct {
	Code   Code
	Field  string // the request's field, dotted ("update_info.postscript"); empty where none is to blame
	Reason string // empty: the code's own
	Err    error  // the cause, for the log only
}

// Error describes the refusal and its cause, for the log.
func (e *Error) Error() string {
	text := fmt.Sprintf("%d %s", e.Code, e.SafeReason())
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// SafeReason is the text for the caller.
func (e *Error) SafeReason() string {
	reason := e.Reason
	if reason == "" {
		reason = e.Code.Reason()
	}
	if e.Field != "" {
		return e.Field + ": " + reason
	}
	return reason
}

// AsError finds the refusal in err. What is none is internal: its text stays in
// the log.
func AsError(err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	return &Error{Code: Internal, Err: err}
}

// CodeOf is the code of err; [OK] for nil.
func CodeOf(err error) Code {
	if err == nil {
		return OK
	}
	return AsError(err).Code
}

// Errors that the adapters report and the services act on.
var (
	// ErrGone: the connection has ended (API Gateway's 410).
	ErrGone = errors.New("connection gone")
	// ErrThrottled: that client's buffer is full, or the account is over its
	// quota (429), or the service failed (5xx). One answer does not tell which.
	ErrThrottled = errors.New("connection service throttled or failing")
	// ErrTimeout: no answer for one connection within PostTimeout.
	ErrTimeout = errors.New("connection did not answer in time")
)

func forbidden() *Error { return &Error{Code: Forbidden} }

// AtLimit refuses a write that would go over a limit of the community.
func AtLimit(whose, of string, limit int) *Error {
	return &Error{Code: Conflict, Reason: fmt.Sprintf("%s has at most %d %s", whose, limit, of)}
}

// TooManyChannels refuses a channel more than a server has.
func TooManyChannels() *Error { return AtLimit("a server", "channels", MaxChannelsPerServer) }

// SweepIsAtWork refuses a sweep to an account that has another one, of this id, at work.
func SweepIsAtWork(id string) *Error { return conflict(id + " is at work: wait until it is done") }

// TooManyServers refuses a server more than an account is in.
func TooManyServers() *Error { return AtLimit("an account", "servers", MaxServersPerAccount) }

// TooManyListed refuses an account more than a list holds.
func TooManyListed() *Error { return AtLimit("a list", "accounts", MaxMembersPerList) }

// RoleIsGone refuses the id of a role that the server had before.
func RoleIsGone() *Error {
	return conflict("the server had a role of this id, which does not come back")
}

// OwnerStays refuses to let the owner of a server leave, or be banned.
func OwnerStays() *Error {
	return conflict("the owner cannot leave or be banned; hand the server over before")
}

// HeirIsNoMember refuses to hand a server over to who is none of its members, or banned.
func HeirIsNoMember() *Error { return conflict("the owner is no member of the server, or banned") }

// ChannelIsGone refuses the id of a channel that was deleted.
func ChannelIsGone() *Error {
	return conflict("the server had a channel of this id, which was deleted and does not come back")
}

// ServerIsGone refuses the id of a server that was deleted.
func ServerIsGone() *Error {
	return conflict("there was a server of this id, which was deleted and does not come back")
}

// UnknownPosition refuses a place in a list that no page ended at.
func UnknownPosition() *Error { return InvalidField("cursor", "is none that an answer gave") }

func conflict(reason string) *Error { return &Error{Code: Conflict, Reason: reason} }

// InvalidField refuses a field of a request. reason names rules and limits,
// never a value.
func InvalidField(field, reason string) *Error {
	return &Error{Code: Invalid, Field: field, Reason: reason}
}

// LongerThan refuses a field that is over its limit, counted in unit.
func LongerThan(field string, limit int, unit string) *Error {
	return &Error{Code: TooLong, Field: field, Reason: fmt.Sprintf("longer than %d %s", limit, unit)}
}
