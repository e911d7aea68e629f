package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"unsend/scripts/benchmark/machine"
	"unsend/scripts/benchmark/profiles"
	"unsend/shared/edge"
)

// profileFlags are what is profiled, and where it goes.
type profileFlags struct {
	operationsFlags // where the endpoint is
	play            profiles.Play
	out             string
	top             int
	only            []string // by name; empty: all
}

// profiledOperation is one of the page, and the benchmark that plays it.
type profiledOperation struct{ name, benchmark string }

// profiled are those of the page.
var profiled = []profiledOperation{
	{"send", "BenchmarkOperations/send"},
	{"revoke, own", "BenchmarkOperations/revoke,_own"},
	{"revokeBatch of 100", "BenchmarkOperations/revokeBatch_of_100"},
	{"history of 50", "BenchmarkOperations/history_of_50"},
	{"sync page", "BenchmarkOperations/sync_page"},
	{"ping", "BenchmarkOperations/ping"},
	{"connect", "BenchmarkOperations/connect"},
	{"record a revoke", "BenchmarkOperations/record_a_revoke"},
	{"notify, 500 devices", "BenchmarkTelling/notify"},
	{"push, 500 devices", "BenchmarkTelling/push"},
	{"the same without posts", "BenchmarkTelling/push_at_once"},
}

// profileRow is what an operation takes, and the shares of its parts.
type profileRow struct {
	name               string
	processor          time.Duration
	allocations        int
	time, allocated    map[profiles.Part]float64
	processors, memory string // the files
}

func (a *app) profileCommand() *cobra.Command {
	var f profileFlags
	command := &cobra.Command{
		Use:   "profile",
		Short: "Of what the processor time and the allocations of each operation consist",
		Long: `Play each operation, take profiles of the processor and of the allocations, and say of what they consist. The profiles stay in a
folder, with the binary that made them, for go tool pprof.

It needs an endpoint, as scripts/bench operations does: it asks it once for the answers that it then plays from memory.

How to read it: what a function takes belongs to the first of these parts that it, or else whoever called it, is of. What plays is
in no part. Posts go to a server in the same process, which is in none either, over HTTP without TLS.`,
		Example: `  scripts/bench profile --top 15
  go tool pprof -http : .build/profiles/operations.test ".build/profiles/send.cpu"`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return a.profile(f) },
	}
	flags := command.Flags()
	flags.StringVar(&f.out, "out", filepath.Join(".build", "profiles"), "the `folder` of the profiles")
	flags.StringVar(&f.play.Time, "time", "3s", "how long or how often each is played: 3s or `300x`")
	flags.StringArrayVar(&f.only, "only", nil, "an operation by its `name` in the table, or some of these flags; all")
	flags.IntVar(&f.top, "top", 0, "also print the `n` functions that take most of each")
	flags.StringVar(&f.docs, "docs", "", "write the page profiles.md into this `folder`")
	endpointFlags(flags, &f.operationsFlags)
	return command
}

func (a *app) profile(f profileFlags) (err error) {
	if f.top < 0 || f.top > 1_000 {
		return errors.New("--top: 0 to 1,000")
	}
	chosen, err := f.chosen()
	if err != nil {
		return err
	}
	if f.play.Endpoint, err = f.find(); err != nil {
		return err
	}
	root, err := moduleRoot()
	if err != nil {
		return err
	}
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt)
	defer cancel()
	ctx, cancelTime := context.WithTimeout(ctx, compareTimeout)
	defer cancelTime()
	if f.out, err = filepath.Abs(f.out); err != nil {
		return err
	}
	binary := filepath.Join(f.out, "operations.test")
	if err := errors.Join(os.MkdirAll(f.out, 0o777), profiles.Build(ctx, root, binary)); err != nil {
		return err
	}
	var rows []profileRow
	for _, each := range chosen {
		a.tell(each.name)
		row, err := f.take(ctx, binary, each)
		if err != nil {
			return fmt.Errorf("%s: %w", each.name, err)
		}
		rows = append(rows, row)
	}
	return a.showProfiles(ctx, f, binary, rows)
}

