package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// nodeOn makes a PATH with a node of this version and an npm that counts its calls; none where version is empty.
func nodeOn(t *testing.T, root, version string) (calls func() int) {
	t.Helper()
	bin, count := t.TempDir(), filepath.Join(root, "calls")
	if version != "" {
		write(t, filepath.Join(bin, "node"), "#!/bin/sh\necho "+version+"\n")
		write(t, filepath.Join(bin, "npm"), "#!/bin/sh\necho \"$@\" >>"+count+"\n/bin/mkdir -p node_modules\n")
		for _, name := range []string{"node", "npm"} {
			if err := os.Chmod(filepath.Join(bin, name), 0o700); err != nil {
				t.Fatal(err)
			}
		}
	}
	t.Setenv("PATH", bin)
	return func() int {
		text, _ := os.ReadFile(count)
		return strings.Count(string(text), "ci --ignore-scripts")
	}
}

func TestNodePackagesAreInstalledOnceForALockFile(t *testing.T) {
	root := t.TempDir()
	lockFile := filepath.Join(root, "clients", "web", "package-lock.json")
	write(t, lockFile, "{}")
	calls := nodeOn(t, root, "v22.1.0")
	packages := nodePackages{root: root}
	log := filepath.Join(root, "log")
	for _, want := range []struct {
		note, lock string
		calls      int
	}{{"", "{}", 1}, {"kept", "{}", 1}, {"", "{ }", 2}} {
		write(t, lockFile, want.lock)
		if note, err := packages.ensure(t.Context(), log); err != nil || note != want.note || calls() != want.calls {
			t.Errorf("%q, %v after %d calls, want %+v", note, err, calls(), want)
		}
	}
}

func TestAMissingNodeIsSaid(t *testing.T) {
	for version, want := range map[string]string{"": "no npm was found", "v18.19.0": "is 18, and clients/web wants 20", "nonsense": "does not say a version"} {
		root := t.TempDir()
		nodeOn(t, root, version)
		_, err := nodePackages{root: root}.ensure(t.Context(), filepath.Join(root, "log"))
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "What to do: install Node 20") {
			t.Errorf("node %q: %v", version, err)
		}
	}
}
