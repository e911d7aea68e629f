// Package profiles builds and runs the benchmarks of package operations, and says what their profiles consist of.
//
// The benchmarks are compiled into a binary of their own, so that those of another revision can be played in turns with these. They
// need a DynamoDB endpoint, which they ask once for what they then play: see package operations.
package profiles

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"unsend/scripts/local/revision"
	"unsend/shared/dynamo/dynamotest"
)

// benchmarks is the folder of the benchmarks, below the root of a checkout.
const benchmarks = "scripts/benchmark/operations"

// Build compiles the benchmarks of the checkout at root into the file.
func Build(ctx context.Context, root, file string) error {
	return do(ctx, root, "go", "test", "-c", "-o", file, "./"+benchmarks)
}

// BuildRevision compiles this checkout's benchmarks with another revision's code, whose files it leaves in the folder. An error is also
// that this checkout does not have it, or that they do not go together.
func BuildRevision(ctx context.Context, root, of, folder, file string) error {
	tree := filepath.Join(folder, "revision")
	if err := revision.Fetch(ctx, root, of, tree); err != nil {
		return err
	}
	if err := replace(filepath.Join(root, benchmarks), filepath.Join(tree, benchmarks)); err != nil {
		return err
	}
	return Build(ctx, tree, file)
}

// replace makes a folder of Go files the same as another.
func replace(from, to string) error {
	if err := os.RemoveAll(to); err != nil {
		return err
	}
	return os.CopyFS(to, os.DirFS(from))
}

// Play is what a binary of benchmarks is to do.
type Play struct {
	Endpoint string
	Pattern  string // of go test -bench
	Time     string // of go test -benchtime
	GOGC     int    // of the garbage collector
	Flags    []string
}

// Run plays with a binary and gives what it printed: lines of Go's benchmark format.
func (p Play) Run(ctx context.Context, binary string) (string, error) {
	args := append([]string{"-test.run=^$", "-test.bench=" + p.Pattern, "-test.benchtime=" + p.Time}, p.Flags...)
	c := exec.CommandContext(ctx, binary, args...)
	c.Env = append(os.Environ(), dynamotest.EndpointVariable+"="+p.Endpoint, fmt.Sprintf("GOGC=%d", p.GOGC))
	text, err := c.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("the benchmarks: %w\n%s", err, text)
	}
	if !strings.Contains(string(text), "ns/op") {
		return "", fmt.Errorf("no benchmark is called %s", p.Pattern)
	}
	return string(text), nil
}

// Append adds what was printed to a file.
func Append(file, text string) (err error) {
	f, err := os.OpenFile(file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, fs.FileMode(0o666))
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}

// Compare says how what is in one file differs from what is in the other, by benchstat.
func Compare(ctx context.Context, root, before, after string) (string, error) {
	c := exec.CommandContext(ctx, "go", "tool", "benchstat", "-filter", ".unit:(cpu-ns/op OR B/op OR allocs/op)", "before="+before, "after="+after)
	c.Dir = root
	text, err := c.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("benchstat: %w\n%s", err, text)
	}
	return string(text), nil
}

func do(ctx context.Context, folder, name string, args ...string) error {
	c := exec.CommandContext(ctx, name, args...)
	c.Dir = folder
	if text, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, text)
	}
	return nil
}
