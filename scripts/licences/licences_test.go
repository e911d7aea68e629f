package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
)

const root = "../.."

// A dependency that is not on the page, in another version, or with another licence fails here. (What a Python package's licence
// is stands on the page alone: its lock file has none.)
func TestThePageListsEveryDependency(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(filepath.Join(root, "docs", "licences.md"))
	if err != nil {
		t.Fatal(err)
	}
	l := everything(t, string(page))
	if l.page() != string(page) {
		t.Errorf("docs/licences.md is of other dependencies: go run ./scripts/licences. It should be\n%s", l.page())
	}
	if len(l.functions) < 10 || len(l.tool) < 10 || len(l.tests) < 10 || len(l.npm) < 50 || len(l.python) < 50 {
		t.Errorf("%d, %d, %d, %d and %d dependencies: the readers are wrong", len(l.functions), len(l.tool), len(l.tests), len(l.npm), len(l.python))
	}
}

// collected is collect, once: it lists everything three times.
var collected = sync.OnceValues(func() (lists, error) { return collect(context.Background(), root) })

func everything(t *testing.T, page string) lists {
	t.Helper()
	l, err := collected()
	if err != nil {
		t.Fatal(err)
	}
	_, python, _ := strings.Cut(page, "\nand Python packages")
	onPage := map[string]string{}
	for _, row := range regexp.MustCompile(`(?m)^\| (\S+) \| \S+ \| (.+) \|$`).FindAllStringSubmatch(python, -1) {
		onPage[row[1]] = row[2]
	}
	if l.python, err = pythonPackages(root, onPage); err != nil {
		t.Fatal(err)
	}
	return l
}

func TestLicencesArePermitted(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(filepath.Join(root, "docs", "licences.md"))
	if err != nil {
		t.Fatal(err)
	}
	l := everything(t, string(page))
	for _, part := range []struct {
		list []dependency
		may  []string
	}{{l.functions, handedOn}, {l.tool, handedOn}, {l.tests, used}, {l.npm, used}, {l.python, used}} {
		for _, d := range part.list {
			if !permitted(d.licence, part.may) {
				t.Errorf("%s %s is under %q, which is not permitted where it is", d.name, d.version, d.licence)
			}
		}
	}
}

func TestPermitted(t *testing.T) {
	t.Parallel()
	for expression, want := range map[string]bool{
		"MIT": true, "Apache-2.0 AND MIT": true, "(MIT OR Apache-2.0)": true,
		"": false, "AGPL-3.0": false, "MIT AND GPL-2.0-or-later": false, "UNLICENSED": false, "SEE LICENSE IN x": false, "MIT OR": false,
	} {
		if got := permitted(expression, handedOn); got != want {
			t.Errorf("%q: %v", expression, got)
		}
	}
}

func TestLicencesAreReadFromTheirTexts(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join(root, "LICENSE"))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name  string
		files map[string]string
		want  string // empty: it fails
	}{
		{"one", map[string]string{"LICENSE": string(text)}, "Apache-2.0"},
		{"and a summary", map[string]string{"LICENCE.md": string(text), "LICENSE-SUMMARY": "Code and documents are apart."}, "Apache-2.0"},
		{"other files", map[string]string{"README": string(text), "relicense.go": string(text)}, ""},
		{"nobody's words", map[string]string{"COPYING": "Ask us first."}, ""},
		{"more than the licence", map[string]string{"LICENSE": string(text) + strings.Repeat("You shall also send us a postcard each month.\n", 500)}, ""},
	} {
		folder := t.TempDir()
		for name, content := range c.files {
			if err := os.WriteFile(filepath.Join(folder, name), []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		files, err := filesLike(folder, licenceFile)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := licenceOf(files); got != c.want || (err == nil) != (c.want != "") {
			t.Errorf("%s: %q, %v", c.name, got, err)
		}
	}
}

func TestLicencesOfPythonPackages(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ metadata, name, licence string }{
		{"Name: Some_Thing\nLicense-Expression: MIT\n\nAbout", "some-thing", "MIT"},
		{"Name: a\nLicense: MIT license\n\n", "a", "MIT"},
		{"Name: a\nLicense: Copyright\n many lines\nClassifier: Programming Language :: Python\nClassifier: License :: OSI Approved :: MIT License\n\n", "a", "MIT"},
		{"Name: a\nLicense: Apache-2.0\n\n", "a", "Apache-2.0"},
		{"Name: a\nLicense: Commercial\n\n", "a", ""},
		{"no metadata", "", ""},
	} {
		folder := t.TempDir()
		if err := os.WriteFile(filepath.Join(folder, "METADATA"), []byte(c.metadata), 0o600); err != nil {
			t.Fatal(err)
		}
		if name, licence := installed(folder); name != c.name || licence != c.licence {
			t.Errorf("%q: %q, %q", c.metadata, name, licence)
		}
	}
}

// Whoever installs the web client gets nobody else's code with it.
func TestAWebClientWithDependenciesIsFound(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	file := filepath.Join(folder, "clients", "web", "package-lock.json")
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		t.Fatal(err)
	}
	for lock, fails := range map[string]bool{
		`{"packages":{"":{},"node_modules/a/node_modules/@b/c":{"version":"1.0.0","license":"MIT","dev":true}}}`: false,
		`{"packages":{"":{},"node_modules/a":{"version":"1.0.0","license":"MIT"}}}`:                              true,
	} {
		if err := os.WriteFile(file, []byte(lock), 0o600); err != nil {
			t.Fatal(err)
		}
		list, err := npmPackages(folder)
		if (err != nil) != fails || (!fails && !slices.Equal(list, []dependency{{"@b/c", "1.0.0", "MIT"}})) {
			t.Errorf("%s: %v, %v", lock, list, err)
		}
	}
}

func TestTextsGoWithBinaries(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	if err := printTexts(t.Context(), root, &out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"==== Go's standard library", "==== github.com/aws/aws-lambda-go v", "==== github.com/aws/aws-sdk-go-v2 ", ", NOTICE.txt\n", "==== github.com/spf13/cobra v"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q", want)
		}
	}
}
