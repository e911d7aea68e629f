package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"unsend/shared/chat"
	"unsend/shared/edge"
	"unsend/shared/edge/edgetest"
)

const messageID = "01KDVDNC00041061050R3GG28A" // the sample event's

func newTestHandler(w *edgetest.World) edge.Handler {
	window := chat.Window(120_000)
	return newHandler(w.Edge(), &chat.Revocations{Standings: w.Store, Messages: w.Store, Clock: w.Clock,
		Windows: chat.Windows{Own: &window, Moderator: &window}})
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
	}
}

func TestRevokeWithstands(t *testing.T) {
	t.Parallel()
	w := edgetest.NewWorld(t)
	w.PutMessage(t, "alice", "s1", "c1", messageID, "SECRET")
	w.Withstands(t, newTestHandler(w), edgetest.Event(t, "revoke"), "RevokeMessage")
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