// chosen are the operations that were asked for.
func (f profileFlags) chosen() ([]profiledOperation, error) {
	if len(f.only) == 0 {
		return profiled, nil
	}
	var list []profiledOperation
	for _, name := range f.only {
		i := slices.IndexFunc(profiled, func(each profiledOperation) bool { return each.name == name })
		if i < 0 {
			return nil, fmt.Errorf("--only: no operation is called %q", name)
		}
		list = append(list, profiled[i])
	}
	return list, nil
}

// take plays an operation twice: a profile of the allocations makes it slower.
func (f profileFlags) take(ctx context.Context, binary string, each profiledOperation) (profileRow, error) {
	parent, child, _ := strings.Cut(each.benchmark, "/")
	f.play.Pattern = "^" + parent + "$/^" + child + "$"
	f.play.GOGC = edge.GarbagePercent
	file := filepath.Join(f.out, child)
	row := profileRow{name: each.name, processors: file + ".cpu", memory: file + ".allocations"}
	f.play.Flags = []string{"-test.cpuprofile=" + row.processors}
	text, err := f.play.Run(ctx, binary)
	if err != nil {
		return row, err
	}
	processor, err := metric(text, "cpu-ns/op")
	if err != nil {
		return row, err
	}
	allocations, err := metric(text, "allocs/op")
	if err != nil {
		return row, err
	}
	row.processor, row.allocations = time.Duration(processor), int(allocations)
	f.play.Flags = []string{"-test.memprofile=" + row.memory, "-test.memprofilerate=2048"}
	if _, err := f.play.Run(ctx, binary); err != nil {
		return row, err
	}
	if row.time, err = profiles.Shares(row.processors, "cpu"); err != nil {
		return row, err
	}
	row.allocated, err = profiles.Shares(row.memory, "alloc_objects")
	return row, err
}

// metric is a number of the line of a benchmark.
func metric(text, unit string) (float64, error) {
	found := regexp.MustCompile(`([0-9.e+]+) ` + regexp.QuoteMeta(unit) + `\b`).FindStringSubmatch(text)
	if found == nil {
		return 0, fmt.Errorf("the benchmark printed no %s:\n%s", unit, text)
	}
	return strconv.ParseFloat(found[1], 64)
}

func (a *app) showProfiles(ctx context.Context, f profileFlags, binary string, rows []profileRow) error {
	if f.docs != "" {
		if err := writeFile(filepath.Join(f.docs, "profiles.md"), profilesPage(rows)); err != nil {
			return err
		}
	}
	for _, g := range profileGrids(rows) {
		if err := g.print(a.out, colour(a.out)); err != nil {
			return err
		}
	}
	if f.top == 0 {
		return nil
	}
	for _, row := range rows {
		for _, of := range [][]string{{binary, row.processors}, {"-sample_index=alloc_objects", binary, row.memory}} {
			text, err := topOf(ctx, f.top, of...)
			if err != nil {
				return err
			}
			if _, err := fmt.Fprintf(a.out, "%s\n%s\n", row.name, text); err != nil {
				return err
			}
		}
	}
	return nil
}

// topOf is what go tool pprof says of a profile.
func topOf(ctx context.Context, n int, of ...string) ([]byte, error) {
	c := exec.CommandContext(ctx, "go", append([]string{"tool", "pprof", "-top", "-cum", "-nodecount", strconv.Itoa(n)}, of...)...)
	text, err := c.Output()
	if err != nil {
		return nil, fmt.Errorf("go tool pprof: %w", err)
	}
	return text, nil
}

// profileGrids are the time and the allocations.
func profileGrids(rows []profileRow) []grid {
	head := []string{""}
	for _, part := range profiles.Parts {
		head = append(head, string(part)+" %")
	}
	times := grid{title: "Processor time", head: slices.Insert(slices.Clone(head), 1, "ms")}
	allocations := grid{title: "Allocations", head: slices.Insert(slices.Clone(head), 1, "number")}
	for _, row := range rows {
		times.rows = append(times.rows, append([]string{row.name, ms(row.processor)}, shares(row.time)...))
		allocations.rows = append(allocations.rows, append([]string{row.name, whole(row.allocations)}, shares(row.allocated)...))
	}
	return []grid{times, allocations}
}

func shares(of map[profiles.Part]float64) []string {
	var cells []string
	for _, part := range profiles.Parts {
		cells = append(cells, fmt.Sprintf("%.0f", 100*of[part]))
	}
	return cells
}

