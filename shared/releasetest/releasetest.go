// Package releasetest holds what this release writes to what the one before wrote, for tests of what is stored or queued.
//
// Functions of both releases are at work while one replaces the other, and after a roll-back the earlier ones alone: each reads
// what the other wrote. So a release keeps every field that the one before writes, with its value; what is new, the one before
// overlooks. What it wrote is in testdata/before.json of the package that writes it, with its revision; a test of package revision
// holds that to the release that is called the one before.
package releasetest

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

var capture = flag.Bool("capture", false, "write testdata/before.json anew with what this release writes, when it is released")

var file = filepath.Join("testdata", "before.json")

// revision is the member of the file that names the commit whose code wrote the others.
const revision = "revision"

// Before is what the release before wrote, by name, as JSON has it. With -capture it is now, what this one writes, unless that is nil.
func Before(t testing.TB, now any) map[string]any {
	t.Helper()
	if *capture && now != nil {
		write(t, now)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var before map[string]any
	if err := json.Unmarshal(data, &before); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	delete(before, revision)
	return before
}

func write(t testing.TB, now any) {
	t.Helper()
	var plain map[string]any
	text, err := json.Marshal(now)
	if err == nil {
		err = json.Unmarshal(text, &plain)
	}
	if err == nil {
		plain[revision], err = checkedOut(t.Context())
	}
	if err == nil {
		text, err = lines(plain, 0)
	}
	if err == nil {
		err = os.WriteFile(file, append(text, '\n'), 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// checkedOut is the commit that is checked out. An error is also that code was changed since: it would be another release's.
func checkedOut(ctx context.Context) (string, error) {
	if text, err := exec.CommandContext(ctx, "git", "diff", "--quiet", "HEAD", "--", ":/*.go").CombinedOutput(); err != nil {
		return "", fmt.Errorf("-capture takes down what a commit writes, and this code is none: %w %s", err, text)
	}
	text, err := exec.CommandContext(ctx, "git", "rev-parse", "HEAD").Output()
	return strings.TrimSpace(string(text)), err
}

// lines is JSON with a line for each thing at the second level: a row, or a part of a message.
func lines(v any, level int) ([]byte, error) {
	object, ok := v.(map[string]any)
	if !ok || level == 2 {
		return json.Marshal(v)
	}
	var all []string
	for _, name := range slices.Sorted(maps.Keys(object)) {
		text, err := lines(object[name], level+1)
		if err != nil {
			return nil, err
		}
		all = append(all, fmt.Sprintf("%s%q: %s", strings.Repeat(" ", level+1), name, text))
	}
	return []byte("{\n" + strings.Join(all, ",\n") + "\n" + strings.Repeat(" ", level) + "}"), nil
}

// Lost are the places of before that now does not have, or has otherwise. Both are as JSON has them.
func Lost(before, now any) []string { return lost("", before, now) }

func lost(at string, before, now any) (places []string) {
	switch was := before.(type) {
	case map[string]any:
		is, _ := now.(map[string]any)
		for _, name := range slices.Sorted(maps.Keys(was)) {
			places = append(places, lost(at+"/"+name, was[name], is[name])...)
		}
		return places
	case []any:
		if is, ok := now.([]any); ok && len(is) == len(was) {
			for i := range was {
				places = append(places, lost(fmt.Sprint(at, "/", i), was[i], is[i])...)
			}
			return places
		}
	}
	if !reflect.DeepEqual(before, now) {
		return []string{fmt.Sprintf("%s: %v became %v", at, before, now)}
	}
	return nil
}
