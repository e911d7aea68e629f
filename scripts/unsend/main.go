// Command unsend is the command line tool of an Unsend deployment: it manages
// communities, takes messages back, makes tokens, chats, plays the demo, checks a deployment, and replays what was given up. See unsend --help.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"unsend/scripts/unsend/terminal"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], streams{in: os.Stdin, out: os.Stdout, err: os.Stderr})
	stop()
	os.Exit(code)
}

// run gives the exit code: 0, or 1 when the command failed or was not understood.
func run(ctx context.Context, args []string, s streams) int {
	root := newRoot(s)
	root.SetArgs(args)
	if err := root.ExecuteContext(ctx); err != nil {
		if ctx.Err() == nil {
			// What a server says of itself is in some errors.
			fmt.Fprintf(s.err, "unsend: %s\n", terminal.CleanLines(err.Error()))
		}
		return 1
	}
	return 0
}
