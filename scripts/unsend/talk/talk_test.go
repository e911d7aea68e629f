package talk

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"charm.land/lipgloss/v2"

	unsend "unsend/clients/go"
	"unsend/scripts/unsend/inprocess"
	"unsend/scripts/unsend/seed"
)

const town = `servers:
  - id: s
    owner: olga
    roles: [{id: mod, allow: [RevokeMemberMessage]}]
    members:
      - {account: olga}
      - {account: alice, nick: Alice}
      - {account: bob, nick: Bob, roles: [mod]}
    channels: [{id: c}, {id: hasty, windows: {own: never}}]
`

func deployment(t *testing.T) *inprocess.Deployment {
	t.Helper()
	f, err := seed.Parse("town.yaml", []byte(town))
	if err != nil {
		t.Fatal(err)
	}
	return inprocess.Start(t, f)
}

func options(session Session, account, channel string) Options {
	n := 0
	return Options{
		Session: session, Account: account, Server: "s", Channel: channel, Now: time.Now, Zone: time.UTC,
		NewID: func() string { n++; return fmt.Sprintf("%s-%d", account, n) },
	}
}

// conversation is one in lines that a test reads and writes.
type conversation struct {
	t     *testing.T
	input *io.PipeWriter
	ended chan error

	mu      sync.Mutex
	text    bytes.Buffer
	changed chan struct{}
}

func open(t *testing.T, d *inprocess.Deployment, account, channel string) *conversation {
	t.Helper()
	in, input := io.Pipe()
	term := &conversation{t: t, input: input, ended: make(chan error, 1), changed: make(chan struct{}, 1)}
	o := options(d.Session(t, account), account, channel)
	go func() { term.ended <- Lines(t.Context(), o, in, term) }()
	t.Cleanup(func() { _ = input.Close() })
	return term
}

func (term *conversation) Write(p []byte) (int, error) {
	term.mu.Lock()
	defer term.mu.Unlock()
	select {
	case term.changed <- struct{}{}:
	default:
	}
	return term.text.Write(p)
}

func (term *conversation) types(line string) {
	term.t.Helper()
	if _, err := io.WriteString(term.input, line+"\n"); err != nil {
		term.t.Fatal(err)
	}
}

// shows waits until a line that ends so was printed.
func (term *conversation) shows(ending string) {
	term.t.Helper()
	deadline := time.After(5 * time.Second)
	for {
		term.mu.Lock()
		text := term.text.String()
		term.mu.Unlock()
		for line := range strings.SplitSeq(text, "\n") {
			if strings.HasSuffix(line, ending) {
				return
			}
		}
		select {
		case <-term.changed:
		case <-deadline:
			term.t.Fatalf("%q was not shown in\n%s", ending, text)
		}
	}
}

func TestTwoPeopleTalk(t *testing.T) {
	t.Parallel()
	d := deployment(t)
	alice, bob := open(t, d, "alice", "c"), open(t, d, "bob", "c")
	alice.shows("/help shows the commands")
	bob.shows("/help shows the commands")
	alice.types("the gate code is 4711")
	alice.shows(" Alice: the gate code is 4711")
	bob.shows(" Alice: the gate code is 4711")
	bob.types("/revoke 1 wrong room")
	bob.shows("— Alice's message taken back by Bob: wrong room —")
	alice.shows("— Alice's message taken back by Bob: wrong room —")
	bob.types("//revoke is a command")
	alice.shows(" Bob: /revoke is a command")
	alice.types("/revoke 2")
	alice.shows("2 was not taken back: 403 no permission (not a member, banned, or not permitted in this channel)")
	bob.types("/r 2")
	alice.shows("— taken back by Bob —")

	late := open(t, d, "alice", "c")
	late.shows("— Alice's message taken back by Bob: wrong room —")
	late.shows("— taken back by Bob —")
	late.types("/history")
	late.shows("there is nothing older")
	late.types("/quit")
	if err := <-late.ended; err != nil {
		t.Error(err)
	}
	if late.text.Len() == 0 || strings.Contains(late.text.String(), "4711") {
		t.Errorf("history shows what was taken back:\n%s", late.text.String())
	}
}

func TestCommandsThatFail(t *testing.T) {
	t.Parallel()
	d := deployment(t)
	alice := open(t, d, "alice", "hasty")
	alice.types("said is said")
	alice.shows(" Alice: said is said")
	for _, test := range []struct{ line, answer string }{
		{"/revoke 1", "1 was not taken back: 508 message recall time exceeded"},
		{"/revoke", "the number in front of the message"},
		{"/revoke 7", "the number in front of the message"},
		{"/revoke -1 x", "the number in front of the message"},
		{"/dance", "and // sends a line that begins with /"},
		{"/again", "nothing failed that could be sent again"},
		{"/help", "leave"},
		{strings.Repeat("x", 5001), "not sent: 405 msg_body: longer than 5000 characters (/again tries once more)"},
	} {
		alice.types(test.line)
		alice.shows(test.answer)
	}
}

func TestNobodySeesAChannelTheyMayNot(t *testing.T) {
	t.Parallel()
	term := open(t, deployment(t), "stranger", "c")
	if err := <-term.ended; err == nil || !strings.Contains(err.Error(), "403") {
		t.Errorf("got %v", err)
	}
}

