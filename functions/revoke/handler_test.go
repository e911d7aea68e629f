package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"unsend/shared/chat"
	"unsend/shared/chat/chattest"
	"unsend/shared/edge"
	"unsend/shared/edge/edgetest"
)

const messageID = "01KDVDNC00041061050R3GG28A" // the sample event's

func newTestHandler(w *edgetest.World) edge.Handler { return newFastHandler(w, nil) }

// newFastHandler has a fast path, where there is a queue.
func newFastHandler(w *edgetest.World, tasks chat.Queue) edge.Handler {
	window := chat.Window(120_000)
	return newHandler(w.Edge(), &chat.Revocations{Standings: w.Store, Messages: w.Store, Clock: w.Clock,
		Windows: chat.Windows{Own: &window, Moderator: &window}, Fast: chat.FastPath{Queue: tasks, Failed: edge.FastPathFailed}})
}

func TestRevoke(t *testing.T) {
	t.Parallel()
	w := edgetest.NewWorld(t)
	w.PutMessage(t, "alice", "s1", "c1", messageID, "SECRET")
	h := newTestHandler(w)
	event := edgetest.Event(t, "revoke")

	answer := edgetest.Ask(t, h, event)
	operation, _ := answer.Message["update_ope_info"].(map[string]any)
	if answer.Code != chat.OK || answer.RequestID != "4" || answer.Message["status"] != 1.0 || answer.Message["version"] != 2.0 ||
		operation["operator_id"] != "alice" || operation["postscript"] != "wrong room" {
		t.Errorf("answer %s", answer.Text)
	}
	line := w.Line(t)
	if line["server"] != "s1" || line["channel"] != "c1" || line["message"] != messageID || strings.Contains(fmt.Sprint(line), "wrong room") {
		t.Errorf("line %v", line)
	}
	if strings.Contains(answer.Text+w.Store.Dump(), "SECRET") {
		t.Error("the text is still there")
	}
	if again := edgetest.Ask(t, h, edgetest.From(event, "bob")); again.Code != chat.OK || fmt.Sprint(again.Message) != fmt.Sprint(answer.Message) {
		t.Errorf("revoked again: %s, first: %s", again.Text, answer.Text)
	}
}

// Where the push queue does not take a task the revocation is done, and answered, all the same. The line warns, and raises no alarm.
func TestAFastPathThatFailsIsSeenInTheLog(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"revoke", "revoke-batch"} {
		w := edgetest.NewWorld(t)
		w.PutMessage(t, "alice", "s1", "c1", messageID, "SECRET")
		w.PutMessage(t, "bob", "s1", "c1", "01KDVDNC0010G60R40M30E209W", "bob's")
		plain := edgetest.Ask(t, newTestHandler(w), edgetest.Event(t, name))
		if line := w.Line(t); line["level"] != "INFO" || line["fast_failed"] != nil {
			t.Errorf("without a fast path: %v", line)
		}
		w = edgetest.NewWorld(t)
		w.PutMessage(t, "alice", "s1", "c1", messageID, "SECRET")
		w.PutMessage(t, "bob", "s1", "c1", "01KDVDNC0010G60R40M30E209W", "bob's")
		queue := &chattest.Queue{Fail: func(chat.Task) error { return &chat.Error{Code: chat.Busy, Err: errors.New("no queue")} }}
		h := newFastHandler(w, queue)
		if answer := edgetest.Ask(t, h, edgetest.Event(t, name)); answer.Text != plain.Text {
			t.Errorf("answered %s\nwithout a fast path %s", answer.Text, plain.Text)
		}
		line := w.Line(t)
		if said, _ := line["fast_failed"].(string); line["level"] != "WARN" || line["code"] != 200.0 || !strings.Contains(said, "no queue") || line["error"] != nil {
			t.Errorf("line %v", line)
		}
		queue.Fail = nil
		w.PutMessage(t, "alice", "s1", "c1", "01ANOTHER", "SECRET")
		event := edgetest.Event(t, name)
		event.Body = strings.ReplaceAll(event.Body, messageID, "01ANOTHER")
		edgetest.Ask(t, h, event)
		if line := w.Line(t); line["level"] != "INFO" || line["fast_failed"] != nil {
			t.Errorf("when it takes it: %v", line)
		}
		if tasks := queue.Take(); len(tasks) != 1 || len(tasks[0].Records) != 1 || tasks[0].Records[0].Key.MsgServerID != "01ANOTHER" {
			t.Errorf("tasks %+v", tasks)
		}
	}
}

