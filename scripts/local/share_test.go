package main

import (
	"encoding/json"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// shareDriver prints which version each draw calls: of an alias with weights, of one without, of a version, of no function.
const shareDriver = `
import json, sys
sys.path.insert(0, sys.argv[1])
import launch_stack

weights = {"AdditionalVersionWeights": {"1": 0.25, "2": 0.5}}
function = {"aliases": {"live": {"FunctionVersion": "3", "RoutingConfig": weights}, "plain": {"FunctionVersion": "3"}}}

def resolve(function, qualifier):
    if function is None: return None
    return function["aliases"].get(qualifier, {"FunctionVersion": qualifier})["FunctionVersion"]

def called(function, qualifier, draw): return launch_stack.share_calls(resolve, lambda: draw)(function, qualifier)

print(json.dumps([called(function, "live", draw) for draw in (0, 0.24, 0.25, 0.74, 0.75, 0.99)]
    + [called(function, "plain", 0), called(function, "7", 0), called(None, "live", 0)]))
`

func TestAnAliasSharesItsCallsOut(t *testing.T) {
	t.Parallel()
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("python3 is not on the PATH; scripts/dev needs it too")
	}
	folder, err := filepath.Abs(filepath.Join("..", "..", "requirements"))
	if err != nil {
		t.Fatal(err)
	}
	var complaint strings.Builder
	cmd := exec.CommandContext(t.Context(), python, "-B", "-c", shareDriver, folder)
	cmd.Env, cmd.Stderr = environment(), &complaint
	output, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, complaint.String())
	}
	var got []*string
	if err := json.Unmarshal(output, &got); err != nil {
		t.Fatal(err)
	}
	var versions []string
	for _, version := range got {
		if version == nil {
			versions = append(versions, "none")
			continue
		}
		versions = append(versions, *version)
	}
	if want := []string{"1", "1", "2", "2", "3", "3", "3", "7", "none"}; !slices.Equal(versions, want) {
		t.Errorf("called %q, want %q", versions, want)
	}
}
