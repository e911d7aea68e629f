package unsend_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	namedTest     = regexp.MustCompile("`((?:Test|Fuzz)[A-Za-z0-9_]*)`")
	namedSetting  = regexp.MustCompile("`([A-Z][A-Za-z0-9]*)`")
	declaredTest  = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)[A-Za-z0-9_]*)\(\w+ \*testing\.[TF]\)`)
	declaredThing = regexp.MustCompile(`(?m)^  ([A-Z][A-Za-z0-9]*):`)
)

// What the page of threats names is there, and each of its threats names something.
func TestTheThreatsNameWhatIsThere(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("docs/threats.md")
	if err != nil {
		t.Fatal(err)
	}
	tests, settings := declaredTests(t), map[string]bool{}
	for _, match := range declaredThing.FindAllStringSubmatch(text(t, "template.yaml"), -1) {
		settings[match[1]] = true
	}
	threats := 0
	for line := range strings.Lines(string(page)) {
		for _, match := range namedTest.FindAllStringSubmatch(line, -1) {
			if !tests[match[1]] {
				t.Errorf("there is no test %s", match[1])
			}
		}
		for _, match := range namedSetting.FindAllStringSubmatch(line, -1) {
			if name := match[1]; !namedTest.MatchString(match[0]) && !settings[name] && name != "NAME" {
				t.Errorf("template.yaml has no %s", name)
			}
		}
		cells := strings.Split(line, "|")
		if len(cells) != 5 || strings.HasPrefix(line, "|---") || strings.Contains(line, "| who could |") {
			continue
		}
		threats++
		if !namedSetting.MatchString(cells[3]) {
			t.Errorf("nothing holds the answer to %q", strings.TrimSpace(cells[1]))
		}
	}
	if threats < 30 {
		t.Errorf("only %d threats were found", threats)
	}
}

// declaredTests are the names of all tests of this repository.
func declaredTests(t *testing.T) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	err := filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && path != "." && (strings.HasPrefix(entry.Name(), ".") || entry.Name() == "node_modules"):
			return filepath.SkipDir // not ours
		case strings.HasSuffix(path, "_test.go"):
			for _, match := range declaredTest.FindAllStringSubmatch(text(t, path), -1) {
				names[match[1]] = true
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func text(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}
