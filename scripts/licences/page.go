package main

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// handedOn are the licences that code may have which becomes part of what a team deploys or gives its users.
var handedOn = []string{"0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MIT", "MIT-0"}

// used are those that tools may have, which run here and become part of nothing.
var used = append([]string{"Artistic-1.0-Perl", "CC-BY-4.0", "CNRI-Python", "EPL-2.0", "FTL", "GPL-2.0-or-later", "LGPL-3.0-or-later", "MPL-2.0",
	"OFL-1.1", "PSF-2.0", "Python-2.0"}, handedOn...)

var joined = regexp.MustCompile(`[()]| (?:AND|OR) `)

// permitted tells whether an SPDX expression names licences of a list only.
func permitted(expression string, list []string) bool {
	return !slices.ContainsFunc(joined.Split(expression, -1), func(id string) bool {
		id = strings.TrimSpace(id)
		return id != "" && !slices.Contains(list, id)
	}) && expression != ""
}

// lists are all dependencies by what they are for.
type lists struct{ functions, tool, tests, npm, python []dependency }

// collect lists all but the Python packages, whose licences stand in no lock file.
func collect(ctx context.Context, root string) (l lists, err error) {
	functions, err := modules(ctx, root, false, functionPackages...)
	if err != nil {
		return lists{}, err
	}
	tool, err := modules(ctx, root, false, toolPackages...)
	if err != nil {
		return lists{}, err
	}
	tests, err := modules(ctx, root, true, usedPackages...)
	if err != nil {
		return lists{}, err
	}
	maps.DeleteFunc(tool, func(path string, _ module) bool { _, there := functions[path]; return there })
	maps.DeleteFunc(tests, func(path string, _ module) bool {
		_, function := functions[path]
		_, tooled := tool[path]
		return function || tooled
	})
	for _, part := range []struct {
		into *[]dependency
		from map[string]module
	}{{&l.functions, functions}, {&l.tool, tool}, {&l.tests, tests}} {
		if *part.into, err = dependencies(part.from); err != nil {
			return lists{}, err
		}
	}
	l.npm, err = npmPackages(root)
	return l, err
}

// page is docs/licences.md.
func (l lists) page() string {
	return "# Whose code is in it\n\n" +
		"Made by `go run ./scripts/licences`. A test fails for a dependency that is not here, and for a licence that is not among those it permits. Unsend itself is Apache-2.0.\n\n" +
		"## In the functions\n\nLinked into the binaries that you deploy, with Go's standard library (BSD-3-Clause).\n\n" + table("module", l.functions) +
		"\n## In the command line tool and the Go client, besides\n\n" + table("module", l.tool) +
		"\nNothing else is handed on: the web client and the page have no dependencies, fonts or pictures of others.\n" +
		"You build the binaries yourself. Where you give them to others, give them the texts with it: `go run ./scripts/licences --texts`.\n" +
		"\n## For building and testing\n\nThese run here and become part of nothing: Go modules,\n\n" + table("module", l.tests) +
		"\npackages of npm,\n\n" + table("package", l.npm) +
		"\nand Python packages, of which each Python and platform takes its own version.\n\n" + table("package", l.python) +
		"\nshellcheck-py brings shellcheck (GPL-3.0-or-later). The end-to-end suite drives a Chromium that is on the PATH, or Debian's.\n"
}

func table(head string, list []dependency) string {
	var b strings.Builder
	fmt.Fprintf(&b, "| %s | version | licence |\n|---|---|---|\n", head)
	for _, d := range list {
		b.WriteString(d.row())
	}
	return b.String()
}

func (d dependency) row() string {
	return fmt.Sprintf("| %s | %s | %s |\n", d.name, d.version, d.licence)
}
