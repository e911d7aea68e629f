package wire

import (
	"errors"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"unsend/shared/chat"
)

// anyDecoder hides the types of the requests.
func anyDecoder[R any](decode func(string) (Frame[R], error)) func(string) (Frame[any], error) {
	return func(body string) (Frame[any], error) {
		f, err := decode(body)
		return Frame[any]{RequestID: f.RequestID, Request: f.Request}, err
	}
}

var decoders = map[string]func(string) (Frame[any], error){
	Send:    anyDecoder(DecodeSend),
	Revoke:  anyDecoder(DecodeRevoke),
	History: anyDecoder(DecodeHistory),
	Sync:    anyDecoder(DecodeSync),
	Ping:    anyDecoder(DecodePing),

	Subscribe:   anyDecoder(DecodeSubscribe),
	Unsubscribe: anyDecoder(DecodeUnsubscribe),
	RevokeBatch: anyDecoder(DecodeRevokeBatch),

	Default: anyDecoder(DecodeDefault),
}

func TestDecodeReadsEveryField(t *testing.T) {
	t.Parallel()
	cursor := formatCursor(&chat.MessageRef{Timestamp: 1767225600123, MsgServerID: "01J"})
	updateAt := chat.UpdateRef{UpdatedAt: 1767225600456, ChannelID: "c", Timestamp: 1767225600123, MsgServerID: "01J"}
	for _, c := range []struct {
		action, body string
		want         any
	}{
		{Send, `{"action":"send","request_id":"7","server_id":"s","channel_id":"c","msg_id":"m","msg_type":100,"msg_body":"b",
			"msg_attach":"a","msg_ext":"e","mention_all":true,"mention_accids":["x","y"],"mention_role_ids":["r"],"push_content":"pc",
			"push_payload":"pp","resend_flag":true,"reply_to":{"timestamp":5,"msg_server_id":"q"}}`,
			chat.SendRequest{ServerID: "s", ChannelID: "c", MsgID: "m", Type: 100,
				Content: chat.Content{Body: "b", Attach: "a", Ext: "e", MentionAll: true, MentionAccounts: []string{"x", "y"},
					MentionRoles: []string{"r"}, PushContent: "pc", PushPayload: "pp"},
				ReplyTo: &chat.MessageRef{Timestamp: 5, MsgServerID: "q"}}},
		{Send, `{"action":"send","request_id":"7","server_id":"s","channel_id":"c","msg_id":"m","msg_body":null,"reply_to":null}`,
			chat.SendRequest{ServerID: "s", ChannelID: "c", MsgID: "m"}},
		{Revoke, `{"action":"revoke","request_id":"7","server_id":"s","channel_id":"c","timestamp":1767225600123,"msg_server_id":"i",
			"update_info":{"postscript":"p","extension":"e","push_content":"pc","push_payload":"pp"}}`,
			chat.RevokeRequest{Key: chat.MessageKey{ServerID: "s", ChannelID: "c", Timestamp: 1767225600123, MsgServerID: "i"},
				Info: chat.UpdateInfo{Postscript: "p", Extension: "e", PushContent: "pc", PushPayload: "pp"}}},
		{RevokeBatch, `{"action":"revokeBatch","request_id":"7","server_id":"s","channel_id":"c",
			"messages":[{"timestamp":1767225600123,"msg_server_id":"i"},{"msg_server_id":"j","timestamp":0}],"update_info":{"postscript":"p"}}`,
			chat.RevokeBatchRequest{ServerID: "s", ChannelID: "c",
				Messages: []chat.MessageRef{{Timestamp: 1767225600123, MsgServerID: "i"}, {MsgServerID: "j"}}, Info: chat.UpdateInfo{Postscript: "p"}}},
		{RevokeBatch, batchWith(`"update_info":null`), chat.RevokeBatchRequest{ServerID: "s", ChannelID: "c"}},
		{History, `{"action":"history","request_id":"7","server_id":"s","channel_id":"c"}`,
			chat.HistoryRequest{ServerID: "s", ChannelID: "c"}},
		{History, `{"action":"history","request_id":"7","server_id":"s","channel_id":"c","direction":"newer","timestamp":9,"limit":100}`,
			chat.HistoryRequest{ServerID: "s", ChannelID: "c", Newer: true, After: &chat.MessageRef{Timestamp: 9}, Limit: 100}},
		{History, `{"action":"history","request_id":"7","server_id":"s","channel_id":"c","direction":"older","cursor":"` + cursor + `"}`,
			chat.HistoryRequest{ServerID: "s", ChannelID: "c", After: &chat.MessageRef{Timestamp: 1767225600123, MsgServerID: "01J"}}},
		{Sync, `{"action":"sync","request_id":"7","server_id":"s"}`, chat.SyncRequest{ServerID: "s"}},
		{Sync, `{"action":"sync","request_id":"7","server_id":"s","cursor":"` + formatUpdateCursor(updateAt) + `"}`,
			chat.SyncRequest{ServerID: "s", From: &updateAt}},
		{Ping, `{"request_id":"7","action":"ping"}`, struct{}{}},
		{Subscribe, `{"action":"subscribe","request_id":"7","server_id":"s","channel_ids":["c","d"]}`,
			chat.SubscribeRequest{ServerID: "s", ChannelIDs: []string{"c", "d"}}},
		{Unsubscribe, `{"action":"unsubscribe","request_id":"7","server_id":"s"}`, chat.SubscribeRequest{ServerID: "s"}},
	} {
		got, err := decoders[c.action](c.body)
		if err != nil {
			t.Errorf("%s: %v", c.body, err)
			continue
		}
		if diff := cmp.Diff(Frame[any]{RequestID: "7", Request: c.want}, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.body, diff)
		}
	}
}

