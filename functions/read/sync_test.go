package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"unsend/shared/chat"
	"unsend/shared/edge/edgetest"
)

func TestSync(t *testing.T) {
	t.Parallel()
	w := edgetest.NewWorld(t)
	h := newTestHandler(w)
	event := edgetest.Event(t, "sync")
	first := edgetest.Ask(t, h, event)
	if first.Code != chat.OK || !strings.Contains(first.Text, `"updates":[]`) || first.Cursor == "" || len(first.Access) != 1 || first.Access["c1"] == "" {
		t.Errorf("first sync: %s", first.Text)
	}
	w.Line(t)
	for _, channel := range []string{"c1", "hidden"} {
		m := w.PutMessage(t, "bob", "s1", channel, "01"+channel, "SECRET")
		w.Now = w.Now.Add(time.Second)
		revocation := chat.Revocation{Operator: chat.Actor{AccountID: "bob"}, Info: chat.UpdateInfo{Postscript: "wrong room"}}
		if _, err := w.Store.RevokeMessage(t.Context(), chat.RevokeWrite{Key: m.MessageKey, Now: w.Now, Revocation: revocation}); err != nil {
			t.Fatal(err)
		}
	}
	event.Body = strings.Replace(event.Body, "{", `{"cursor":"`+first.Cursor+`",`, 1)
	answer := edgetest.Ask(t, h, event)
	if len(answer.Updates) != 1 || answer.Updates[0]["msg_server_id"] != "01c1" || answer.Updates[0]["status"] != 1.0 ||
		answer.Updates[0]["update_ope_info"].(map[string]any)["postscript"] != "wrong room" || strings.Contains(answer.Text, "SECRET") {
		t.Errorf("updates: %s", answer.Text)
	}
	if line := w.Line(t); line["route"] != "sync" || line["server"] != "s1" || strings.Contains(fmt.Sprint(line), "wrong room") {
		t.Errorf("line %v", line)
	}
}

func TestSyncWithstands(t *testing.T) {
	t.Parallel()
	w := edgetest.NewWorld(t)
	w.Withstands(t, newTestHandler(w), edgetest.Event(t, "sync"), "Sights")
}

func TestSyncRefusesBadFrames(t *testing.T) {
	t.Parallel()
	const good = `{"action":"sync","request_id":"9","server_id":"s1"}`
	with := func(member, value string) string {
		return strings.Replace(strings.Replace(good, `,"server_id":"s1"`, "", 1), "}", `,"`+member+`":`+value+"}", 1)
	}
	cases := append(edgetest.CommonBad(good), edgetest.IDCases("server_id", func(value string) string { return with("server_id", value) })...)
	cases = append(cases,
		edgetest.Refused("no server", strings.Replace(good, `,"server_id":"s1"`, "", 1), chat.Invalid, "server_id"),
		edgetest.Refused("cursor that is none", strings.Replace(good, "}", `,"cursor":"SECRET"}`, 1), chat.Invalid, "cursor"),
		edgetest.Refused("cursor as a number", strings.Replace(good, "}", `,"cursor":1}`, 1), chat.Invalid, "cursor"),
		edgetest.Refused("no such server", with("server_id", `"none"`), chat.Forbidden, ""),
		edgetest.Refused("another's server", with("server_id", `"s2"`), chat.Forbidden, ""),
	)
	w := edgetest.NewWorld(t)
	w.Refuses(t, newTestHandler(w), edgetest.Event(t, "sync"), "SECRET", cases)
}
