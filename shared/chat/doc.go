// Package chat is the domain of Unsend: messages in the channels of servers,
// and taking them back within a time window.
//
// It holds the types, the pure rules (who may do what, until when), the
// services that put a rule between a request and a store, and the interfaces
// those services need. It imports the standard library only; a test fails when
// that changes. The words are QChat's (server, channel, role, revoke, notice).
//
// # Guarantees every service keeps
//
//   - One write decides. A revoke is one conditional write; nothing is read
//     first to decide about time or state.
//   - Rights are those of one strongly consistent read, made at most one round
//     trip before the write they permit.
//   - Every operation may be repeated: a second send with the same MsgID gives
//     the first one's message, a second revoke the first one's result.
//   - Times are milliseconds since the Unix epoch, of the server's clock, which
//     is injected. No time that a client names takes part in a decision.
//
// # Errors
//
// What fails with a reason that the caller may see is an *Error with a Code.
// Any other error is internal: it is logged whole and shown as 500.
package chat