// revokeWith is a revoke that is right but for the given member; a bare name
// leaves that member out.
func revokeWith(member string) string {
	body := `{"action":"revoke","request_id":"7"`
	for _, m := range []string{`"server_id":"s"`, `"channel_id":"c"`, `"timestamp":1`, `"msg_server_id":"i"`} {
		if name, _, _ := strings.Cut(m, ":"); !strings.HasPrefix(member, name) {
			body += "," + m
		}
	}
	if strings.Contains(member, ":") {
		body += "," + member
	}
	return body + "}"
}

func TestDecodeRefuses(t *testing.T) {
	t.Parallel()
	const (
		inv  = chat.Invalid
		long = chat.TooLong
	)
	deep := strings.Repeat("[", 11_000)
	for _, c := range []struct {
		name, action, body string
		code               chat.Code
		field              string
		requestID          string
	}{
		{"nothing", Ping, ``, inv, "frame", ""},
		{"no JSON", Ping, `hello`, inv, "frame", ""},
		{"cut off", Ping, `{"request_id":"7","action":"pi`, inv, "action", "7"},
		{"cut off between members", Ping, `{"request_id":"7",`, inv, "frame", "7"},
		{"text behind", Ping, `{"request_id":"7","action":"ping"}{}`, inv, "frame", "7"},
		{"array", Ping, `[{"action":"ping"}]`, inv, "frame", ""},
		{"string", Ping, `"ping"`, inv, "frame", ""},
		{"no action", Ping, `{"request_id":"7"}`, inv, "action", "7"},
		{"another action", Ping, `{"request_id":"7","action":"send"}`, inv, "action", "7"},
		{"action of another case", Ping, `{"request_id":"7","action":"Ping"}`, inv, "action", "7"},
		{"mistyped action", Ping, `{"request_id":"7","action":1}`, inv, "action", "7"},
		{"unknown field", Ping, `{"request_id":"7","action":"ping","msg_boddy":1}`, inv, "msg_boddy", "7"},
		{"unknown field of odd form", Ping, `{"request_id":"7","action":"ping","wrong room!":1}`, inv, "frame", "7"},
		{"field of another case", Revoke, revokeWith(`"Server_ID":"s"`), inv, "frame", "7"},
		{"unknown field inside", Revoke, revokeWith(`"update_info":{"reason":"x"}`), inv, "update_info.reason", "7"},
		{"unknown odd field inside", Revoke, revokeWith(`"update_info":{"wrong room!":"x"}`), inv, "update_info", "7"},
		{"action twice", Ping, `{"action":"ping","request_id":"7","action":"ping"}`, inv, "action", "7"},
		{"field twice", Revoke, revokeWith(`"update_info":{"postscript":"a","postscript":"b"}`), inv, "update_info.postscript", "7"},
		{"request id twice", Ping, `{"action":"ping","request_id":"7","request_id":"8"}`, inv, "request_id", "7"},
		{"mistyped request id", Ping, `{"action":"ping","request_id":7}`, inv, "request_id", ""},
		{"long request id", Ping, `{"action":"ping","request_id":"` + strings.Repeat("x", 65) + `"}`, inv, "request_id", ""},
		{"bad request id", Ping, `{"action":"ping","request_id":"a#b"}`, inv, "request_id", ""},
		{"missing id", Revoke, revokeWith(`"server_id"`), inv, "server_id", "7"},
		{"null id", Revoke, revokeWith(`"channel_id":null`), inv, "channel_id", "7"},
		{"mistyped id", Revoke, revokeWith(`"msg_server_id":5`), inv, "msg_server_id", "7"},
		{"missing time", Revoke, revokeWith(`"timestamp"`), inv, "timestamp", "7"},
		{"time as text", Revoke, revokeWith(`"timestamp":"1"`), inv, "timestamp", "7"},
		{"negative time", Revoke, revokeWith(`"timestamp":-1`), inv, "timestamp", "7"},
		{"huge time", Revoke, revokeWith(`"timestamp":1000000000000000`), inv, "timestamp", "7"},
		{"enormous time", Revoke, revokeWith(`"timestamp":99999999999999999999`), inv, "timestamp", "7"},
		{"fraction", Revoke, revokeWith(`"timestamp":1.5`), inv, "timestamp", "7"},
		{"whole number with a point", Revoke, revokeWith(`"timestamp":1.0`), inv, "timestamp", "7"},
		{"exponent", Revoke, revokeWith(`"timestamp":1e3`), inv, "timestamp", "7"},
		{"mistyped inside", Revoke, revokeWith(`"update_info":{"postscript":{}}`), inv, "update_info.postscript", "7"},
		{"update info as text", Revoke, revokeWith(`"update_info":"x"`), inv, "update_info", "7"},
		{"invalid UTF-8", Revoke, revokeWith("\"update_info\":{\"postscript\":\"\xff\"}"), inv, "update_info.postscript", "7"},
		{"half a surrogate pair", Revoke, revokeWith(`"update_info":{"postscript":"\ud800"}`), inv, "update_info.postscript", "7"},
		{"action twice, escaped", Ping, `{"action":"ping","request_id":"7","\u0061ction":"send"}`, inv, "action", "7"},
		{"id twice, escaped", Revoke, revokeWith(`"server\u005fid":"t"`), inv, "server_id", "7"},
		{"not a number", Revoke, revokeWith(`"timestamp":NaN`), inv, "timestamp", "7"},
		{"huge exponent", Revoke, revokeWith(`"timestamp":1e999999999`), inv, "timestamp", "7"},
		{"zeros before", Revoke, revokeWith(`"timestamp":01`), inv, "frame", "7"},
		{"byte order mark", Ping, "\ufeff" + `{"request_id":"7","action":"ping"}`, inv, "frame", ""},
		{"NUL behind", Ping, `{"request_id":"7","action":"ping"}` + "\x00", inv, "frame", "7"},
		{"comment", Ping, `{"request_id":"7","action":"ping"/**/}`, inv, "frame", "7"},
		{"comma behind", Ping, `{"request_id":"7","action":"ping",}`, inv, "frame", "7"},
		{"prototype of JavaScript", Ping, `{"request_id":"7","action":"ping","__proto__":{"admin":true}}`, inv, "frame", "7"},
		{"overlong quote", Ping, "{\"request_id\":\"7\",\"action\":\xc0\xa2ping\xc0\xa2}", inv, "action", "7"},
		{"deep in an unknown field", Ping, `{"request_id":"7","action":"ping","a":` + deep, inv, "a", "7"},
		{"deep in a known field", Send, `{"request_id":"7","action":"send","msg_body":` + deep, inv, "msg_body", "7"},
		{"deep from the start", Send, deep, inv, "frame", ""},
		{"too long", Ping, `{"request_id":"7","action":"ping"` + strings.Repeat(" ", MaxRequest) + `}`, long, "frame", "7"},
		{"list as text", Send, `{"request_id":"7","action":"send","mention_accids":"x"}`, inv, "mention_accids", "7"},
		{"mistyped element", Send, `{"request_id":"7","action":"send","mention_accids":["x",1]}`, inv, "mention_accids", "7"},
		{"reply without an id", Send, `{"request_id":"7","action":"send","server_id":"s","channel_id":"c","msg_id":"m","reply_to":{"timestamp":1}}`,
			inv, "reply_to.msg_server_id", "7"},
		{"reply at a negative time", Send, `{"request_id":"7","action":"send","server_id":"s","channel_id":"c","msg_id":"m","reply_to":{"timestamp":-1,"msg_server_id":"i"}}`,
			inv, "reply_to.timestamp", "7"},
		{"batch: no channel", RevokeBatch, `{"action":"revokeBatch","request_id":"7","server_id":"s","messages":[]}`, inv, "channel_id", "7"},
		{"batch: messages as an object", RevokeBatch, batchWith(`"messages":{}`), inv, "messages", "7"},
		{"batch: an id alone", RevokeBatch, batchWith(`"messages":["i"]`), inv, "messages", "7"},
		{"batch: null for a message", RevokeBatch, batchWith(`"messages":[{"timestamp":1,"msg_server_id":"i"},null]`), inv, "messages", "7"},
		{"batch: no time", RevokeBatch, batchWith(`"messages":[{"msg_server_id":"i"}]`), inv, "messages.timestamp", "7"},
		{"batch: time as text", RevokeBatch, batchWith(`"messages":[{"timestamp":"1","msg_server_id":"i"}]`), inv, "messages.timestamp", "7"},
		{"batch: negative time", RevokeBatch, batchWith(`"messages":[{"timestamp":-1,"msg_server_id":"i"}]`), inv, "messages.timestamp", "7"},
		{"batch: no id", RevokeBatch, batchWith(`"messages":[{"timestamp":1}]`), inv, "messages.msg_server_id", "7"},
		{"batch: another channel's message", RevokeBatch, batchWith(`"messages":[{"timestamp":1,"msg_server_id":"i","channel_id":"d"}]`), inv, "messages.channel_id", "7"},
		{"batch: an id twice", RevokeBatch, batchWith(`"messages":[{"timestamp":1,"msg_server_id":"i","msg_server_id":"j"}]`), inv, "messages.msg_server_id", "7"},
		{"batch: deep", RevokeBatch, batchWith(`"messages":` + deep), inv, "messages", "7"},
		{"batch: revoke's frame", RevokeBatch, revokeWith(`"update_info":{}`), inv, "timestamp", "7"},
		{"batch: one message's update_info", RevokeBatch, batchWith(`"messages":[{"timestamp":1,"msg_server_id":"i","update_info":{}}]`), inv, "messages.update_info", "7"},
		{"no msg_id", Send, `{"request_id":"7","action":"send","server_id":"s","channel_id":"c"}`, inv, "msg_id", "7"},
		{"direction", History, historyWith(`"direction":"up"`), inv, "direction", "7"},
		{"no server of sync", Sync, `{"action":"sync","request_id":"7"}`, inv, "server_id", "7"},
		{"cursor of sync", Sync, `{"action":"sync","request_id":"7","server_id":"s","cursor":"AQ"}`, inv, "cursor", "7"},
		{"history's cursor for sync", Sync, `{"action":"sync","request_id":"7","server_id":"s","cursor":"` + formatCursor(&chat.MessageRef{Timestamp: 1, MsgServerID: "x"}) + `"}`, inv, "cursor", "7"},
		{"no server of subscribe", Subscribe, `{"action":"subscribe","request_id":"7","channel_ids":["c"]}`, inv, "server_id", "7"},
		{"a channel that is no text", Subscribe, `{"action":"subscribe","request_id":"7","server_id":"s","channel_ids":["c",1]}`, inv, "channel_ids", "7"},
		{"subscribe for unsubscribe", Unsubscribe, `{"action":"subscribe","request_id":"7","server_id":"s","channel_ids":["c"]}`, inv, "action", "7"},
		{"limit 0", History, historyWith(`"limit":0`), inv, "limit", "7"},
		{"limit 101", History, historyWith(`"limit":101`), inv, "limit", "7"},
		{"cursor and time", History, historyWith(`"timestamp":1,"cursor":"x"`), inv, "timestamp", "7"},
		{"bad cursor", History, historyWith(`"cursor":"AQ"`), inv, "cursor", "7"},
		{"empty cursor", History, historyWith(`"cursor":""`), inv, "cursor", "7"},
		{"history at a negative time", History, historyWith(`"timestamp":-5`), inv, "timestamp", "7"},
		{"unknown action", Default, `{"request_id":"7","action":"edit","anything":[1]}`, inv, "action", "7"},
		{"known action that found no route", Default, `{"request_id":"7","action":"send"}`, inv, "action", "7"},
		{"default without action", Default, `{"request_id":"7"}`, inv, "action", "7"},
		{"default, no JSON", Default, `hello`, inv, "frame", ""},
		{"default, array", Default, `["hello"]`, inv, "frame", ""},
		{"default, too long", Default, strings.Repeat("x", MaxRequest+1), long, "frame", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, err := decoders[c.action](c.body)
			e, ok := errors.AsType[*chat.Error](err)
			if !ok {
				t.Fatalf("error %v, want a refusal", err)
			}
			if e.Code != c.code || e.Field != c.field || got.RequestID != c.requestID {
				t.Errorf("code %d, field %q, request id %q (%s); want %d, %q, %q",
					e.Code, e.Field, got.RequestID, e.SafeReason(), c.code, c.field, c.requestID)
			}
		})
	}
}

