package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

func shell(text string) []string { return []string{"/bin/sh", "-c", text} }

func TestAFailedCommandSaysWhatAndWhatToDo(t *testing.T) {
	t.Parallel()
	log := filepath.Join(t.TempDir(), "log.txt")
	c := Command{What: "pip install", Env: environment(), Log: log, Argv: shell(`echo "No module named venv"; exit 3`)}
	_, err := c.Run(t.Context())
	for _, part := range []string{"pip install: exit status 3", "| No module named venv", log, "apt install python3-venv"} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("the error lacks %q:\n%v", part, err)
		}
	}
	if kept, _ := os.ReadFile(log); !strings.Contains(string(kept), "No module") {
		t.Errorf("the log holds %q", kept)
	}
}

func TestShownOutputIsNotRepeated(t *testing.T) {
	t.Parallel()
	var shown []string
	c := Command{What: "go test", Env: environment(), Argv: shell(`printf 'one\ntwo'; exit 1`), Show: func(l string) { shown = append(shown, l) }}
	_, err := c.Run(t.Context())
	if !slices.Equal(shown, []string{"one", "two"}) {
		t.Errorf("shown %q", shown)
	}
	if err == nil || strings.Contains(err.Error(), "two") {
		t.Errorf("error %v", err)
	}
}

