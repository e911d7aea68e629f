// Package history is the history checker: what people, devices and administrators did, what they were answered and
// told, held against what the tables hold in the end.
//
// A [Ledger] is told of each act and each thing heard while they happen, with their times, and judges at the end. A request without an
// answer may have been carried out, or not: both are right. What it holds a service to:
//
//   - A message that was acknowledged is there once, or was taken back, swept, or deleted with its channel. One that
//     nobody sent is not.
//   - A revocation that was acknowledged holds, with the first operator's result, and leaves no text. One that nobody
//     asked for is not there. The audit has each once.
//   - Whoever was online and in sight all the time was told of it, and who went, within [Overdue].
//   - Nobody is told a text after they knew that it was taken back, nor anything of a channel from [Silence] after they lost sight of it.
//
// Times are the caller's, of one clock. A violation is one line for people, with ids and never with a text.
package history

import (
	"time"
)

const (
	// Silence is the promise: from then on after the answer that took sight away nobody is told anything.
	Silence = 2 * time.Second
	// RowsFollow is how long a change may take from its commit to the rows of the connections, with an administrator's
	// repeating it.
	RowsFollow = 45 * time.Second
	// Settling is how long a connection or a subscription is there before it counts.
	Settling = 10 * time.Second
	// Underway is how long a frame that was posted in time may take to its device, on a machine that is busy.
	Underway = 10 * time.Second
	// Overdue is for how long a device waits for a notice at most, unless a push was cut meanwhile: whoever waited longer has missed it, also if they
	// went then. A function that is killed while it reads the stream has its records again within seconds.
	Overdue = 3 * time.Minute
	// longestPost is how long a function may hold a message that it has read before it posts it: its timeout, and some.
	longestPost = 90 * time.Second
)

// Event is what a device is told of.
type Event int

// The events.
const (
	Received Event = iota // somebody sent
	Updated               // somebody took back
)

// String names it for people.
func (e Event) String() string {
	if e == Updated {
		return "the revocation"
	}
	return "the message"
}
