package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// runDir is what one run writes: outputs of steps, build results, the stack's
// temporary files. Each run has its own, so that several may go on at once.
type runDir struct{ path string }

// newRunDir also removes what dead runs left.
func newRunDir(root string) (runDir, error) {
	base := filepath.Join(root, ".unsend")
	sweep(base)
	d := runDir{filepath.Join(base, "run-"+strconv.Itoa(os.Getpid()))}
	if err := os.RemoveAll(d.path); err != nil {
		return runDir{}, fmt.Errorf("clear the folder of this run: %w", err)
	}
	return d, d.make()
}

// part is a folder of the same shape inside, for one of several stacks or releases.
func (d runDir) part(name string) (runDir, error) {
	inside := runDir{d.file(name)}
	return inside, inside.make()
}

func (d runDir) make() error {
	for _, sub := range []string{"log", "tmp", "sam"} {
		if err := os.MkdirAll(filepath.Join(d.path, sub), 0o700); err != nil {
			return fmt.Errorf("make the folder of this run: %w", err)
		}
	}
	return nil
}

// file is a path inside.
func (d runDir) file(parts ...string) string {
	return filepath.Join(append([]string{d.path}, parts...)...)
}

// log is where the output of a step goes.
func (d runDir) log(name string) string {
	return d.file("log", strings.NewReplacer(" ", "-", "/", "-").Replace(name)+".txt")
}

// close removes everything, or, after a failure, everything but the outputs,
// which stay until the next run.
func (d runDir) close(failed bool) {
	if !failed {
		_ = os.RemoveAll(d.path)
		return
	}
	for _, sub := range []string{"tmp", "sam", "build", "source"} {
		_ = os.RemoveAll(d.file(sub))
		parts, _ := filepath.Glob(d.file("*", sub))
		for _, folder := range parts {
			_ = os.RemoveAll(folder)
		}
	}
}

// sweep removes the folders of runs whose process is no more.
func sweep(base string) {
	folders, _ := filepath.Glob(filepath.Join(base, "run-*"))
	for _, folder := range folders {
		pid, err := strconv.Atoi(strings.TrimPrefix(filepath.Base(folder), "run-"))
		if err == nil && !alive(pid) {
			_ = os.RemoveAll(folder)
		}
	}
}

// alive tells whether a process exists.
func alive(pid int) bool {
	err := syscall.Kill(pid, 0)
	return err == nil || err == syscall.EPERM
}
