package main

import (
	"bytes"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"unsend/scripts/benchmark/fanout"
	"unsend/scripts/unsend/terminal"
	"unsend/shared/chat"
)

// lines are what the table says of a pass.
var lines = []struct {
	name string
	say  func(fanout.Pass) string
}{
	{"first device told after", func(p fanout.Pass) string { return seconds(p.First) }},
	{"the median", func(p fanout.Pass) string { return seconds(p.Median) }},
	{"the last", func(p fanout.Pass) string { return seconds(p.Last) }},
	{"devices told", func(p fanout.Pass) string { return whole(p.Told) }},
	{"well, and not told", func(p fanout.Pass) string { return whole(p.Untold) }},
	{"gone, and removed", func(p fanout.Pass) string { return whole(p.Gone) }},
	{"closed, to come back", func(p fanout.Pass) string { return whole(p.Closed) }},
	{"posts taken", func(p fanout.Pass) string { return whole(p.Posts) }},
	{"most of push in a second", func(p fanout.Pass) string { return whole(p.PerSecond) }},
	{"429 of the quota", func(p fanout.Pass) string { return whole(p.Refused) }},
	{"429 of a full buffer", func(p fanout.Pass) string { return whole(p.Full) }},
	{"timeouts", func(p fanout.Pass) string { return whole(p.TimedOut) }},
	{"retries", func(p fanout.Pass) string { return whole(p.Retried) }},
	{"tasks queued", func(p fanout.Pass) string { return whole(p.Tasks) }},
	{"too old, and dropped", func(p fanout.Pass) string { return whole(p.Dropped) }},
	{"dead letters", func(p fanout.Pass) string { return whole(p.Dead) }},
	{"invocations", func(p fanout.Pass) string { return whole(p.Invocations) }},
	{"their time", func(p fanout.Pass) string { return seconds(p.Ran) }},
	{"rows push holds, peak", func(p fanout.Pass) string { return whole(p.PeakRows) }},
	{"heap, peak", func(p fanout.Pass) string { return fmt.Sprintf("%.1f MB", float64(p.PeakHeap)/(1<<20)) }},
	{"read units", func(p fanout.Pass) string { return whole(int(p.Reads)) }},
	{"write units", func(p fanout.Pass) string { return whole(int(p.Writes)) }},
	{"dollars", func(p fanout.Pass) string { return fmt.Sprintf("%.6f", p.Dollars) }},
}

var events = map[chat.Event]string{chat.MessageReceived: "message", chat.MessageUpdated: "revoke"}

func printSizes(out io.Writer, sizes []fanout.Result, colour bool) error {
	var text bytes.Buffer
	table := tabwriter.NewWriter(&text, 0, 0, 3, ' ', tabwriter.AlignRight)
	var passes []fanout.Pass
	head := "devices online\t"
	kinds := "told of the\t"
	for _, size := range sizes {
		for _, pass := range size.Passes {
			head += whole(size.Connections) + "\t"
			kinds += events[pass.Event] + "\t"
			passes = append(passes, pass)
		}
	}
	fmt.Fprintln(table, head)
	fmt.Fprintln(table, kinds)
	for _, line := range lines {
		fmt.Fprint(table, line.name, "\t")
		for _, pass := range passes {
			fmt.Fprint(table, line.say(pass), "\t")
		}
		fmt.Fprintln(table)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	for i, line := range strings.SplitAfter(text.String(), "\n") {
		line, end := strings.TrimSuffix(line, "\n"), line[len(strings.TrimSuffix(line, "\n")):]
		if i < 2 {
			line = terminal.Paint(colour, terminal.Bold, line)
		}
		if _, err := io.WriteString(out, line+end); err != nil {
			return err
		}
	}
	return nil
}

func printRights(out io.Writer, rights []rightsCost) error {
	for i, cost := range rights {
		if i == 0 {
			fmt.Fprintln(out, "\nWhat a message to one page of devices reads, by how many members' rights changed since they connected:")
		}
		if _, err := fmt.Fprintf(out, "%7s changes   %5s read units\n", whole(cost.Changes), whole(int(cost.Reads))); err != nil {
			return err
		}
	}
	return nil
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.2f s", d.Seconds()) }

// whole has commas: 100,000.
func whole(n int) string {
	text := strconv.Itoa(n)
	for i := len(text) - 3; i > 0 && text[i-1] != '-'; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}
