package unsend

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

// shelf is an account's part of a store, of JSON values. Nothing in it fails: failures are told, and what the store refuses is
// kept in memory.
type shelf struct {
	store  Store
	prefix string
	// refused is what the store did not write; nil: did not delete.
	refused map[string][]byte
	failed  func(error)
}

func newShelf(store Store, account string, failed func(error)) *shelf {
	return &shelf{store: store, prefix: "unsend#" + account + "#", refused: map[string][]byte{}, failed: failed}
}

func (s *shelf) fail(op string, err error) { s.failed(&StoreError{Op: op, Err: err}) }

// get reads a value, and tells whether there is one. What is no such value is deleted.
func (s *shelf) get(key string, into any) bool {
	text, found, ok := s.text(key)
	if !ok {
		return false
	}
	if found && json.Unmarshal(text, into) == nil {
		return true
	}
	if found {
		s.delete(key)
	}
	return false
}

func (s *shelf) text(key string) (text []byte, found, ok bool) {
	if text, refused := s.refused[key]; refused {
		return text, text != nil, true
	}
	text, found, err := s.store.Get(s.prefix + key)
	if err != nil {
		s.fail("get", err)
	}
	return text, found, err == nil
}

// set keeps a value. Where the store refuses it, it is to hold no earlier one either.
func (s *shelf) set(key string, value any) {
	text, err := json.Marshal(value)
	if err != nil {
		s.fail("set", err)
		return
	}
	s.setText(key, text)
}

func (s *shelf) setText(key string, text []byte) {
	if err := s.store.Set(s.prefix+key, text); err != nil {
		s.fail("set", err)
		s.delete(key)
		s.refused[key] = text
		return
	}
	delete(s.refused, key)
}

func (s *shelf) delete(key string) {
	delete(s.refused, key)
	if err := s.store.Delete(s.prefix + key); err != nil {
		s.refused[key] = nil
		s.fail("delete", err)
	}
}

// retry tries again what was refused.
func (s *shelf) retry() {
	for _, key := range slices.Sorted(maps.Keys(s.refused)) {
		if text := s.refused[key]; text != nil {
			s.setText(key, text)
		} else {
			s.delete(key)
		}
	}
}

// lacks tells whether the store does not have what it should of the keys that begin so.
func (s *shelf) lacks(kind string) bool {
	for key := range s.refused {
		if strings.HasPrefix(key, kind) {
			return true
		}
	}
	return false
}

// keys are those that begin so, without what they begin with. ok is false where the store did not say.
func (s *shelf) keys(kind string) (keys []string, ok bool) {
	keys, err := s.store.Keys(s.prefix + kind)
	if err != nil {
		s.fail("keys", err)
		return nil, false
	}
	for i, key := range keys {
		keys[i] = strings.TrimPrefix(key, s.prefix+kind)
	}
	slices.Sort(keys)
	return keys, true
}
