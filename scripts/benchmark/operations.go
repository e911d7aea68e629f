package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"unsend/scripts/benchmark/fanout"
	"unsend/scripts/benchmark/machine"
	"unsend/scripts/benchmark/operations"
	"unsend/scripts/local/stack"
	"unsend/shared/dynamo/dynamotest"
)

// operationsFlags are what somebody may want to measure.
type operationsFlags struct {
	histories, members, audiences []int
	times                         int
	long, json                    bool
	endpoint, stack, docs         string
}

// operationsOutput is what --json prints.
type operationsOutput struct {
	Machine  string              `json:"machine"`
	Scenes   []operations.Scene  `json:"scenes"`
	Audience []operationAudience `json:"audience"`
	long     bool
}

// operationAudience is what telling so many devices of one message takes.
type operationAudience struct {
	Devices int     `json:"devices"`
	Posts   int     `json:"posts"`
	Reads   float64 `json:"read_units"`
}

func (a *app) operationsCommand() *cobra.Command {
	var f operationsFlags
	command := &cobra.Command{
		Use:   "operations",
		Short: "What each operation takes, as history and members grow",
		Long: `Do each operation over a DynamoDB endpoint: as the history of a channel grows with few members, then as the
members of a server grow with a short history.

It needs an endpoint that takes any keys: that of the local stack which scripts/dev keeps running (--stack), or another one
(--endpoint), such as DynamoDB local. It makes four tables of its own there
for each size, and removes them.

How to read it: round trips are those one after the other, requests all. Both, and the units, are counted by the rules of
AWS's documentation, not asked of the endpoint, and are the same on any machine. Times are this machine's: "own" is the processor
time of the code, with the answers that the endpoint gave once, and so are the allocations; "whole" is what passes with the
endpoint, which is no DynamoDB. The audience is played as in scripts/bench fanout, with
everybody well.`,
		Example: `  scripts/bench operations --times 20
  scripts/bench operations --endpoint http://127.0.0.1:8000 --history 100,1000 --members 10
  scripts/bench operations --docs docs       writes operations.md and its plots there`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return a.operations(f) },
	}
	flags := command.Flags()
	flags.IntSliceVar(&f.histories, "history", []int{100, 1_000, 10_000, 100_000}, "messages of the channel: `n,...`, 100 at least")
	flags.IntSliceVar(&f.members, "members", []int{10, 100, 1_000, 2_000, 10_000}, "members of the server: `n,...`, 10 at least")
	flags.IntSliceVar(&f.audiences, "audience", []int{10, 100, 1_000, 10_000, 100_000}, "devices to tell: `n,...`")
	flags.BoolVar(&f.long, "long", false, "also 1,000,000 messages and 100,000 members: some 20 minutes with the local stack, and 6 GB of its memory")
	flags.IntVar(&f.times, "times", 60, "how often each is timed with the endpoint, heavy ones less often, and ten times as often without; 0: only counted")
	endpointFlags(flags, &f)
	flags.BoolVar(&f.json, "json", false, "print JSON")
	flags.StringVar(&f.docs, "docs", "", "write the page and its plots into this `folder`")
	return command
}

// endpointFlags say where the endpoint is.
func endpointFlags(flags *pflag.FlagSet, f *operationsFlags) {
	flags.StringVar(&f.endpoint, "endpoint", "", "`URL` of a DynamoDB endpoint, instead of --stack")
	flags.StringVar(&f.stack, "stack", stack.File, "`file` that describes the local stack, as scripts/dev writes it")
}

func (f operationsFlags) check() error {
	switch {
	case len(f.histories) == 0 || len(f.members) == 0 || len(f.audiences) == 0:
		return errors.New("--history, --members and --audience need a number, or some: 100,1000")
	case slices.Min(f.histories) < 100 || slices.Max(f.histories) > 1_000_000:
		return errors.New("--history: 100 to 1,000,000 messages")
	case slices.Min(f.members) < 10 || slices.Max(f.members) > 100_000:
		return errors.New("--members: 10 to 100,000")
	case slices.Min(f.audiences) < 1 || slices.Max(f.audiences) > 1_000_000:
		return errors.New("--audience: 1 to 1,000,000 devices")
	case f.times < 0 || f.times > 10_000:
		return errors.New("--times: 0 to 10,000")
	}
	return nil
}