func TestRevokeOutcomes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		account string
		later   time.Duration // in ms
		code    chat.Code
	}{
		{"alice", 0, chat.OK}, {"alice", 120_000, chat.OK}, {"alice", 120_001, chat.TooLate},
		{"bob", 120_000, chat.OK}, {"bob", 120_001, chat.TooLate},
		{"carol", 0, chat.Forbidden}, {"nobody", 0, chat.Forbidden},
	} {
		w := edgetest.NewWorld(t)
		w.PutMessage(t, "alice", "s1", "c1", messageID, "SECRET")
		w.Now = w.Now.Add(c.later * time.Millisecond)
		if answer := edgetest.Ask(t, newTestHandler(w), edgetest.From(edgetest.Event(t, "revoke"), c.account)); answer.Code != c.code {
			t.Errorf("%s after %d ms: %s", c.account, c.later, answer.Text)
		}
		if got, want := edgetest.Measured(w.Line(t)), fmt.Sprintf("revokes_%d 1", c.code); got != want {
			t.Errorf("measured %s, want %s", got, want)
		}
	}
}

func TestRevokeWithstands(t *testing.T) {
	t.Parallel()
	w := edgetest.NewWorld(t)
	w.PutMessage(t, "alice", "s1", "c1", messageID, "SECRET")
	w.Withstands(t, newTestHandler(w), edgetest.Event(t, "revoke"), "RevokeMessage")
}

func TestRevokeBatch(t *testing.T) {
	t.Parallel()
	w := edgetest.NewWorld(t)
	w.PutMessage(t, "alice", "s1", "c1", messageID, "SECRET")
	w.PutMessage(t, "bob", "s1", "c1", "01KDVDNC0010G60R40M30E209W", "bob's")
	h := newTestHandler(w)
	event := edgetest.Event(t, "revoke-batch")
	const (
		mine    = `{"timestamp":1767225600000,"msg_server_id":"01KDVDNC00041061050R3GG28A","res_code":200,"version":2,"update_timestamp":1767225600000}`
		theirs  = `{"timestamp":1767225600000,"msg_server_id":"01KDVDNC0010G60R40M30E209W","res_code":`
		refused = theirs + `403,"reason":"no permission","retryable":false}`
	)
	answer := edgetest.Ask(t, h, event)
	if answer.Code != chat.OK || answer.RequestID != "5" || !strings.HasSuffix(answer.Text, `"results":[`+mine+`,`+refused+`]}`) {
		t.Errorf("answer %s", answer.Text)
	}
	line := w.Line(t)
	if line["server"] != "s1" || line["channel"] != "c1" || line["message"] != nil || line["level"] != "INFO" || strings.Contains(fmt.Sprint(line), "wrong room") {
		t.Errorf("line %v", line)
	}
	if strings.Contains(answer.Text+w.Store.Dump(), "SECRET") {
		t.Error("the text is still there")
	}
	w.Now = w.Now.Add(time.Second)
	again := edgetest.Ask(t, h, edgetest.From(event, "bob"))
	if want := mine + `,` + theirs + `200,"version":2,"update_timestamp":1767225601000}]}`; !strings.HasSuffix(again.Text, want) {
		t.Errorf("again, by a moderator: %s", again.Text)
	}
}

