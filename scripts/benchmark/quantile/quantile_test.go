package quantile_test

import (
	"slices"
	"testing"
	"time"

	"unsend/scripts/benchmark/quantile"
)

func TestOf(t *testing.T) {
	t.Parallel()
	times := make([]time.Duration, 200)
	for i := range times {
		times[i] = time.Duration(200 - i) // the first n are 200 and those below
	}
	for _, c := range []struct {
		n, percent int
		want       time.Duration
	}{{200, 50, 100}, {200, 99, 198}, {200, 100, 200}, {200, 1, 2}, {1, 50, 200}, {1, 99, 200}, {2, 50, 199}, {2, 99, 200}, {3, 50, 199}, {100, 99, 199}, {101, 99, 199}} {
		if got := quantile.Of(times[:c.n], c.percent); got != c.want {
			t.Errorf("p%d of %d: %d, want %d", c.percent, c.n, got, c.want)
		}
	}
	if slices.IsSorted(times) {
		t.Error("the times were sorted in place")
	}
}