// find gives the endpoint.
func (f operationsFlags) find() (string, error) {
	if f.endpoint == "" {
		d, err := stack.Load(f.stack)
		if err == nil && !d.Local() {
			err = fmt.Errorf("%s describes no local stack", f.stack)
		}
		return d.Endpoint, err
	}
	u, err := url.Parse(f.endpoint)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return "", fmt.Errorf("--endpoint %s is no URL like http://127.0.0.1:8000", f.endpoint)
	}
	return f.endpoint, nil
}

// benchmarkTimeout is longer than --long takes where it makes sense.
const benchmarkTimeout = 6 * time.Hour

func (a *app) operations(f operationsFlags) error {
	if err := f.check(); err != nil {
		return err
	}
	endpoint, err := f.find()
	if err != nil {
		return err
	}
	if f.long {
		f.histories, f.members = append(f.histories, 1_000_000), append(f.members, 100_000)
	}
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt)
	defer cancel()
	ctx, cancelTime := context.WithTimeout(ctx, benchmarkTimeout)
	defer cancelTime()
	o := operationsOutput{Machine: machine.Name(), long: f.long}
	client := func(options ...func(*dynamodb.Options)) *dynamodb.Client {
		return dynamotest.ClientOf(endpoint, options...)
	}
	if o.Scenes, err = operations.Run(ctx, client, operations.Options{
		Histories: f.histories, Members: f.members, Times: f.times, Bubble: a.bubble, Tell: a.telling(),
	}); err != nil {
		return err
	}
	if o.Audience, err = a.audiences(f.audiences); err != nil {
		return err
	}
	return a.show(f, o)
}

// telling writes to a terminal what is under way.
func (a *app) telling() func(string) {
	if !colour(a.err) {
		return nil
	}
	return func(what string) { fmt.Fprintln(a.err, what) }
}

// audiences plays the telling of one message.
func (a *app) audiences(sizes []int) (list []operationAudience, err error) {
	f := fanoutFlags{Options: fanout.Defaults()}
	f.Service.Gone, f.Service.Full, f.Service.Hanging = 0, 0, 0
	for _, f.Connections = range sizes {
		result, err := a.play(f)
		if err != nil {
			return nil, err
		}
		list = append(list, operationAudience{f.Connections, result.Passes[0].Posts, result.Passes[0].Reads})
	}
	return list, nil
}

func (a *app) show(f operationsFlags, o operationsOutput) error {
	if f.docs != "" {
		if err := errors.Join(o.writePlots(f.docs), writeFile(filepath.Join(f.docs, "operations.md"), o.page())); err != nil {
			return err
		}
	}
	if f.json {
		encoder := json.NewEncoder(a.out)
		encoder.SetIndent("", "  ")
		return encoder.Encode(o)
	}
	for _, t := range o.tables() {
		if err := t.print(a.out, colour(a.out)); err != nil {
			return err
		}
	}
	return nil
}

func writeFile(name, text string) error { return os.WriteFile(name, []byte(text), 0o666) }

// base is the smallest scene.
func (o operationsOutput) base() operations.Scene { return o.Scenes[0] }

// grown are the scenes in which only one thing grows, the smallest among them.
func (o operationsOutput) grown(other func(operations.Scene) int) []operations.Scene {
	return slices.DeleteFunc(slices.Clone(o.Scenes), func(s operations.Scene) bool { return other(s) != other(o.base()) })
}

func history(s operations.Scene) int { return s.History }
func members(s operations.Scene) int { return s.Members }

// tables are what is printed.
func (o operationsOutput) tables() []grid {
	return []grid{
		o.each(),
		o.growth("messages", history, o.grown(members)),
		o.growth("members", members, o.grown(history)),
		o.audience(),
	}
}

