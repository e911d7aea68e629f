package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	unsend "unsend/clients/go"
)

func (r *rawDevice) read(ctx context.Context) (rawAnswer, error) {
	_, text, err := r.conn.Read(ctx)
	if err != nil {
		return rawAnswer{}, err
	}
	var answer rawAnswer
	if err := json.Unmarshal(text, &answer); err != nil {
		return rawAnswer{}, fmt.Errorf("%w: %w", errNotJSON, err)
	}
	answer.text = string(text)
	return answer, nil
}

// Bad input over the wire: a code, the field's name, and nothing stored.
func TestBadFrames(t *testing.T) {
	t.Parallel()
	c := newCommunity(t)
	raw := c.raw("owner")
	send := func(members string) string {
		return fmt.Sprintf(`{"action":"send","request_id":"r1","server_id":%q,"channel_id":"lobby","msg_id":"m1","msg_body":"canary"%s}`, c.id, members)
	}
	for _, x := range []struct {
		name, frame string
		code        int
		field       string
	}{
		{"not JSON", "hello", 414, "frame"},
		{"an array", `["send"]`, 414, "frame"},
		{"no action", `{"request_id":"r1"}`, 414, "action"},
		{"unknown action", `{"action":"unsend","request_id":"r1"}`, 414, "action"},
		{"a missing field", fmt.Sprintf(`{"action":"send","server_id":%q,"channel_id":"lobby","msg_body":"x"}`, c.id), 414, "msg_id"},
		{"a mistyped field", send(`,"msg_type":"text"`), 414, "msg_type"},
		{"an unknown field", send(`,"colour":"red"`), 414, "colour"},
		{"a duplicate key", send(`,"msg_id":"m2"`), 414, "msg_id"},
		{"a fraction", send(`,"msg_type":0.5`), 414, "msg_type"},
		{"a number beyond all bounds", send(`,"reply_to":{"timestamp":1e400,"msg_server_id":"x"}`), 414, "reply_to.timestamp"},
		{"deep nesting", send(`,"reply_to":` + strings.Repeat(`{"reply_to":`, 500) + `1` + strings.Repeat(`}`, 500)), 414, "reply_to.reply_to"},
		{"an id with #", strings.Replace(send(""), `"m1"`, `"a#b"`, 1), 414, "msg_id"},
		{"an id with a control character", strings.Replace(send(""), `"m1"`, `"a\u0000b"`, 1), 414, "msg_id"},
		{"an id of 65 bytes", strings.Replace(send(""), `"m1"`, `"`+strings.Repeat("x", 65)+`"`, 1), 414, "msg_id"},
		{"an empty message", strings.Replace(send(""), "canary", "", 1), 414, "msg_body"},
		{"an unpaired surrogate", strings.Replace(send(""), "canary", `\ud800`, 1), 414, "msg_body"},
		{"too long a text", strings.Replace(send(""), "canary", strings.Repeat("x", 5001), 1), 405, "msg_body"},
		{"too long an extension", send(`,"msg_ext":"` + strings.Repeat("x", 1025) + `"`), 405, "msg_ext"},
		{"a negative time", fmt.Sprintf(`{"action":"revoke","server_id":%q,"channel_id":"lobby","timestamp":-1,"msg_server_id":"x"}`, c.id), 414, "timestamp"},
		{"a huge time", fmt.Sprintf(`{"action":"revoke","server_id":%q,"channel_id":"lobby","timestamp":9007199254740993000,"msg_server_id":"x"}`, c.id), 414, "timestamp"},
		{"a bad cursor", fmt.Sprintf(`{"action":"history","server_id":%q,"channel_id":"lobby","cursor":"?"}`, c.id), 414, "cursor"},
		{"a limit of 101", fmt.Sprintf(`{"action":"history","server_id":%q,"channel_id":"lobby","limit":101}`, c.id), 414, "limit"},
	} {
		answer := raw.ask(x.frame)
		if answer.Code != x.code || answer.Field != x.field {
			t.Errorf("%s: %d %q (%s), want %d %q", x.name, answer.Code, answer.Field, answer.Reason, x.code, x.field)
		}
		if strings.Contains(answer.text, "canary") {
			t.Errorf("%s: the answer repeats what was sent", x.name)
		}
	}
	if messages, err := c.connect("owner", "reader").page("lobby"); err != nil || len(messages) != 0 {
		t.Errorf("%d messages were stored, %v", len(messages), err)
	}
}

// A walk through a channel in either direction meets every message once,
// revoked ones included.
func TestHistoryWalks(t *testing.T) {
	t.Parallel()
	c := newCommunity(t)
	phone := c.connect("owner", "phone")
	var want []string
	for i := range 25 {
		m := phone.say(fmt.Sprintf("message %d %s", i, strings.Repeat("long ", 900)))
		want = append(want, m.MsgServerID)
		if i%5 == 0 {
			if _, err := phone.takeBack(m, ""); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, direction := range []string{unsend.Older, unsend.Newer} {
		var got []string
		tombstones, pages, cursor := 0, 0, ""
		for {
			page, err := phone.History(c.ctx(), unsend.HistoryRequest{ServerID: c.id, ChannelID: "lobby", Direction: direction, Cursor: cursor, Limit: 7})
			c.must(nil, err)
			for _, m := range page.Messages {
				got = append(got, m.MsgServerID)
				if m.Status == unsend.StatusRevoked && m.IsEmpty() {
					tombstones++
				}
			}
			if pages++; page.Next == "" || pages > 20 {
				break
			}
			cursor = page.Next
		}
		if direction == unsend.Older {
			slices.Reverse(got)
		}
		if !slices.Equal(got, want) || tombstones != 5 {
			t.Errorf("%s: %d messages on %d pages, %d of them revoked; want 25 and 5, in order", direction, len(got), pages, tombstones)
		}
	}
	// 25 texts of 4.5 KB are within 120 KB, 100 would not be: see the cut in shared/wire.
}
