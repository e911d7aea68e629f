// Package revision has the files of other commits of this repository, to build them beside this one.
package revision

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// ReleaseBefore is the revision that was released last, which scripts/test --long has serve beside this one, and whose rows and messages are in
// testdata/before.json of the packages that write them. Each release raises it (docs/operating.md, "Upgrading and rolling back").
const ReleaseBefore = "8828018fb58e4d3efc71105b7fe17e304496bd10"

// Fetch writes the files of a revision into a new folder. Of the repository it only reads: nothing is left there when it is ended. An error
// is also that the checkout does not have the revision, and says what to do.
func Fetch(ctx context.Context, root, revision, folder string) (err error) {
	commit, err := run(ctx, root, "git", "rev-parse", "--verify", "--quiet", "--end-of-options", revision+"^{commit}")
	if err != nil {
		return fmt.Errorf("this checkout does not have the revision %s (%w).\n    What to do: git fetch --unshallow, or git fetch origin %s, in a clone; or name another one",
			revision, err, revision)
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return fmt.Errorf("make a folder for the revision: %w", err)
	}
	packed, err := os.CreateTemp("", "unsend-revision-*.tar")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.Remove(packed.Name())) }()
	if err := packed.Close(); err != nil {
		return err
	}
	if _, err := run(ctx, root, "git", "archive", "--format=tar", "--output="+packed.Name(), strings.TrimSpace(commit)); err != nil {
		return err
	}
	_, err = run(ctx, root, "tar", "-xf", packed.Name(), "-C", folder)
	return err
}

// run gives what a command printed; its error has that, too.
func run(ctx context.Context, folder, name string, args ...string) (string, error) {
	c := exec.CommandContext(ctx, name, args...)
	c.Dir = folder
	text, err := c.CombinedOutput()
	if ctx.Err() != nil {
		return "", context.Cause(ctx)
	}
	if err != nil {
		return "", fmt.Errorf("%s %s: %w\n%s", name, args[0], err, text)
	}
	return string(text), nil
}
