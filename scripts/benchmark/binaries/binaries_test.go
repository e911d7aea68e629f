package binaries_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"unsend/scripts/benchmark/binaries"
	"unsend/shared/edge/edgetest"
)

const root = "../../.."

// What is shipped stays within the targets, and each function starts in an environment like the template's.
func TestSizesAndStarts(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles all functions for arm64 and for this machine: not with -short")
	}
	list, err := binaries.Sizes(t.Context(), root, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := binaries.Inits(t.Context(), root, t.TempDir(), list, edgetest.Environment(), 1); err != nil {
		t.Fatal(err)
	}
	routes := 0
	for _, b := range list {
		t.Logf("%-10s %9d bytes of %d, started in %v", b.Function, b.Bytes, b.Largest(), b.Median)
		if b.Bytes > b.Largest() || b.Bytes < binaries.Megabyte {
			t.Errorf("%s: %d bytes, want %d at most", b.Function, b.Bytes, b.Largest())
		}
		if b.Route {
			routes++
		}
	}
	entries, err := os.ReadDir(filepath.Join(root, "functions"))
	if err != nil || len(entries) != len(list) || routes != 6 {
		t.Errorf("%d binaries of %d functions, %d of them of routes (%v)", len(list), len(entries), routes, err)
	}
}

// A binary that does not start is told with what it said.
func TestAFunctionThatDoesNotStart(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles all functions: not with -short")
	}
	err := binaries.Inits(t.Context(), root, t.TempDir(), []binaries.Binary{{Function: "send"}}, map[string]string{"AWS_REGION": "eu-central-1"}, 1)
	if err == nil || !strings.Contains(err.Error(), "MESSAGES_TABLE") {
		t.Errorf("%v", err)
	}
}

// The config module looks for profiles, SSO and instance metadata, which no function has: see package awsenv. A library that
// traces calls would put what they say into traces.
func TestNoFunctionLoadsTheConfigModule(t *testing.T) {
	c := exec.CommandContext(t.Context(), "go", "list", "-deps", "./functions/...")
	c.Dir = root
	text, err := c.Output()
	if err != nil {
		t.Fatal(err)
	}
	seen := false
	for name := range strings.Lines(string(text)) {
		name = strings.TrimSpace(name)
		seen = seen || name == "unsend/shared/awsenv"
		for _, unwanted := range []string{"github.com/aws/aws-sdk-go-v2/config", "github.com/aws/aws-sdk-go-v2/credentials", "github.com/aws/aws-xray-sdk-go", "go.opentelemetry.io/"} {
			if strings.HasPrefix(name, unwanted) {
				t.Errorf("the functions need %s", name)
			}
		}
	}
	if !seen {
		t.Error("go list names no awsenv: it did not list the functions")
	}
}
