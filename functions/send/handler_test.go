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

func newTestHandler(w *edgetest.World) edge.Handler {
	ids := 0
	return newHandler(w.Edge(), &chat.Sender{Standings: w.Store, Messages: w.Store, Clock: w.Clock,
		NewID: func(time.Time) string { ids++; return fmt.Sprintf("01M%05d", ids) }})
}

func TestSend(t *testing.T) {
	t.Parallel()
	w := edgetest.NewWorld(t)
	h := newTestHandler(w)
	event := edgetest.Event(t, "send")

	answer := edgetest.Ask(t, h, event)
	if answer.Code != chat.OK || answer.Action != "send" || answer.RequestID != "3" || answer.Message["msg_body"] != "hello, 世界 <3" ||
		answer.Message["from_device_id"] != "phone-1" || answer.Message["timestamp"] != float64(edgetest.Now.UnixMilli()) {
		t.Errorf("answer %s", answer.Text)
	}
	line := w.Line(t)
	if line["server"] != "s1" || line["channel"] != "c1" || line["message"] != "01M00001" || strings.Contains(fmt.Sprint(line), "hello") {
		t.Errorf("line %v", line)
	}
	if got := edgetest.Measured(line); got != "sends 1" {
		t.Errorf("measured %s", got)
	}
	if again := edgetest.Ask(t, h, event); again.Text != answer.Text {
		t.Errorf("sent again: %s, first: %s", again.Text, answer.Text)
	}
}

func TestSendWithstands(t *testing.T) {
	t.Parallel()
	w := edgetest.NewWorld(t)
	w.Withstands(t, newTestHandler(w), edgetest.Event(t, "send"), "PutMessage")
}

const goodFrame = `{"action":"send","request_id":"9","server_id":"s1","channel_id":"c1","msg_id":"m1","msg_body":"SECRET"}`

func with(member, value string) string {
	for name, old := range map[string]string{"server_id": `"s1"`, "channel_id": `"c1"`, "msg_id": `"m1"`, "msg_body": `"SECRET"`} {
		if name == member {
			return strings.Replace(goodFrame, `"`+name+`":`+old, `"`+name+`":`+value, 1)
		}
	}
	return strings.TrimSuffix(goodFrame, "}") + `,"` + member + `":` + value + `}`
}

func text(length int) string { return `"` + strings.Repeat("x", length) + `"` }

func TestSendRefusesBadFrames(t *testing.T) {
	t.Parallel()
	w := edgetest.NewWorld(t)
	cases := edgetest.CommonBad(goodFrame)
	for _, field := range []string{"server_id", "channel_id", "msg_id"} {
		cases = append(cases, edgetest.IDCases(field, func(value string) string { return with(field, value) })...)
		cases = append(cases, edgetest.Refused("no "+field, strings.Replace(with(field, "1"), `"`+field+`":1,`, "", 1), chat.Invalid, field))
	}
	ref := func(member string) string { return with("reply_to", "{"+member+"}") }
	cases = append(cases, edgetest.IDCases("reply_to.msg_server_id", func(value string) string { return ref(`"timestamp":1,"msg_server_id":` + value) })...)
	const inv, long, no = chat.Invalid, chat.TooLong, chat.Forbidden
	cases = append(cases, []edgetest.Bad{
		edgetest.Refused("no content", with("msg_body", `""`), inv, "msg_body"),
		edgetest.Refused("null content", with("msg_body", `null`), inv, "msg_body"),
		edgetest.Refused("body as a number", with("msg_body", `5`), inv, "msg_body"),
		edgetest.Refused("body as an object", with("msg_body", `{"SECRET":1}`), inv, "msg_body"),
		edgetest.Refused("deep body", with("msg_body", strings.Repeat("[", 12_000)), inv, "msg_body"),
		edgetest.Refused("type unknown", with("msg_type", `7`), inv, "msg_type"),
		edgetest.Refused("type negative", with("msg_type", `-1`), inv, "msg_type"),
		edgetest.Refused("type as text", with("msg_type", `"0"`), inv, "msg_type"),
		edgetest.Refused("type broken", with("msg_type", `0.5`), inv, "msg_type"),
		edgetest.Refused("mention_all as a number", with("mention_all", `1`), inv, "mention_all"),
		edgetest.Refused("mentions as text", with("mention_accids", `"SECRET"`), inv, "mention_accids"),
		edgetest.Refused("mention of no id", with("mention_accids", `["SECRET#"]`), inv, "mention_accids"),
		edgetest.Refused("role of no id", with("mention_role_ids", `["SECRET#"]`), inv, "mention_role_ids"),
		edgetest.Refused("long role", with("mention_role_ids", `[`+text(21)+`]`), inv, "mention_role_ids"),
		edgetest.Refused("resend_flag as text", with("resend_flag", `"SECRET"`), inv, "resend_flag"),
		edgetest.Refused("reply as text", with("reply_to", `"SECRET"`), inv, "reply_to"),
		edgetest.Refused("reply without a time", ref(`"msg_server_id":"i"`), inv, "reply_to.timestamp"),
		edgetest.Refused("reply at a negative time", ref(`"timestamp":-1,"msg_server_id":"i"`), inv, "reply_to.timestamp"),
		edgetest.Refused("reply at a huge time", ref(`"timestamp":1000000000000000,"msg_server_id":"i"`), inv, "reply_to.timestamp"),
		edgetest.Refused("reply with more", ref(`"timestamp":1,"msg_server_id":"i","msg_body":"SECRET"`), inv, "reply_to.msg_body"),
		edgetest.Refused("reply with a field twice", ref(`"timestamp":1,"timestamp":2`), inv, "reply_to.timestamp"),
		edgetest.Refused("body of 5001 characters", with("msg_body", text(5_001)), long, "msg_body"),
		edgetest.Refused("body of over 16 KB", with("msg_body", `"`+strings.Repeat("𝄞", 4_097)+`"`), long, "msg_body"),
		edgetest.Refused("long attachment", with("msg_attach", text(8<<10+1)), long, "msg_attach"),
		edgetest.Refused("long extension", with("msg_ext", text(1<<10+1)), long, "msg_ext"),
		edgetest.Refused("long push_content", with("push_content", text(513)), long, "push_content"),
		edgetest.Refused("long push_payload", with("push_payload", text(1<<10+1)), long, "push_payload"),
		edgetest.Refused("101 mentions", with("mention_accids", `[`+strings.Repeat(`"a",`, 100)+`"a"]`), long, "mention_accids"),

		edgetest.Refused("no such server", with("server_id", `"none"`), no, ""),
		edgetest.Refused("another's server", strings.Replace(with("server_id", `"s2"`), `"c1"`, `"c2"`, 1), no, ""),
		edgetest.Refused("no such channel", with("channel_id", `"none"`), no, ""),
		edgetest.Refused("another server's channel", with("channel_id", `"c2"`), no, ""),
		edgetest.Refused("a channel that may not be seen", with("channel_id", `"hidden"`), no, ""),
	}...)
	w.Refuses(t, newTestHandler(w), edgetest.Event(t, "send"), "SECRET", cases)
}
