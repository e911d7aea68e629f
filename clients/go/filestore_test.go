package unsend_test

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	unsend "unsend/clients/go"
)

func fileStore(t *testing.T, directory string) *unsend.FileStore {
	t.Helper()
	store, err := unsend.NewFileStore(directory)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	return store
}

// Two stores in one directory would lose each other's revocations.
func TestADirectoryIsOneStores(t *testing.T) {
	t.Parallel()
	directory := t.TempDir()
	first := fileStore(t, directory)
	if _, err := unsend.NewFileStore(directory); !errors.Is(err, unsend.ErrInUse) {
		t.Errorf("a second one: %v", err)
	}
	if err := first.Close(); err != nil {
		t.Error(err)
	}
	if err := fileStore(t, directory).Set("key", []byte("value")); err != nil {
		t.Errorf("after the first was closed: %v", err)
	}
	_, _, get := first.Get("key")
	_, keys := first.Keys("")
	for name, err := range map[string]error{"get": get, "set": first.Set("key", nil), "delete": first.Delete("key"), "keys": keys} {
		if !errors.Is(err, os.ErrClosed) {
			t.Errorf("%s of one that is closed: %v", name, err)
		}
	}
}

// Any sequence of calls comes to what a map comes to, also for a store that was opened anew.
func TestStoresAreMaps(t *testing.T) {
	t.Parallel()
	for name, open := range map[string]func(*testing.T) unsend.Store{
		"memory": func(*testing.T) unsend.Store { return &unsend.MemoryStore{} },
		"files":  func(t *testing.T) unsend.Store { return fileStore(t, t.TempDir()) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			key := rapid.SampledFrom([]string{"a", "ab", "b#\n\"x\\", strings.Repeat("圈", 100)})
			rapid.Check(t, func(rt *rapid.T) {
				store, want := open(t), map[string]string{}
				rt.Repeat(map[string]func(*rapid.T){
					"set": func(rt *rapid.T) {
						k, v := key.Draw(rt, "key"), rapid.String().Draw(rt, "value")
						if err := store.Set(k, []byte(v)); err != nil {
							rt.Fatal(err)
						}
						want[k] = v
					},
					"delete": func(rt *rapid.T) {
						k := key.Draw(rt, "key")
						if err := store.Delete(k); err != nil {
							rt.Fatal(err)
						}
						delete(want, k)
					},
					"": func(rt *rapid.T) { holds(rt, store, want) },
				})
			})
		})
	}
}

func holds(t *rapid.T, store unsend.Store, want map[string]string) {
	keys, err := store.Keys("")
	if slices.Sort(keys); err != nil || !slices.Equal(keys, slices.Sorted(maps.Keys(want))) {
		t.Fatalf("keys %q, %v, want those of %q", keys, err, want)
	}
	some, err := store.Keys("a")
	if err != nil || slices.ContainsFunc(some, func(k string) bool { return !strings.HasPrefix(k, "a") }) {
		t.Fatalf("keys %q, %v", some, err)
	}
	for k, v := range want {
		if got, found, err := store.Get(k); err != nil || !found || string(got) != v {
			t.Fatalf("%q is %q, %v, %v, want %q", k, got, found, err, v)
		}
	}
	if _, found, err := store.Get("none"); found || err != nil {
		t.Fatalf("what is not there: %v, %v", found, err)
	}
}

// What a crash left half written is no value, and its text goes.
func TestFileStoreAfterACrash(t *testing.T) {
	t.Parallel()
	directory := filepath.Join(t.TempDir(), "of [alice] *", "deep")
	crashed := fileStore(t, directory)
	if err := errors.Join(crashed.Set("key", []byte("value")), crashed.Close()); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"1.writing", "foreign.value", "note.txt"} {
		if err := os.WriteFile(filepath.Join(directory, name), []byte("half a secret"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	store := fileStore(t, directory)
	keys, err := store.Keys("")
	if diff := cmp.Diff([]string{"key"}, keys); diff != "" || err != nil {
		t.Errorf("%v (-want +got)\n%s", err, diff)
	}
	if _, err := os.Stat(filepath.Join(directory, "1.writing")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("what was half written is still there: %v", err)
	}
	if value, found, err := store.Get("key"); string(value) != "value" || !found || err != nil {
		t.Errorf("%q, %v, %v", value, found, err)
	}
}

// Nobody else may read what is kept.
func TestFileStoreIsPrivate(t *testing.T) {
	t.Parallel()
	directory := filepath.Join(t.TempDir(), "store")
	if err := fileStore(t, directory).Set("key", []byte("value")); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(directory, "*"))
	if err != nil || len(files) != 2 {
		t.Fatalf("%v, %v", files, err)
	}
	for _, file := range append(files, directory) {
		info, err := os.Stat(file)
		if err != nil || info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s: %v, %v", file, info.Mode(), err)
		}
	}
}

func TestFileStoreFails(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := unsend.NewFileStore(filepath.Join(file, "store")); err == nil {
		t.Error("a store in a file")
	}
	directory := t.TempDir()
	store := fileStore(t, directory)
	if err := os.RemoveAll(directory); err != nil {
		t.Fatal(err)
	}
	if err := store.Set("key", nil); err == nil {
		t.Error("written to a directory that is not there")
	}
	if _, err := store.Keys(""); err == nil {
		t.Error("keys of a directory that is not there")
	}
}