func TestRevokeBatchWithstands(t *testing.T) {
	t.Parallel()
	w := edgetest.NewWorld(t)
	w.Withstands(t, newTestHandler(w), edgetest.Event(t, "revoke-batch"), "Standing")
}

// What fails for some messages of a batch is answered as theirs, and is in the log as if it were the whole.
func TestRevokeBatchFailsInParts(t *testing.T) {
	t.Parallel()
	busy := &chat.Error{Code: chat.Busy, Err: errors.New("throttled")}
	for name, c := range map[string]struct {
		errs  []error
		codes []int
		level string
		code  float64
	}{
		"busy once":       {[]error{busy}, []int{503, 200}, "WARN", 503},
		"busy and broken": {[]error{busy, errors.New("broken")}, []int{503, 500}, "ERROR", 500},
		"broken":          {[]error{errors.New("broken")}, []int{500, 200}, "ERROR", 500},
		"a panic":         {[]error{nil}, []int{500, 200}, "ERROR", 500},
	} {
		w := edgetest.NewWorld(t)
		w.PutMessage(t, "alice", "s1", "c1", messageID, "text")
		w.PutMessage(t, "alice", "s1", "c1", "01KDVDNC0010G60R40M30E209W", "text")
		var writes atomic.Int64
		w.Store.Before = func(op string) error {
			n := int(writes.Add(1)) - 1
			switch {
			case op != "RevokeMessage":
				writes.Add(-1)
			case n >= len(c.errs):
			case c.errs[n] == nil:
				panic("SECRET")
			default:
				return c.errs[n]
			}
			return nil
		}
		answer := edgetest.Ask(t, newTestHandler(w), edgetest.Event(t, "revoke-batch"))
		line := w.Line(t)
		var measured []string
		for _, code := range slices.Sorted(slices.Values(c.codes)) {
			measured = append(measured, fmt.Sprintf("revokes_%d 1", code))
		}
		if got, want := edgetest.Measured(line), strings.Join(measured, ", "); got != want {
			t.Errorf("%s: measured %s, want %s", name, got, want)
		}
		for _, code := range c.codes { // which write comes first is the scheduler's
			if !strings.Contains(answer.Text, fmt.Sprintf(`"res_code":%d`, code)) {
				t.Errorf("%s: no %d in %s", name, code, answer.Text)
			}
		}
		if answer.Code != chat.OK || line["level"] != c.level || line["code"] != c.code || line["error"] == nil || strings.Contains(answer.Text+fmt.Sprint(line), "SECRET") {
			t.Errorf("%s: %s, %v", name, answer.Text, line)
		}
	}
}

