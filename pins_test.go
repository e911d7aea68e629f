package unsend_test

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/mod/modfile"
)

var (
	pinnedLine = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]*(\[[a-z0-9,-]+\])?==[^ \\]+( ; [^\\]+)? \\$`)
	hashLine   = regexp.MustCompile(`^    --hash=sha256:[0-9a-f]{64}( \\)?$`)
)

// unpinned are the lines of a lock file of Python packages that are neither a version nor one of its hashes, or lack the other.
func unpinned(text string) (wrong []string) {
	needsHash := false
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		switch {
		case hashLine.MatchString(line):
			needsHash = strings.HasSuffix(line, `\`)
		case pinnedLine.MatchString(line) && !needsHash:
			needsHash = true
		case line != "":
			wrong = append(wrong, line)
		}
	}
	if needsHash {
		wrong = append(wrong, "the last one has no hash")
	}
	return wrong
}

// pip is told --require-hashes, and a file that another index or commit would fill is none.
func TestPythonPackagesArePinnedByHash(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("requirements/*.txt")
	if err != nil || len(files) != 2 {
		t.Fatalf("%v, %v", files, err)
	}
	for _, file := range files {
		if wrong := unpinned(text(t, file)); len(wrong) > 0 {
			t.Errorf("%s: %q", file, wrong)
		}
	}
}

func TestWhatIsNotPinnedByHash(t *testing.T) {
	t.Parallel()
	hash := "    --hash=sha256:" + strings.Repeat("0", 64)
	for lines, wrong := range map[string]int{
		"a==1 \\\n" + hash + " \\\n" + hash + "\nb[x]==2 ; sys_platform == 'win32' \\\n" + hash + "\n": 0,
		"a==1\n": 1, "a>=1 \\\n" + hash + "\n": 1, "a==1 \\\nb==2 \\\n" + hash + "\n": 1, "a==1 \\\n": 1,
		"a @ https://example.org/a.whl \\\n" + hash + "\n": 1, "--index-url https://example.org\n": 1, "-e .\n": 1,
	} {
		if got := unpinned(lines); len(got) != wrong {
			t.Errorf("%q: %q", lines, got)
		}
	}
}

// Each package of npm has a hash, and comes from the registry that npm is configured with.
func TestNodePackagesArePinnedByHash(t *testing.T) {
	t.Parallel()
	var lock struct {
		LockfileVersion int
		Packages        map[string]struct {
			Version, Integrity, Resolved string
			Link                         bool
		}
	}
	if err := json.Unmarshal([]byte(text(t, "clients/web/package-lock.json")), &lock); err != nil {
		t.Fatal(err)
	}
	if lock.LockfileVersion != 3 || len(lock.Packages) < 50 {
		t.Fatalf("version %d with %d packages", lock.LockfileVersion, len(lock.Packages))
	}
	delete(lock.Packages, "") // the client itself
	for name, p := range lock.Packages {
		if !strings.HasPrefix(p.Integrity, "sha512-") || p.Version == "" || p.Link {
			t.Errorf("%s %s has the hash %q", name, p.Version, p.Integrity)
		}
		if p.Resolved != "" && !strings.HasPrefix(p.Resolved, "https://registry.npmjs.org/") {
			t.Errorf("%s is of %s", name, p.Resolved)
		}
	}
}

// Go checks each module by go.sum, and go.sum by the checksum database, where go.mod takes none from elsewhere.
func TestModulesArePinnedByHash(t *testing.T) {
	t.Parallel()
	mod, err := modfile.Parse("go.mod", []byte(text(t, "go.mod")), nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(mod.Replace) > 0 || len(mod.Exclude) > 0 {
		t.Errorf("go.mod replaces %v and excludes %v", mod.Replace, mod.Exclude)
	}
	var pinned []string
	for line := range strings.Lines(text(t, "go.sum")) {
		fields := strings.Fields(line)
		if len(fields) != 3 || !strings.HasPrefix(fields[2], "h1:") {
			t.Fatalf("go.sum: %q", line)
		}
		pinned = append(pinned, fields[0]+" "+fields[1])
	}
	for _, r := range mod.Require {
		if module := r.Mod.Path + " " + r.Mod.Version; !slices.Contains(pinned, module) {
			t.Errorf("go.sum has no hash of %s", module)
		}
	}
}

// bypasses are ways in which a script could have Go or pip take what no hash pins.
var bypasses = regexp.MustCompile(`GONOSUM|GONOPROXY|GOPRIVATE|GOSUMDB|GOINSECURE|GOPROXY|GOFLAGS=-insecure|-mod=mod|--trusted-host|--extra-index-url|npm install\b|npm i\b|npx `)

// makesTheLockFile is advice of scripts/local, for people: the one place that may say so.
const makesTheLockFile = "run `npm install --package-lock-only` in clients/web and start again."

func TestNoScriptTakesWhatIsNotPinned(t *testing.T) {
	t.Parallel()
	read := 0
	for _, folder := range []string{".ci", "scripts", "requirements", "clients/web/package.json", "e2e", "template.yaml", "samconfig.toml"} {
		err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || strings.HasSuffix(path, ".md") {
				return err
			}
			content, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			read++
			for _, found := range bypasses.FindAllString(strings.Replace(string(content), makesTheLockFile, "", 1), -1) {
				t.Errorf("%s: %s", path, found)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if read < 50 {
		t.Errorf("only %d files were read", read)
	}
}
