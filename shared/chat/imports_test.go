package chat_test

import (
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// dependencies are all packages that each package of the module is built of, by its path,
// without those of tests.
func dependencies(t *testing.T) map[string][]string {
	t.Helper()
	out, err := exec.Command("go", "list", "-f", `{{.ImportPath}} {{.Dir}} {{join .Deps " "}}`, "unsend/...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	all := map[string][]string{}
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		all[fields[0]] = fields[2:]
		lookAt(t, fields[1])
	}
	return all
}

// lookAt makes the result of this test depend on the folder's files: go test keeps results, and
// does not know what a command has read.
func lookAt(t *testing.T, folder string) {
	t.Helper()
	files, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if _, err := os.Stat(filepath.Join(folder, file.Name())); err != nil {
			t.Fatal(err)
		}
	}
}

// within tells whether the package is the folder, or under it.
func within(pkg, folder string) bool { return pkg == folder || strings.HasPrefix(pkg, folder+"/") }

// TestWhoMayImportWhom keeps the parts of the module apart.
func TestWhoMayImportWhom(t *testing.T) {
	t.Parallel()
	const shared, functions = "unsend/shared/", "unsend/functions/"
	// What joins the domain to something outside of it knows the domain only, so that each can be
	// replaced by itself.
	adapters := []string{shared + "dynamo", shared + "gateway", shared + "wire", shared + "token", shared + "queue", shared + "eventbridge"}
	all := dependencies(t)
	rules := map[string]func(dep string) (forbidden bool){
		// No AWS, no JSON frames, nobody else's code: the standard library has no dots.
		shared + "chat": func(dep string) bool {
			first, _, _ := strings.Cut(dep, "/")
			return strings.Contains(first, ".") || within(dep, "unsend")
		},
		// A client's program is built of the client alone.
		"unsend/clients/go": func(dep string) bool { return within(dep, "unsend") },
	}
	for _, adapter := range adapters {
		rules[adapter] = func(dep string) bool {
			return within(dep, "unsend/functions") || within(dep, shared+"edge") ||
				slices.ContainsFunc(adapters, func(other string) bool { return other != adapter && within(dep, other) })
		}
	}
	for pkg := range all {
		if path.Dir(pkg)+"/" == functions {
			rules[pkg] = func(dep string) bool { return within(dep, "unsend/functions") && !within(dep, pkg) }
		}
	}
	if len(rules) < len(adapters)+2+8 {
		t.Errorf("only %d rules: where are the functions?", len(rules))
	}
	for pkg, forbidden := range rules {
		deps, ok := all[pkg]
		if !ok {
			t.Errorf("there is no package %s", pkg)
		}
		for _, dep := range deps {
			if forbidden(dep) {
				t.Errorf("%s depends on %s", pkg, dep)
			}
		}
	}
}
