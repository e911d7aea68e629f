package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// dependency is one that somebody else made. Its licence is an SPDX expression.
type dependency struct{ name, version, licence string }

// module is a Go module in the cache.
type module struct{ path, version, dir string }

// What is handed on as a binary or a library, and what is only used here.
var (
	functionPackages = []string{"./functions/..."}
	toolPackages     = []string{"./scripts/unsend", "./clients/go/..."}
	usedPackages     = []string{"./...", "tool"}
)

// modules are those that packages need, with their tests where asked for. It is the list for Linux on arm64, on any machine.
func modules(ctx context.Context, root string, tests bool, packages ...string) (map[string]module, error) {
	const format = "{{with .Module}}{{if not .Main}}{{.Path}}\t{{.Version}}\t{{.Dir}}{{end}}{{end}}"
	args := []string{"list", "-deps", "-tags=lambda.norpc", "-f", format}
	if tests {
		args = append(args, "-test")
	}
	command := exec.CommandContext(ctx, "go", append(args, packages...)...)
	command.Dir = root
	command.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH=arm64")
	var complaint bytes.Buffer
	command.Stderr = &complaint
	out, err := command.Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w: %s", err, complaint.String())
	}
	found := map[string]module{}
	for line := range strings.Lines(string(out)) {
		if fields := strings.Split(strings.TrimSpace(line), "\t"); len(fields) == 3 {
			found[fields[0]] = module{fields[0], fields[1], fields[2]}
		}
	}
	return found, nil
}

// pointed are the licences of modules whose file only points to a text, read by hand.
var pointed = map[string]string{
	"github.com/ajstarks/svgo":   "CC-BY-4.0",
	"github.com/golang/freetype": "FTL OR GPL-2.0-or-later",
}

// dependencies reads the licence of each module, in the order of their names.
func dependencies(of map[string]module) ([]dependency, error) {
	var list []dependency
	for _, path := range slices.Sorted(maps.Keys(of)) {
		licence, err := licenceOfModule(of[path])
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		list = append(list, dependency{path, of[path].version, licence})
	}
	return list, nil
}

func licenceOfModule(m module) (string, error) {
	if licence := pointed[m.path]; licence != "" {
		return licence, nil
	}
	files, err := filesLike(m.dir, licenceFile)
	if err != nil {
		return "", err
	}
	return licenceOf(files)
}

// printTexts prints what must go with a copy of the functions' and the command line tool's binaries: licences and notices.
func printTexts(ctx context.Context, root string, out io.Writer) error {
	shipped, err := modules(ctx, root, false, slices.Concat(functionPackages, toolPackages)...)
	if err != nil {
		return err
	}
	goroot, err := exec.CommandContext(ctx, "go", "env", "GOROOT").Output()
	if err != nil {
		return fmt.Errorf("go env: %w", err)
	}
	shipped[""] = module{"Go's standard library", "", strings.TrimSpace(string(goroot))}
	for _, name := range slices.Sorted(maps.Keys(shipped)) {
		m := shipped[name]
		files, err := filesLike(m.dir, licenceFile, noticeFile)
		if err != nil {
			return err
		}
		for _, path := range files {
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			if _, err := fmt.Fprintf(out, "==== %s %s, %s\n\n%s\n\n", m.path, m.version, filepath.Base(path), bytes.TrimSpace(text)); err != nil {
				return err
			}
		}
	}
	return nil
}
