package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// program puts a shell script onto a PATH.
func program(t *testing.T, bin, name, text string) {
	t.Helper()
	path := filepath.Join(bin, name)
	write(t, path, "#!/bin/sh\n"+text+"\n")
	if err := os.Chmod(path, 0o700); err != nil {
		t.Fatal(err)
	}
}

func TestABrowserThatIsThereIsTaken(t *testing.T) {
	bin := t.TempDir()
	t.Setenv("PATH", bin)
	program(t, bin, "chromium-browser", `echo "Command '/usr/bin/chromium-browser' requires the chromium snap to be installed."; exit 1`)
	program(t, bin, "google-chrome", `echo "Google Chrome 156.0.1"`)
	path, note, err := ensureBrowser(t.Context(), logDir(t))
	if err != nil || filepath.Base(path) != "google-chrome" || note != "google-chrome" {
		t.Errorf("%q, %q, %v", path, note, err)
	}
}

func TestWhereThereIsNoneItIsInstalledOrSaid(t *testing.T) {
	bin := t.TempDir()
	t.Setenv("PATH", bin)
	if _, _, err := ensureBrowser(t.Context(), logDir(t)); err == nil || !strings.Contains(err.Error(), "What to do: install chromium") {
		t.Errorf("without apt-get: %v", err)
	}
	if os.Geteuid() != 0 {
		t.Skip("the rest needs root, as the installing does")
	}
	calls := filepath.Join(bin, "calls")
	program(t, bin, "apt-get", `echo "$@" >>`+calls)
	if _, _, err := ensureBrowser(t.Context(), logDir(t)); err == nil || !strings.Contains(err.Error(), "it does not start") {
		t.Errorf("with a package that brings no browser: %v", err)
	}
	program(t, bin, "apt-get", `echo '#!/bin/sh
echo Chromium 156.0.1' >`+bin+`/chromium; /bin/chmod +x `+bin+`/chromium`)
	if path, note, err := ensureBrowser(t.Context(), logDir(t)); err != nil || filepath.Base(path) != "chromium" || note != "installed" {
		t.Errorf("%q, %q, %v", path, note, err)
	}
	if text, _ := os.ReadFile(calls); !strings.Contains(string(text), "update\n") || !strings.Contains(string(text), "install --yes --no-install-recommends chromium") {
		t.Errorf("apt-get was asked %q", text)
	}
}

// logDir is the folder of a run, for outputs alone.
func logDir(t *testing.T) runDir {
	t.Helper()
	dir := runDir{t.TempDir()}
	if err := os.MkdirAll(dir.file("log"), 0o700); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestTheSizeOfThePageIsShown(t *testing.T) {
	t.Parallel()
	for output, want := range map[string]string{
		"# 7368 bytes minified and gzipped, 21421 minified\n# 20699 bytes gzipped: main.js 16327\n": "the page: 20699 bytes gzipped",
		"ℹ 20699 bytes gzipped: main.js 16327\n":                                                    "the page: 20699 bytes gzipped",
		"nothing": "",
	} {
		if got := pageSize(output); got != want {
			t.Errorf("%q: %q, want %q", output, got, want)
		}
	}
}
