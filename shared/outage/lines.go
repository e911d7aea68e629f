package outage

import (
	"maps"
	"slices"
	"strings"

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

// Alarms are those of template.yaml that the line raises where it goes on. The log's are checked when the line is played; AWS makes the others of
// what the answer makes Lambda, or the queue, do.
func (l Line) Alarms() []string {
	var names []string
	for _, answer := range append(slices.Collect(maps.Values(l.Except)), l.Busy, l.Refused) {
		switch answer.Logged {
		case chat.Internal:
			names = append(names, "RequestsFail")
		case chat.Busy:
			names = append(names, "RequestsAreBusy")
		}
		late := strings.HasPrefix(answer.Is, "again")
		switch {
		case l.Function == "authorize": // which has no other way to say so
			names = append(names, "FunctionsFail")
		case l.Function == "notify" && late:
			names = append(names, "NoticesAreLate", "NoticesWereGivenUp")
		case l.Function == "notify", l.Function == "push":
			names = append(names, "TasksAreDeadLetters")
		case l.Function == "record":
			names = append(names, "RecordsAreLate", "RecordsWereGivenUp")
		case l.Function == "sweep" && late:
			names = append(names, "JobsAreDeadLetters")
		}
	}
	if slices.Contains([]string{Messages, Updates, Community, Sessions, Audit}, l.On) {
		names = append(names, "TablesAreThrottled")
	}
	slices.Sort(names)
	return slices.Compact(names)
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

// The answers that most lines have.
var (
	busy  = Answer{"503", chat.Busy}
	fails = Answer{"500", chat.Internal}
	// Answered as if nothing were down, and logged.
	unmet  = Answer{"200", chat.Busy}
	broken = Answer{"200", chat.Internal}
	// More frames of one account than can be counted.
	served  = Answer{"200", chat.OK}
	limited = Answer{"416", chat.RateLimited}
	// Put off: what is left of the batch is a task, or a job, in the queue.
	putOff = Answer{"done", chat.Busy}
	// The same, for what somebody must mend.
	putOffRefused = Answer{"done", chat.Internal}
	// Delivered again, by the stream or the queue.
	again        = Answer{"again", chat.Busy}
	againRefused = Answer{"again", chat.Internal}
)

// count is what a line of a count of frames is of.
const count = "its count"

// uncounted is the line of a count of frames, which nothing else needs. What becomes of one whose account sends more than can be counted
// depends on what it asks for.
func uncounted(function string, flooded Answer) Line {
	return Line{
		Function: function, Of: count, On: Sessions, Calls: []string{"UpdateItem"}, Busy: unmet, Refused: broken,
		Except:  map[Kind]Answer{Flooded: flooded},
		Becomes: "the frame is served, up to 0.25 s later, and counts for no limit",
	}
}

// toldFast is the line of a fast path, beside which the stream tells all the same.
func toldFast(function, of string) Line {
	without := Answer{"200", chat.OK}
	return Line{
		Function: function, Of: of, On: PushQueue, Calls: []string{"SendMessage"}, Busy: without, Refused: without,
		Becomes: "with `FastRevocations` alone: taken back, and told by the stream as without it; the line in the log has `fast_failed`",
	}
}

// Lines are all. Those of a function stand together.
var Lines = []Line{
	{
		Function: "authorize", On: Secrets, Calls: []string{"GetSecretValue"}, Busy: fails, Refused: fails,
		Except:  map[Kind]Answer{Hanging: {"500", chat.Busy}},
		Becomes: "who has the secrets goes on with them for 15 minutes; else the handshake fails, and the client comes back",
	},
	{
		Function: "authorize", On: KeySet, Calls: []string{"GET"}, Busy: fails, Refused: fails,
		Except:  map[Kind]Answer{Hanging: {"500", chat.Busy}},
		Becomes: "the same of the keys",
	},

	{
		Function: "connect", On: Community, Calls: []string{"Query", "BatchGetItem"}, Busy: busy, Refused: fails,
		Becomes: "the handshake fails and its rows go; the client comes back",
	},
	{
		Function: "connect", On: Sessions, Calls: []string{"PutItem", "Query", "BatchGetItem", "BatchWriteItem"}, Busy: busy, Refused: fails,
		Becomes: "the handshake fails; what is left of its rows ends with the device's next connect, or after 2 h 15 min",
	},
	{
		Function: "connect", On: Connections, Calls: []string{"DELETE"}, Busy: busy, Refused: fails,
		Becomes: "the connection that was to give way stays, and the handshake fails; the next connect closes it",
	},

	{
		Function: "disconnect", On: Community, Calls: []string{"Query"}, Busy: busy, Refused: fails,
		Becomes: "the rows stay until the device's next connect, a notice that meets 410, or 2 h 15 min",
	},
	{
		Function: "disconnect", On: Sessions, Calls: []string{"BatchGetItem", "BatchWriteItem"}, Busy: busy, Refused: fails,
		Becomes: "the same",
	},

	{
		Function: "session", Of: "ping", On: Sessions, Calls: []string{"Query"}, Busy: busy, Refused: fails,
		Becomes: "the connection stays as it is",
	},
	{
		Function: "session", Of: "ping", On: Connections, Calls: []string{"DELETE"}, Busy: busy, Refused: fails,
		Becomes: "a connection without rows stays open until its next ping",
	},
	{
		Function: "session", Of: "subscribe", On: Community, Calls: []string{"BatchGetItem"}, Busy: busy, Refused: fails,
		Becomes: "nothing is stored; asked again it is",
	},
	{
		Function: "session", Of: "subscribe", On: Sessions, Calls: []string{"BatchGetItem", "UpdateItem", "BatchWriteItem"}, Busy: busy, Refused: fails,
		Becomes: "stored in part or not at all; asked again it is whole",
	},
	uncounted("session", served),

	{
		Function: "send", On: Community, Calls: []string{"BatchGetItem"}, Busy: busy, Refused: fails,
		Becomes: "nothing is stored; the same msg_id is stored once",
	},
	{
		Function: "send", On: Messages, Calls: []string{"PutItem"}, Busy: busy, Refused: fails,
		Becomes: "stored or not; the same msg_id gives the one message",
	},
	{
		Function: "send", Of: "a repeated one", On: Messages, Calls: []string{"GetItem"}, Busy: busy, Refused: fails,
		Becomes: "the message stays; the same msg_id gives it",
	},
	{
		Function: "send", On: Sessions, Calls: []string{"PutItem"}, Busy: busy, Refused: fails,
		Becomes: "as with Messages: a message and its marker are one transaction",
	},
	uncounted("send", limited),

	{
		Function: "revoke", On: Community, Calls: []string{"BatchGetItem"}, Busy: busy, Refused: fails,
		Becomes: "nothing is taken back; asked again it is",
	},
	{
		Function: "revoke", On: Messages, Calls: []string{"UpdateItem"}, Busy: busy, Refused: fails,
		Becomes: "taken back or not; asked again it is, once, in the first operator's name",
	},
	{
		Function: "revoke", Of: "revokeBatch", On: Messages, Calls: []string{"UpdateItem"},
		Busy: Answer{"200 with 503 each", chat.Busy}, Refused: Answer{"200 with 500 each", chat.Internal},
		Becomes: "the same of each message",
	},
	toldFast("revoke", ""),
	uncounted("revoke", served),

	{
		Function: "read", Of: "history", On: Community, Calls: []string{"BatchGetItem"}, Busy: busy, Refused: fails,
		Becomes: "asked again the page is whole",
	},
	{
		Function: "read", Of: "history", On: Messages, Calls: []string{"Query"}, Busy: busy, Refused: fails,
		Becomes: "the same",
	},
	{
		Function: "read", Of: "sync", On: Community, Calls: []string{"Query", "BatchGetItem"}, Busy: busy, Refused: fails,
		Becomes: "the cursor does not move; asked again nothing is left out",
	},
	{
		Function: "read", Of: "sync", On: Updates, Calls: []string{"Query"}, Busy: busy, Refused: fails,
		Becomes: "the same",
	},
	uncounted("read", limited),

	{
		Function: "notify", On: Messages, Calls: []string{"BatchGetItem"}, Busy: putOff, Refused: putOffRefused,
		Becomes: "told by push",
	},
	{
		Function: "notify", On: Community, Calls: []string{"BatchGetItem", "Query"}, Busy: putOff, Refused: putOffRefused,
		Becomes: "told by push",
	},
	{
		Function: "notify", On: Sessions, Calls: []string{"Query"}, Busy: putOff, Refused: putOffRefused,
		Becomes: "told by push",
	},
	{
		Function: "notify", Of: "one that has gone", On: Sessions, Calls: []string{"BatchGetItem", "BatchWriteItem"}, Busy: putOff, Refused: putOffRefused,
		Becomes: "its rows are removed by push; the others were told",
	},
	{
		Function: "notify", Of: "one that has gone", On: Connections, Calls: []string{"DELETE"}, Busy: putOff, Refused: putOffRefused,
		Except:  map[Kind]Answer{Hanging: {"done", chat.OK}}, // its server's time is up before anybody is to blame
		Becomes: "the same",
	},
	{
		Function: "notify", On: Connections, Calls: []string{"POST"}, Busy: Answer{"done", chat.OK}, Refused: putOffRefused,
		Becomes: "told by push",
	},
	{
		Function: "notify", Of: "more than it tells itself", On: PushQueue, Calls: []string{"SendMessage"}, Busy: again, Refused: againRefused,
		Becomes: "told when the stream delivers again, for a quarter of an hour; then it is in the bucket Undelivered",
	},

	{
		Function: "push", On: Messages, Calls: []string{"BatchGetItem"}, Busy: putOff, Refused: putOffRefused,
		Becomes: "told by a later task",
	},
	{
		Function: "push", On: Community, Calls: []string{"BatchGetItem", "Query"}, Busy: putOff, Refused: putOffRefused,
		Becomes: "told by a later task",
	},
	{
		Function: "push", On: Sessions, Calls: []string{"Query"}, Busy: putOff, Refused: putOffRefused,
		Becomes: "told by a later task",
	},
	{
		Function: "push", Of: "some that are left", On: Sessions, Calls: []string{"BatchGetItem"}, Busy: putOff, Refused: putOffRefused,
		Becomes: "told by a later task",
	},
	{
		Function: "push", Of: "one that has gone", On: Sessions, Calls: []string{"BatchWriteItem"}, Busy: putOff, Refused: putOffRefused,
		Becomes: "its rows are removed by a later task; the others were told",
	},
	{
		Function: "push", Of: "one that has gone", On: Connections, Calls: []string{"DELETE"}, Busy: putOff, Refused: putOffRefused,
		Except:  map[Kind]Answer{Hanging: {"done", chat.OK}},
		Becomes: "the same",
	},
	{
		Function: "push", On: Connections, Calls: []string{"POST"}, Busy: Answer{"done", chat.OK}, Refused: putOffRefused,
		Becomes: "told by a later task",
	},
	{
		Function: "push", Of: "two servers", On: PushQueue, Calls: []string{"SendMessage"},
		Busy: Answer{"again 2", chat.Busy}, Refused: Answer{"again 2", chat.Internal},
		Except:  map[Kind]Answer{Hanging: again}, // there is no time for the other server either
		Becomes: "told when the queue delivers again; after five times it is a dead letter",
	},

	{
		Function: "record", On: Messages, Calls: []string{"BatchGetItem"}, Busy: again, Refused: againRefused,
		Becomes: "kept and told when the stream delivers again, for a day; then it is in the bucket Undelivered",
	},
	{
		Function: "record", On: Audit, Calls: []string{"BatchWriteItem"}, Busy: Answer{"again 2", chat.Busy}, Refused: Answer{"again 2", chat.Internal},
		Except:  map[Kind]Answer{Hanging: again}, // the bus gets no time
		Becomes: "the same of revocations; what was sent is told at once",
	},
	{
		Function: "record", On: Bus, Calls: []string{"PutEvents"}, Busy: again, Refused: againRefused,
		Becomes: "kept, and told when the stream delivers again, with the same ids. (A bus that is gone answers as one that is there, and the events are lost: the rule `BusExists` keeps it from being deleted)",
	},

	{
		Function: "server", Of: "a member joins", On: Community, Calls: []string{"BatchGetItem", "GetItem", "PutItem", "UpdateItem", "ConditionCheckItem"}, Busy: busy, Refused: fails,
		Becomes: "joined or not, as a whole; the same again makes it so, once",
	},
	{
		Function: "server", Of: "a member joins", On: Audit, Calls: []string{"PutItem"}, Busy: busy, Refused: fails,
		Becomes: "the same: no change without its entry",
	},
	{
		Function: "server", Of: "a member joins", On: Sessions, Calls: []string{"Query", "BatchWriteItem"}, Busy: busy, Refused: fails,
		Becomes: "joined; the same again has its connections told of the server",
	},
	{
		Function: "server", Of: "a member leaves", On: Community, Calls: []string{"DeleteItem"}, Busy: busy, Refused: fails,
		Becomes: "left or not, as a whole; the same again makes it so",
	},
	{
		Function: "server", Of: "a list", On: Community, Calls: []string{"Query"}, Busy: busy, Refused: fails,
		Becomes: "asked again the page is whole",
	},
	{
		Function: "server", Of: "the audit", On: Audit, Calls: []string{"Query"}, Busy: busy, Refused: fails,
		Becomes: "asked again the page is whole",
	},
	{
		Function: "server", Of: "a message", On: Messages, Calls: []string{"PutItem"}, Busy: busy, Refused: fails,
		Becomes: "stored or not; the same msg_id gives the one message",
	},
	{
		Function: "server", Of: "a message", On: Sessions, Calls: []string{"PutItem"}, Busy: busy, Refused: fails,
		Becomes: "the same",
	},
	{
		Function: "server", Of: "a repeated message", On: Messages, Calls: []string{"GetItem"}, Busy: busy, Refused: fails,
		Becomes: "the message stays; the same msg_id gives it",
	},
	{
		Function: "server", Of: "revocations", On: Messages, Calls: []string{"UpdateItem"},
		Busy: Answer{"200 with 503 each", chat.Busy}, Refused: Answer{"200 with 500 each", chat.Internal},
		Becomes: "taken back or not; asked again each is, once",
	},
	toldFast("server", "revocations"),
	{
		Function: "server", Of: "connections are ended", On: Sessions, Calls: []string{"BatchGetItem"}, Busy: busy, Refused: fails,
		Becomes: "ended or not; asked again they are",
	},
	{
		Function: "server", Of: "connections are ended", On: Connections, Calls: []string{"DELETE"}, Busy: busy, Refused: fails,
		Becomes: "the same",
	},
	{
		Function: "server", Of: "a sweep", On: SweepQueue, Calls: []string{"SendMessage"}, Busy: busy, Refused: fails,
		Becomes: "the job is kept; the same again has it worked on",
	},

	{
		Function: "sweep", Of: "any job", On: Community, Calls: []string{"GetItem"}, Busy: again, Refused: againRefused,
		Becomes: "goes on when the queue delivers again, for some two hours; then the job is a dead letter, and its row stays",
	},
	{
		Function: "sweep", Of: "a sweep", On: Community, Calls: []string{"Query", "BatchGetItem", "PutItem"}, Busy: putOff, Refused: againRefused,
		Becomes: "goes on from its place; each message is taken back and counted once",
	},
	{
		Function: "sweep", Of: "a sweep", On: Messages, Calls: []string{"Query", "UpdateItem"}, Busy: putOff, Refused: againRefused,
		Becomes: "the same",
	},
	{
		Function: "sweep", Of: "a deletion", On: Community, Calls: []string{"UpdateItem", "DeleteItem", "BatchWriteItem"}, Busy: putOff, Refused: againRefused,
		Becomes: "goes on from its place until no row is left",
	},
	{
		Function: "sweep", Of: "a deletion", On: Messages, Calls: []string{"BatchWriteItem"}, Busy: putOff, Refused: againRefused,
		Becomes: "the same",
	},
	{
		Function: "sweep", Of: "a young sweep", On: SweepQueue, Calls: []string{"SendMessage"}, Busy: again, Refused: againRefused,
		Becomes: "what was done is saved; it goes on when the queue delivers again",
	},
}
