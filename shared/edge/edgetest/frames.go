package edgetest

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"

	"unsend/shared/chat"
	"unsend/shared/chat/chattest"
	"unsend/shared/edge"
	"unsend/shared/wire"
)

// Answer is an answer frame, as a client reads it.
type Answer struct {
	Type       string            `json:"type"`
	Action     string            `json:"action"`
	RequestID  string            `json:"request_id"`
	Code       chat.Code         `json:"res_code"`
	Reason     string            `json:"reason"`
	Field      string            `json:"field"`
	Retryable  *bool             `json:"retryable"`
	Message    map[string]any    `json:"message"`
	Messages   []map[string]any  `json:"messages"`
	Next       string            `json:"next"`
	ServerTime int64             `json:"server_time"`
	Updates    []map[string]any  `json:"updates"`
	Cursor     string            `json:"cursor"`
	More       bool              `json:"more"`
	Access     map[string]string `json:"access"`
	Text       string            `json:"-"`
}

// Ask gives the event to the handler and reads its answer.
func Ask(t *testing.T, h edge.Handler, event events.APIGatewayWebsocketProxyRequest) Answer {
	t.Helper()
	response, err := h(t.Context(), event)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("status %d, %v: a frame is always answered with 200 and a body", response.StatusCode, err)
	}
	answer := Answer{Text: response.Body}
	if err := json.Unmarshal([]byte(response.Body), &answer); err != nil {
		t.Fatalf("%v in %s", err, response.Body)
	}
	if answer.Type != "response" || (answer.Code == chat.OK) != (answer.Retryable == nil) || (answer.Code == chat.OK) != (answer.Reason == "") {
		t.Errorf("answer %s", response.Body)
	}
	if answer.Retryable != nil && *answer.Retryable != answer.Code.Retryable() {
		t.Errorf("retryable is %t for %d", *answer.Retryable, answer.Code)
	}
	return answer
}

// Bad is a frame that must be refused.
type Bad struct {
	Name, Body string
	Code       chat.Code
	Field      string
}

// Refused makes a Bad.
func Refused(name, body string, code chat.Code, field string) Bad {
	return Bad{Name: name, Body: body, Code: code, Field: field}
}

// Refuses checks that each frame gets exactly its code and field, with its
// request id "9" where Body holds that, and that nothing is stored. secret may be in the frames, and must be in
// no answer and no log line.
func (w *World) Refuses(t *testing.T, h edge.Handler, event events.APIGatewayWebsocketProxyRequest, secret string, cases []Bad) {
	t.Helper()
	before := w.Store.Dump()
	for _, c := range cases {
		event.Body = c.Body
		answer := Ask(t, h, event)
		if answer.Code != c.Code || answer.Field != c.Field {
			t.Errorf("%s: code %d, field %q; want %d, %q (%s)", c.Name, answer.Code, answer.Field, c.Code, c.Field, answer.Text)
		}
		if want := strings.HasPrefix(c.Body, "{") && strings.Contains(c.Body, `"request_id":"9"`); want != (answer.RequestID == "9") {
			t.Errorf("%s: request id %q", c.Name, answer.RequestID)
		}
		line := fmt.Sprint(w.Line(t))
		if secret != "" && (strings.Contains(answer.Text, secret) || strings.Contains(line, secret)) {
			t.Errorf("%s: what the frame held is in %s or in %s", c.Name, answer.Text, line)
		}
	}
	if after := w.Store.Dump(); after != before {
		t.Errorf("stored by frames that were refused:\n%s\nbefore:\n%s", after, before)
	}
}

