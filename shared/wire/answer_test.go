package wire

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"unsend/shared/chat"
)

func sample() chat.Message {
	return chat.Message{
		MessageKey: chat.MessageKey{ServerID: "s1", ChannelID: "c1", Timestamp: 1767225600123, MsgServerID: "01J"},
		MsgID:      "m1",
		From:       chat.Actor{AccountID: "alice", Nick: "Alice", ClientType: chat.Web, Device: "laptop"},
		ReplyTo:    &chat.MessageRef{Timestamp: 5, MsgServerID: "q"},
		Version:    1,
		UpdatedAt:  1767225600123,
		Content: chat.Content{Body: "<b>&", Attach: "{}", Ext: "x", MentionAll: true, MentionAccounts: []string{"bob"},
			MentionRoles: []string{"mods"}, PushContent: "pc", PushPayload: "pp"},
	}
}

func revoked(m chat.Message) chat.Message {
	m.Status, m.Version, m.UpdatedAt = chat.Revoked, 2, m.UpdatedAt+1
	m.Revocation = &chat.Revocation{
		Operator: chat.Actor{AccountID: "mod", Nick: "Mo", ClientType: chat.IOS, Device: "#conn="},
		Info:     chat.UpdateInfo{Postscript: "wrong room"},
	}
	return m
}

const (
	sentJSON = `{"server_id":"s1","channel_id":"c1","timestamp":1767225600123,"msg_server_id":"01J","msg_id":"m1","msg_type":0,` +
		`"from_accid":"alice","from_nick":"Alice","from_client_type":16,"from_device_id":"laptop","status":0,"version":1,` +
		`"update_timestamp":1767225600123,"reply_to":{"timestamp":5,"msg_server_id":"q"},"msg_body":"<b>&","msg_attach":"{}","msg_ext":"x",` +
		`"mention_all":true,"mention_accids":["bob"],"mention_role_ids":["mods"],"push_content":"pc","push_payload":"pp"`
	revokedJSON = `{"server_id":"s1","channel_id":"c1","timestamp":1767225600123,"msg_server_id":"01J","msg_id":"m1","msg_type":0,` +
		`"from_accid":"alice","from_nick":"Alice","from_client_type":16,"from_device_id":"laptop","status":1,"version":2,` +
		`"update_timestamp":1767225600124,"reply_to":{"timestamp":5,"msg_server_id":"q"},` +
		`"update_ope_info":{"operator_id":"mod","operator_nick":"Mo","operator_client_type":2,"postscript":"wrong room"}`
)

func TestAnswers(t *testing.T) {
	t.Parallel()
	sent := sample()
	gone := revoked(sent)
	unnamed := chat.Message{From: chat.Actor{AccountID: "a", Device: "#conn="}}
	for _, c := range []struct {
		action string
		result Result
		want   string
	}{
		{Send, Result{Message: &sent}, `"message":` + sentJSON + `}}`},
		{Revoke, Result{Message: &gone}, `"message":` + revokedJSON + `}}`},
		{Send, Result{Message: &unnamed}, `"message":{"server_id":"","channel_id":"","timestamp":0,"msg_server_id":"","msg_id":"","msg_type":0,` +
			`"from_accid":"a","from_client_type":0,"status":0,"version":0,"update_timestamp":0}}`},
		{History, Result{Page: &chat.HistoryPage{}}, `"messages":[]}`},
		{History, Result{Page: &chat.HistoryPage{Messages: []chat.Message{gone}, Next: &chat.MessageRef{Timestamp: 1, MsgServerID: "x"}}},
			`"messages":[` + revokedJSON + `}],"next":"AQAAAAAAAAABeA"}`},
		{Ping, Result{ServerTime: 5}, `"server_time":5}`},
		{RevokeBatch, Result{Revoked: []chat.RevokeOutcome{
			{MessageRef: chat.MessageRef{Timestamp: 5, MsgServerID: "i"}, Message: gone},
			{MessageRef: chat.MessageRef{Timestamp: 6, MsgServerID: "j"}, Err: &chat.Error{Code: chat.TooLate}},
			{MessageRef: chat.MessageRef{Timestamp: 7, MsgServerID: "k"}, Err: &chat.Error{Code: chat.Busy, Err: errors.New("SECRET")}},
			{MessageRef: chat.MessageRef{Timestamp: 8, MsgServerID: "l"}, Err: errors.New("SECRET")},
		}}, `"results":[{"timestamp":5,"msg_server_id":"i","res_code":200,"version":2,"update_timestamp":1767225600124},` +
			`{"timestamp":6,"msg_server_id":"j","res_code":508,"reason":"message recall time exceeded","retryable":false},` +
			`{"timestamp":7,"msg_server_id":"k","res_code":503,"reason":"busy, try again","retryable":true},` +
			`{"timestamp":8,"msg_server_id":"l","res_code":500,"reason":"internal error","retryable":false}]}`},
	} {
		got, err := Answer(c.action, "7", c.result)
		want := `{"type":"response","action":"` + c.action + `","request_id":"7","res_code":200,` + c.want
		if err != nil || got != want {
			t.Errorf("got\n%s, %v\nwant\n%s", got, err, want)
		}
	}
}

