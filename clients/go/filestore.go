package unsend

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
)

// FileStore keeps each value in a file of its own in one directory, which only this user can read. A value is written beside
// its place, to the disk, and then moved there: after a crash it is the old one or the new one.
//
// A directory belongs to one store at a time: two would lose each other's revocations. A lock that ends with the process holds it, on Linux,
// macOS and the BSDs; elsewhere it is yours to see to.
type FileStore struct {
	directory string
	lock      *os.File
	closed    atomic.Bool
}

// ErrInUse is the error of a directory that another store has, in this process or another one.
var ErrInUse = errors.New("the store's directory is in use")

var _ Store = (*FileStore)(nil)

const (
	valueSuffix   = ".value"
	writingSuffix = ".writing"
	lockName      = "lock"
)

// NewFileStore makes the directory where it is not there, and deletes what a crash left half written. It fails with [ErrInUse] while another
// store has the directory. Close it after its sessions.
func NewFileStore(directory string) (*FileStore, error) {
	if err := os.MkdirAll(directory, 0o700); err != nil {
		return nil, fmt.Errorf("make the store's directory: %w", err)
	}
	lock, err := os.OpenFile(filepath.Join(directory, lockName), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock the store's directory: %w", err)
	}
	err = lockFile(lock)
	if err == nil {
		err = deleteHalfWritten(directory)
	}
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return &FileStore{directory: directory, lock: lock}, nil
}

// Close gives the directory to others. From then on every call fails.
func (s *FileStore) Close() error {
	if s.closed.Swap(true) {
		return nil
	}
	return s.lock.Close()
}

// open fails once the store is closed.
func (s *FileStore) open() error {
	if s.closed.Load() {
		return fmt.Errorf("the store: %w", os.ErrClosed)
	}
	return nil
}

func deleteHalfWritten(directory string) error {
	left, err := filepath.Glob(filepath.Join(escaped(directory), "*"+writingSuffix))
	if err != nil {
		return fmt.Errorf("look into the store's directory: %w", err)
	}
	for _, file := range left {
		if err := os.Remove(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("delete what was half written: %w", err)
		}
	}
	return nil
}

// escaped keeps a directory's name from being read as a pattern.
func escaped(name string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(name)
}

// file is where a key's value is: keys are longer than names of files may be. The key itself is the file's first line.
func (s *FileStore) file(key string) string {
	sum := sha256.Sum256([]byte(key))
	return filepath.Join(s.directory, hex.EncodeToString(sum[:])+valueSuffix)
}

// Get implements [Store].
func (s *FileStore) Get(key string) (value []byte, found bool, err error) {
	if err := s.open(); err != nil {
		return nil, false, err
	}
	text, err := os.ReadFile(s.file(key))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	value, found = bytes.CutPrefix(text, firstLine(key))
	return value, found, nil
}

// firstLine is the key with nothing in it that ends a line.
func firstLine(key string) []byte { return fmt.Appendf(nil, "%q\n", key) }

// Set implements [Store].
func (s *FileStore) Set(key string, value []byte) error {
	if err := s.open(); err != nil {
		return err
	}
	file, err := os.CreateTemp(s.directory, "*"+writingSuffix)
	if err != nil {
		return err
	}
	if err := errors.Join(writeTo(file, firstLine(key), value), file.Close()); err != nil {
		return errors.Join(err, os.Remove(file.Name()))
	}
	if err := os.Rename(file.Name(), s.file(key)); err != nil {
		return errors.Join(err, os.Remove(file.Name()))
	}
	return s.sync()
}

func writeTo(file *os.File, parts ...[]byte) error {
	for _, part := range parts {
		if _, err := file.Write(part); err != nil {
			return err
		}
	}
	return file.Sync()
}

// sync has what was moved or deleted outlive the loss of power, in its order.
func (s *FileStore) sync() error {
	directory, err := os.Open(s.directory)
	if err != nil {
		return err
	}
	return errors.Join(directory.Sync(), directory.Close())
}

// Delete implements [Store].
func (s *FileStore) Delete(key string) error {
	if err := s.open(); err != nil {
		return err
	}
	err := os.Remove(s.file(key))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return s.sync()
}

// Keys implements [Store]. A file that cannot be read is an error; one that is no value is passed over.
func (s *FileStore) Keys(prefix string) ([]string, error) {
	if err := s.open(); err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(s.directory)
	if err != nil {
		return nil, err
	}
	var keys []string
	for _, entry := range entries {
		if !strings.HasSuffix(entry.Name(), valueSuffix) {
			continue
		}
		key, ok, err := keyIn(filepath.Join(s.directory, entry.Name()))
		if err != nil {
			return nil, err
		}
		if ok && strings.HasPrefix(key, prefix) {
			keys = append(keys, key)
		}
	}
	return keys, nil
}

// longestLine bounds the first line: a key is at most some 400 bytes, each of which takes at most 10 when it is quoted.
const longestLine = 4 << 10

func keyIn(name string) (key string, ok bool, err error) {
	file, err := os.Open(name)
	if err != nil {
		return "", false, err
	}
	defer func() { _ = file.Close() }() // it was only read
	start, err := io.ReadAll(io.LimitReader(file, longestLine))
	if err != nil {
		return "", false, err
	}
	line, _, _ := bytes.Cut(start, []byte("\n"))
	if _, err := fmt.Sscanf(string(line), "%q", &key); err != nil {
		return "", false, nil // no value of ours
	}
	return key, true, nil
}
