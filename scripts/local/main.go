// Command local is the logic behind scripts/dev, scripts/test and scripts/deploy:
// it makes the pinned Python tools, starts the local stack, builds and deploys
// with the real sam, and ends everything that it started.
//
// Nothing outside of the repository is written. Only deploy asks an AWS account:
// from the others' tools each AWS_ variable and profile of the user is kept
// away. Nothing stays running: see [stackServer] and [Step].
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	err := run(ctx, os.Args[1:])
	stop()
	switch {
	case err == nil || errors.Is(err, flag.ErrHelp):
	case errors.Is(err, errReported):
		os.Exit(1)
	default:
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// errReported ends the program with a failure that the user was already told of.
var errReported = errors.New("failed")

func run(ctx context.Context, args []string) error {
	if len(args) == 0 {
		return errors.New("use scripts/dev, scripts/test or scripts/deploy")
	}
	root, err := findRoot()
	if err != nil {
		return err
	}
	switch args[0] {
	case "dev":
		return devCommand(ctx, root, args[1:])
	case "test":
		return testCommand(ctx, root, args[1:])
	case "deploy":
		return deployCommand(ctx, root, args[1:])
	}
	return fmt.Errorf("unknown command %q: use scripts/dev, scripts/test or scripts/deploy", args[0])
}

// findRoot is the repository's folder: the nearest one with a template upwards
// of this program (scripts/dev builds it into .build) or of where it was called.
func findRoot() (string, error) {
	program, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("find this program: %w", err)
	}
	here, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find the current folder: %w", err)
	}
	for _, start := range []string{filepath.Dir(program), here} {
		if root, found := upwards(start); found {
			return root, nil
		}
	}
	return "", errors.New("no template.yaml here or above: run scripts/dev, scripts/test or scripts/deploy of the repository")
}

func upwards(folder string) (string, bool) {
	for {
		if _, err := os.Stat(filepath.Join(folder, "template.yaml")); err == nil {
			return folder, true
		}
		parent := filepath.Dir(folder)
		if parent == folder {
			return "", false
		}
		folder = parent
	}
}