func TestRevokeBatchRefusesBadFrames(t *testing.T) {
	t.Parallel()
	w := edgetest.NewWorld(t)
	w.PutMessage(t, "alice", "s1", "c1", messageID, "text")
	frame := func(server, channel, messages, more string) string {
		return `{"action":"revokeBatch","request_id":"9","server_id":` + server + `,"channel_id":` + channel + `,"messages":` + messages + more + `}`
	}
	message := func(id string) string { return `{"timestamp":1767225600000,"msg_server_id":` + id + `}` }
	good := `[` + message(`"`+messageID+`"`) + `]`
	many := `[` + strings.TrimSuffix(strings.Repeat(message(`"SECRET"`)+`,`, 101), ",") + `]`
	cases := edgetest.CommonBad(frame(`"s1"`, `"c1"`, good, ""))
	cases = append(cases, edgetest.IDCases("server_id", func(v string) string { return frame(v, `"c1"`, good, "") })...)
	cases = append(cases, edgetest.IDCases("channel_id", func(v string) string { return frame(`"s1"`, v, good, "") })...)
	cases = append(cases, edgetest.IDCases("messages.msg_server_id", func(v string) string {
		return frame(`"s1"`, `"c1"`, `[`+message(`"`+messageID+`"`)+`,`+message(v)+`]`, "")
	})...)
	const inv, long, no = chat.Invalid, chat.TooLong, chat.Forbidden
	in := func(messages string) string { return frame(`"s1"`, `"c1"`, messages, "") }
	for _, value := range []string{`"1767225600000"`, `-1`, `1000000000000000`, `9223372036854775808`, `1e12`, `1.5`, `null`, `[]`} {
		cases = append(cases, edgetest.Refused("time "+value, in(`[{"timestamp":`+value+`,"msg_server_id":"SECRET"}]`), inv, "messages.timestamp"))
	}
	cases = append(cases, []edgetest.Bad{
		edgetest.Refused("no messages", in(`[]`), inv, "messages"),
		edgetest.Refused("null for messages", in(`null`), inv, "messages"),
		edgetest.Refused("null for a message", in(`[null]`), inv, "messages"),
		edgetest.Refused("an object for messages", in(`{"SECRET":1}`), inv, "messages"),
		edgetest.Refused("ids for messages", in(`["SECRET"]`), inv, "messages"),
		edgetest.Refused("too many messages", in(many), inv, "messages"),
		edgetest.Refused("a message twice", in(`[`+message(`"SECRET"`)+`,`+message(`"`+messageID+`"`)+`,`+message(`"SECRET"`)+`]`), inv, "messages"),
		edgetest.Refused("unknown field of a message", in(`[{"timestamp":1,"msg_server_id":"x","channel_id":"SECRET"}]`), inv, "messages.channel_id"),
		edgetest.Refused("long postscript", frame(`"s1"`, `"c1"`, good, `,"update_info":{"postscript":"`+strings.Repeat("é", 513)+`"}`), long, "update_info.postscript"),
		edgetest.Refused("another's server", frame(`"s2"`, `"c2"`, good, ""), no, ""),
		edgetest.Refused("no such channel", frame(`"s1"`, `"none"`, good, ""), no, ""),
		edgetest.Refused("a channel that may not be seen", frame(`"s1"`, `"hidden"`, good, ""), no, ""),
	}...)
	w.Refuses(t, newTestHandler(w), edgetest.Event(t, "revoke-batch"), "SECRET", cases)
}

var members = map[string]string{
	"server_id": `"s1"`, "channel_id": `"c1"`, "timestamp": `1767225600000`, "msg_server_id": `"` + messageID + `"`, "update_info": `{}`,
}

var goodFrame = with("", "")

// with is a good frame but for one member; an empty value leaves it out.
func with(member, value string) string {
	frame := `{"action":"revoke","request_id":"9"`
	for name, good := range members {
		switch {
		case name != member:
			frame += `,"` + name + `":` + good
		case value != "":
			frame += `,"` + name + `":` + value
		}
	}
	return frame + "}"
}

