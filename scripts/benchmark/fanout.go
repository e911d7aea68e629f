package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"unsend/scripts/benchmark/fanout"
)

// fanoutFlags are what somebody may want to try.
type fanoutFlags struct {
	fanout.Options
	sizes  []int
	json   bool
	plot   string
	inTime bool
}

func (a *app) fanoutCommand() *cobra.Command {
	f := fanoutFlags{Options: fanout.Defaults()}
	command := &cobra.Command{
		Use:   "fanout",
		Short: "How soon the devices of one server are told, and what that takes",
		Long: `Tell the devices of one server of a message, and then of its revoke: how soon the first, the median and
the last is told, how many posts and tasks it takes, how much memory, and for how many dollars.

The code of notify and push tells them, in as many invocations at a time as PushInvocations says, each with
its share of PostsPerSecond; tasks go through a queue. API Gateway, SQS and DynamoDB are played: posts take
about 10 ms and count against the account's quota; some clients have gone (410), some do not read (429), and
one in a hundred does not answer. Each write meets the same clients.

Time is played, too: it passes when everybody waits for it. So 100,000 devices take seconds, and this machine's
speed does not matter. --in-time lets it pass as it does outside.

From LargeServerMembers on a server tells the subscribers of a channel only, in all invocations at the same time:
here everybody who is online is one. A smaller server is gone through by one invocation at a time.

How to read it: first, median and last count from the write. With more devices than DirectPushLimit, last is not
before devices / PostsPerSecond. Memory is what is live beyond the stored rows. A device that is "closed" did not
take its notice while others did; it connects again and syncs. Prices are those of us-east-1, without free tiers;
the write itself is not in them.`,
		Example: `  scripts/bench fanout
  scripts/bench fanout --connections 20000 --hanging 0.1
  scripts/bench fanout --posts-per-second 20000 --quota 40000 --push-invocations 16
  scripts/bench fanout --fast
  scripts/bench fanout --storm 30s --connections 5000       others use up the quota for half a minute
  scripts/bench fanout --json | jq '.sizes[].passes[].last_ns / 1e9'`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return a.fanout(f) },
	}
	flags := command.Flags()
	flags.IntSliceVar(&f.sizes, "connections", []int{10, 1_000, 100_000}, "devices online in the server: `n,...`")
	flags.IntVar(&f.Changes, "changes", 0, "members whose rights changed since everybody connected")
	flags.IntVar(&f.Members, "members", 0, "members of the server who are not online")
	flags.BoolVar(&f.Fast, "fast", false, "FastRevocations: push tells of the revoke at once, and notify again")
	flags.Uint64Var(&f.Seed, "seed", f.Seed, "what latencies and troubles are drawn from")
	flags.BoolVar(&f.json, "json", false, "print JSON")
	flags.StringVar(&f.plot, "plot", "", "write the curves to this SVG `file`")
	flags.BoolVar(&f.inTime, "in-time", false, "let time pass as it does outside: minutes for 100,000 devices")
	d, s := &f.Deployment, &f.Service
	flags.IntVar(&d.PostsPerSecond, "posts-per-second", d.PostsPerSecond, "PostsPerSecond")
	flags.IntVar(&d.PushInvocations, "push-invocations", d.PushInvocations, "PushInvocations")
	flags.IntVar(&d.PushConcurrency, "push-concurrency", d.PushConcurrency, "PushConcurrency")
	flags.IntVar(&d.DirectPushLimit, "direct-push-limit", d.DirectPushLimit, "DirectPushLimit")
	flags.IntVar(&d.LargeServerMembers, "large-server-members", d.LargeServerMembers, "LargeServerMembers; 0: none is large")
	flags.IntVar(&s.Quota, "quota", s.Quota, "requests of the account in a second")
	flags.IntVar(&s.Burst, "burst", s.Burst, "the quota's burst")
	flags.DurationVar(&s.Latency, "latency", s.Latency, "what a post takes, median")
	flags.DurationVar(&s.Storm, "storm", 0, "how long after each write others use up the quota")
	flags.Float64Var(&s.Gone, "gone", s.Gone, "`share` of clients that have gone")
	flags.Float64Var(&s.Full, "full", s.Full, "`share` of clients that do not read")
	flags.Float64Var(&s.Hanging, "hanging", s.Hanging, "`share` of clients that do not answer")
	return command
}

