package soak_test

import (
	"strings"
	"testing"
	"time"

	"unsend/e2e/soak"
)

func TestAReportSaysWhatWasSeen(t *testing.T) {
	t.Parallel()
	watched := series(150, func(int) float64 { return 16 })
	r := soak.Report{
		Machine: "a machine", Length: 30 * time.Minute, Seed: 7, Carried: 20, Held: 14, Slowed: 90 * time.Second, Sent: 1000,
		Functions: []soak.FunctionMemory{
			{Function: "Notify", Level: soak.LevelOf(watched), Worked: 5 * time.Second, Killed: 4, Cut: 3, Goroutines: [2]int{3, 5}},
			{Function: "Sweep", Killed: 2, Cut: 1},
		},
		Curves: map[string][]soak.Sample{"Notify": watched},
	}
	page := r.Page("memory.svg")
	for _, part := range []string{
		"Made by `scripts/test --soak 30m --docs docs` on a machine, with seed 7.\n", "](memory.svg)\n",
		"| Notify | 4 | 3 | 12.4 | 5.0 | 16.0 | 16.0 | 3 | 5 |\n", "| Sweep | 2 | 1 | 0.0 | 0.0 | - | - | 0 | 0 |\n",
		"asked for 14.0; for 1m30s a quarter of that", "6 processes were killed, which ended 4 invocations", "1000 messages were acknowledged",
	} {
		if !strings.Contains(page, part) {
			t.Errorf("the page lacks %q:\n%s", part, page)
		}
	}
	var table, plot strings.Builder
	if err := r.Print(&table); err != nil || !strings.Contains(table.String(), "6 processes were killed") {
		t.Errorf("printed %q, %v", table.String(), err)
	}
	if err := r.Plot(&plot); err != nil || !strings.Contains(plot.String(), "<svg") || !strings.Contains(plot.String(), "Notify") {
		t.Errorf("drew %.200q, %v", plot.String(), err)
	}
}
