package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"unsend/scripts/benchmark/fanout"
	"unsend/scripts/benchmark/machine"
	"unsend/scripts/benchmark/quantile"
	"unsend/scripts/benchmark/revocations"
	"unsend/scripts/local/stack"
	"unsend/scripts/unsend/deployment"
)

// revocationsFlags are what somebody may want to measure.
type revocationsFlags struct {
	revocations.Options
	stack, docs string
	json        bool
}

// revocationsOutput is what --json prints.
type revocationsOutput struct {
	Machine  string            `json:"machine"`
	Times    int               `json:"revokes"` // of each line
	Played   []playedRevoke    `json:"played"`
	Measured []measuredRevokes `json:"measured"`
}

// playedRevoke is a revoke with AWS's delays, as scripts/bench fanout plays it.
type playedRevoke struct {
	Devices int         `json:"devices"`
	Fast    bool        `json:"fast"`
	Pass    fanout.Pass `json:"pass"`
}

// measuredRevokes are those of a deployed stack.
type measuredRevokes struct {
	Devices int       `json:"devices"`
	Fast    bool      `json:"fast"`
	Answer  quantiles `json:"answer"`
	First   quantiles `json:"first"`
	Last    quantiles `json:"last"`
}

type quantiles struct {
	P50 time.Duration `json:"p50_ns"`
	P99 time.Duration `json:"p99_ns"`
}

func quantilesOf(times []time.Duration) quantiles {
	return quantiles{quantile.Of(times, 50), quantile.Of(times, 99)}
}

func (a *app) revocationsCommand() *cobra.Command {
	var f revocationsFlags
	command := &cobra.Command{
		Use:   "revocations",
		Short: "What FastRevocations wins, and what it adds to the answer",
		Long: `Take messages back with FastRevocations and without, in turns: how soon the first and the last device is told, and how soon the
answer is there.

It needs the local stack that scripts/dev keeps running, and deploys the parameter there again and again; at the end it is false. Nobody else
should use that stack meanwhile. A device has been told when its client has the notice, whatever the other path does later.

The local stack looks at its streams and queues in its own way, where AWS asks each shard of a stream some four times a second: what is won
cannot be measured there. So the same revokes are played, too, with AWS's delays, as in scripts/bench fanout. What is added to the answer, and to the
work, is measured.`,
		Example: `  scripts/bench revocations --turns 1 --times 10
  scripts/bench revocations --docs docs       writes revocations.md there`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return a.revocations(f) },
	}
	flags := command.Flags()
	flags.IntSliceVar(&f.Audiences, "devices", []int{1, 20, 200}, "devices that are told: `n,...`")
	flags.IntVar(&f.Turns, "turns", 5, "how often the parameter is set to either value")
	flags.IntVar(&f.Options.Times, "times", 20, "revokes for each number of devices in a turn")
	flags.StringVar(&f.stack, "stack", stack.File, "`file` that describes the local stack, as scripts/dev writes it")
	flags.BoolVar(&f.json, "json", false, "print JSON")
	flags.StringVar(&f.docs, "docs", "", "write the page revocations.md into this `folder`")
	return command
}

func (f revocationsFlags) check() error {
	switch {
	case len(f.Audiences) == 0 || slices.Min(f.Audiences) < 1 || slices.Max(f.Audiences) > 500:
		return errors.New("--devices: 1 to 500")
	case f.Turns < 1 || f.Turns > 100 || f.Options.Times < 1 || f.Options.Times > 1_000:
		return errors.New("--turns: 1 to 100; --times: 1 to 1,000")
	}
	return nil
}

func (a *app) revocations(f revocationsFlags) error {
	if err := f.check(); err != nil {
		return err
	}
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt)
	defer cancel()
	ctx, cancelTime := context.WithTimeout(ctx, benchmarkTimeout)
	defer cancelTime()
	d, err := deployment.Find(ctx, deployment.Choice{File: f.stack})
	if err != nil {
		return err
	}
	if !d.Local() {
		return fmt.Errorf("%s describes no local stack", f.stack)
	}
	o := revocationsOutput{Machine: machine.Name(), Times: f.Turns * f.Options.Times}
	if o.Played, err = a.playRevocations(f.Audiences); err != nil {
		return err
	}
	measured, err := revocations.Run(ctx, d, f.Options, func(line string) { fmt.Fprintln(a.err, line) })
	if err != nil {
		return err
	}
	for _, m := range measured {
		o.Measured = append(o.Measured, measuredRevokes{m.Devices, m.Fast, quantilesOf(m.Answer), quantilesOf(m.First), quantilesOf(m.Last)})
	}
	return a.showRevocations(f, o)
}

