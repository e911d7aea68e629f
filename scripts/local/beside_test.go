package main

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestAnEarlierReleaseGetsTheParametersThatItHas(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	write(t, filepath.Join(root, "template.yaml"), "\nParameters:\n  Stage:\n    Type: String\n  LocalStackUrl:\n    Type: String\n\nResources:\n  TokenAudience:\n")
	d := deployment{root: root, endpoint: "http://127.0.0.1:1"}
	if all, err := d.parameters(); err != nil || !slices.Contains(all, "TokenAudience=unsend") {
		t.Errorf("this release gets %q, %v", all, err)
	}
	d.earlier = true
	if some, err := d.parameters(); err != nil || !slices.Equal(some, []string{"LocalStackUrl=http://127.0.0.1:1", "Stage=live"}) {
		t.Errorf("the earlier one gets %q, %v", some, err)
	}
}

func TestFunctionsOfBothReleasesThatDiffer(t *testing.T) {
	t.Parallel()
	b := beside{
		old: []function{{name: "send", version: "1"}, {name: "same", version: "1"}, {name: "gone", version: "1"}},
		new: []function{{name: "send", version: "2"}, {name: "same", version: "1"}, {name: "added", version: "1"}},
	}
	if got, want := b.pairs(), []pair{{function{name: "send", version: "2"}, "1"}}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestARunInWhichOneReleaseHardlyServedShowsNothing(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		before, now int
		want        bool
	}{{0, 100, false}, {100, 0, false}, {19, 81, false}, {81, 19, false}, {20, 80, true}, {50, 50, true}, {4, 4, false}, {5, 5, true}} {
		if got := bothServed(test.before, test.now); got != test.want {
			t.Errorf("%d and %d calls: %v", test.before, test.now, got)
		}
	}
}

func TestAFailedRunKeepsTheOutputsOfItsParts(t *testing.T) {
	t.Parallel()
	dir := runDir{t.TempDir()}
	part, err := dir.part("before")
	if err != nil {
		t.Fatal(err)
	}
	write(t, part.file("log", "x"), "")
	write(t, part.file("source", "x"), "")
	dir.close(true)
	if _, err := os.Stat(part.file("log", "x")); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(part.file("source")); err == nil {
		t.Error("the files of the release before are still there")
	}
}

func TestBesideIsAboutTheSuites(t *testing.T) {
	t.Parallel()
	if o, err := parseTest([]string{"--beside", "v1"}); err != nil || o.beside != "v1" {
		t.Errorf("%+v, %v", o, err)
	}
	if _, err := parseTest([]string{"--beside", "v1", "--skip-e2e"}); err == nil {
		t.Error("--beside goes with --skip-e2e")
	}
}

// A test of the suite of the release before has another try where nothing else went wrong.
func TestTheOneTestThatFailed(t *testing.T) {
	t.Parallel()
	const end = "FAIL\nFAIL\tunsend/e2e\t88.1s\nok  \tunsend/e2e/soak\t0.1s\nFAIL\n"
	for lines, want := range map[string]string{
		"-test.shuffle 1\n--- FAIL: TestA (9.00s)\n    limits_test.go:20: nothing was refused\n" + end: "TestA",
		"--- FAIL: TestA (9.00s)\n    --- FAIL: TestA/part (1.00s)\n" + end:                            "TestA",
		"--- FAIL: TestA (9.00s)\n--- FAIL: TestB (9.00s)\n" + end:                                     "",
		"--- FAIL: TestA (9.00s)\npanic: test timed out after 10m0s\n" + end:                           "",
		"--- FAIL: TestA (9.00s)\nFAIL\nFAIL\tunsend/e2e/soak\t1s\nok  \tunsend/e2e\t88.1s\nFAIL\n":    "",
		"--- FAIL: TestA (9.00s)\nFAIL\tunsend/e2e/soak [build failed]\n" + end:                        "",
		"FAIL\tunsend/e2e [build failed]\nFAIL\n":                                                      "",
		"ok  \tunsend/e2e\t88.1s\n": "",
	} {
		if got, ok := onlyFailure(lines); got != want || ok != (want != "") {
			t.Errorf("%q: %q, want %q", lines, got, want)
		}
	}
}