func historyWith(members string) string {
	return `{"action":"history","request_id":"7","server_id":"s","channel_id":"c",` + members + `}`
}

func batchWith(members string) string {
	return `{"action":"revokeBatch","request_id":"7","server_id":"s","channel_id":"c",` + members + `}`
}

// A refusal's texts are of this form; nothing a client writes can be, but the
// name of a field.
var (
	refusalField  = regexp.MustCompile(`^[a-z][a-z_]{0,31}(\.[a-z][a-z_]{0,31})?$`)
	refusalReason = map[string]bool{
		"is not valid JSON": true, "is given twice": true, "holds a field twice": true, "is unknown": true, "holds an unknown field": true,
		"is no JSON object": true, "is no whole number that fits": true, "has the wrong type": true, "is missing": true,
		"is not the one of this route": true, "is no time in ms": true, "excludes cursor": true, "must be older or newer": true,
		"must be from 1 to 100": true, "longer than 32768 bytes": true, "is none that an answer gave": true,
		"could not be routed; send the frame as plain JSON text": true, "is unknown; known are history, ping, revoke, revokeBatch, send, subscribe, sync, unsubscribe": true,
		"is longer than an id may be": true, "holds # or a control or invisible character": true, "is not valid UTF-8": true,
		"begins or ends with a space": true,
	}
)