// playRevocations plays them with everybody well.
func (a *app) playRevocations(audiences []int) (played []playedRevoke, err error) {
	for _, devices := range audiences {
		for _, fast := range []bool{false, true} {
			f := fanoutFlags{Options: fanout.Defaults()}
			f.Connections, f.Fast, f.Service.Gone, f.Service.Full, f.Service.Hanging = devices, fast, 0, 0, 0
			result, err := a.play(f)
			if err != nil {
				return nil, err
			}
			played = append(played, playedRevoke{devices, fast, result.Passes[1]})
		}
	}
	return played, nil
}

func (a *app) showRevocations(f revocationsFlags, o revocationsOutput) error {
	if f.docs != "" {
		if err := writeFile(filepath.Join(f.docs, "revocations.md"), o.page()); err != nil {
			return err
		}
	}
	if f.json {
		encoder := json.NewEncoder(a.out)
		encoder.SetIndent("", "  ")
		return encoder.Encode(o)
	}
	for _, table := range []grid{o.played(), o.measured()} {
		if err := table.print(a.out, colour(a.out)); err != nil {
			return err
		}
	}
	return nil
}

var ways = map[bool]string{false: "stream", true: "fast"}

func (o revocationsOutput) played() grid {
	g := grid{title: "With AWS's delays, played", head: []string{"devices", "by", "first ms", "median ms", "last ms", "posts", "invocations", "queue requests", "read units"}}
	for _, r := range o.Played {
		p := r.Pass
		g.rows = append(g.rows, []string{whole(r.Devices), ways[r.Fast], ms(p.First), ms(p.Median), ms(p.Last), whole(p.Posts), whole(p.Invocations), whole(p.Requests), units(p.Reads)})
	}
	return g
}

func (o revocationsOutput) measured() grid {
	g := grid{title: "On the local stack, measured", head: []string{"devices", "by", "answer p50 ms", "p99 ms", "first told p50 ms", "p99 ms", "last told p50 ms", "p99 ms"}}
	for _, r := range o.Measured {
		row := []string{whole(r.Devices), ways[r.Fast]}
		for _, q := range []quantiles{r.Answer, r.First, r.Last} {
			row = append(row, ms(q.P50), ms(q.P99))
		}
		g.rows = append(g.rows, row)
	}
	return g
}

// page is docs/revocations.md.
func (o revocationsOutput) page() string {
	return "# Revocations, told fast\n\n" +
		"Made by `scripts/bench revocations --docs docs` on " + o.Machine + ".\n" + `
A revoke erases the row, the table's stream tells notify, and notify tells the devices. Most of the time until then is the stream's: Lambda asks each of its shards some four times a second. With
` + "`FastRevocations`" + ` the functions revoke and server put the ids into the push queue as well, after the write and before the answer, and push tells everybody. The stream stays what guarantees it: notify
tells everybody again, which clients do not show (*revoked beats new*, and a version is told once).

- **It never fails a revoke.** Where the queue does not take the task within half a second (` + "`FastPathTimeout`" + `), the answer is the same, and the line in the log has ` + "`fast_failed`" + ` and the level WARN. No alarm is raised: the stream tells.
- **One task for a request**, of one message or of a batch, and none for a message that was revoked before, or was refused. Sweeps do without.
- **It is no faster for large audiences.** What goes beyond one page of push keeps to its share of ` + "`PostsPerSecond`" + `, while notify tells the first ` + "`DirectPushLimit`" + ` devices without.
- **An invocation of push takes up to ten tasks**, as many as wait, and ` + "`PushInvocations`" + ` run at once. Of each server it tells a page, of up to 500 devices, and goes on with one; what is left is for others, one after the other. By the table below the default 8 do about a hundred tasks a second where each comes alone, and more where several wait, as far as ` + "`PostsPerSecond`" + ` goes. With more raise both, or the queue falls behind the stream, and what notify leaves there waits, too.
- **Each device is told twice**, so telling costs twice and ` + "`posts`, `audience`" + ` and ` + "`push_ms`" + ` count both. Notify does not leave out whom push has told: a device that connects between the two readings of the audience is told by notify alone, and would else
wait for its next sync.

## With AWS's delays

Played as in ` + "`scripts/bench fanout`" + `, with everybody well: the stream's records come 300 ms after the write, a message is in the queue after 5 ms and with push 20 ms later, a reading takes 5 ms and a post 10. These are assumptions, but for what the functions
do with them. Times count from the write; the answer is later by those 5 ms. [What it costs](costs.md#a-million-revokes-told-fast) has the dollars.

` + o.played().markdown() + `
## On the local stack

Measured, ` + whole(o.Times) + ` revokes a line, in turns of either value. The answer is timed from the request on, the devices from the row's update time, which has whole ms, until the client has the notice by either path. The next revoke waits
until everybody was told by both. The local stack looks at its streams and queues in its own way, so these lines say nothing of what is won on AWS; they show that the paths bear each other, and about what the answer waits for. The machine serves the
stack, the functions and the clients at once, and others: p99 is theirs.

` + o.measured().markdown()
}
