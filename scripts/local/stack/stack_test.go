package stack_test

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"unsend/scripts/local/stack"
)

func TestSavedIsLoaded(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "sub", "stack.json")
	want := stack.Description{
		Name: "unsend", Region: "us-east-1", Endpoint: "http://127.0.0.1:4566", PID: 7,
		WebSocketURL: "ws://127.0.0.1:4566/_aws/execute-api/abc/live", TokenMaxTTLSeconds: -1,
		LogGroups: map[string]string{"send": "/aws/lambda/unsend/send"},
	}
	if err := want.Save(path); err != nil {
		t.Fatal(err)
	}
	got, err := stack.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("loaded %+v, saved %+v", got, want)
	}
	if !got.Local() {
		t.Error("a stack with an endpoint of its own is local")
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, want 0600", info.Mode().Perm())
	}
}

func TestLoadSaysWhatToDo(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	broken := filepath.Join(folder, "broken.json")
	if err := os.WriteFile(broken, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{filepath.Join(folder, "none.json"), broken} {
		if _, err := stack.Load(path); err == nil || !strings.Contains(err.Error(), "scripts/dev") {
			t.Errorf("Load(%s) = %v, want an error that names scripts/dev", path, err)
		}
	}
}
