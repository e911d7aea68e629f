package soak

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
)

// Report is what a run did and found.
type Report struct {
	Machine          string
	Length           time.Duration
	Seed             uint64
	Servers          int
	Accounts         int
	Devices          int
	Carried, Held    float64 // requests a second
	Slowed           time.Duration
	Sent, Revoked    int // acknowledged
	Told             int
	Unknown          int // tries without an answer
	Longest          time.Duration
	Messages         int // in the tables in the end
	Audited          int
	Viewed           int // channels of sessions that were compared
	Stayers, Stayed  int // connections that were to stay, and that did from before the kills to the end
	Redriven         int
	Functions        []FunctionMemory
	Clients          Level
	ClientGoroutines [2]int // before and after
	Curves           map[string][]Sample
}

// FunctionMemory is what was seen of a function's processes.
type FunctionMemory struct {
	Function   string
	Seen       int           // processes
	Level      Level         // of the hardest working process of those that lived through the time without kills
	Worked     time.Duration // processor time of that process in that time
	Killed     int
	Cut        int    // invocations that a kill ended
	Goroutines [2]int // of a process that has worked for long, and of a new one; 0: it gave no dump
}

// columns are those of the functions' table.
var columns = []string{"function", "killed", "at work", "minutes watched", "CPU s", "MB", "MB later", "goroutines", "of a new one"}

func (r Report) rows() (rows [][]string) {
	for _, f := range r.Functions {
		first, last := "-", "-"
		if f.Level.Long {
			first, last = fmt.Sprintf("%.1f", megabytes(f.Level.First)), fmt.Sprintf("%.1f", megabytes(f.Level.Last))
		}
		rows = append(rows, []string{
			f.Function, fmt.Sprint(f.Killed), fmt.Sprint(f.Cut), fmt.Sprintf("%.1f", f.Level.Span.Minutes()), fmt.Sprintf("%.1f", f.Worked.Seconds()),
			first, last, fmt.Sprint(f.Goroutines[0]), fmt.Sprint(f.Goroutines[1]),
		})
	}
	return rows
}

// killed are all processes, and all invocations that this ended.
func (r Report) killed() (processes, cut int) {
	for _, f := range r.Functions {
		processes, cut = processes+f.Killed, cut+f.Cut
	}
	return processes, cut
}

// Print writes it for a terminal. Errors: those of out.
func (r Report) Print(out io.Writer) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	for _, row := range append([][]string{columns}, r.rows()...) {
		fmt.Fprintf(table, "%s\t\n", strings.Join(row, "\t"))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(out, "\n%s\n", strings.Join(r.sentences(), "\n"))
	return err
}

// sentences are what is to be said besides the table.
func (r Report) sentences() []string {
	processes, cut := r.killed()
	return []string{
		fmt.Sprintf("%d accounts with %d devices in %d servers, one of them large. The stack carried %.1f requests a second, and was asked for %.1f%s.",
			r.Accounts, r.Devices, r.Servers, r.Carried, r.Held, r.slowed()),
		fmt.Sprintf("%d messages were acknowledged and %d revocations. Devices were told %d times; the longest wait for a notice was %v. %d of %d connections stayed from before the kills to the end.",
			r.Sent, r.Revoked, r.Told, r.Longest.Round(time.Second), r.Stayed, r.Stayers),
		fmt.Sprintf("%d processes were killed, which ended %d invocations in the middle. %d tries got no answer.", processes, cut, r.Unknown),
		fmt.Sprintf("In the end the tables held %d messages and the audit %d revocations; %d channels of sessions were as the tables; %d given up were replayed.", r.Messages, r.Audited, r.Viewed, r.Redriven),
		fmt.Sprintf("The clients' own heap was %v. Their goroutines were %d before and %d after.", r.Clients, r.ClientGoroutines[0], r.ClientGoroutines[1]),
	}
}

// slowed says for how long less was asked for, where it was.
func (r Report) slowed() string {
	if r.Slowed == 0 {
		return ""
	}
	return fmt.Sprintf("; for %v a quarter of that, as too many notices waited", r.Slowed.Round(time.Second))
}

// Page is the page of the documentation, in Markdown; plot is the name of the file beside it.
func (r Report) Page(plot string) string {
	var text strings.Builder
	fmt.Fprintf(&text, "# Under load, for long, while processes are killed\n\nMade by `scripts/test --soak %v --docs docs` on %s, with seed %d.\n\n%s", short(r.Length), r.Machine, r.Seed, pageBeginning)
	fmt.Fprintf(&text, "%s\n\n## Memory\n\n%s![Memory of a process of each function](%s)\n\n", strings.Join(r.sentences(), "\n"), pageMemory, plot)
	fmt.Fprintf(&text, "| %s |\n|---|%s\n", strings.Join(columns, " | "), strings.Repeat("---:|", len(columns)-1))
	for _, row := range r.rows() {
		fmt.Fprintf(&text, "| %s |\n", strings.Join(row, " | "))
	}
	return text.String()
}

// short has no zeros at its end: 30m.
func short(d time.Duration) string {
	text := strings.TrimSuffix(d.String(), "0s")
	if strings.HasSuffix(text, "h0m") {
		return strings.TrimSuffix(text, "0m")
	}
	return text
}

const pageBeginning = `People send, resend, take back, read, sync, subscribe, come and go; an administrator bans, removes, lists, hides channels and deletes them, and sweeps; a back end sends and takes back. Meanwhile a process of some function
is killed every few seconds, mostly in the middle of an invocation. The functions are those that are shipped, on the local stack, with IAM enforced. How much it carries is the emulator's, and what else the machine did.

A run fails unless, by what everybody was answered and told (` + "`shared/cloudtest/history`" + `):

- each acknowledged message is there once, or was taken back, swept or deleted; each acknowledged revocation holds, with the first operator's result, and is in the audit once;
- everybody who was online and in sight was told of each, those who left within 3 minutes of it apart, and every session shows what the tables hold;
- nobody was told a text after they knew that it was taken back, and no such text is in any table, while the text of each message that is kept was found;
- nobody was told of anything that was written 2 s after they had lost sight of it;
- no task, job or dead letter is left;
- a process of each function was seen and, in 10 minutes or more, killed; its memory is level, and it has no more goroutines than a new process.

`

const pageMemory = `Each function has a part of the run in which its processes live. Of that the table has the process that worked hardest: its resident memory as the median of the middle third, and later of the last third. The run fails if the line through both rises by more than a tenth and by more than 3 MB: in 30 minutes
that finds a leak of 0.4 MB a minute, and none that is slower. "At work" are the killed processes' invocations that had begun. Goroutines are counted when all is quiet again, without the runtime's own, after the same few invocations of a process that worked through the run
and of a new one; 4 more are allowed.

`