// each is one line for each operation, of the smallest scene.
func (o operationsOutput) each() grid {
	g := grid{title: fmt.Sprintf("Each operation, with %s messages and %s members", whole(o.base().History), whole(o.base().Members)),
		head: []string{"", "round trips", "requests", "read units", "write units", "own p50 ms", "own p99 ms", "allocations", "KB allocated",
			"whole p50 ms", "whole p99 ms", fmt.Sprintf("in a second, %d at a time", operations.Lanes)}}
	for _, each := range o.base().Operations {
		row := []string{each.Name, whole(each.RoundTrips), whole(each.Requests), units(each.Reads), units(each.Writes)}
		if s := each.Own; s != nil {
			row = append(row, ms(s.Median), ms(s.P99), whole(s.Allocations), whole(s.Allocated>>10))
		}
		if s := each.Whole; s != nil {
			throughput := "-"
			if s.PerSecond > 0 {
				throughput = whole(int(s.PerSecond))
			}
			row = append(row, ms(s.Median), ms(s.P99), throughput)
		}
		g.rows = append(g.rows, row)
	}
	return g
}

// growth is units and own time of each operation, by size.
func (o operationsOutput) growth(what string, size func(operations.Scene) int, scenes []operations.Scene) grid {
	g := grid{title: fmt.Sprintf("As the %s grow: round trips / read units / write units, own p50 ms", what), head: []string{what}}
	for _, scene := range scenes {
		g.head = append(g.head, whole(size(scene)))
	}
	for i, each := range o.base().Operations {
		row := []string{each.Name}
		for _, scene := range scenes {
			at := scene.Operations[i]
			cell := fmt.Sprintf("%d / %s / %s", at.RoundTrips, units(at.Reads), units(at.Writes))
			if at.Own != nil {
				cell += ", " + ms(at.Own.Median)
			}
			row = append(row, cell)
		}
		g.rows = append(g.rows, row)
	}
	return g
}

// audience is what telling takes, by devices.
func (o operationsOutput) audience() grid {
	g := grid{title: "Telling the devices of one server of a message", head: []string{"devices", "posts", "read units", "read units for a device"}}
	for _, each := range o.Audience {
		g.rows = append(g.rows, []string{whole(each.Devices), whole(each.Posts), units(each.Reads), fmt.Sprintf("%.3f", each.Reads/float64(each.Devices))})
	}
	return g
}

func ms(d time.Duration) string { return fmt.Sprintf("%.2f", float64(d)/float64(time.Millisecond)) }

// units are whole numbers but for halves.
func units(n float64) string {
	if n == float64(int(n)) {
		return whole(int(n))
	}
	return fmt.Sprintf("%.1f", n)
}

// page is docs/operations.md.
func (o operationsOutput) page() string {
	tables, flags := o.tables(), "--docs docs"
	if o.long {
		flags = "--long " + flags
	}
	return "# What each operation takes\n\n" +
		"Made by `scripts/bench operations " + flags + "` on " + o.Machine + ".\n\n" +
		`Round trips (those one after the other), requests and units are counted by the rules of AWS's documentation and are the same everywhere; a test holds that none of them grows with history or
members. Times are this machine's, which others use as well. "Own" is the processor time of the code and of the SDK, with the answers that the endpoint gave once, from memory: nothing
goes through an HTTP client, and what two processors do at a time is added up. The allocations are those of the same. "Whole" is what passes with the endpoint, an emulator on this machine:
it says nothing of DynamoDB, and neither does the throughput.

Each goes through the handlers' own code from the event to the answer; only put member and permissions begin behind the Server API's HTTP layer. A notice is told to 20 members, or as many as there are; a
record is one revocation. In a small server every member's device is told; from ` + whole(fanout.Defaults().Deployment.LargeServerMembers) + ` members on (` + "`LargeServerMembers`" + `) those that subscribed to the channel are, who
stand in 16 lists: that is the one step of notify.

` + tables[0].markdown() + "\n## As the history grows\n\nIn a cell: round trips / read units / write units, own p50 ms.\n\n![Units and own time as the history grows](operations-history.svg)\n\n" + tables[1].markdown() +
		"\n## As the members grow\n\n![Units and own time as the members grow](operations-members.svg)\n\n" + tables[2].markdown() +
		"\n## As the audience grows\n\n![Posts and read units as the audience grows](operations-audience.svg)\n\n" +
		"Played as in `scripts/bench fanout`, with everybody well. Audiences of " + whole(fanout.Defaults().Deployment.LargeServerMembers) + " or more are subscribers of a large server.\n\n" + tables[3].markdown()
}
