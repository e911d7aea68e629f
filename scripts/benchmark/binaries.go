package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"unsend/scripts/benchmark/binaries"
	"unsend/scripts/benchmark/machine"
	"unsend/shared/edge/edgetest"
)

// binariesFlags are what somebody may want to measure.
type binariesFlags struct {
	times int
	json  bool
	docs  string
}

// binariesTimeout is longer than two compilations of everything take.
const binariesTimeout = 30 * time.Minute

func (a *app) binariesCommand() *cobra.Command {
	var f binariesFlags
	command := &cobra.Command{
		Use:   "binaries",
		Short: "How large each function's binary is, and how soon it has started",
		Long: `Compile each function as scripts/deploy does, for arm64, and weigh it; then compile it for this machine and start it
against a stub of Lambda's runtime API: a start lasts until it asks for its first event.`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return a.binaries(f) },
	}
	flags := command.Flags()
	flags.IntVar(&f.times, "times", 15, "how often each is started")
	flags.BoolVar(&f.json, "json", false, "print JSON")
	flags.StringVar(&f.docs, "docs", "", "write the page binaries.md into this `folder`")
	return command
}

func (a *app) binaries(f binariesFlags) (err error) {
	if f.times < 1 || f.times > 1_000 {
		return errors.New("--times: 1 to 1,000")
	}
	root, err := moduleRoot()
	if err != nil {
		return err
	}
	folder, err := os.MkdirTemp("", "unsend-binaries-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt)
	defer cancel()
	ctx, cancelTime := context.WithTimeout(ctx, binariesTimeout)
	defer cancelTime()
	list, err := binaries.Sizes(ctx, root, filepath.Join(folder, "arm64"))
	if err != nil {
		return err
	}
	if err := binaries.Inits(ctx, root, filepath.Join(folder, "here"), list, edgetest.Environment(), f.times); err != nil {
		return err
	}
	return a.showBinaries(f, list)
}

func (a *app) showBinaries(f binariesFlags, list []binaries.Binary) error {
	if f.docs != "" {
		if err := writeFile(filepath.Join(f.docs, "binaries.md"), binariesPage(list, f.times)); err != nil {
			return err
		}
	}
	if f.json {
		encoder := json.NewEncoder(a.out)
		encoder.SetIndent("", "  ")
		return encoder.Encode(list)
	}
	return binariesGrid(list).print(a.out, colour(a.out))
}

func binariesGrid(list []binaries.Binary) grid {
	g := grid{title: "The functions' binaries", head: []string{"function", "arm64 MB", "target MB", "init p50 ms", "init min ms"}}
	for _, b := range list {
		g.rows = append(g.rows, []string{b.Function, megabytes(b.Bytes), megabytes(b.Largest()), ms(b.Median), ms(b.Fastest)})
	}
	return g
}

func megabytes(n int) string { return fmt.Sprintf("%.2f", float64(n)/binaries.Megabyte) }

func binariesPage(list []binaries.Binary, times int) string {
	return "# How large the functions are, and how soon they start\n\n" +
		"Made by `scripts/bench binaries --docs docs` on " + machine.Name() + ".\n\n" +
		"Sizes are those of what is shipped for arm64, uncompressed; a MB is 1,048,576 bytes. A test holds the targets. An init is a start of the same code compiled for this machine, from the process's\n" +
		"beginning until it asks a stub of the runtime API for its first event, " + whole(times) + fmt.Sprintf(" times each; %d ms is the target here. What Lambda does before, and its processor, are not in it.\n\n",
		binaries.Init.Milliseconds()) + binariesGrid(list).markdown()
}

// moduleRoot is the folder with go.mod, from this folder upwards.
func moduleRoot() (string, error) {
	folder, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(folder, "go.mod")); err == nil {
			return folder, nil
		}
		up := filepath.Dir(folder)
		if up == folder {
			return "", errors.New("call scripts/bench inside of the repository: its functions are compiled")
		}
		folder = up
	}
}
