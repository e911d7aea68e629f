// Command licences lists whose code this repository uses, under which licences: docs/licences.md, which a test holds to
// go.mod, the lock file of clients/web and those of requirements/.
//
//	go run ./scripts/licences            # writes docs/licences.md; wants .venv, which scripts/dev and scripts/test make
//	go run ./scripts/licences --texts    # prints the licences and notices that go with a copy of the binaries
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"time"
)

// timeout is far longer than listing and reading take, a first download of the modules included.
const timeout = 10 * time.Minute

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	texts := flag.Bool("texts", false, "print the texts that go with a copy of the binaries")
	flag.Parse()
	if err := run(ctx, os.Stdout, *texts); err != nil {
		fmt.Fprintln(os.Stderr, "licences:", err)
		os.Exit(1)
	}
}

// run works in the repository's root, where it is called.
func run(ctx context.Context, out io.Writer, texts bool) error {
	if texts {
		return printTexts(ctx, ".", out)
	}
	lists, err := collect(ctx, ".")
	if err != nil {
		return err
	}
	lists.python, err = pythonPackages(".", environmentLicences("."))
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join("docs", "licences.md"), []byte(lists.page()), 0o666)
}
