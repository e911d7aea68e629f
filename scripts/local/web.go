package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
)

// leastNode is the oldest release of Node that the web client runs on.
const leastNode = 20

// nodePackages are the pinned packages that the web client is built and tested with, clients/web/node_modules.
type nodePackages struct{ root string }

func (n nodePackages) folder() string { return filepath.Join(n.root, "clients", "web") }
func (n nodePackages) stampFile() string {
	return filepath.Join(n.folder(), "node_modules", ".made-of")
}

// ensure installs the packages unless they are there already, for the same lock file and the same Node. Two runs at
// once install once.
func (n nodePackages) ensure(ctx context.Context, log string) (note string, err error) {
	node, err := findNode(ctx)
	if err != nil {
		return "", err
	}
	unlock, err := lock(filepath.Join(n.root, ".build", "node_modules.lock"))
	if err != nil {
		return "", err
	}
	defer unlock()
	stamp, err := stampOf(filepath.Join(n.folder(), "package-lock.json"), node, n.folder())
	if err != nil {
		return "", err
	}
	if made, _ := os.ReadFile(n.stampFile()); string(made) == stamp {
		return "kept", nil
	}
	// The lock file holds versions and hashes; the registry is the one that npm is configured with. No package runs anything.
	install := Command{What: "npm ci", Dir: n.folder(), Env: environment(), Log: log, Argv: []string{"npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"}}
	if _, err := install.Run(ctx); err != nil {
		return "", err
	}
	if err := os.WriteFile(n.stampFile(), []byte(stamp), 0o600); err != nil {
		return "", fmt.Errorf("remember what node_modules was made of: %w", err)
	}
	return "", nil
}

// run makes sure of the packages, and runs a script of theirs.
func (n nodePackages) run(ctx context.Context, script string, dir runDir) error {
	if _, err := n.ensure(ctx, dir.log("npm ci")); err != nil {
		return err
	}
	what := "npm run " + script
	c := Command{What: what, Dir: n.folder(), Env: environment(), Log: dir.log(what), Argv: []string{"npm", "run", "--silent", script}}
	_, err := c.Run(ctx)
	return err
}

var nodeVersion = regexp.MustCompile(`^v(\d+)\.`)

// findNode gives the version of the Node on the PATH.
func findNode(ctx context.Context) (version string, err error) {
	const advice = "\n    What to do: install Node 20 or later with npm, https://nodejs.org"
	if _, err := exec.LookPath("npm"); err != nil {
		return "", errors.New("no npm was found on the PATH, which builds and tests clients/web." + advice)
	}
	out, err := exec.CommandContext(ctx, "node", "--version").Output()
	if err != nil {
		return "", errors.New("no Node was found on the PATH, which builds and tests clients/web." + advice)
	}
	found := nodeVersion.FindSubmatch(out)
	if found == nil {
		return "", errors.New("node --version does not say a version." + advice)
	}
	if major, err := strconv.Atoi(string(found[1])); err != nil || major < leastNode {
		return "", fmt.Errorf("the Node on the PATH is %s, and clients/web wants %d.%s", found[1], leastNode, advice)
	}
	return string(out), nil
}

// web checks the types of the web client and the demo page, builds and tests them.
func (t *tests) web(ctx context.Context) {
	packages := nodePackages{root: t.root}
	err := t.progress.Run("npm ci", func() (string, error) { return packages.ensure(ctx, t.dir.log("npm ci")) })
	t.tell(ctx, err)
	if err != nil {
		t.progress.Skip("web client", "its packages are not there")
		return
	}
	interleavings := "1000"
	if t.long {
		interleavings = "10000"
	}
	err = t.progress.Run("web client and demo page", func() (string, error) {
		c := Command{What: "npm test", Dir: packages.folder(), Env: environment("UNSEND_INTERLEAVINGS=" + interleavings), Log: t.dir.log("npm test"),
			Argv: []string{"npm", "test", "--silent"}}
		output, err := c.Run(ctx)
		return pageSize(output), err
	})
	t.tell(ctx, err)
}

var sizeOfPage = regexp.MustCompile(`(?m)^\W*(\d+ bytes gzipped)`)

// pageSize is what the web client's tests say of the demo page.
func pageSize(output string) string {
	found := sizeOfPage.FindStringSubmatch(output)
	if found == nil {
		return ""
	}
	return "the page: " + found[1]
}
