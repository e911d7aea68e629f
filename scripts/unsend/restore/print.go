// Package restore tells what `unsend restore` has found and done.
package restore

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"unsend/scripts/unsend/terminal"
	"unsend/shared/chat"
)

// Summary is what a run is about, and what it came to.
type Summary struct {
	Apply   bool
	Stopped bool // something kept it from its end
	// Known is the time (ms) from which on the audit knows what was taken back; 0: all.
	Known int64
	// Named are the servers that the run was about; empty: all that the table has rows of.
	Named []string

	sum     chat.RestoredServer
	servers int
}

// Add adds a server.
func (s *Summary) Add(r chat.RestoredServer) {
	s.sum = s.sum.Plus(r)
	s.servers++
}

// complete is whether the table may be served, for all that the audit knows.
func (s Summary) complete() bool { return !s.Stopped && len(s.Named) == 0 && s.sum.Unfinished() == 0 }

// Left is an error where a run that was to do all has left something.
func (s Summary) Left() error {
	if n := s.sum.Unfinished(); s.Apply && n > 0 {
		return fmt.Errorf("%d messages were left as they are: run it again", n)
	}
	return nil
}

// Report tells of a run.
type Report interface {
	// Add is told of each server when it is done with. An error ends the run.
	Add(chat.RestoredServer) error
	// End writes what is to be written at the end.
	End(Summary) error
}

// Lines writes one JSON object on a line for each server at once, and one for the summary.
type Lines struct{ Out io.Writer }

type counts struct {
	Channels     int `json:"channels"`
	Rows         int `json:"rows"`
	Revocations  int `json:"revocations"`
	Already      int `json:"already_revoked"`
	Absent       int `json:"absent"`
	Due          int `json:"due"`
	Revoked      int `json:"revoked"`
	GoneChannels int `json:"deleted_channels"`
	GoneRows     int `json:"deleted_rows"`
	Removed      int `json:"removed"`
	KeptChannels int `json:"kept_channels"`
	KeptRows     int `json:"kept_rows"`
}

type serverLine struct {
	Type   string `json:"type"` // "server"
	Server string `json:"server"`
	Gone   bool   `json:"deleted"`
	counts
}

type summaryLine struct {
	Type       string   `json:"type"` // "summary"
	Apply      bool     `json:"apply"`
	Complete   bool     `json:"complete"`
	KnownSince string   `json:"known_since,omitempty"`
	Named      []string `json:"named,omitempty"`
	Servers    int      `json:"servers"`
	counts
}

func countsOf(r chat.RestoredServer) counts {
	return counts{r.Channels, r.Rows, r.Entries, r.Already, r.Absent, r.Due, r.Revoked, r.GoneChannels, r.GoneRows, r.Removed, r.KeptChannels, r.KeptRows}
}

// Add writes the server's line.
func (l Lines) Add(r chat.RestoredServer) error {
	return json.NewEncoder(l.Out).Encode(serverLine{"server", r.ServerID, r.GoneServer, countsOf(r)})
}

// End writes the summary's line.
func (l Lines) End(s Summary) error {
	return json.NewEncoder(l.Out).Encode(summaryLine{"summary", s.Apply, s.complete(), day(s.Known), s.Named, s.servers, countsOf(s.sum)})
}

func day(ms int64) string {
	if ms == 0 {
		return ""
	}
	return time.UnixMilli(ms).UTC().Format(time.RFC3339)
}

// Table writes a table for people: the servers in which there was something to do, and the sums.
type Table struct {
	Out    io.Writer
	Colour bool
	Name   string // the restored table's
	// BeforeWriting, where set, is called before each writing, to clear what else stands on the terminal.
	BeforeWriting func()

	table *terminal.Table
}

// Add adds the server's row.
func (t *Table) Add(r chat.RestoredServer) error {
	if r.Due == 0 && r.GoneRows == 0 {
		return nil
	}
	if t.table == nil {
		t.table = &terminal.Table{Out: t.Out, Colour: t.Colour, BeforeWriting: t.BeforeWriting}
		t.table.Head("server", "messages", "to revoke", "revoked", "of deleted channels", "removed")
	}
	name := terminal.Clean(r.ServerID)
	if r.GoneServer {
		name += " (deleted)"
	}
	cells := []string{name}
	for _, n := range []int{r.Rows, r.Due, r.Revoked, r.GoneRows, r.Removed} {
		cells = append(cells, strconv.Itoa(n))
	}
	t.table.Add(cells...)
	return nil
}

// End writes the sums, and what to do.
func (t *Table) End(s Summary) error {
	if t.table != nil {
		if err := t.table.End(); err != nil {
			return err
		}
	}
	if t.BeforeWriting != nil {
		t.BeforeWriting()
	}
	var text strings.Builder
	if t.table != nil {
		text.WriteString("\n")
	}
	fmt.Fprintf(&text, "%s: %d messages in %d channels of %d servers\n", terminal.Clean(t.Name), s.sum.Rows, s.sum.Channels, s.servers)
	fmt.Fprintf(&text, "%d revocations in the audit: %d to do, %d done by this run, %d had been done, %d of messages that the table does not have or that go with their channel\n",
		s.sum.Entries, s.sum.Due, s.sum.Revoked, s.sum.Already, s.sum.Absent)
	fmt.Fprintf(&text, "%d messages of %d deleted channels: %d removed by this run\n", s.sum.GoneRows, s.sum.GoneChannels, s.sum.Removed)
	if s.sum.KeptRows > 0 {
		fmt.Fprintf(&text, "%d messages of %d deleted channels are kept\n", s.sum.KeptRows, s.sum.KeptChannels)
	}
	t.advice(&text, s)
	_, err := io.WriteString(t.Out, text.String())
	return err
}

func (t *Table) advice(text *strings.Builder, s Summary) {
	say := func(when bool, line string) {
		if when {
			fmt.Fprintln(text, line)
		}
	}
	say(s.Known > 0, "The audit knows nothing of before "+day(s.Known)+": what was taken back until then, and after the point in time, stays readable. AuditRetentionDays that was raised does not reach back.")
	switch left := s.sum.Unfinished(); {
	case s.Stopped:
		say(true, "It was stopped before its end. Run it again: what is done is found done.")
	case !s.Apply && left > 0:
		say(true, "Nothing was changed. The same command with --apply does it.")
	case !s.Apply:
		say(true, "Nothing was changed, and there is nothing to do.")
	case left > 0:
		say(true, "Something was done by somebody else meanwhile. Run it again: it should find nothing to do.")
	case len(s.Named) > 0:
		say(true, "All that the audit knows of them is done.")
	default:
		say(true, "All that the audit knows is done. Run it once more when nothing is taken back any longer, and then serve the table.")
	}
	say(len(s.Named) > 0, "Of the servers named only; the others were not looked at: run it without names before the table is served.")
}
