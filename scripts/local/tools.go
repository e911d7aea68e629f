package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"syscall"
)

// checkMachine tells whether a local stack can run here, and finds the Python for
// it. (Go is there: it has compiled this program, and go.mod names the version.)
func checkMachine(ctx context.Context) (python string, err error) {
	if runtime.GOOS != "linux" {
		return "", errors.New("the local stack runs the functions' Linux binaries on this machine, and this is " + runtime.GOOS +
			".\n    What to do: use a Linux machine, container or virtual machine; or deploy to an AWS account with scripts/deploy")
	}
	return findPython(ctx)
}

// findPython finds a Python that the pinned tools run on.
func findPython(ctx context.Context) (string, error) {
	for _, name := range []string{"python3", "python3.14", "python3.13", "python3.12", "python3.11", "python3.10", "python"} {
		path, err := exec.LookPath(name)
		if err != nil {
			continue
		}
		if pythonIsRecent(ctx, path) {
			return path, nil
		}
	}
	return "", errors.New("no Python 3.10 or later was found on the PATH.\n    What to do: install one (Debian, Ubuntu: apt install python3 python3-venv)")
}

var pythonVersion = regexp.MustCompile(`Python 3\.(\d+)`)

func pythonIsRecent(ctx context.Context, path string) bool {
	out, err := exec.CommandContext(ctx, path, "--version").CombinedOutput()
	if err != nil {
		return false
	}
	found := pythonVersion.FindSubmatch(out)
	if found == nil {
		return false
	}
	minor, err := strconv.Atoi(string(found[1]))
	return err == nil && minor >= 10
}

// A venv is an environment of pinned Python packages, .venv/NAME, made of
// requirements/NAME.txt.
type venv struct {
	root, name, python string
}

func (v venv) folder() string         { return filepath.Join(v.root, ".venv", v.name) }
func (v venv) bin(tool string) string { return executable(v.folder(), tool) }

// lockFile pins the packages; stampFile says what the environment was made of.
func (v venv) lockFile() string  { return filepath.Join(v.root, "requirements", v.name+".txt") }
func (v venv) stampFile() string { return filepath.Join(v.folder(), ".made-of") }

// ensure makes the environment unless it is there already, for the same lock
// file and the same Python. Two runs at once make it once.
func (v venv) ensure(ctx context.Context, log string) (note string, err error) {
	if err := os.MkdirAll(filepath.Join(v.root, ".venv"), 0o755); err != nil {
		return "", fmt.Errorf("make .venv: %w", err)
	}
	unlock, err := lock(filepath.Join(v.root, ".venv", v.name+".lock"))
	if err != nil {
		return "", err
	}
	defer unlock()
	stamp, err := v.stamp()
	if err != nil {
		return "", err
	}
	if made, _ := os.ReadFile(v.stampFile()); string(made) == stamp {
		return "kept", nil
	}
	return "", v.make(ctx, stamp, log)
}

func (v venv) make(ctx context.Context, stamp, log string) error {
	// Without --clear an environment of another Python would be mixed in.
	create := Command{What: "python -m venv", Env: environment(), Log: log, Argv: []string{v.python, "-m", "venv", "--clear", v.folder()}}
	if _, err := create.Run(ctx); err != nil {
		return err
	}
	// The lock file is complete and holds the hashes, so nothing has to be
	// resolved. Byte code is left to the first use: most modules never get one.
	install := Command{What: "pip install -r requirements/" + v.name + ".txt", Env: environment(), Log: log,
		Argv: []string{v.bin("python"), "-m", "pip", "install", "--disable-pip-version-check", "--no-input", "--no-compile",
			"--no-deps", "--require-hashes", "--requirement", v.lockFile()}}
	if _, err := install.Run(ctx); err != nil {
		return err
	}
	if err := os.WriteFile(v.stampFile(), []byte(stamp), 0o600); err != nil {
		return fmt.Errorf("remember what .venv/%s was made of: %w", v.name, err)
	}
	return nil
}

// stamp changes with the lock file, the Python, and the folder: environments
// hold absolute paths.
func (v venv) stamp() (string, error) {
	version, err := exec.Command(v.python, "--version").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%s --version: %w", v.python, err)
	}
	return stampOf(v.lockFile(), v.folder(), v.python, strings.TrimSpace(string(version)))
}

// stampOf changes with the lock file and with what else packages were made for.
func stampOf(lockFile string, made ...string) (string, error) {
	pinned, err := os.ReadFile(lockFile)
	if err != nil {
		return "", fmt.Errorf("read the pinned packages: %w", err)
	}
	sum := sha256.Sum256(append(pinned, strings.Join(made, "")...))
	return hex.EncodeToString(sum[:]), nil
}

// lock waits for a lock that ends with its process.
func lock(path string) (unlock func(), err error) {
	f, err := openLock(path, syscall.LOCK_EX)
	if err != nil {
		return nil, err
	}
	return func() { _ = f.Close() }, nil
}

// tryLock is lock without waiting.
func tryLock(path string) (unlock func(), got bool) {
	f, err := openLock(path, syscall.LOCK_EX|syscall.LOCK_NB)
	if err != nil {
		return nil, false
	}
	return func() { _ = f.Close() }, true
}

func openLock(path string, how int) (*os.File, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	if err := syscall.Flock(int(f.Fd()), how); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	return f, nil
}
