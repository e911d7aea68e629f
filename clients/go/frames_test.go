package unsend

import (
	"encoding/json"
	"strings"
	"testing"
)

// What a server sends is a message that can be placed and judged, or none.
func FuzzNotices(f *testing.F) {
	for _, seed := range []string{
		`{"event":"message","res_code":200,"message":{"server_id":"s","channel_id":"c","timestamp":5,"msg_server_id":"m","status":0,"version":1,"update_timestamp":5,"msg_body":"hi"}}`,
		`{"event":5,"message":{"server_id":"s","channel_id":"c","timestamp":5,"msg_server_id":"m","status":1,"version":2,"update_timestamp":6,"update_ope_info":{"operator_id":"b"}}}`,
		`{"message":{"server_id":"s#","channel_id":"c","timestamp":-5,"msg_server_id":"m","status":null}}`, `[]`, `null`, ``,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		n, ok := noticeOf(json.RawMessage(text))
		m := n.Message
		if !ok {
			if m.MsgServerID != "" || !m.IsEmpty() {
				t.Errorf("%q is none, and gave %+v", text, m)
			}
			return
		}
		if m.ServerID == "" || m.ChannelID == "" || m.MsgServerID == "" || strings.Contains(m.ServerID+m.ChannelID+m.MsgServerID, "#") ||
			m.Timestamp < 0 || m.Status < 0 || m.Version < 0 {
			t.Errorf("%q was taken for %+v", text, m)
		}
		again, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		if same, ok := messageOf(again); !ok || same.MessageKey != m.MessageKey || same.Status != m.Status {
			t.Errorf("%q became %+v, and that %+v", text, m, same)
		}
	})
}

func TestMessagesThatAreNone(t *testing.T) {
	t.Parallel()
	const whole = `{"server_id":"s","channel_id":"c","timestamp":5,"msg_server_id":"m","status":0,"version":1,"update_timestamp":5}`
	if _, ok := messageOf(json.RawMessage(whole)); !ok {
		t.Fatal("a whole message is none")
	}
	for _, field := range []string{"server_id", "channel_id", "timestamp", "msg_server_id", "status", "version", "update_timestamp"} {
		for _, other := range []string{`"other"`, `null`, `{}`, `-1`, `"#"`, `1.5`} {
			fields := fieldsOf([]byte(whole))
			if fields[field] = json.RawMessage(other); strings.HasSuffix(field, "_id") && other == `"other"` {
				delete(fields, field)
			}
			text, err := json.Marshal(fields)
			if err != nil {
				t.Fatal(err)
			}
			if m, ok := messageOf(text); ok {
				t.Errorf("%s was taken for %+v", text, m)
			}
		}
	}
}