// A tool's own children hold its output open: they must end with it.
func TestInterruptingACommandEndsItsChildren(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	started := make(chan string, 1)
	c := Command{What: "sam build", Env: environment(), Show: func(l string) { started <- l },
		Argv: shell(`trap "" TERM; sh -c 'trap "" TERM; echo started; sleep 60' & wait`)}
	done := make(chan error, 1)
	go func() { _, err := c.Run(ctx); done <- err }()
	<-started
	cancel()
	select {
	case err := <-done:
		if !errors.Is(err, context.Canceled) {
			t.Errorf("error %v", err)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("it goes on")
	}
}

func TestEnvironmentKeepsTheUsersAccountAway(t *testing.T) {
	t.Setenv("AWS_PROFILE", "production")
	t.Setenv("AWS_SESSION_TOKEN", "real")
	t.Setenv("UNSEND_OTHER", "kept")
	env := localEnvironment("http://127.0.0.1:1", runDir{t.TempDir()})
	for _, pair := range env {
		if strings.Contains(pair, "production") || strings.Contains(pair, "=real") {
			t.Errorf("%s reaches the tools", pair)
		}
	}
	for _, want := range []string{"UNSEND_OTHER=kept", "AWS_CONFIG_FILE=/dev/null", "AWS_SHARED_CREDENTIALS_FILE=/dev/null"} {
		if !slices.Contains(env, want) {
			t.Errorf("%s is missing", want)
		}
	}
}

func TestOutputsAreRead(t *testing.T) {
	t.Parallel()
	got, err := parseOutputs([]byte(`<DescribeStacksResponse xmlns="http://cloudformation.amazonaws.com/doc/2010-05-15/"><DescribeStacksResult><Stacks><member>
		<Outputs><member><OutputKey>ApiId</OutputKey><OutputValue>abc</OutputValue></member><member><OutputKey>Url</OutputKey><OutputValue>ws://x?a=1&amp;b</OutputValue></member></Outputs>
	</member></Stacks></DescribeStacksResult></DescribeStacksResponse>`))
	if err != nil || got["ApiId"] != "abc" || got["Url"] != "ws://x?a=1&b" {
		t.Errorf("%v, %v", got, err)
	}
	if err := complete(got); err == nil || !strings.Contains(err.Error(), "template.yaml") {
		t.Errorf("missing outputs give %v", err)
	}
}

func TestOnlyNewRefusalsAreTold(t *testing.T) {
	t.Parallel()
	log := filepath.Join(t.TempDir(), "stack.txt")
	old := "12:00 ERROR [cloudformation] old\n"
	if err := os.WriteFile(log, []byte(old+"12:01 INFO x\n12:02 ERROR [cloudformation] Failed to provision Api: no\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := refusals(log, int64(len(old))); got != "Failed to provision Api: no" {
		t.Errorf("refusals %q", got)
	}
}

func TestSourcesAreFound(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	for path, text := range map[string]string{
		"a/x_test.go":             "package a\n\nfunc FuzzOne(f *testing.F) {}\n",
		"a/y.go":                  "package a\n\nfunc FuzzNone(f *testing.F) {}\n",
		".ci/run":                 "#!/usr/bin/env bash\n",
		"scripts/s":               "#!/bin/sh\n",
		"scripts/p":               "#!/usr/bin/env python3\n",
		".build/gone":             "#!/bin/sh\n",
		"clients/node_modules/go": "#!/bin/sh\n",
		"bad.go":                  "package  bad\n",
	} {
		write(t, filepath.Join(root, path), text)
	}
	scripts, err := shellScripts(root)
	if want := []string{filepath.Join(root, ".ci/run"), filepath.Join(root, "scripts/s")}; err != nil || !slices.Equal(scripts, want) {
		t.Errorf("scripts %v, want %v (%v)", scripts, want, err)
	}
	targets, err := fuzzTargets(root)
	if want := []fuzzTarget{{"FuzzOne", filepath.Join(root, "a")}}; err != nil || !slices.Equal(targets, want) {
		t.Errorf("targets %v, want %v (%v)", targets, want, err)
	}
	if err := checkFormat(root); err == nil || !strings.Contains(err.Error(), "bad.go") || strings.Contains(err.Error(), "y.go") {
		t.Errorf("format: %v", err)
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestAFindingOfTheFuzzerIsNotTakenForItsEnd(t *testing.T) {
	t.Parallel()
	const end = "--- FAIL: FuzzX (5.03s)\n    context deadline exceeded\nFAIL\n"
	if !onlyTimeWasUp(end) {
		t.Error("the end of the time is taken for a finding")
	}
	if onlyTimeWasUp(end + "    Failing input written to testdata/fuzz/FuzzX/1\n") {
		t.Error("a finding is taken for the end of the time")
	}
	if onlyTimeWasUp("--- FAIL: FuzzX (0.1s)\n    x_test.go:9: context deadline exceeded\n") {
		t.Error("a failing seed is taken for the end of the time")
	}
}

func TestOneLockOneHolder(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "lock")
	unlock, got := tryLock(path)
	if !got {
		t.Fatal("the first one did not get it")
	}
	if _, got := tryLock(path); got {
		t.Error("two hold it")
	}
	unlock()
	if _, got := tryLock(path); !got {
		t.Error("it stays locked")
	}
}

func TestAnEnvironmentIsMadeAgainWhenItsPinsChange(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	write(t, filepath.Join(root, "python"), "#!/bin/sh\necho Python 3.12.1\n")
	if err := os.Chmod(filepath.Join(root, "python"), 0o700); err != nil {
		t.Fatal(err)
	}
	v := venv{root: root, name: "x", python: filepath.Join(root, "python")}
	write(t, v.lockFile(), "a==1\n")
	first, err := v.stamp()
	if err != nil {
		t.Fatal(err)
	}
	write(t, v.stampFile(), first)
	if note, err := v.ensure(t.Context(), filepath.Join(root, "log")); note != "kept" || err != nil {
		t.Errorf("an unchanged one: %q, %v", note, err)
	}
	write(t, v.lockFile(), "a==2\n")
	if second, err := v.stamp(); err != nil || second == first {
		t.Errorf("another pin has the same stamp (%v)", err)
	}
}

// Nothing is installed that the lock file has no hash of, and nothing that it does not name.
func TestAnEnvironmentIsInstalledByHash(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	python := filepath.Join(root, "python")
	write(t, python, "#!/bin/sh\necho \"$*\" >> "+root+"/calls\nif [ \"$2\" = venv ]; then mkdir -p \"$4/bin\" && cp \"$0\" \"$4/bin/python\"; fi\n")
	if err := os.Chmod(python, 0o700); err != nil {
		t.Fatal(err)
	}
	v := venv{root: root, name: "x", python: python}
	write(t, v.lockFile(), "a==1\n")
	if _, err := v.ensure(t.Context(), filepath.Join(root, "log")); err != nil {
		t.Fatal(err)
	}
	calls, _ := os.ReadFile(filepath.Join(root, "calls"))
	var installs []string
	for line := range strings.Lines(string(calls)) {
		if strings.Contains(line, "pip ") {
			installs = append(installs, line)
		}
	}
	if len(installs) != 1 || !strings.HasSuffix(installs[0], " --no-deps --require-hashes --requirement "+v.lockFile()+"\n") {
		t.Errorf("installed by %q", installs)
	}
}

func TestTheFoldersOfDeadRunsGo(t *testing.T) {
	t.Parallel()
	base := t.TempDir()
	dead, live := filepath.Join(base, "run-999999999"), filepath.Join(base, "run-1")
	write(t, filepath.Join(dead, "x"), "")
	write(t, filepath.Join(live, "x"), "")
	sweep(base)
	if _, err := os.Stat(dead); err == nil {
		t.Error("the dead run's is still there")
	}
	if _, err := os.Stat(live); err != nil {
		t.Error("the live run's is gone")
	}
}

// The stack ends its functions only when it ends in good order; a function that
// ignores everything must not survive either.
func TestStoppingTheStackLeavesNobody(t *testing.T) {
	t.Parallel()
	s := startForTest(t, shell(`sh -c 'trap "" TERM; sleep 60' & exec sleep 60`))
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	if syscall.Kill(-s.pid, 0) == nil {
		t.Error("somebody is left")
	}
}

func TestProgressInAFile(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	p := &Progress{out: &out, stop: make(chan struct{})}
	_ = p.Run("good", func() (string, error) { return "kept", nil })
	_ = p.Run("bad", func() (string, error) { return "", errors.New("no") })
	p.Skip("later", "bad failed")
	p.Close()
	var marks []string
	for line := range strings.Lines(out.String()) {
		marks = append(marks, strings.Join(strings.Fields(line)[:2], " "))
	}
	if want := []string{".. good", "ok good", ".. bad", "FAIL bad", "skip later"}; !slices.Equal(marks, want) {
		t.Errorf("lines %q, want %q", marks, want)
	}
	if strings.Contains(out.String(), "\x1b") {
		t.Error("colours in a file")
	}
}

func startForTest(t *testing.T, argv []string) *stackServer {
	t.Helper()
	s := &stackServer{ended: make(chan struct{})}
	log, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.SysProcAttr = ownGroup()
	started := make(chan error, 1)
	go s.own(cmd, log, started)
	if err := <-started; err != nil {
		t.Fatal(err)
	}
	return s
}

// A command that ends well without having done its work is a failure too.
func TestACommandMustSayWhatItDid(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	write(t, toolPath(root), "#!/bin/sh\n[ $# = 4 ] || exit 3\necho \"$1 $3 $4: unchanged\"\n")
	if err := os.Chmod(toolPath(root), 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(root, "log", "x"), "")
	run := &tests{root: root, dir: runDir{root}}
	if err := run.says(t.Context(), "seed "+run.stackFile()+" x.yaml: unchanged", "seed", "x.yaml"); err != nil {
		t.Error(err)
	}
	if err := run.says(t.Context(), "created", "seed", "x.yaml"); err == nil || !strings.Contains(err.Error(), `"created"`) {
		t.Errorf("it said something else: %v", err)
	}
	if err := run.says(t.Context(), "unchanged", "seed"); err == nil || !strings.Contains(err.Error(), "exit status 3") {
		t.Errorf("it failed: %v", err)
	}
}

func TestFlagsOfTheTest(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		args []string
		ok   bool
	}{
		{nil, true},
		{[]string{"--long"}, true},
		{[]string{"--soak", "5m", "--seed", "7", "--docs", "docs"}, true},
		{[]string{"--soak", "5s"}, false},
		{[]string{"--soak", "5m", "--long"}, false},
		{[]string{"--soak", "5m", "--skip-e2e"}, false},
		{[]string{"--docs", "docs"}, false},
		{[]string{"--seed", "7"}, false},
		{[]string{"all"}, false},
	} {
		if _, err := parseTest(c.args); (err == nil) != c.ok {
			t.Errorf("%q: %v", c.args, err)
		}
	}
}
