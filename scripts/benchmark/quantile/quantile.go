// Package quantile says what p50 and p99 are in all that scripts/bench measures.
package quantile

import (
	"slices"
	"time"
)

// Of is the smallest of the times that so many percent of them, 1 to 100, do not exceed. There must be a time; their order stays.
func Of(times []time.Duration, percent int) time.Duration {
	sorted := slices.Sorted(slices.Values(times))
	return sorted[(len(sorted)*percent+99)/100-1]
}
