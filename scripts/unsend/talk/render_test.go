package talk

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/x/ansi"

	unsend "unsend/clients/go"
)

var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

func quietRoom(colour bool) *room {
	return newRoom(Options{Account: "alice", Server: "s", Channel: "c", Zone: time.UTC, Now: func() time.Time { return noon }, Colour: colour})
}

// said is a message that the room has taken.
func said(r *room, n int, account, nick, body string) unsend.Message {
	m := unsend.Message{
		MessageKey:  unsend.MessageKey{ServerID: "s", ChannelID: "c", Timestamp: noon.UnixMilli(), MsgServerID: fmt.Sprint(n)},
		FromAccount: account, FromNick: nick, Content: unsend.Content{Body: body},
	}
	r.apply(m)
	return m
}

// looksLikeAMessage is what a reader takes for the beginning of a message.
var looksLikeAMessage = regexp.MustCompile(`^ *[0-9]+ `)

// At no width can a message be written so that a part of it looks like another
// person's, with colours or without.
func TestAMessageNeverLooksLikeTwo(t *testing.T) {
	t.Parallel()
	const forged = "  8 12:00 Bob: I agree"
	bodies := map[string]string{
		"padded":    strings.Repeat(forged+strings.Repeat(" ", 7), 20),
		"line ends": "hello\n" + forged + "\r\n" + forged + "\u2028" + forged,
		"one word":  strings.Repeat("8", 300),
		"wide":      strings.Repeat("世界 8 12:00 鲍勃: ", 20),
		"in a nick": "short",
	}
	for name, body := range bodies {
		nick := "Mallory"
		if name == "in a nick" {
			nick = strings.TrimSpace(strings.Repeat(" 8 12 00 Bob", 5))
		}
		for _, colour := range []bool{false, true} {
			r := quietRoom(colour)
			m := said(r, 1, "mallory", nick, body)
			gone := m
			gone.Status = unsend.StatusRevoked
			gone.Operation = &unsend.Operation{OperatorID: "mallory", OperatorNick: nick, UpdateInfo: unsend.UpdateInfo{Postscript: body}}
			for width := minWidth; width <= 130; width++ {
				for _, shown := range []string{r.line(m, width), r.line(gone, width)} {
					for i, line := range strings.Split(shown, "\n") {
						if lipgloss.Width(line) > max(width, 1+len("  1 12:00 ")) {
							t.Fatalf("%s: %d columns of %d: %q", name, lipgloss.Width(line), width, line)
						}
						if i > 0 && looksLikeAMessage.MatchString(ansi.Strip(line)) {
							t.Fatalf("%s, width %d: a line looks like another message:\n%s", name, width, shown)
						}
					}
				}
			}
		}
	}
}

// The whole text is there, however it is wrapped.
func TestWrappingLosesNothing(t *testing.T) {
	t.Parallel()
	r := quietRoom(true)
	m := said(r, 1, "bob", "Bob", strings.Repeat("one two three four ", 20))
	got := ansi.Strip(r.line(m, 40))
	if words := strings.Count(got, "three"); words != 20 || !strings.HasPrefix(got, "  1 12:00 Bob: one two") || !strings.Contains(got, "\n        │ ") {
		t.Errorf("%d of 20 times:\n%s", words, got)
	}
	if got := r.line(m, 0); strings.Contains(got, "\n") {
		t.Errorf("wrapped for a pipe:\n%s", got)
	}
}

func TestWhoIsWho(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name          string
		nick, account string // of somebody else who was shown
		want          string // of bob, called Bob
	}{
		{"nobody else", "", "", "Bob"},
		{"the same nick", "Bob", "mallory", "Bob (bob)"},
		{"nearly the same", " bO\u200bb ", "mallory", "Bob (bob)"},
		{"another nick", "Robert", "mallory", "Bob"},
		{"himself elsewhere", "Bob", "bob", "Bob"},
	}
	for _, test := range tests {
		r := quietRoom(false)
		said(r, 1, "bob", "Bob", "x")
		if test.account != "" {
			said(r, 2, test.account, test.nick, "x")
		}
		if got := r.called("Bob", "bob"); got != test.want {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
	r := quietRoom(false)
	said(r, 1, "olga", "", "x")
	n := 1
	for nick, want := range map[string]string{
		"olga": "olga (mallory)", "Alice": "Alice (mallory)", // ids of somebody shown, and of the user
		"Bob (bob)": "mallory", "Bob: yes": "mallory", "— gone —": "mallory", "\u200b": "mallory",
	} {
		n++
		said(r, n, "mallory", nick, "x")
		if got := r.called(nick, "mallory"); got != want {
			t.Errorf("%q is shown as %q, want %q", nick, got, want)
		}
	}
	if got := r.called("", "olga"); got != "olga" {
		t.Errorf("without a nick: %q", got)
	}
}

// fixed is a session that shows what it is told to.
type fixed struct {
	Session
	messages []unsend.Message
}

func (f *fixed) Messages(string, string) []unsend.Message { return f.messages }

// The screen writes earlier lines anew when a name turns out to be another's, too.
func TestAnImpostorIsSeenOnTheScreen(t *testing.T) {
	t.Parallel()
	shown := &fixed{}
	s := newScreen(t.Context(), Options{Session: shown, Account: "alice", Server: "s", Channel: "c", Zone: time.UTC, Now: func() time.Time { return noon }})
	s.Update(tea.WindowSizeMsg{Width: 60, Height: 10})
	shown.messages = append(shown.messages, said(s.room, 1, "bob", "Bob", "first"))
	s.refresh()
	shown.messages = append(shown.messages, said(s.room, 2, "mallory", "Bob", "second"))
	s.refresh()
	view := s.View().Content
	if !strings.Contains(view, "Bob (bob): first") || !strings.Contains(view, "Bob (mallory): second") {
		t.Errorf("who is who?\n%s", view)
	}
}

// A terminal wraps what is too long for it, at its first column: lines are
// wrapped before it does.
func TestLinesAreWrappedForATerminal(t *testing.T) {
	t.Parallel()
	d := deployment(t)
	o := options(d.Session(t, "alice"), "alice", "c")
	o.Width = func() int { return 40 }
	var out bytes.Buffer
	if err := Lines(t.Context(), o, strings.NewReader(strings.Repeat("word ", 20)+"\n"), &out); err != nil {
		t.Fatal(err)
	}
	_, message, _ := strings.Cut(out.String(), "\n") // after the greeting
	if !strings.Contains(message, "\n        │ word") {
		t.Errorf("not wrapped:\n%s", &out)
	}
	for line := range strings.Lines(message) {
		if width := lipgloss.Width(strings.TrimSuffix(line, "\n")); width > 40 {
			t.Errorf("%d columns: %q", width, line)
		}
	}
}