// CommonBad are frames that no action takes. frame is a good one of the action,
// with the request id "9".
func CommonBad(frame string) []Bad {
	with := func(member string) string { return strings.TrimSuffix(frame, "}") + "," + member + "}" }
	return []Bad{
		{"not JSON", `SECRET`, chat.Invalid, "frame"},
		{"empty", ``, chat.Invalid, "frame"},
		{"array", `[` + frame + `]`, chat.Invalid, "frame"},
		{"text behind", frame + `{"x":"SECRET"}`, chat.Invalid, "frame"},
		{"unknown field", with(`"colour":"SECRET"`), chat.Invalid, "colour"},
		{"unknown field with a telling name", with(`"SECRET":1`), chat.Invalid, "frame"},
		{"duplicate key", with(`"action":"SECRET"`), chat.Invalid, "action"},
		{"another action", strings.Replace(frame, `"action":"`, `"action":"SECRET`, 1), chat.Invalid, "action"},
		{"mistyped action", `{"request_id":"9","action":["SECRET"]}`, chat.Invalid, "action"},
		{"missing action", `{"request_id":"9"}`, chat.Invalid, "action"},
		{"invalid UTF-8", with("\"colour\":\"SECRET\xff\""), chat.Invalid, "colour"},
		{"duplicate key, escaped", with(`"\u0061ction":"SECRET"`), chat.Invalid, "action"},
		{"another case", strings.Replace(frame, `"action":`, `"Action":"SECRET","action":`, 1), chat.Invalid, "frame"},
		{"prototype of JavaScript", with(`"__proto__":{"SECRET":1}`), chat.Invalid, "frame"},
		{"byte order mark", "\ufeff" + frame, chat.Invalid, "frame"},
		{"NUL behind", frame + "\x00", chat.Invalid, "frame"},
		{"comment", frame + "/* SECRET */", chat.Invalid, "frame"},
		{"comma behind", strings.TrimSuffix(frame, "}") + ",}", chat.Invalid, "frame"},
		{"single quotes", strings.ReplaceAll(frame, `"`, `'`), chat.Invalid, "frame"},
		{"UTF-16", "\xff\xfe{\x00}\x00", chat.Invalid, "frame"},
		{"overlong quote", with("\"colour\":\xc0\xa2SECRET\xc0\xa2"), chat.Invalid, "colour"},
		{"huge number", with(`"colour":` + strings.Repeat("9", 20_000)), chat.Invalid, "colour"},
		{"huge exponent", with(`"colour":1e999999999`), chat.Invalid, "colour"},
		{"not a number", with(`"colour":NaN`), chat.Invalid, "colour"},
		{"deep nesting of objects", with(`"colour":` + strings.Repeat(`{"a":`, 5_000) + "1" + strings.Repeat("}", 5_000)), chat.Invalid, "colour"},
		{"deep nesting without an end", strings.Repeat(`{"a":`, 6_000), chat.Invalid, "a"},
		{"deep nesting", with(`"colour":` + strings.Repeat("[", 15_000) + strings.Repeat("]", 15_000)), chat.Invalid, "colour"},
		{"too long", with(`"colour":"` + strings.Repeat("SECRET", wire.MaxRequest/6) + `"`), chat.TooLong, "frame"},
		{"request id with #", strings.Replace(frame, `"request_id":"9"`, `"request_id":"SECRET#"`, 1), chat.Invalid, "request_id"},
		{"mistyped request id", strings.Replace(frame, `"request_id":"9"`, `"request_id":{"x":"SECRET"}`, 1), chat.Invalid, "request_id"},
	}
}

// IDCases are the ids that no field takes, put into a frame by with.
func IDCases(field string, with func(value string) string) []Bad {
	cases := []Bad{
		{field + " null", with(`null`), chat.Invalid, field},
		{field + " as a number", with(`12`), chat.Invalid, field},
		{field + " as an object", with(`{"SECRET":1}`), chat.Invalid, field},
		{field + " with half a surrogate pair, escaped", with(`"SECRET\ud83d"`), chat.Invalid, field},
		{field + " with NUL, escaped", with(`"SECRET\u0000"`), chat.Invalid, field},
		{field + " with #, escaped", with(`"SECRET\u0023"`), chat.Invalid, field},
	}
	for name, id := range chattest.HostileIDs() {
		if len(id) < wire.MaxRequest/2 { // a longer one makes the frame too long
			cases = append(cases, Bad{field + ": " + name, with(quoted(id)), chat.Invalid, field})
		}
	}
	return cases
}

