package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
)

// browserNames are what Chromium goes by on a PATH, in the order of preference.
var browserNames = []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable"}

// browserVersion is what a browser says of itself. Ubuntu's chromium-browser may only say how to install one.
var browserVersion = regexp.MustCompile(`(Chromium|Google Chrome)\D* \d+\.\d+`)

// ensureBrowser finds a Chromium that the demo page is driven with. Where there is none, and this is root of a Debian, it
// installs Debian's.
func ensureBrowser(ctx context.Context, dir runDir) (path, note string, err error) {
	if path := findBrowser(ctx); path != "" {
		return path, filepath.Base(path), nil
	}
	if _, err := exec.LookPath("apt-get"); err != nil || os.Geteuid() != 0 {
		return "", "", errors.New("no Chromium was found on the PATH, which the demo page is tested in." +
			"\n    What to do: install chromium or google-chrome (Debian: sudo apt-get install chromium)")
	}
	if err := installBrowser(ctx, dir); err != nil {
		return "", "", err
	}
	if path := findBrowser(ctx); path != "" {
		return path, "installed", nil
	}
	return "", "", errors.New("the package chromium was installed, and it does not start.\n    What to do: install google-chrome, or a chromium that is no snap")
}

func findBrowser(ctx context.Context) string {
	for _, name := range browserNames {
		path, err := exec.LookPath(name)
		if err != nil {
			continue
		}
		if says, err := exec.CommandContext(ctx, path, "--version").Output(); err == nil && browserVersion.Match(says) {
			return path
		}
	}
	return ""
}

// installBrowser asks apt for the package, with a font: a bare machine has none.
func installBrowser(ctx context.Context, dir runDir) error {
	for _, step := range [][]string{
		{"update"},
		{"install", "--yes", "--no-install-recommends", "chromium", "fonts-liberation"},
	} {
		what := fmt.Sprint("apt-get ", step[0])
		c := Command{What: what, Env: environment("DEBIAN_FRONTEND=noninteractive"), Log: dir.log(what), Argv: append([]string{"apt-get", "--quiet"}, step...)}
		if _, err := c.Run(ctx); err != nil {
			return err
		}
	}
	return nil
}
