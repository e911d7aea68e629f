package unsend

import (
	"bytes"
	"maps"
	"slices"
	"strings"
	"sync"
)

// Store is where a [Session] keeps what is to outlive it: values by key. Everything in it may fail: the session goes on in
// memory, and what a store refuses to take is deleted there, so that no older state stays behind.
//
// A Store is local and quick: a call holds up its session. Values are the caller's, on either side. [MemoryStore] and [FileStore] are two.
type Store interface {
	// Get gives the value, and whether there is one.
	Get(key string) (value []byte, found bool, err error)
	// Set replaces the value in one piece: whatever happens, the value is the old one or the new one.
	Set(key string, value []byte) error
	// Delete deletes the value, where there is one.
	Delete(key string) error
	// Keys gives the keys that begin so, in any order.
	Keys(prefix string) ([]string, error)
}

// MemoryStore keeps as long as the process lives. Its zero value is empty and ready.
type MemoryStore struct {
	mu     sync.Mutex
	values map[string][]byte
}

var _ Store = (*MemoryStore)(nil)

// Get implements [Store]. It never fails.
func (s *MemoryStore) Get(key string) (value []byte, found bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	value, found = s.values[key]
	return bytes.Clone(value), found, nil
}

// Set implements [Store]. It never fails.
func (s *MemoryStore) Set(key string, value []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.values == nil {
		s.values = map[string][]byte{}
	}
	s.values[key] = bytes.Clone(value)
	return nil
}

// Delete implements [Store]. It never fails.
func (s *MemoryStore) Delete(key string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.values, key)
	return nil
}

// Keys implements [Store]. It never fails.
func (s *MemoryStore) Keys(prefix string) ([]string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.DeleteFunc(slices.Collect(maps.Keys(s.values)), func(key string) bool { return !strings.HasPrefix(key, prefix) }), nil
}
