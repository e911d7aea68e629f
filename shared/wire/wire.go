// Package wire is the protocol of Unsend's WebSocket: it reads the frames that
// clients send and writes answers and notices. All frames are JSON text.
//
// # Reading
//
// A frame is read strictly. What is not exactly a request of its route is
// refused with [chat.Invalid] and the dotted name of the field to blame ("frame"
// where it is the frame as a whole): text that is not JSON, a member that is missing, unknown,
// mistyped or given twice, numbers that are not whole, invalid UTF-8. A null is
// a member that is not given. What a value may hold beyond its type (ids, lengths, message
// types) is the services' to check.
//
// A refusal holds names of fields and limits, never a value of the frame. The name of an unknown
// field is repeated only where it looks like one.
//
// # Writing
//
// An answer or a frame of notices is at most [MaxFrame] bytes, but for one that holds a single
// message that is larger alone; what arrived in a frame of [MaxRequest] bytes never is. A
// message that was revoked or deleted has no content field: the type that is
// encoded then holds none.
package wire

// Sizes, in bytes of JSON text. API Gateway takes 128 KB in either direction;
// the rest is room for what lies between.
const (
	MaxRequest = 32 << 10
	MaxFrame   = 120 << 10
)

// The actions that clients name, which are the route keys of the API, and the
// route of everything else.
const (
	Send        = "send"
	Revoke      = "revoke"
	RevokeBatch = "revokeBatch"
	History     = "history"
	Sync        = "sync"
	Subscribe   = "subscribe"
	Unsubscribe = "unsubscribe"
	Ping        = "ping"

	Default = "$default"
)

// Actions lists the actions in the order of the alphabet.
var Actions = []string{History, Ping, Revoke, RevokeBatch, Send, Subscribe, Sync, Unsubscribe}
