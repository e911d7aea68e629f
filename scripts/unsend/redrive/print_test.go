package redrive

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files anew")

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := gocmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got; accept with -update)\n%s", name, diff)
	}
}

// report runs on a deployment and gives what is written.
func report(t *testing.T, w *world, o Options, make func(out *bytes.Buffer) Report) string {
	t.Helper()
	var out bytes.Buffer
	r := make(&out)
	s, err := Redriver{Objects: w.bucket, Letters: w.letters, Queue: w.tasks, Recorder: w.audit}.Run(t.Context(), o, r.Add)
	if err := r.End(s, err != nil); err != nil {
		t.Error(err)
	}
	return out.String()
}

func table(out *bytes.Buffer) Report {
	return &Table{Out: out, Deployment: "prod", Bucket: "undelivered"}
}

func TestWhatPeopleSee(t *testing.T) {
	t.Parallel()
	golden(t, "table", report(t, given(), Options{}, table))
	golden(t, "replayed", report(t, given(), Options{Replay: true}, table))
	w := given()
	w.bucket.fail = func(call, key string) error {
		if call+key == "delete1" {
			return errors.New("refused")
		}
		return nil
	}
	golden(t, "stopped", report(t, w, Options{Replay: true}, table))
	w = given()
	w.letters.hidden = []Letter{{ID: "x"}}
	golden(t, "limited", report(t, w, Options{Limit: 1}, table))
	w = newWorld()
	w.letters.hidden = []Letter{{ID: "x"}}
	if got := report(t, w, Options{}, table); strings.Contains(got, "nothing was given up") || !strings.Contains(got, "About 1 dead letter had another reader") {
		t.Errorf("%q", got)
	}
	if got, want := report(t, newWorld(), Options{}, table), "prod: nothing was given up\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestWhatProgramsSee(t *testing.T) {
	t.Parallel()
	lines := func(out *bytes.Buffer) Report { return &Lines{Out: out} }
	golden(t, "lines", report(t, given(), Options{}, lines))
	golden(t, "replayed-lines", report(t, given(), Options{Replay: true}, lines))
}

// Whoever may write to the bucket names objects and reasons.
func TestWhatOthersWroteIsHarmless(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.bucket.objects["\x1b[2J"] = strings.Replace(written(``), "RetryAttemptsExhausted", `\u001b[2J\n`, 1)
	coloured := func(out *bytes.Buffer) Report { return &Table{Out: out, Colour: true, Deployment: "prod"} }
	if got := report(t, w, Options{}, coloured); strings.Contains(got, "\x1b[2J") || !strings.Contains(got, "\x1b[31mcannot be replayed\x1b[0m") {
		t.Errorf("%q", got)
	}
}
