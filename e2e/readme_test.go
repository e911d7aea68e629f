package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"unsend/shared/chat"
)

// The frames of the README, played on the deployment: alice's phone sends each
// "->", must be answered "<-", and bob's device told "<=". Every member of every
// frame must be there, and no other. Ids, times and cursors may differ from the page, but the same one
// wherever the page has the same one.
func TestTheFramesOfTheREADME(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, block, found := strings.Cut(string(text), "```frames\n")
	block, _, ended := strings.Cut(block, "```")
	if !found || !ended {
		t.Fatal("README.md has no block of frames")
	}
	c := newCommunity(t)
	c.changeChannel("c1", func(*chat.Channel) {})
	c.changeChannel("lobby", func(ch *chat.Channel) { ch.ViewMode = chat.Private }) // the page has one channel
	c.changeMember("alice", func(m *chat.Member) { m.Join(time.Now()); m.Nick = "Alice" })
	c.join("bob")
	page := &readme{t: t, values: map[string]any{"s1": c.id, "alice": c.account("alice")}}
	bob := c.raw("bob")
	phone := c.rawAs("alice", "phone", 2)
	exchanges := 0
	for line := range strings.Lines(block) {
		direction, frame, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch direction {
		case "":
		case "->":
			exchanges++
			page.answer = phone.ask(page.filled(frame)).text
		case "<-":
			page.compare(frame, page.answer)
		case "<=":
			page.compare(frame, bob.next())
		default:
			t.Errorf("the line begins with %q", direction)
		}
	}
	if exchanges < 5 {
		t.Errorf("only %d exchanges were found", exchanges)
	}
}

// readme compares frames of the page with real ones.
type readme struct {
	t      *testing.T
	answer string
	values map[string]any // the real value of one on the page
}

// volatile are the members whose values the page cannot know.
var volatile = []string{"timestamp", "update_timestamp", "msg_server_id", "server_time", "next", "server_id", "from_accid", "operator_id", "cursor", "c1"}

// filled is a request of the page with the values that the deployment gave.
func (r *readme) filled(frame string) string {
	r.t.Helper()
	var request map[string]any
	r.parse(frame, &request)
	text, err := json.Marshal(r.real("", request))
	if err != nil {
		r.t.Fatal(err)
	}
	return string(text)
}

// real is a value of the page, with the deployment's in it.
func (r *readme) real(name string, value any) any {
	switch value := value.(type) {
	case map[string]any:
		for key := range value {
			value[key] = r.real(key, value[key])
		}
	case []any:
		for i := range value {
			value[i] = r.real(name, value[i])
		}
	default:
		if real, ok := r.values[fmt.Sprint(value)]; ok && slices.Contains(volatile, name) {
			return real
		}
	}
	return value
}

func (r *readme) compare(page, real string) {
	r.t.Helper()
	var want, got any
	r.parse(page, &want)
	r.parse(real, &got)
	r.same("", "", want, got)
}

func (r *readme) parse(frame string, into any) {
	r.t.Helper()
	decoder := json.NewDecoder(strings.NewReader(frame))
	decoder.UseNumber()
	if err := decoder.Decode(into); err != nil {
		r.t.Fatalf("a frame is not JSON: %v", err)
	}
}

func (r *readme) same(path, name string, want, got any) {
	r.t.Helper()
	switch want := want.(type) {
	case map[string]any:
		got, _ := got.(map[string]any)
		for key := range got {
			if _, ok := want[key]; !ok {
				r.t.Errorf("%s.%s is not on the page", path, key)
			}
		}
		for key, value := range want {
			if _, ok := got[key]; !ok {
				r.t.Errorf("%s.%s is on the page only", path, key)
				continue
			}
			r.same(path+"."+key, key, value, got[key])
		}
	case []any:
		got, _ := got.([]any)
		if len(got) != len(want) {
			r.t.Errorf("%s has %d elements, on the page %d", path, len(got), len(want))
			return
		}
		for i := range want {
			r.same(fmt.Sprintf("%s[%d]", path, i), name, want[i], got[i])
		}
	default:
		if slices.Contains(volatile, name) && fmt.Sprint(want) != "-1" {
			if known, ok := r.values[fmt.Sprint(want)]; ok {
				want = known
			} else {
				r.values[fmt.Sprint(want)] = got
				want = got
			}
		}
		if !reflect.DeepEqual(want, got) {
			r.t.Errorf("%s is %v, on the page %v", path, got, want)
		}
	}
}

// next is the next frame of any kind.
func (r *rawDevice) next() string {
	r.c.t.Helper()
	ctx, cancel := context.WithTimeout(r.c.t.Context(), patience)
	defer cancel()
	answer, err := r.read(ctx)
	if err != nil {
		r.c.t.Fatalf("no frame: %v", err)
	}
	return answer.text
}
