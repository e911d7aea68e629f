package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"time"
)

// errSkipped marks a step that never ran.
var errSkipped = errors.New("skipped")

// commandError tells of a command that failed: what, with which last words, and,
// where it is a known way to fail, what to do.
type commandError struct {
	what   string // "sam build"
	err    error
	tail   string
	advice string
	log    string // file with the whole output
}

func (e *commandError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %v", e.what, e.err)
	if e.tail != "" {
		fmt.Fprintf(&b, "\n\n%s", indent(e.tail))
	}
	if e.log != "" {
		fmt.Fprintf(&b, "\n    whole output: %s", e.log)
	}
	if e.advice != "" {
		fmt.Fprintf(&b, "\n\n    What to do: %s", e.advice)
	}
	return b.String()
}

func (e *commandError) Unwrap() error { return e.err }

func indent(text string) string {
	return "    | " + strings.ReplaceAll(strings.TrimRight(text, "\n"), "\n", "\n    | ")
}

// A Command is run in a process group of its own, so that Ctrl-C reaches only
// this program, which ends them in order.
type Command struct {
	What string // for people; "sam build"
	Dir  string
	Env  []string
	Log  string // file that keeps the output
	Show func(line string)
	Argv []string
}

// Run runs the command to its end, or ends it and all it started with ctx.
func (c Command) Run(ctx context.Context) (string, error) {
	var output lockedBuffer
	writers := []io.Writer{&output}
	if c.Log != "" {
		f, err := os.Create(c.Log)
		if err != nil {
			return "", fmt.Errorf("keep the output of %s: %w", c.What, err)
		}
		defer func() { _ = f.Close() }()
		writers = append(writers, f)
	}
	if c.Show != nil {
		lines := &lineWriter{show: c.Show}
		defer lines.flush()
		writers = append(writers, lines)
	}
	cmd := exec.CommandContext(ctx, c.Argv[0], c.Argv[1:]...)
	cmd.Dir, cmd.Env = c.Dir, c.Env
	cmd.Stdout = io.MultiWriter(writers...)
	cmd.Stderr = cmd.Stdout
	cmd.SysProcAttr = ownGroup()
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	cmd.WaitDelay = 5 * time.Second
	err := cmd.Run()
	if ctx.Err() != nil {
		killGroup(cmd.Process)
		return "", context.Cause(ctx)
	}
	if err != nil {
		return output.String(), c.failure(err, output.String())
	}
	return output.String(), nil
}

// killGroup ends what an interrupted command left behind.
func killGroup(leader *os.Process) {
	if leader != nil {
		_ = syscall.Kill(-leader.Pid, syscall.SIGKILL)
	}
}

func (c Command) failure(err error, output string) error {
	e := &commandError{what: c.What, err: err, log: c.Log, advice: advise(output + err.Error())}
	if c.Show == nil { // else it was seen already
		e.tail = lastLines(output, 25)
	}
	return e
}

// knownFailures are ways to fail that people meet, and what helps.
var knownFailures = []struct {
	sign   *regexp.Regexp
	advice string
}{
	{regexp.MustCompile(`(?i)no space left on device`), "free some disk space; .venv, .build and .aws-sam of this folder may be deleted at any time."},
	{regexp.MustCompile(`(?i)ensurepip is not|No module named (venv|ensurepip)`), "install Python's venv module (Debian, Ubuntu: apt install python3-venv) and start again."},
	{regexp.MustCompile(`(?i)DO NOT MATCH THE HASHES`), "a package index served another file than the pinned one. Try without a proxy or mirror; do not go on with that file."},
	{regexp.MustCompile(`(?i)No matching distribution|Could not find a version`), "the package index does not have a pinned version for this Python. Check the index that pip is configured with (pip config list)."},
	{regexp.MustCompile(`npm ci. can only install packages when`), "run `npm install --package-lock-only` in clients/web and start again."},
	{regexp.MustCompile(`(?i)NewConnectionError|EAI_AGAIN|ENOTFOUND|ETIMEDOUT|Temporary failure in name resolution|dial tcp|TLS handshake timeout|connection refused.*(proxy|pypi)|CERTIFICATE_VERIFY_FAILED`), "the network or a proxy is in the way: check it and start again; what was loaded already is kept."},
	{regexp.MustCompile(`(?i)missing go.sum entry|updates to go.mod needed`), "run `go mod tidy` and start again."},
	{regexp.MustCompile(`\.go:\d+:\d+: `), "mend the lines above."},
	{regexp.MustCompile(`(?i)Failed to provision|CREATE_FAILED|UPDATE_FAILED`), "the local stack refused a resource of template.yaml: the reason is above."},
	{regexp.MustCompile(`-race requires cgo|C compiler "[^"]+" not found`), "install a C compiler for the race detector (Debian, Ubuntu: apt install gcc libc6-dev)."},
	{regexp.MustCompile(`(?i)executable file not found`), "a tool is not installed: its name is above."},
}

func advise(output string) string {
	for _, known := range knownFailures {
		if known.sign.MatchString(output) {
			return known.advice
		}
	}
	return ""
}

func lastLines(text string, n int) string {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	if len(lines) > n {
		lines = lines[len(lines)-n:]
	}
	return strings.Join(lines, "\n")
}

// lineWriter shows output by whole lines.
type lineWriter struct {
	show func(string)
	rest []byte
}

func (w *lineWriter) Write(data []byte) (int, error) {
	w.rest = append(w.rest, data...)
	for {
		line, rest, found := bytes.Cut(w.rest, []byte("\n"))
		if !found {
			return len(data), nil
		}
		w.show(string(line))
		w.rest = rest
	}
}

func (w *lineWriter) flush() {
	if len(w.rest) > 0 {
		w.show(string(w.rest))
	}
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(data []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(data)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// environment is this process's without anything of the user's AWS accounts,
// with what is set on top.
func environment(set ...string) []string {
	var kept []string
	for _, pair := range os.Environ() {
		name, _, _ := strings.Cut(pair, "=")
		if !strings.HasPrefix(name, "AWS_") && !strings.HasPrefix(name, "SAM_CLI_") && name != "UNSEND_STACK" {
			kept = append(kept, pair)
		}
	}
	return append(kept, set...)
}

// goFlags are the user's GOFLAGS with those of a function's binary, as
// template.yaml's functions are built with.
func goFlags() string {
	const ours = `-tags=lambda.norpc "-ldflags=-s -w"`
	if theirs := os.Getenv("GOFLAGS"); theirs != "" {
		return theirs + " " + ours
	}
	return ours
}

func executable(folder, name string) string { return filepath.Join(folder, "bin", name) }
