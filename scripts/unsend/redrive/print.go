package redrive

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"unsend/scripts/unsend/terminal"
)

// Report tells of a run.
type Report interface {
	// Add is told of each item as it is found.
	Add(Item)
	// End writes what is to be written at the end. stopped: something kept the run from its end.
	End(s Summary, stopped bool) error
}

// Lines writes one JSON object on a line for each item at once, and one for the summary.
type Lines struct {
	Out io.Writer
	err error
}

type itemLine struct {
	Type     string      `json:"type"` // "item"
	From     Source      `json:"from"`
	ID       string      `json:"id"`
	At       string      `json:"at,omitempty"`
	State    State       `json:"state"`
	Problem  string      `json:"problem,omitempty"`
	Reason   string      `json:"reason,omitempty"`
	Attempts int         `json:"attempts"`
	Records  int         `json:"records"`
	Skipped  int         `json:"skipped"`
	Servers  []shareLine `json:"servers"`
}

type shareLine struct {
	Server  string `json:"server"`
	Records int    `json:"records"`
}

type summaryLine struct {
	Type       string `json:"type"` // "summary"
	Replay     bool   `json:"replay"`
	Complete   bool   `json:"complete"` // neither stopped nor at its limit
	Objects    int    `json:"objects"`
	Letters    int    `json:"dead_letters"`
	Hidden     int    `json:"hidden_dead_letters"`
	Servers    int    `json:"servers"`
	Records    int    `json:"records"`
	Skipped    int    `json:"skipped"`
	Tasks      int    `json:"tasks"`
	Replayable int    `json:"replayable"`
	Empty      int    `json:"empty"`
	Unusable   int    `json:"unusable"`
	Replayed   int    `json:"replayed"`
	Removed    int    `json:"removed"`
	Failed     int    `json:"failed"`
}

// Add writes the item's line.
func (l *Lines) Add(i Item) {
	line := itemLine{Type: "item", From: i.From, ID: i.ID, At: at(i.At), State: i.State, Problem: i.Problem, Reason: i.Reason,
		Attempts: i.Attempts, Records: i.Records(), Skipped: i.Skipped, Servers: []shareLine{}}
	for _, share := range i.Shares {
		line.Servers = append(line.Servers, shareLine(share))
	}
	l.write(line)
}

// End writes the summary's line.
func (l *Lines) End(s Summary, stopped bool) error {
	l.write(summaryLine{"summary", s.Replay, !stopped && !s.More, s.Objects, s.Letters, s.Hidden, s.Servers, s.Records, s.Skipped, s.Tasks,
		s.States[Replayable], s.States[Empty], s.States[Unusable], s.States[Replayed], s.States[Removed], s.States[Failed]})
	return l.err
}

func (l *Lines) write(line any) {
	if l.err == nil {
		l.err = json.NewEncoder(l.Out).Encode(line)
	}
}

func at(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Format(time.RFC3339)
}

// Table writes a table for people, at the end.
type Table struct {
	Out        io.Writer
	Colour     bool
	Deployment string // its name
	Bucket     string // the failure bucket's

	items []Item
}

// Add keeps the item.
func (t *Table) Add(i Item) { t.items = append(t.items, i) }

var stateTexts = map[State]string{
	Replayable: "can be replayed", Empty: "nothing to tell", Unusable: "cannot be replayed",
	Replayed: "replayed", Removed: "deleted, had nothing to tell", Failed: "not replayed",
}

// End writes the table, its sums, and what to do.
func (t *Table) End(s Summary, stopped bool) error {
	if len(t.items) > 0 {
		if err := t.rows(); err != nil {
			return err
		}
	}
	var text strings.Builder
	t.sums(&text, s, stopped)
	t.problems(&text, s)
	t.advice(&text, s, stopped)
	_, err := io.WriteString(t.Out, text.String())
	return err
}

