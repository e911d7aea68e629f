package main

import (
	"slices"
	"strings"
	"testing"
	"time"

	"unsend/scripts/benchmark/fanout"
)

// The page has what was played and what was measured, each line by its way.
func TestThePageOfRevocations(t *testing.T) {
	o := revocationsOutput{Machine: "a machine", Times: 7,
		Played:   []playedRevoke{{20, true, fanout.Pass{First: time.Millisecond, Median: 2 * time.Millisecond, Last: 3 * time.Millisecond, Posts: 40, Invocations: 2, Requests: 3, Reads: 14}}},
		Measured: []measuredRevokes{{200, false, quantiles{1e6, 2e6}, quantiles{3e6, 4e6}, quantiles{5e6, 6e6}}}}
	page := o.page()
	for _, want := range []string{"on a machine.", "7 revokes a line", "| 20 | fast | 1.00 | 2.00 | 3.00 | 40 | 2 | 3 | 14 |", "| 200 | stream | 1.00 | 2.00 | 3.00 | 4.00 | 5.00 | 6.00 |"} {
		if !strings.Contains(page, want) {
			t.Errorf("no %q in\n%s", want, page)
		}
	}
}

// With AWS's delays the queue has a revoke before the stream, and everybody is told twice.
func TestRevocationsArePlayed(t *testing.T) {
	a := &app{bubble: newBubbles()}
	played, err := a.playRevocations([]int{20})
	if err != nil || len(played) != 2 {
		t.Fatalf("%v, %v", played, err)
	}
	if stream, fast := played[0].Pass, played[1].Pass; fast.Last >= stream.First || fast.Posts != 2*stream.Posts {
		t.Errorf("stream %+v\nfast %+v", stream, fast)
	}
}

func TestRevocationsAreChecked(t *testing.T) {
	for args, says := range map[string]string{
		"--devices 0": "--devices", "--devices 501": "--devices", "--turns 0": "--turns", "--times 0": "--times", "--stack /none.json": "scripts/dev",
	} {
		code, _, errs := runs(t, strings.Join(slices.Concat([]string{"revocations"}, strings.Fields(args)), " "))
		if code != 1 || !strings.Contains(errs, says) {
			t.Errorf("%s: code %d, %s", args, code, errs)
		}
	}
}
