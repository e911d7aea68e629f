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
	return newHandler(w.Edge(), &chat.Histories{Standings: w.Store, Messages: w.Store, Clock: w.Clock},
		&chat.Syncs{Updates: w.Store, Sights: w.Store, Clock: w.Clock})
}

func TestHistory(t *testing.T) {
	t.Parallel()
	w := edgetest.NewWorld(t)
	h := newTestHandler(w)
	event := edgetest.Event(t, "history")
	if answer := edgetest.Ask(t, h, event); answer.Code != chat.OK || !strings.Contains(answer.Text, `"messages":[]`) || answer.Next != "" {
		t.Errorf("empty channel: %s", answer.Text)
	}
	w.Line(t)
	w.PutMessage(t, "alice", "s1", "c1", "01A", "first")
	w.Now = w.Now.Add(time.Millisecond)
	w.PutMessage(t, "bob", "s1", "c1", "01B", "second")
	answer := edgetest.Ask(t, h, event)
	if answer.Code != chat.OK || len(answer.Messages) != 2 || answer.Messages[0]["msg_server_id"] != "01B" || answer.Messages[1]["msg_body"] != "first" {
		t.Errorf("answer %s", answer.Text)
	}
	if line := w.Line(t); line["server"] != "s1" || line["channel"] != "c1" || strings.Contains(fmt.Sprint(line), "first") {
		t.Errorf("line %v", line)
	}
}

// Large messages make pages that are cut by bytes; a walk meets each of them once.
func TestHistoryWalk(t *testing.T) {
	t.Parallel()
	for _, direction := range []string{"older", "newer"} {
		w := edgetest.NewWorld(t)
		const messages = 40
		for i := range messages {
			w.Now = w.Now.Add(time.Millisecond)
			w.PutMessage(t, "bob", "s1", "c1", fmt.Sprintf("01M%03d", i), strings.Repeat(`"`, 4_000))
		}
		h := newTestHandler(w)
		event := edgetest.Event(t, "history")
		var met []string
		for cursor, pages := "", 0; ; pages++ {
			event.Body = with("direction", `"`+direction+`"`) // a frame without a cursor
			if cursor != "" {
				event.Body = strings.Replace(event.Body, "{", `{"cursor":"`+cursor+`",`, 1)
			}
			answer := edgetest.Ask(t, h, event)
			for _, m := range answer.Messages {
				met = append(met, m["msg_server_id"].(string))
			}
			if cursor = answer.Next; cursor == "" {
				break
			}
			if pages > messages {
				t.Fatalf("%s: no end", direction)
			}
		}
		if len(met) != messages || !inOrder(met, direction == "newer") {
			t.Errorf("%s: met %v", direction, met)
		}
	}
}

func inOrder(ids []string, ascending bool) bool {
	for i := 1; i < len(ids); i++ {
		if (ids[i-1] < ids[i]) != ascending || ids[i-1] == ids[i] {
			return false
		}
	}
	return true
}

func TestHistoryWithstands(t *testing.T) {
	t.Parallel()
	w := edgetest.NewWorld(t)
	w.Withstands(t, newTestHandler(w), edgetest.Event(t, "history"), "History")
	w.Withstands(t, newTestHandler(w), edgetest.Event(t, "history"), "Standing")
}

const goodFrame = `{"action":"history","request_id":"9","server_id":"s1","channel_id":"c1"}`

func with(member, value string) string {
	for name, good := range map[string]string{"server_id": `"s1"`, "channel_id": `"c1"`} {
		if name == member {
			return strings.Replace(goodFrame, `"`+name+`":`+good, `"`+name+`":`+value, 1)
		}
	}
	return strings.TrimSuffix(goodFrame, "}") + `,"` + member + `":` + value + `}`
}

func TestHistoryRefusesBadFrames(t *testing.T) {
	t.Parallel()
	w := edgetest.NewWorld(t)
	w.PutMessage(t, "carol", "s2", "c2", "01OTHER", "SECRET")
	w.PutMessage(t, "owner", "s1", "hidden", "01HIDDEN", "SECRET")
	cases := edgetest.CommonBad(goodFrame)
	const inv, no = chat.Invalid, chat.Forbidden
	for _, field := range []string{"server_id", "channel_id"} {
		cases = append(cases, edgetest.IDCases(field, func(value string) string { return with(field, value) })...)
		cases = append(cases, edgetest.Refused("no "+field, strings.Replace(with(field, "1"), `,"`+field+`":1`, "", 1), inv, field))
	}
	cases = append(cases, []edgetest.Bad{
		edgetest.Refused("direction unknown", with("direction", `"SECRET"`), inv, "direction"),
		edgetest.Refused("direction as a number", with("direction", `1`), inv, "direction"),
		edgetest.Refused("limit 0", with("limit", `0`), inv, "limit"),
		edgetest.Refused("limit negative", with("limit", `-1`), inv, "limit"),
		edgetest.Refused("limit 101", with("limit", `101`), inv, "limit"),
		edgetest.Refused("limit as text", with("limit", `"50"`), inv, "limit"),
		edgetest.Refused("limit broken", with("limit", `1.5`), inv, "limit"),
		edgetest.Refused("limit huge", with("limit", `1e30`), inv, "limit"),
		edgetest.Refused("negative time", with("timestamp", `-1`), inv, "timestamp"),
		edgetest.Refused("huge time", with("timestamp", `1000000000000000`), inv, "timestamp"),
		edgetest.Refused("time as text", with("timestamp", `"SECRET"`), inv, "timestamp"),
		edgetest.Refused("cursor that is none", with("cursor", `"SECRET"`), inv, "cursor"),
		edgetest.Refused("cursor empty", with("cursor", `""`), inv, "cursor"),
		edgetest.Refused("cursor as a number", with("cursor", `7`), inv, "cursor"),
		edgetest.Refused("no such server", with("server_id", `"none"`), no, ""),
		edgetest.Refused("another's server", strings.Replace(with("server_id", `"s2"`), `"c1"`, `"c2"`, 1), no, ""),
		edgetest.Refused("no such channel", with("channel_id", `"none"`), no, ""),
		edgetest.Refused("another server's channel", with("channel_id", `"c2"`), no, ""),
		edgetest.Refused("a channel that may not be seen", with("channel_id", `"hidden"`), no, ""),
	}...)
	w.Refuses(t, newTestHandler(w), edgetest.Event(t, "history"), "SECRET", cases)
}
