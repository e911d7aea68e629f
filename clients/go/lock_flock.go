//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package unsend

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// lockFile locks a file for as long as it is open.
func lockFile(file *os.File) error {
	err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return ErrInUse
	}
	if err != nil {
		return fmt.Errorf("lock the store's directory: %w", err)
	}
	return nil
}
