package main

import (
	"bytes"
	"fmt"
	"go/format"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// sources visits the repository's own files: no hidden folders but .ci, nothing
// that was installed or built.
func sources(root string, visit func(path string) error) error {
	return filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := entry.Name()
		if entry.IsDir() {
			if path != root && (name == "node_modules" || name == "testdata" || (strings.HasPrefix(name, ".") && name != ".ci")) {
				return fs.SkipDir
			}
			return nil
		}
		if !entry.Type().IsRegular() {
			return nil
		}
		return visit(path)
	})
}

// checkFormat finds Go files that gofmt would change.
func checkFormat(root string) error {
	var wrong []string
	err := sources(root, func(path string) error {
		if filepath.Ext(path) != ".go" {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		formatted, err := format.Source(text)
		if err != nil || !bytes.Equal(text, formatted) {
			wrong = append(wrong, path)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("look for Go files: %w", err)
	}
	if len(wrong) > 0 {
		return fmt.Errorf("not formatted:\n    %s\n    What to do: gofmt -w on them", strings.Join(wrong, "\n    "))
	}
	return nil
}

// shellScripts are the files that start as a shell script does.
func shellScripts(root string) ([]string, error) {
	firstLine := regexp.MustCompile(`^#!.*\b(ba|da)?sh\b`)
	var scripts []string
	err := sources(root, func(path string) error {
		head, err := readHead(path)
		if err == nil && firstLine.Match(head) {
			scripts = append(scripts, path)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("look for shell scripts: %w", err)
	}
	return scripts, nil
}

func readHead(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	head := make([]byte, 64)
	n, _ := f.Read(head) // an empty file is no script
	return head[:n], nil
}

// A fuzzTarget is one func FuzzName of a package.
type fuzzTarget struct{ name, folder string }

// fuzzTargets are found in the text, since asking go test for them would
// compile every package once more.
func fuzzTargets(root string) ([]fuzzTarget, error) {
	declaration := regexp.MustCompile(`(?m)^func (Fuzz\w+)\(\w+ \*testing\.F\)`)
	var targets []fuzzTarget
	err := sources(root, func(path string) error {
		if !strings.HasSuffix(path, "_test.go") {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, found := range declaration.FindAllSubmatch(text, -1) {
			targets = append(targets, fuzzTarget{string(found[1]), filepath.Dir(path)})
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("look for fuzz targets: %w", err)
	}
	return targets, nil
}
