package terminal_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"

	"unsend/scripts/unsend/terminal"
)

func TestColumnsStandBelowOneAnother(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	table := terminal.Table{Out: &out, Colour: true}
	table.Head("name", "state", "note")
	table.Add("渡辺", terminal.Paint(true, terminal.Red, "no"), "x")
	table.Add("alice", "", "👩‍🚀")
	if err := table.End(); err != nil {
		t.Fatal(err)
	}
	if got, want := ansi.Strip(out.String()), "name    state   note\n渡辺    no      x\nalice   -       👩‍🚀\n"; got != want {
		t.Errorf("\n%s\nwant\n%s", got, want)
	}
	if !strings.Contains(out.String(), "\x1b[31mno\x1b[0m      x") {
		t.Errorf("%q", &out)
	}
}

type closed struct{}

func (closed) Write([]byte) (int, error) { return 0, errors.New("closed") }

// A long list is written as it comes, and a closed output is an error.
func TestALongTable(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	cleared := 0
	table := terminal.Table{Out: &out, BeforeWriting: func() { cleared++ }}
	for range 1500 {
		table.Add("a", "b")
	}
	if strings.Count(out.String(), "\n") != 1000 || cleared != 1 {
		t.Errorf("%d lines after 1,500, cleared %d times", strings.Count(out.String(), "\n"), cleared)
	}
	if err := table.End(); err != nil || strings.Count(out.String(), "\n") != 1500 {
		t.Errorf("%v, %d lines", err, strings.Count(out.String(), "\n"))
	}
	bad := terminal.Table{Out: closed{}}
	bad.Add("a")
	if bad.End() == nil {
		t.Error("no error of a closed output")
	}
}

func TestProgress(t *testing.T) {
	t.Parallel()
	for terminals, want := range map[bool]string{
		true:  "\r\x1b[Kat 2s\r\x1b[Kat 2.2s\r\x1b[Kat 13s\r\x1b[K",
		false: "at 2s\nat 13s\n",
	} {
		var out bytes.Buffer
		begin := time.UnixMilli(0)
		now := begin
		p := terminal.NewProgress(&out, terminals, func() time.Time { return now })
		for _, after := range []time.Duration{0, 1900, 2000, 2100, 2200, 13000} {
			now = begin.Add(after * time.Millisecond)
			p.Say("at %v", now.Sub(begin))
		}
		p.Clear()
		p.Clear()
		if out.String() != want {
			t.Errorf("%q, want %q", &out, want)
		}
	}
	terminal.NewProgress(nil, true, time.Now).Say("nowhere")
}
