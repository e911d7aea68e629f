package main

import (
	"debug/elf"
	"errors"
	"fmt"
	"path/filepath"
)

// checkBinaries makes sure that Lambda can run what was built: a wrong one would
// be deployed without a complaint, and fail at the first event.
func checkBinaries(folder, architecture string) error {
	paths, err := filepath.Glob(filepath.Join(folder, "*", "bootstrap"))
	if err != nil || len(paths) == 0 {
		return fmt.Errorf("sam build left no binaries in %s (%v)", folder, err)
	}
	for _, path := range paths {
		if err := checkBinary(path, architecture); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	return nil
}

func checkBinary(path, architecture string) error {
	file, err := elf.Open(path)
	if err != nil {
		return fmt.Errorf("no Linux binary: %w", err)
	}
	defer func() { _ = file.Close() }()
	if want := map[string]elf.Machine{"arm64": elf.EM_AARCH64, "x86_64": elf.EM_X86_64}[architecture]; file.Machine != want {
		return fmt.Errorf("it is for %v, and %s is deployed", file.Machine, architecture)
	}
	for _, part := range file.Progs {
		if part.Type == elf.PT_INTERP {
			return errors.New("it needs shared libraries, which Lambda may have in another version")
		}
	}
	return nil
}