func profilesPage(rows []profileRow) string {
	grids := profileGrids(rows)
	return "# Of what the functions' work consists\n\n" +
		"Made by `scripts/bench profile --docs docs` on " + machine.Name() + ".\n\n" +
		`The operations of [operations.md](operations.md), their requests answered from memory; notify and push tell 500 devices each, through API Gateway's client and over HTTP to a
server in the same process. What the benchmark and that server take is left out of the shares, but not of the milliseconds and the numbers; TLS is in neither. The processor time is that of all threads.

- *frames*: from the event to the request, and from the result to the answer and the log
- *rules*: package chat
- *rows*: between DynamoDB's items and what they mean, with the SDK's mapping
- *signing*, *JSON*: of requests, and of what they are answered with
- *SDK*: the rest of it, a chain of some forty handlers around each request
- *HTTP*: its client
- *garbage*: its collection; *stacks*: making them grow; *scheduling*: of goroutines
- *other*: what is of none of these

` + "## Processor time\n\n" + grids[0].markdown() + "\n## Allocations\n\n" + grids[1].markdown() +
		"\n## What it says\n\n" + profileFindings(rows) +
		"\nTo see what a change does: `scripts/bench compare REVISION` plays the operations of a revision and of the code that is here in turns. " +
		"`scripts/bench profile --top 20` names the functions, and leaves the profiles for `go tool pprof`.\n"
}

// profileFindings are what the tables say of the operations that are of a kind; nothing of a kind of which none was played.
func profileFindings(rows []profileRow) string {
	var page strings.Builder
	for _, f := range []struct {
		names []string
		says  string // of the parts' least and most, in turn
		parts [][]profiles.Part
	}{
		{requesting, "Most operations consist of their requests: the SDK's chain of handlers, signing and JSON take %s of the processor. A request less is what saves time; frames and rules are %s.",
			[][]profiles.Part{{profiles.Chain, profiles.Signing, profiles.JSON}, {profiles.Frames, profiles.Rules}}},
		{[]string{"history of 50"}, "A page of history consists of JSON, of what its rows mean, and of its frame: %s.", [][]profiles.Part{{profiles.JSON, profiles.Rows, profiles.Frames}}},
		{[]string{"notify, 500 devices", "push, 500 devices"}, "Telling consists of posts: the SDK, with signing and JSON, and its HTTP client take %s. A frame is encoded once for everybody who sees the same, so frames and rules take %s.",
			[][]profiles.Part{{profiles.Chain, profiles.Signing, profiles.JSON, profiles.HTTP}, {profiles.Frames, profiles.Rules}}},
	} {
		if of := named(rows, f.names); len(of) > 0 {
			var ranges []any
			for _, parts := range f.parts {
				ranges = append(ranges, percents(of, parts))
			}
			fmt.Fprintf(&page, "- "+f.says+"\n", ranges...)
		}
	}
	fmt.Fprintf(&page, "- A goroutine begins with a small stack, and a request goes deep. So the caller makes one of the requests that go on at the same time, and goroutines stay for the next one: what is left of that are the others.\n"+
		"- Garbage lies until it is %d MB, or %d times what is held, within %d %% of the function's memory.\n", goHeap*edge.GarbagePercent/100, edge.GarbagePercent/100, edge.MemoryPercent)
	return page.String()
}

// requesting are the operations that a device, or the stream, waits for, and that are no page.
var requesting = []string{"send", "revoke, own", "revokeBatch of 100", "ping", "connect", "record a revoke"}

// goHeap is how many MB Go takes for held where less is, as its documentation of GOGC has it.
const goHeap = 4

func named(rows []profileRow, names []string) []profileRow {
	return slices.DeleteFunc(slices.Clone(rows), func(r profileRow) bool { return !slices.Contains(names, r.name) })
}

// percents are the least and the most that the parts take together of the rows' processor time.
func percents(rows []profileRow, parts []profiles.Part) string {
	var sums []float64
	for _, row := range rows {
		sum := 0.0
		for _, part := range parts {
			sum += row.time[part]
		}
		sums = append(sums, 100*sum)
	}
	least, most := fmt.Sprintf("%.0f", slices.Min(sums)), fmt.Sprintf("%.0f", slices.Max(sums))
	if least == most {
		return least + " %"
	}
	return least + " to " + most + " %"
}
