package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"unsend/scripts/benchmark/profiles"
	"unsend/shared/edge"
)

// compareFlags are how two revisions are compared.
type compareFlags struct {
	operationsFlags // where the endpoint is
	play            profiles.Play
	rounds, gogc    int
}

// compareTimeout is longer than a hundred rounds of everything take.
const compareTimeout = 3 * time.Hour

func (a *app) compareCommand() *cobra.Command {
	var f compareFlags
	command := &cobra.Command{
		Use:   "compare REVISION",
		Short: "What each operation takes of the processor, before and after",
		Long: `Compile the benchmarks with the code of a revision and with the code that is here, play both in turns, and compare: the
processor time of each operation, what it allocates, and how often. Nothing is committed for it, and what is here need not be.

It needs an endpoint, as scripts/bench operations does: each round asks it once for the answers that it then plays from memory.
The benchmarks are those that are here, in both; where the revision has not what they need, they do not compile.

How to read it: "~" says that the difference may well be chance; p is how likely it is.`,
		Example: `  scripts/bench compare HEAD
  scripts/bench compare main --bench '^BenchmarkTelling$' --time 50x --rounds 10`,
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error { return a.compare(f, args[0]) },
	}
	flags := command.Flags()
	flags.StringVar(&f.play.Pattern, "bench", "^BenchmarkOperations$", "which: a `pattern` of go test -bench")
	flags.StringVar(&f.play.Time, "time", "300x", "how long or how often each is played in a round: `1s` or 300x")
	flags.IntVar(&f.rounds, "rounds", 6, "how often both are run; fewer than 6 prove nothing")
	flags.IntVar(&f.gogc, "gogc", edge.GarbagePercent, "how the garbage collector of the revision is set: `percent`, for one that had another than is here")
	endpointFlags(flags, &f.operationsFlags)
	return command
}

func (a *app) compare(f compareFlags, revision string) (err error) {
	if f.rounds < 1 || f.rounds > 100 || f.gogc < 1 {
		return errors.New("--rounds: 1 to 100; --gogc: 1 at least")
	}
	if f.play.Endpoint, err = f.find(); err != nil {
		return err
	}
	root, err := moduleRoot()
	if err != nil {
		return err
	}
	folder, err := os.MkdirTemp("", "unsend-compare-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt)
	defer cancel()
	ctx, cancelTime := context.WithTimeout(ctx, compareTimeout)
	defer cancelTime()
	before, after := filepath.Join(folder, "before"), filepath.Join(folder, "after")
	if err := errors.Join(profiles.BuildRevision(ctx, root, revision, folder, before), profiles.Build(ctx, root, after)); err != nil {
		return err
	}
	for round := range f.rounds {
		a.tell(fmt.Sprintf("round %d of %d", round+1, f.rounds))
		if err := errors.Join(f.once(ctx, before, f.gogc), f.once(ctx, after, edge.GarbagePercent)); err != nil {
			return err
		}
	}
	text, err := profiles.Compare(ctx, root, before+".txt", after+".txt")
	if err != nil {
		return err
	}
	_, err = io.WriteString(a.out, text)
	return err
}

// once plays with one of the two, and keeps what it says.
func (f compareFlags) once(ctx context.Context, binary string, gogc int) error {
	f.play.GOGC = gogc
	text, err := f.play.Run(ctx, binary)
	if err != nil {
		return err
	}
	return profiles.Append(binary+".txt", text)
}

// tell writes to a terminal what is under way.
func (a *app) tell(what string) {
	if tell := a.telling(); tell != nil {
		tell(what)
	}
}