// What was sent and taken back while there was no connection is caught up with.
func TestALostConnectionIsMadeAgain(t *testing.T) {
	t.Parallel()
	d := deployment(t)
	bob := d.Session(t, "bob")
	said, err := bob.Send(t.Context(), unsend.SendRequest{ServerID: "s", ChannelID: "c", Content: unsend.Content{Body: "one"}})
	if err != nil {
		t.Fatal(err)
	}
	alice := open(t, d, "alice", "c")
	alice.shows(" Bob: one")
	d.Drop()
	alice.shows("— the connection has ended; connecting again —")
	if _, err := bob.Revoke(t.Context(), unsend.RevokeRequest{MessageKey: said.MessageKey}); err != nil {
		t.Fatal(err)
	}
	alice.shows("— connected —")
	alice.shows("— taken back by Bob —")
	alice.types("two")
	alice.shows(" Alice: two")
}

func TestTheEndOfTheInputEndsTheTalk(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	err := Lines(t.Context(), options(deployment(t).Session(t, "alice"), "alice", "c"), strings.NewReader("one\ntwo\n"), &out)
	if err != nil || !strings.Contains(out.String(), "Alice: one") || !strings.Contains(out.String(), "Alice: two") {
		t.Errorf("%v\n%s", err, &out)
	}
}

func TestNobodyIsThere(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	session, err := unsend.NewSession(unsend.SessionOptions{URL: "ws://127.0.0.1:1", Account: "alice", Token: func(context.Context, bool) (string, error) { return "x", nil }})
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- session.Run(t.Context()) }()
	if err := Lines(t.Context(), options(session, "alice", "c"), strings.NewReader("one\n"), &out); err == nil || !strings.Contains(err.Error(), "connect") {
		t.Errorf("%v\n%s", err, &out)
	}
	session.Close()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// unsteady is a session whose first answer is a refusal.
type unsteady struct {
	*unsend.Session
	lost bool
}

func (u *unsteady) Send(ctx context.Context, r unsend.SendRequest) (unsend.Message, error) {
	m, err := u.Session.Send(ctx, r)
	if !u.lost {
		u.lost = true
		return unsend.Message{}, &unsend.Error{Code: unsend.CodeInternal, Reason: "internal error"}
	}
	return m, err
}

func TestSendingAgainSendsOnce(t *testing.T) {
	t.Parallel()
	d := deployment(t)
	session := &unsteady{Session: d.Session(t, "alice")}
	var out bytes.Buffer
	if err := Lines(t.Context(), options(session, "alice", "c"), strings.NewReader("hello\n/again\n/again\n"), &out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"not sent: 500 internal error", "  1 ", "nothing failed"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not in\n%s", want, &out)
		}
	}
	page, err := session.History(t.Context(), unsend.HistoryRequest{ServerID: "s", ChannelID: "c"})
	if err != nil || len(page.Messages) != 1 {
		t.Errorf("%d messages, %v", len(page.Messages), err)
	}
}

func TestDates(t *testing.T) {
	t.Parallel()
	r := newRoom(Options{Zone: time.UTC, Now: func() time.Time { return time.Date(2026, 3, 2, 0, 1, 0, 0, time.UTC) }})
	for want, at := range map[string]time.Time{
		"00:00":       time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC),
		"1 Mar 23:59": time.Date(2026, 3, 1, 23, 59, 0, 0, time.UTC),
	} {
		if got := r.clock(at.UnixMilli()); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

// press does what Bubble Tea does with a key, and with what its command brings.
func press(s *screen, keys ...string) {
	for _, key := range keys {
		code := tea.KeyEnter
		if key != "enter" {
			code = []rune(key)[0]
		}
		text := key
		if key == "enter" {
			text = ""
		}
		_, command := s.Update(tea.KeyPressMsg{Code: code, Text: text})
		if command == nil || key != "enter" {
			continue
		}
		s.Update(command())
	}
}

func typed(s *screen, line string) {
	for _, r := range line {
		press(s, string(r))
	}
	press(s, "enter")
}

func TestScreen(t *testing.T) {
	t.Parallel()
	d := deployment(t)
	s := newScreen(t.Context(), options(d.Session(t, "alice"), "alice", "c"))
	if err := s.connect(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.Update(tea.WindowSizeMsg{Width: 40, Height: 10})
	s.Update(s.run(s.open())())
	typed(s, "the gate code is 4711, and quite a long one it is")
	if view := s.View().Content; !strings.Contains(view, "4711") {
		t.Fatalf("what was sent is not there:\n%s", view)
	}
	typed(s, "/revoke 1 oh no")
	view := s.View().Content
	if strings.Contains(view, "4711") || !strings.Contains(view, "taken back by Alice: oh no") {
		t.Errorf("the line did not change in place:\n%s", view)
	}
	typed(s, "/nonsense")
	view = s.View().Content
	if !strings.Contains(view, "there is no command /nonsense") {
		t.Errorf("no word about it:\n%s", view)
	}
	lines := strings.Split(view, "\n")
	if len(lines) > 10 {
		t.Errorf("%d lines on a screen of 10:\n%s", len(lines), view)
	}
	for _, line := range lines {
		if width := lipgloss.Width(line); width > 40 {
			t.Errorf("%d columns on a screen of 40: %q", width, line)
		}
	}
}

func TestScreenWhenTheConnectionEnds(t *testing.T) {
	t.Parallel()
	d := deployment(t)
	s := newScreen(t.Context(), options(d.Session(t, "alice"), "alice", "c"))
	s.Update(tea.WindowSizeMsg{Width: 100, Height: 10})
	shows := func(word string) {
		t.Helper()
		for !strings.Contains(s.View().Content, word) {
			s.Update(s.listen()())
		}
	}
	if err := s.connect(t.Context()); err != nil {
		t.Fatal(err)
	}
	d.Drop()
	shows("CONNECTING AGAIN")
	shows("connected  #c")
}
