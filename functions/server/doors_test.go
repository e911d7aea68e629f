package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"unsend/shared/chat"
	"unsend/shared/chat/chattest"
)

// pathID is an id in the pattern of an endpoint.
var pathID = regexp.MustCompile(`\{[a-z]+\}`)

// good are the ids of the sample community, by what stands for them in a pattern.
var good = map[string]string{
	"{server}": "s1", "{channel}": "c1", "{role}": "mod", "{account}": "alice", "{sweep}": "x", "{kind}": "sweep", "{job}": "x", "{connection}": "conn",
}

// bodies are requests that their endpoints take, where an empty object is none; each ID is an id of its own.
var bodies = map[string]string{
	"PUT /servers/{server}":                                     `{"owner":"ID"}`,
	"POST /servers/{server}/channels/{channel}/messages":        `{"from":"ID","msg_id":"ID","msg_body":"x","mention_accids":["ID"],"reply_to":{"timestamp":1,"msg_server_id":"ID"}}`,
	"POST /servers/{server}/channels/{channel}/messages/revoke": `{"operator":"ID","messages":[{"timestamp":1,"msg_server_id":"ID"}]}`,
	"PUT /servers/{server}/sweeps/{sweep}":                      `{"accid":"ID","operator":"ID","channel_id":"ID"}`,
	"PUT /servers/{server}/channels/{channel}":                  `{"white_roles":["ID"],"black_roles":["ID"]}`,
	"PUT /servers/{server}/members/{account}":                   `{"roles":["ID"]}`,
	"PUT /servers/{server}/members":                             `{"members":[{"accid":"ID"}]}`,
	"POST /servers/{server}/members/remove":                     `{"accids":["ID"]}`,
}

// filled is the request line of an endpoint, with one id in place of the good one.
func filled(pattern, name, id string) string {
	return pathID.ReplaceAllStringFunc(pattern, func(each string) string {
		if each == name {
			return url.PathEscape(id)
		}
		return good[each]
	})
}

// refusesDoor wants the request refused for what it holds, and nothing of it in answer, log or store.
func (c *client) refusesDoor(what, request, body, id string) {
	c.Helper()
	a := c.do(request, body)
	line := c.log()
	if a.status != 400 && a.status != 404 && a.status != 413 {
		c.Errorf("%s: %d %.300s", what, a.status, a.text)
	}
	if len(id) > 5 && strings.Contains(a.text+line, id) {
		c.Errorf("%s: what was sent is in %.300s or in %.300s", what, a.text, line)
	}
}

func patterns(t *testing.T) []string {
	t.Helper()
	var list []string
	for _, each := range endpoints(&chat.Administration{}, &chat.Sessions{}) {
		list = append(list, each.pattern)
	}
	for known := range bodies {
		if !slices.Contains(list, known) {
			t.Errorf("there is no endpoint %q", known)
		}
	}
	return list
}

// No id of a path, of acting_as or of a body reaches the store that would break a key or pass for another.
func TestNoDoorTakesAHostileID(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	before := c.Store.Dump()
	tried := 0
	for _, pattern := range patterns(t) {
		body := strings.ReplaceAll(bodies[pattern], "ID", "alice")
		for name, id := range chattest.HostileIDs() {
			for _, place := range pathID.FindAllString(pattern, -1) {
				if place == "{connection}" {
					continue // the gateway's, and part of no key
				}
				c.refusesDoor(fmt.Sprintf("%s: %s is %s", pattern, place, name), filled(pattern, place, id), body, id)
				tried++
			}
			if len(id) > 64<<10 {
				continue // a body or query of that size is refused as such
			}
			for i := range strings.Count(bodies[pattern], "ID") {
				c.refusesBody(pattern, name, id, i)
				tried++
			}
		}
	}
	if tried < 1000 {
		t.Errorf("only %d were tried", tried)
	}
	if after := c.Store.Dump(); after != before {
		t.Errorf("stored by requests that were refused:\n%s\nbefore:\n%s", after, before)
	}
}

