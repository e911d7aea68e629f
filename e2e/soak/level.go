package soak

import (
	"fmt"
	"slices"
	"time"
)

// Sample is the memory that something had at a time.
type Sample struct {
	At    time.Duration // since the beginning of the run
	Bytes int64
}

// What memory may grow by, from the middle third of a series to the last one, in their medians: a share, or a few MB where that is more. A heap
// breathes; a leak that would matter in a day passes this within an hour.
const (
	allowedShare = 0.10
	allowedBytes = 3 << 20
	// leastSamples say something.
	leastSamples = 12
)

// Level is a series in short.
type Level struct {
	Samples      int
	First, Last  int64 // medians of the middle third and of the last one, in bytes
	Span         time.Duration
	Long, Leaked bool // Long: it has enough samples to tell
}

// LevelOf judges a series, whose first third is warming up.
func LevelOf(series []Sample) Level {
	n := len(series)
	if n == 0 {
		return Level{}
	}
	l := Level{Samples: n, Long: n >= leastSamples, Span: series[n-1].At - series[0].At}
	l.First, l.Last = median(series[n/3:max(n/3+1, 2*n/3)]), median(series[min(n-1, 2*n/3):])
	allowed := max(int64(allowedShare*float64(l.First)), allowedBytes)
	l.Leaked = l.Long && l.Last-l.First > allowed
	return l
}

// String is for people.
func (l Level) String() string {
	return fmt.Sprintf("%.1f MB, then %.1f MB", megabytes(l.First), megabytes(l.Last))
}

func megabytes(n int64) float64 { return float64(n) / (1 << 20) }

func median(series []Sample) int64 {
	all := make([]int64, len(series))
	for i, s := range series {
		all[i] = s.Bytes
	}
	slices.Sort(all)
	return all[len(all)/2]
}
