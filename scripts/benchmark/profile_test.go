package main

import (
	"strings"
	"testing"
	"time"

	"unsend/scripts/benchmark/profiles"
)

// What the page says of the tables is computed from them, and what was not played is not spoken of.
func TestProfileFindings(t *testing.T) {
	t.Parallel()
	row := func(name string, chain, signing, frames float64) profileRow {
		return profileRow{name: name, processor: time.Millisecond, time: map[profiles.Part]float64{profiles.Chain: chain, profiles.Signing: signing, profiles.Frames: frames}}
	}
	says := profileFindings([]profileRow{row("send", 0.25, 0.11, 0.07), row("ping", 0.40, 0.12, 0.03), row("push, 500 devices", 0.7, 0.054, 0.004)})
	for _, want := range []string{"JSON take 36 to 52 % of", "rules are 3 to 7 %.", "client take 75 %.", "rules take 0 %.", "it is 16 MB, or 4 times", "within 75 % of"} {
		if !strings.Contains(says, want) {
			t.Errorf("no %q in\n%s", want, says)
		}
	}
	if strings.Contains(says, "history") {
		t.Errorf("no history was played:\n%s", says)
	}
}

func TestMetric(t *testing.T) {
	t.Parallel()
	const line = "BenchmarkOperations/send-2 \t 300 \t 200000 ns/op \t 1.5e+06 cpu-ns/op \t 12 B/op \t 1214 allocs/op"
	if n, err := metric(line, "cpu-ns/op"); n != 1.5e6 || err != nil {
		t.Errorf("%v, %v", n, err)
	}
	if n, err := metric(line, "allocs/op"); n != 1214 || err != nil {
		t.Errorf("%v, %v", n, err)
	}
	if _, err := metric(line, "joules/op"); err == nil || !strings.Contains(err.Error(), "joules/op") {
		t.Errorf("what is not there: %v", err)
	}
}