// Whatever a store hands out by mistake, a message that ended shows no content.
func TestEndedMessagesHoldNoContent(t *testing.T) {
	t.Parallel()
	for _, m := range []chat.Message{
		revoked(sample()),
		func() chat.Message { m := sample(); m.Status = chat.Revoked; return m }(),
		func() chat.Message { m := sample(); m.Status = chat.Deleted; return m }(),
		func() chat.Message { m := sample(); m.Revocation = &chat.Revocation{}; return m }(),
	} {
		text, err := encode(toJSON(m))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"msg_body", "msg_attach", "msg_ext", "mention_", "push_", "<b>"} {
			if strings.Contains(string(text), name) {
				t.Errorf("%q in %s", name, text)
			}
		}
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	for _, code := range chat.Codes {
		if code == chat.OK {
			continue
		}
		want := fmt.Sprintf(`{"type":"response","action":"send","res_code":%d,"reason":"%s","retryable":%t}`,
			code, code.Reason(), code == chat.RateLimited || code == chat.Busy)
		if got := Refusal(Send, "", &chat.Error{Code: code, Err: errors.New("SECRET")}); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
	got := Refusal(Send, "7", fmt.Errorf("wrapped: %w", &chat.Error{Code: chat.TooLong, Field: "msg_body", Reason: "longer than 5000 characters"}))
	if want := `{"type":"response","action":"send","request_id":"7","res_code":405,"reason":"msg_body: longer than 5000 characters",` +
		`"field":"msg_body","retryable":false}`; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got := Refusal(Send, "", errors.New("SECRET")); strings.Contains(got, "SECRET") || !strings.Contains(got, `"res_code":500`) {
		t.Errorf("an unknown error shows as %s", got)
	}
}

func TestNotices(t *testing.T) {
	t.Parallel()
	sent := sample()
	frames, err := EncodeNotices([]chat.Notice{
		{Event: chat.MessageReceived, Message: sent},
		{Event: chat.MessageUpdated, Message: revoked(sent)},
	})
	want := `{"type":"notices","notices":[{"event":"message","res_code":200,"message":` + sentJSON + `,"notify_reason":1}},` +
		`{"event":"message_updated","res_code":200,"update_info":{"postscript":"wrong room"},"message":` + revokedJSON + `,"notify_reason":1}}]}`
	if err != nil || len(frames) != 1 || string(frames[0]) != want {
		t.Errorf("got\n%s, %v\nwant\n%s", frames, err, want)
	}
	if frames, err := EncodeNotices(nil); err != nil || len(frames) != 0 {
		t.Errorf("no notices: %q, %v", frames, err)
	}
}

func TestCursors(t *testing.T) {
	t.Parallel()
	if formatCursor(nil) != "" {
		t.Error("nil has a cursor")
	}
	good := formatCursor(&chat.MessageRef{Timestamp: chat.MaxTimestamp, MsgServerID: "01J"})
	if ref, err := parseCursor("cursor", good); err != nil || *ref != (chat.MessageRef{Timestamp: chat.MaxTimestamp, MsgServerID: "01J"}) {
		t.Errorf("%v, %v", ref, err)
	}
	for name, text := range map[string]string{
		"empty": "", "no base64": "!!", "short": "AQ", "padded": good + "=", "with a newline": good[:4] + "\n" + good[4:],
		"other version":  "Ag" + good[2:],
		"no version":     "AA" + good[2:],
		"loose bits":     "AQAAAAAAAAABeB",
		"no id":          formatCursor(&chat.MessageRef{Timestamp: 1}),
		"bad id":         formatCursor(&chat.MessageRef{Timestamp: 1, MsgServerID: "a#b"}),
		"negative time":  formatCursor(&chat.MessageRef{Timestamp: -1, MsgServerID: "x"}),
		"too late":       formatCursor(&chat.MessageRef{Timestamp: chat.MaxTimestamp + 1, MsgServerID: "x"}),
		"id of 65 bytes": formatCursor(&chat.MessageRef{Timestamp: 1, MsgServerID: strings.Repeat("x", 65)}),
	} {
		if ref, err := parseCursor("cursor", text); err == nil {
			t.Errorf("%s: taken as %v", name, ref)
		} else {
			checkRefusal(t, err)
		}
	}
}

func TestUpdateCursors(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", chat.MaxIDBytes)
	for _, ref := range []chat.UpdateRef{
		{}, {UpdatedAt: chat.MaxTimestamp}, {UpdatedAt: 7, ChannelID: "c", Timestamp: 6, MsgServerID: "m"},
		{UpdatedAt: 1, ChannelID: long, Timestamp: chat.MaxTimestamp, MsgServerID: long},
	} {
		if got, err := parseUpdateCursor("cursor", formatUpdateCursor(ref)); err != nil || *got != ref {
			t.Errorf("%+v became %+v, %v", ref, got, err)
		}
	}
	good := formatUpdateCursor(chat.UpdateRef{UpdatedAt: 7, ChannelID: "c", Timestamp: 6, MsgServerID: "m"})
	for name, text := range map[string]string{
		"empty": "", "no base64": "!!", "short": "Ag", "padded": good + "=", "other version": "Aw" + good[2:], "history's": formatCursor(&chat.MessageRef{Timestamp: 1, MsgServerID: "x"}),
		"cut in the key": good[:14], "cut at the id": good[:25], "negative time": formatUpdateCursor(chat.UpdateRef{UpdatedAt: -1}),
		"negative sending":   formatUpdateCursor(chat.UpdateRef{Timestamp: -1, ChannelID: "c", MsgServerID: "m"}),
		"a channel with #":   formatUpdateCursor(chat.UpdateRef{ChannelID: "a#b", MsgServerID: "m"}),
		"no channel":         formatUpdateCursor(chat.UpdateRef{MsgServerID: "m"}),
		"an id of 65 bytes":  formatUpdateCursor(chat.UpdateRef{ChannelID: "c", MsgServerID: long + "x"}),
		"a channel too long": formatUpdateCursor(chat.UpdateRef{ChannelID: long + "x", MsgServerID: "m"}),
	} {
		if ref, err := parseUpdateCursor("cursor", text); err == nil {
			t.Errorf("%s: taken as %+v", name, ref)
		} else {
			checkRefusal(t, err)
		}
	}
}