// refusesBody puts the id in the place of the i-th of the body's. Of several accounts in one request each has a status of its own.
func (c *client) refusesBody(pattern, name, id string, i int) {
	c.Helper()
	parts := strings.Split(bodies[pattern], "ID")
	body := strings.Join(parts[:i+1], "alice") + jsonText(id) + strings.Join(parts[i+1:], "alice")
	what := fmt.Sprintf("%s: id %d of the body is %s", pattern, i, name)
	request := filled(pattern, "", "")
	if !strings.Contains(pattern, "members") || strings.Contains(pattern, "{account}") {
		c.refusesDoor(what, request, body, id)
		return
	}
	a := c.do(request, body)
	c.log()
	if a.status != 400 && !strings.Contains(a.text, `"status":400`) {
		c.Errorf("%s: %d %.300s", what, a.status, a.text)
	}
}

// jsonText is what stands between the quotes of a JSON string whose bytes stay as they are, also where they are no UTF-8.
func jsonText(text string) string {
	var b strings.Builder
	for i := range len(text) {
		if c := text[i]; c < 0x20 || c == '"' || c == '\\' {
			fmt.Fprintf(&b, `\u%04x`, c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

// What only looks like a path or a pattern names itself and nothing else.
func TestOddIDsNameThemselves(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	for _, id := range chattest.OddIDs() {
		if id == "." || id == ".." {
			continue // these do not get through a path
		}
		want := `"server_id":` + quotedID(id)
		for _, method := range []string{http.MethodPut, http.MethodGet} {
			// Past the document's check, whose router takes an escaped slash for one of the path.
			w := httptest.NewRecorder()
			c.handler.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), method, "/servers/"+url.PathEscape(id), strings.NewReader(`{"owner":"owner"}`)))
			if line := c.Line(t); w.Code/100 != 2 || !strings.Contains(w.Body.String(), want) || line["server"] != id {
				t.Errorf("%s %q: %d %s, and the log %v", method, id, w.Code, w.Body, line)
			}
		}
	}
}

// quotedID is an id of printable characters as the answers have it.
func quotedID(id string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(id) + `"`
}

// Bodies that readers of JSON differ about are refused by every endpoint that takes one, and store nothing.
func TestNoDoorTakesOddJSON(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	before := c.Store.Dump()
	for _, pattern := range patterns(t) {
		if strings.HasPrefix(pattern, "GET ") {
			continue
		}
		request := filled(pattern, "", "")
		for name, body := range map[string]string{
			"deep nesting":              `{"a":` + strings.Repeat("[", 50_000) + strings.Repeat("]", 50_000) + `}`,
			"deep nesting of objects":   strings.Repeat(`{"a":`, 20_000) + "1" + strings.Repeat("}", 20_000),
			"nesting without an end":    strings.Repeat("[", 200_000),
			"a duplicate key":           `{"x":1,"x":2}`,
			"a duplicate key, escaped":  `{"owner":"a","\u006fwner":"SECRET"}`,
			"another case":              `{"Owner":"SECRET"}`,
			"a prototype of JavaScript": `{"__proto__":{"SECRET":1}}`,
			"a huge number":             `{"priority":` + strings.Repeat("9", 100_000) + `}`,
			"a huge exponent":           `{"priority":1e999999999}`,
			"not a number":              `{"priority":NaN}`,
			"invalid UTF-8":             "{\"nick\":\"SECRET\xff\"}",
			"an overlong quote":         "{\"nick\":\xc0\xa2SECRET\xc0\xa2}",
			"half a surrogate pair":     `{"nick":"SECRET\ud800"}`,
			"a byte order mark":         "\ufeff{}",
			"text behind":               `{}{"SECRET":1}`,
			"NUL behind":                "{}\x00",
			"a comment":                 `{}/* SECRET */`,
			"a comma behind":            `{"nick":"SECRET",}`,
			"a list":                    `["SECRET"]`,
			"a text":                    `"SECRET"`,
			"null and more":             `null SECRET`,
			"a form":                    `owner=SECRET`,
			"more than a body may be":   `{"nick":"` + strings.Repeat("SECRET", 50_000) + `"}`,
		} {
			c.refusesDoor(pattern+": "+name, request, body, "SECRET")
		}
	}
	if after := c.Store.Dump(); after != before {
		t.Errorf("stored by requests that were refused:\n%s\nbefore:\n%s", after, before)
	}
}
