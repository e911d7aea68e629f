// Command benchmark is the logic behind scripts/bench: what Unsend takes and costs, also at sizes, and
// with troubles, that no stack on one machine shows. See scripts/bench --help.
package main

import (
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"unsend/scripts/unsend/terminal"
)

func main() {
	a := &app{out: os.Stdout, err: os.Stderr, bubble: newBubbles()}
	os.Exit(a.run(os.Args[1:]))
}

// app is what the commands share.
type app struct {
	out, err io.Writer
	// bubble runs f where time passes when everybody waits for it.
	bubble func(f func())
}

// run gives the exit code: 0, or 1 when the command failed or was not understood.
func (a *app) run(args []string) int {
	root := a.root()
	root.SetArgs(args)
	if err := root.Execute(); err != nil {
		fmt.Fprintf(a.err, "scripts/bench: %s\n", terminal.CleanLines(err.Error()))
		return 1
	}
	return 0
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "scripts/bench",
		Short: "Measure what Unsend takes, and what it costs",
		Long: `Measure what Unsend takes: time, memory, round trips, DynamoDB's units, dollars. Nothing is deployed, no
account is asked, and nothing is paid for.

  scripts/bench operations                   what each operation takes, as history and members grow
  scripts/bench binaries                     how large each function is, and how soon it has started
  scripts/bench fanout                       how soon 10, 1,000 and 100,000 devices are told, and for how much
  scripts/bench fanout --plot fanout.svg     the same as curves
  scripts/bench revocations                  what FastRevocations wins, and what it adds to the answer
  scripts/bench costs                        dollars for a million of each operation, and for three teams`,
		SilenceUsage: true, SilenceErrors: true,
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: true},
	}
	root.SetOut(a.out)
	root.SetErr(a.err)
	root.SetFlagErrorFunc(func(command *cobra.Command, err error) error {
		return fmt.Errorf("%w (see %s --help)", err, command.CommandPath())
	})
	root.AddCommand(a.operationsCommand(), a.binariesCommand(), a.fanoutCommand(), a.revocationsCommand(), a.costsCommand())
	return root
}

// colour tells whether a stream is a terminal that wants colours.
func colour(w io.Writer) bool {
	file, ok := w.(*os.File)
	return ok && term.IsTerminal(int(file.Fd())) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
}
