package outage

import (
	"slices"

	"unsend/shared/chat"
)

// Answer is what a function answers, and the code of its line in the log.
type Answer struct {
	// Is the res_code of a frame, the status of $connect, $disconnect and the Server API, allowed or 500 of authorize, and of a batch done
	// or again.
	Is     string
	Logged chat.Code
}

// Line says what becomes of one function when one thing is down that it depends on.
type Line struct {
	Function string
	Of       string   // which of its requests; empty: all that ask for it
	On       string   // what is down
	Calls    []string // that function's calls on it, as roles permit them
	Busy     Answer   // where that may pass by itself
	Refused  Answer   // where somebody must mend it
	Except   map[Kind]Answer
	Becomes  string // of what was asked, once that is over
}

// Name is for tests.
func (l Line) Name() string {
	if l.Of == "" {
		return l.On
	}
	return l.Of + "/" + l.On
}

// Answer is the function's, for a kind that does not pass before the answer.
func (l Line) Answer(kind Kind) Answer {
	answer, ok := l.Except[kind]
	switch {
	case ok:
		return answer
	case kind.refused():
		return l.Refused
	}
	return l.Busy
}

// LinesOf are a function's.
func LinesOf(function string) []Line {
	return slices.DeleteFunc(slices.Clone(Lines), func(l Line) bool { return l.Function != function })
}

// well is what a function answers when nothing is down.
func well(function string) string {
	switch {
	case function == "authorize":
		return "allowed"
	case isBatch(function):
		return "done"
	}
	return "200"
}

var (
	busy   = Answer{"503", chat.Busy}
	fails  = Answer{"500", chat.Internal}
	unmet  = Answer{"200", chat.Busy}     // answered as if nothing were down, and logged
	broken = Answer{"200", chat.Internal} // the same, of what somebody must mend
)

// Lines are all. Those of a function stand together.
var Lines = []Line{
	{
		Function: "authorize", On: Secrets, Calls: []string{"GetSecretValue"}, Busy: fails, Refused: fails,
		Except:  map[Kind]Answer{Hanging: {"500", chat.Busy}},
		Becomes: "a function that has read the secrets goes on with them for 15 minutes; to others devices connect again",
	},
	{
		Function: "send", On: Community, Calls: []string{"BatchGetItem"}, Busy: busy, Refused: fails,
		Becomes: "nothing is stored; the same msg_id is stored once",
	},
	{
		Function: "send", On: Messages, Calls: []string{"PutItem"}, Busy: busy, Refused: fails,
		Becomes: "stored or not; the same msg_id gives the one message",
	},
	{
		Function: "send", On: Sessions, Calls: []string{"PutItem"}, Busy: busy, Refused: fails,
		Becomes: "as with Messages: the message and its marker are one transaction",
	},
	{
		Function: "send", Of: "repeated", On: Messages, Calls: []string{"GetItem"}, Busy: busy, Refused: fails,
		Becomes: "the message is there; the same msg_id gives it",
	},
	{
		Function: "send", Of: "any", On: Sessions, Calls: []string{"UpdateItem"}, Busy: unmet, Refused: broken,
		Becomes: "stored; the frame counts for no limit",
	},
}
