package unsend_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	unsend "unsend/clients/go"
)

func sent(n int64) unsend.Message {
	return unsend.Message{
		MessageKey: unsend.MessageKey{ServerID: "s", ChannelID: "c", Timestamp: 100 + n/2, MsgServerID: fmt.Sprint(n)},
		Version:    1, FromAccount: "alice", Content: unsend.Content{Body: fmt.Sprint("text ", n)},
	}
}

func revoked(m unsend.Message) unsend.Message {
	m.Status, m.Version, m.Content = unsend.StatusRevoked, 2, unsend.Content{}
	m.Operation = &unsend.Operation{OperatorID: "bob", UpdateInfo: unsend.UpdateInfo{Postscript: "wrong room"}}
	return m
}

func TestViewChanges(t *testing.T) {
	t.Parallel()
	m := sent(1)
	leaky := revoked(m)
	leaky.Body = "text 1"
	elsewhere := sent(1)
	elsewhere.ChannelID = "d"
	edited := m
	edited.Version, edited.Status, edited.Body = 2, 10_000, "edited"
	deleted := m
	deleted.Status, deleted.Version = unsend.StatusDeleted, 1
	tests := []struct {
		name  string
		apply []unsend.Message
		last  unsend.Change
		want  []unsend.Message
	}{
		{"new", []unsend.Message{m}, unsend.Added, []unsend.Message{m}},
		{"repeated", []unsend.Message{m, m}, unsend.Unchanged, []unsend.Message{m}},
		{"taken back", []unsend.Message{m, revoked(m)}, unsend.Updated, []unsend.Message{revoked(m)}},
		{"taken back, then new", []unsend.Message{revoked(m), m}, unsend.Unchanged, []unsend.Message{revoked(m)}},
		{"taken back twice", []unsend.Message{revoked(m), revoked(m)}, unsend.Unchanged, []unsend.Message{revoked(m)}},
		{"a revoke with text", []unsend.Message{m, leaky}, unsend.Updated, []unsend.Message{revoked(m)}},
		{"edited", []unsend.Message{m, edited}, unsend.Updated, []unsend.Message{edited}},
		{"edited, then as sent", []unsend.Message{edited, m}, unsend.Unchanged, []unsend.Message{edited}},
		{"another channel's", []unsend.Message{elsewhere}, unsend.Unchanged, nil},
		{"deleted beats revoked", []unsend.Message{deleted, revoked(m)}, unsend.Unchanged, []unsend.Message{func() unsend.Message {
			d := deleted
			d.Content = unsend.Content{}
			return d
		}()}},
	}
	for _, test := range tests {
		view := unsend.NewView("s", "c")
		var last unsend.Change
		for _, m := range test.apply {
			last = view.Apply(m)
		}
		if last != test.last {
			t.Errorf("%s: the last one did %v, want %v", test.name, last, test.last)
		}
		if diff := cmp.Diff(test.want, view.Messages()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, diff)
		}
	}
}

// Whatever the interleaving of sends, revokes and repetitions, a view ends with
// the same messages in the same order, and nothing of what was taken back.
func TestViewIsTheSameInAnyOrder(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 12).Draw(t, "messages")
		var events, want []unsend.Message
		for i := range n {
			m := sent(int64(i))
			events = append(events, m)
			if rapid.Bool().Draw(t, "revoked") {
				m = revoked(m)
				events = append(events, m)
			}
			want = append(want, m)
		}
		if n > 0 {
			events = append(events, rapid.SliceOf(rapid.SampledFrom(events)).Draw(t, "repeated")...)
		}
		view := unsend.NewView("s", "c")
		known := map[unsend.MessageKey]bool{}
		for _, m := range rapid.Permutation(events).Draw(t, "order") {
			before, had := view.Message(m.MessageKey)
			change := view.Apply(m)
			after, has := view.Message(m.MessageKey)
			switch {
			case !has, (change == unsend.Added) == had, (change == unsend.Unchanged) != cmp.Equal(before, after):
				t.Fatalf("change %v of %+v to %+v", change, before, after)
			case known[m.MessageKey] && !after.Ended(), after.Ended() && !after.IsEmpty():
				t.Fatalf("came back: %+v", after)
			}
			known[m.MessageKey] = after.Ended()
		}
		got := view.Messages()
		if len(got) != len(want) {
			t.Fatalf("%d messages, want %d", len(got), len(want))
		}
		for i := range got[:max(0, len(got)-1)] {
			if a, b := got[i], got[i+1]; a.Timestamp > b.Timestamp || a.Timestamp == b.Timestamp && a.MsgServerID >= b.MsgServerID {
				t.Fatalf("out of order: %+v before %+v", a.MessageKey, b.MessageKey)
			}
		}
		for _, m := range want {
			if found, ok := view.Message(m.MessageKey); !ok || !cmp.Equal(m, found) {
				t.Fatalf("want %+v, got %+v", m, found)
			}
		}
	})
}

func updateOf(m unsend.Message) unsend.Update {
	return unsend.Update{MessageKey: m.MessageKey, Status: m.Status, Version: m.Version, UpdateTimestamp: m.UpdateTimestamp, Operation: *m.Operation}
}

// Notices, history and what sync tells, in any order: a view never shows a text
// again that was taken back, and ends with the messages as they are.
func TestViewWithUpdatesInAnyOrder(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		type event func(*unsend.View)
		var events []event
		want := map[unsend.MessageKey]unsend.Message{}
		for i := range rapid.IntRange(1, 8).Draw(t, "messages") {
			m := sent(int64(i))
			events = append(events, func(v *unsend.View) { v.Apply(m) })
			if rapid.Bool().Draw(t, "revoked") {
				was := m
				m = revoked(was)
				events = append(events, func(v *unsend.View) { v.ApplyUpdate(updateOf(m)) }, func(v *unsend.View) { v.Apply(m) },
					func(v *unsend.View) { v.ApplyUpdate(updateOf(m)) })
			}
			want[m.MessageKey] = m
		}
		view := unsend.NewView("s", "c")
		ended := map[unsend.MessageKey]bool{}
		for _, e := range rapid.Permutation(events).Draw(t, "order") {
			e(view)
			for _, m := range view.Messages() {
				if ended[m.MessageKey] = ended[m.MessageKey] || m.Ended(); ended[m.MessageKey] && !m.IsEmpty() {
					t.Fatalf("came back: %+v", m)
				}
			}
		}
		for key, m := range want {
			if found, _ := view.Message(key); !cmp.Equal(found, m) {
				t.Fatalf("want %+v, got %+v", m, found)
			}
		}
	})
}