// quoted is a text as a JSON string whose bytes stay as they are, also where they are no UTF-8.
func quoted(text string) string {
	var b strings.Builder
	b.WriteByte('"')
	for i := range len(text) {
		if c := text[i]; c < 0x20 || c == '"' || c == '\\' {
			fmt.Fprintf(&b, `\u%04x`, c)
		} else {
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// Withstands checks what every route of frames has in common: expired tokens,
// foreign events, a store that fails at op in each of the ways a store can. event must succeed again and again.
func (w *World) Withstands(t *testing.T, h edge.Handler, event events.APIGatewayWebsocketProxyRequest, op string) {
	t.Helper()
	w.succeeds(t, h, event)
	w.withstandsIdentities(t, h, event)
	w.withstandsStores(t, h, event, op)
	other := event
	other.RequestContext.RouteKey = "another"
	w.fails(t, "another route's event", h, other, chat.Internal)
	binary := event
	binary.IsBase64Encoded = true
	w.fails(t, "binary frame", h, binary, chat.Invalid)
}

func (w *World) succeeds(t *testing.T, h edge.Handler, event events.APIGatewayWebsocketProxyRequest) {
	t.Helper()
	if answer := Ask(t, h, event); answer.Code != chat.OK {
		t.Fatalf("the sample event: %s", answer.Text)
	}
	line := w.Line(t)
	if line["level"] != "INFO" || line["code"] != 200.0 || line["account"] != "alice" || line["route"] != event.RequestContext.RouteKey ||
		line["connection"] != event.RequestContext.ConnectionID || line["request"] != event.RequestContext.RequestID {
		t.Errorf("line %v", line)
	}
}

func (w *World) fails(t *testing.T, name string, h edge.Handler, event events.APIGatewayWebsocketProxyRequest, code chat.Code) Answer {
	t.Helper()
	answer := Ask(t, h, event)
	line := w.Line(t)
	if answer.Code != code || line["code"] != float64(code) {
		t.Errorf("%s: %s, %v; want %d", name, answer.Text, line, code)
	}
	if strings.Contains(answer.Text, "SECRET") || strings.Contains(fmt.Sprint(line), "SECRET") {
		t.Errorf("%s: a secret is in %s or %v", name, answer.Text, line)
	}
	if internal := code == chat.Internal || code == chat.Busy; internal != (line["error"] != nil) {
		t.Errorf("%s: error is %v in the log", name, line["error"])
	}
	return answer
}

func (w *World) withstandsIdentities(t *testing.T, h edge.Handler, event events.APIGatewayWebsocketProxyRequest) {
	t.Helper()
	good := event.RequestContext.Authorizer.(map[string]any)
	for key, values := range map[string][]any{
		edge.AccountKey:    {nil, "", 7.0, "a#b"},
		edge.DeviceKey:     {7.0, "a#b"},
		edge.ClientTypeKey: {nil, "", "3", "x", 1.0, "01"},
		edge.ExpiresAtKey:  {nil, "", "soon", 1.0, "-5", " 1767229200000", "1e15"},
	} {
		for _, value := range values {
			bad := maps.Clone(good)
			if bad[key] = value; value == nil {
				delete(bad, key)
			}
			event.RequestContext.Authorizer = bad
			w.fails(t, fmt.Sprintf("%s = %v", key, value), h, event, chat.Internal)
		}
	}
	event.RequestContext.Authorizer = nil
	w.fails(t, "no authorizer", h, event, chat.Internal)

	expired := maps.Clone(good)
	expired[edge.ExpiresAtKey] = fmt.Sprint(w.Now.UnixMilli())
	event.RequestContext.Authorizer = expired
	if answer := w.fails(t, "expired", h, event, chat.Forbidden); answer.Reason != "token expired, connect again" {
		t.Errorf("expired: %s", answer.Text)
	}
}

type panicValue struct{ text string }

func (w *World) withstandsStores(t *testing.T, h edge.Handler, event events.APIGatewayWebsocketProxyRequest, op string) {
	t.Helper()
	var nilMap map[string]int
	for _, c := range []struct {
		name string
		fail func() error
		code chat.Code
	}{
		{"throttled", func() error { return &chat.Error{Code: chat.Busy, Err: errors.New("throttled")} }, chat.Busy},
		{"broken", func() error { return errors.New("broken") }, chat.Internal},
		{"panic", func() error { panic(panicValue{"SECRET"}) }, chat.Internal},
		{"panic with a text", func() error { panic("SECRET") }, chat.Internal},
		{"panic of the runtime", func() error { nilMap["SECRET"]++; return nil }, chat.Internal},
	} {
		w.Store.Before = func(called string) error {
			if called == op {
				return c.fail()
			}
			return nil
		}
		w.fails(t, c.name, h, event, c.code)
		w.Store.Before = nil
		w.succeeds(t, h, event) // the next event is served
	}
}