// output is what --json prints.
type output struct {
	Options fanout.Options  `json:"options"`
	Sizes   []fanout.Result `json:"sizes"`
	Rights  []rightsCost    `json:"rights,omitempty"`
}

// rightsCost is what a message costs by how much changed in its server.
type rightsCost struct {
	Changes int     `json:"changes"`
	Reads   float64 `json:"read_units"`
}

func (a *app) fanout(f fanoutFlags) error {
	if err := f.check(); err != nil {
		return err
	}
	o := output{Options: f.Options}
	for _, n := range f.sizes {
		f.Connections = n
		result, err := a.play(f)
		if err != nil {
			return err
		}
		o.Sizes = append(o.Sizes, result)
	}
	if f.Changes == 0 && !f.inTime {
		rights, err := a.rightsCosts(f)
		if err != nil {
			return err
		}
		o.Rights = rights
	}
	if f.plot != "" {
		if err := writePlot(f.plot, o.Sizes); err != nil {
			return err
		}
	}
	if f.json {
		encoder := json.NewEncoder(a.out)
		encoder.SetIndent("", "  ")
		return encoder.Encode(o)
	}
	if err := printSizes(a.out, o.Sizes, colour(a.out)); err != nil {
		return err
	}
	return printRights(a.out, o.Rights)
}

func (f fanoutFlags) check() error {
	d, s := f.Deployment, f.Service
	switch {
	case len(f.sizes) == 0:
		return errors.New("--connections needs a number, or some: 10,1000")
	case d.PostsPerSecond < 2 || d.PushInvocations < 1 || d.PushConcurrency < 1 || d.DirectPushLimit < 1:
		return errors.New("what the parameters of the deployment say must be more than 0, and two posts a second")
	case s.Quota < 1 || s.Burst < 1 || s.Latency <= 0 || s.Storm < 0 || f.Changes < 0 || f.Members < 0:
		return errors.New("quota, burst and latency must be more than 0, storm, changes and members not less")
	case s.Gone < 0 || s.Full < 0 || s.Hanging < 0 || s.Gone+s.Full+s.Hanging > 1:
		return errors.New("the shares of clients must be from 0 to 1 together")
	}
	for _, n := range f.sizes {
		if n < 1 || n > 1_000_000 {
			return fmt.Errorf("%d connections: 1 to 1,000,000 can be played", n)
		}
	}
	return nil
}

// play runs one size, in its own time.
func (a *app) play(f fanoutFlags) (result fanout.Result, err error) {
	// Nothing from outside of a bubble may be waited for inside: the context begins here.
	run := func() { result, err = fanout.Run(context.Background(), f.Options) }
	if f.inTime {
		if a.err != nil && colour(a.err) {
			fmt.Fprintf(a.err, "%d devices, from %s on ...\n", f.Connections, time.Now().Format(time.TimeOnly))
		}
		run()
		return result, err
	}
	a.bubble(run)
	return result, err
}

// rightsCosts plays one page of devices that are all well.
func (a *app) rightsCosts(f fanoutFlags) (costs []rightsCost, err error) {
	f.Connections, f.Service = min(500, f.Deployment.DirectPushLimit-1), fanout.Defaults().Service
	f.Service.Gone, f.Service.Full, f.Service.Hanging = 0, 0, 0
	for _, f.Changes = range []int{0, 10, 5_000} {
		result, err := a.play(f)
		if err != nil {
			return nil, err
		}
		costs = append(costs, rightsCost{f.Changes, result.Passes[0].Reads})
	}
	return costs, nil
}

func writePlot(name string, sizes []fanout.Result) (err error) {
	file, err := os.Create(name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	return plotCurves(file, sizes)
}