func TestRevokeRefusesBadFrames(t *testing.T) {
	t.Parallel()
	w := edgetest.NewWorld(t)
	w.PutMessage(t, "alice", "s1", "c1", messageID, "text")
	w.PutMessage(t, "alice", "s2", "c2", "01OTHER", "text")
	w.PutMessage(t, "alice", "s1", "hidden", "01HIDDEN", "text")
	w.PutMessage(t, "bob", "s1", "c1", "01BOBS", "text")
	cases := edgetest.CommonBad(goodFrame)
	for _, field := range []string{"server_id", "channel_id", "msg_server_id"} {
		cases = append(cases, edgetest.IDCases(field, func(value string) string { return with(field, value) })...)
	}
	const inv, long, no, none = chat.Invalid, chat.TooLong, chat.Forbidden, chat.NotFound
	for _, field := range []string{"server_id", "channel_id", "msg_server_id", "timestamp"} {
		cases = append(cases, edgetest.Refused("no "+field, with(field, ""), inv, field))
	}
	for _, value := range []string{`"1767225600000"`, `-1`, `1000000000000000`, `9223372036854775808`, `1e12`, `1.5`, `1767225600000.0`, `null`, `[]`, `true`} {
		cases = append(cases, edgetest.Refused("time "+value, with("timestamp", value), inv, "timestamp"))
	}
	info := func(member string) string { return with("update_info", "{"+member+"}") }
	text := func(n int) string { return `"` + strings.Repeat("é", n) + `"` }
	cases = append(cases, []edgetest.Bad{
		edgetest.Refused("update_info as text", with("update_info", `"SECRET"`), inv, "update_info"),
		edgetest.Refused("update_info as an array", with("update_info", `["SECRET"]`), inv, "update_info"),
		edgetest.Refused("postscript as a number", info(`"postscript":1`), inv, "update_info.postscript"),
		edgetest.Refused("postscript twice", info(`"postscript":"SECRET","postscript":"SECRET"`), inv, "update_info.postscript"),
		edgetest.Refused("unknown field of update_info", info(`"operator_id":"SECRET"`), inv, "update_info.operator_id"),
		edgetest.Refused("invalid UTF-8", info("\"extension\":\"SECRET\xff\""), inv, "update_info.extension"),
		edgetest.Refused("deep update_info", info(`"extension":`+strings.Repeat(`{"a":`, 6_000)), inv, "update_info.extension"),
		edgetest.Refused("long postscript", info(`"postscript":`+text(513)), long, "update_info.postscript"),
		edgetest.Refused("long extension", info(`"extension":`+text(513)), long, "update_info.extension"),
		edgetest.Refused("long push_content", info(`"push_content":`+text(513)), long, "update_info.push_content"),
		edgetest.Refused("long push_payload", info(`"push_payload":`+text(513)), long, "update_info.push_payload"),

		edgetest.Refused("no such server", with("server_id", `"none"`), no, ""),
		edgetest.Refused("another's server", with("server_id", `"s2"`), no, ""),
		edgetest.Refused("no such channel", with("channel_id", `"none"`), no, ""),
		edgetest.Refused("another server's channel", with("channel_id", `"c2"`), no, ""),
		edgetest.Refused("a channel that may not be seen", with("channel_id", `"hidden"`), no, ""),
		edgetest.Refused("another's message", with("msg_server_id", `"01BOBS"`), no, ""),
		edgetest.Refused("no such message", with("msg_server_id", `"none"`), none, ""),
		edgetest.Refused("a message of another server", with("msg_server_id", `"01OTHER"`), none, ""),
		edgetest.Refused("a message of another channel", with("msg_server_id", `"01HIDDEN"`), none, ""),
		edgetest.Refused("another time", with("timestamp", `1767225600001`), none, ""),
	}...)
	w.Refuses(t, newTestHandler(w), edgetest.Event(t, "revoke"), "SECRET", cases)
}

// A frame is served that no limit could count, and the log tells of it: that raises the alarm.
func TestAFrameThatWasNotCountedIsLogged(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		err  error
		code float64
	}{
		"busy":    {&chat.Error{Code: chat.Busy}, 503},
		"refused": {errors.New("AccessDenied"), 500},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := edgetest.NewWorld(t)
			w.PutMessage(t, "alice", "s1", "c1", messageID, "SECRET")
			w.Store.Before = func(op string) error {
				if op == "CountFrame" {
					return c.err
				}
				return nil
			}
			window := chat.Window(-1)
			h := newHandler(w.Edge(), &chat.Revocations{
				Standings: w.Store, Messages: w.Store, Clock: w.Clock, Windows: chat.Windows{Own: &window, Moderator: &window},
				Limit: chat.FrameLimit{Counter: w.Store, Most: 20, Uncounted: edge.Note},
			})
			answer := edgetest.Ask(t, h, edgetest.Event(t, "revoke"))
			if line := w.Line(t); answer.Code != chat.OK || line["code"] != c.code || line["error"] == nil {
				t.Errorf("%s; line %v", answer.Text, line)
			}
		})
	}
}