func checkRefusal(t *testing.T, err error) {
	t.Helper()
	e, ok := errors.AsType[*chat.Error](err)
	switch {
	case !ok || e.Err != nil:
		t.Fatalf("not a plain refusal: %v", err)
	case e.Code != chat.Invalid && e.Code != chat.TooLong:
		t.Fatalf("code %d", e.Code)
	case !refusalField.MatchString(e.Field):
		t.Fatalf("field %q", e.Field)
	case !refusalReason[e.Reason]:
		t.Fatalf("reason %q", e.Reason)
	}
}

func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		`{"action":"ping","request_id":"1"}`,
		`{"action":"send","server_id":"s","channel_id":"c","msg_id":"m","msg_type":1,"msg_body":"b","mention_accids":["a"],"reply_to":{"timestamp":1,"msg_server_id":"x"}}`,
		`{"action":"revoke","server_id":"s","channel_id":"c","timestamp":1,"msg_server_id":"i","update_info":{"postscript":"p"}}`,
		`{"action":"revokeBatch","server_id":"s","channel_id":"c","messages":[{"timestamp":1,"msg_server_id":"i"},{"timestamp":2,"msg_server_id":"j"}],"update_info":{"postscript":"p"}}`,
		batchWith(`"messages":[null]`), batchWith(`"messages":[{"timestamp":1}]`), batchWith(`"messages":[]`),
		`{"action":"history","server_id":"s","channel_id":"c","direction":"newer","limit":5,"timestamp":1}`,
		historyWith(`"cursor":"` + formatCursor(&chat.MessageRef{Timestamp: 7, MsgServerID: "x"}) + `"`),
		`{"action":"sync","server_id":"s","cursor":"` + formatUpdateCursor(chat.UpdateRef{UpdatedAt: 7, ChannelID: "c", Timestamp: 6, MsgServerID: "x"}) + `"}`,
		`{"action":"sync","server_id":"s","cursor":"` + formatUpdateCursor(chat.UpdateRef{UpdatedAt: 7}) + `"}`,
		`{"action":"subscribe","server_id":"s","channel_ids":["c","d"]}`, `{"action":"unsubscribe","server_id":"s","channel_ids":["c"]}`,
		`{"action":"ping","request_id":"a#"}`, `{"action":"ping","request_id":" a"}`, "{\"action\":\"ping\",\"request_id\":\"\u3164\"}",
		`{"action":"edit"}`, `[`, `{"a":{"a":1,"a":2}}`, "\"\xff\"", `{"action":"ping","action":"ping"}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		for action, decode := range decoders {
			frame, err := decode(body)
			if err != nil {
				checkRefusal(t, err)
				if frame.RequestID != "" && chat.CheckID("request_id", frame.RequestID) != nil {
					t.Fatalf("a bad request id is repeated: %q", frame.RequestID)
				}
				continue
			}
			again, err := decode(reencode(t, action, frame))
			if err != nil {
				t.Fatalf("a frame that was read is refused when it is written again: %v", err)
			}
			if diff := cmp.Diff(frame, again); diff != "" {
				t.Fatalf("written again, the frame differs (-first +again):\n%s", diff)
			}
		}
	})
}