func (t *Table) rows() error {
	table := tabwriter.NewWriter(t.Out, 0, 0, 3, ' ', 0)
	fmt.Fprintln(table, "from\twhen\tserver\trecords\tskipped\tattempts\treason\tstate")
	for _, i := range t.items {
		shares := i.Shares
		if len(shares) == 0 {
			shares = []Share{{Server: "-"}}
		}
		for n, share := range shares {
			skipped := ""
			if n == 0 { // they are of nobody's
				skipped = strconv.Itoa(i.Skipped)
			}
			fmt.Fprintf(table, "%s\t%s\t%s\t%7d\t%7s\t%8d\t%s\t%s\n", i.From, cmp.Or(at(i.At), "-"), terminal.Clean(share.Server), share.Records,
				skipped, i.Attempts, cmp.Or(terminal.Clean(i.Reason), "-"), t.state(i.State))
		}
	}
	return table.Flush()
}

// state stands last in its line: a colour there moves nothing.
func (t *Table) state(s State) string {
	switch s {
	case Unusable, Failed:
		return terminal.Paint(t.Colour, terminal.Red, stateTexts[s])
	case Replayed, Removed:
		return terminal.Paint(t.Colour, terminal.Green, stateTexts[s])
	}
	return stateTexts[s]
}

func (t *Table) sums(text *strings.Builder, s Summary, stopped bool) {
	if len(t.items) == 0 {
		switch {
		case stopped:
		case s.Hidden > 0:
			fmt.Fprintf(text, "%s: nothing can be seen now\n", t.Deployment)
		default:
			fmt.Fprintf(text, "%s: nothing was given up\n", t.Deployment)
		}
		return
	}
	fmt.Fprintf(text, "\n%s: %s, %s; %s of %s to tell", t.Deployment, count(s.Objects, "object"), count(s.Letters, "dead letter"),
		count(s.Records, "record"), count(s.Servers, "server"))
	if s.Skipped > 0 {
		fmt.Fprintf(text, ", %d skipped (of removals, or of no message)", s.Skipped)
	}
	text.WriteString("\n")
	var parts []string
	for _, state := range []State{Replayable, Replayed, Empty, Removed, Unusable, Failed} {
		n := s.States[state]
		if n == 0 {
			continue
		}
		part := fmt.Sprintf("%d %s", n, stateTexts[state])
		if state == Replayed {
			part += ", as " + count(s.Tasks, "task") + " of the push queue"
		}
		parts = append(parts, part)
	}
	fmt.Fprintln(text, strings.Join(parts, "; "))
}

func (t *Table) problems(text *strings.Builder, s Summary) {
	title := "Cannot be replayed"
	if s.Replay {
		title = "Not replayed"
	}
	first := true
	for _, i := range t.items {
		if i.Problem == "" {
			continue
		}
		if first {
			fmt.Fprintf(text, "\n%s:\n", title)
			first = false
		}
		name := "dead letter " + i.ID
		if i.From == Bucket {
			name = "s3://" + t.Bucket + "/" + i.ID
		}
		fmt.Fprintf(text, "  %s\n    %s\n", terminal.Clean(name), t.paint(terminal.Clean(i.Problem)))
	}
}

func (t *Table) paint(text string) string { return terminal.Paint(t.Colour, terminal.Red, text) }

func (t *Table) advice(text *strings.Builder, s Summary, stopped bool) {
	var lines []string
	say := func(when bool, format string, args ...any) {
		if when {
			lines = append(lines, fmt.Sprintf(format, args...))
		}
	}
	say(s.States[Unusable] > 0, "What cannot be replayed stays: an object for 30 days, a dead letter for 14. Look at an object with aws s3 cp s3://... -, and delete it with aws s3 rm s3://...")
	say(s.Hidden > 0, "About %s had another reader when this began, or one that was stopped: look again in %.0f minutes.", count(s.Hidden, "dead letter"), HiddenFor.Minutes())
	say(s.More && !s.Replay, "The limit was reached, and there may be more: raise it with --limit.")
	say(s.More && s.Replay, "The limit was reached, and there may be more: run the command again, or raise it with --limit.")
	say(stopped, "It was stopped before its end. Run the command again for the rest; nothing is lost.")
	say(!s.Replay && s.States[Replayable]+s.States[Empty] > 0, "Nothing was changed. The same command with --replay replays it.")
	if len(lines) > 0 && len(t.items) > 0 {
		text.WriteString("\n")
	}
	for _, line := range lines {
		fmt.Fprintln(text, line)
	}
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
