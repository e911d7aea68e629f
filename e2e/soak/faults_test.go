package soak_test

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"unsend/e2e/soak"
)

// full is a report of a run in which all was seen and nothing leaked.
func full() soak.Report {
	level := soak.LevelOf(series(150, func(int) float64 { return 16 }))
	return soak.Report{
		Length: 30 * time.Minute, Stayers: 6, Stayed: 5, Clients: level, ClientGoroutines: [2]int{6, 9},
		Functions: []soak.FunctionMemory{
			{Function: "Notify", Seen: 9, Level: level, Killed: 4, Cut: 3, Goroutines: [2]int{15, 13}},
			{Function: "Sweep", Seen: 2, Level: level, Killed: 1, Goroutines: [2]int{5, 5}},
		},
	}
}

func TestFaultsOfDoctoredReports(t *testing.T) {
	t.Parallel()
	functions := []string{"Notify", "Sweep"}
	if faults := full().Faults(functions); len(faults) > 0 {
		t.Fatalf("a good report: %q", faults)
	}
	leak := soak.LevelOf(series(150, func(i int) float64 { return 16 + float64(i) }))
	for name, c := range map[string]struct {
		doctor func(*soak.Report)
		want   string
	}{
		"nothing watched":         {func(r *soak.Report) { r.Functions = nil }, "no process of Notify was seen"},
		"one not seen":            {func(r *soak.Report) { r.Functions[1].Seen = 0 }, "no process of Sweep was seen"},
		"one not killed":          {func(r *soak.Report) { r.Functions[1].Killed = 0 }, "Sweep: no process was killed"},
		"nothing cut":             {func(r *soak.Report) { r.Functions[0].Cut = 0 }, "no invocation was cut"},
		"not watched for long":    {func(r *soak.Report) { r.Functions[0].Level = soak.Level{} }, "Notify: no process lived long enough"},
		"no dump of the old one":  {func(r *soak.Report) { r.Functions[0].Goroutines[0] = 0 }, "Notify: no dump"},
		"no dump of the new one":  {func(r *soak.Report) { r.Functions[0].Goroutines[1] = 0 }, "Notify: no dump"},
		"goroutines left":         {func(r *soak.Report) { r.Functions[0].Goroutines[0] = 18 }, "Notify: 18 goroutines, and 13"},
		"memory leaked":           {func(r *soak.Report) { r.Functions[0].Level = leak }, "Notify: its memory grows"},
		"the clients' leaked":     {func(r *soak.Report) { r.Clients = leak }, "the clients' memory grows"},
		"the clients' goroutines": {func(r *soak.Report) { r.ClientGoroutines[1] = 11 }, "the clients have 11 goroutines"},
		"nobody stayed":           {func(r *soak.Report) { r.Stayed = 2 }, "of 6 connections that were to stay until the end 2 did"},
		"nobody was to stay":      {func(r *soak.Report) { r.Stayed, r.Stayers = 0, 0 }, "of 0 connections"},
	} {
		r := full()
		c.doctor(&r)
		if faults := r.Faults(functions); !slices.ContainsFunc(faults, func(f string) bool { return strings.Contains(f, c.want) }) {
			t.Errorf("%s: found %q, want %q", name, faults, c.want)
		}
	}
	short := full()
	short.Length, short.Functions[1].Killed, short.Functions[0].Cut = 6*time.Minute, 0, 0
	if faults := short.Faults(functions); len(faults) > 0 {
		t.Errorf("a short run: %q", faults)
	}
}

func TestABoundIsOfAllWaitsTogether(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		began, bound := time.Now(), soak.NewBound(20*time.Minute)
		never := func() bool { return false }
		if !bound.Wait(t.Context(), time.Second, func() bool { return time.Since(began) > 5*time.Minute }) {
			t.Error("what came in time did not count")
		}
		asked := 0
		for range 12 {
			if bound.Wait(t.Context(), time.Second, func() bool { asked++; return false }) {
				t.Error("what never came did")
			}
		}
		if took := time.Since(began); took < 20*time.Minute || took > 20*time.Minute+time.Second || !bound.Over() {
			t.Errorf("all waits together took %v", took)
		}
		if asked < 12 || !bound.Wait(t.Context(), time.Second, func() bool { return true }) {
			t.Errorf("asked %d times: each wait asks once at least", asked)
		}
		if soak.NewBound(time.Hour).Wait(ended(t), time.Second, never) || time.Since(began) > 21*time.Minute {
			t.Error("a wait went on after its context had ended")
		}
	})
}
