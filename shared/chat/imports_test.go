package chat_test

import (
	"os/exec"
	"strings"
	"testing"
)

// TestImportsTheStandardLibraryOnly keeps the domain free of AWS, JSON frames and
// every other dependency: an import path with a dot in its first element, or one
// of this module's, fails.
func TestImportsTheStandardLibraryOnly(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}", ".").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	for dep := range strings.FieldsSeq(string(out)) {
		if dep != "unsend/shared/chat" {
			t.Errorf("shared/chat depends on %s", dep)
		}
	}
}
