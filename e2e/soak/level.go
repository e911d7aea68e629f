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

// By how much the line through a series may rise from one end to the other: a share of what it is at first, or a few MB
// where that is more. A heap breathes, and that of a function that is seldom asked still warms up. A run of 30 minutes watches a process for 12.5, of which
// 8.3 count: it finds a leak of 0.4 MB a minute, which is 500 MB in a day, and none that is slower. A longer run finds one slower in proportion.
const (
	allowedShare = 0.10
	allowedBytes = 3 << 20
	// leastSamples say something.
	leastSamples = 12
	// mostPoints of a series make its line: each pair counts.
	mostPoints = 240
)

// Level is a series in short.
type Level struct {
	Samples      int
	First, Last  int64 // medians of the middle third and of the last one, in bytes
	Grown        int64 // bytes by which the line through both rises
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
	l.Grown = growth(series[n/3:])
	allowed := max(int64(allowedShare*float64(l.First)), allowedBytes)
	l.Leaked = l.Long && l.Grown > allowed
	return l
}

// growth is by how much a line through the series rises. The slope is the median of those between any two samples (Theil and Sen): a peak counts for
// nothing, and a single step for half as much again as it is at most.
func growth(series []Sample) int64 {
	points := thinned(series)
	var slopes []float64 // bytes per ns
	for i, a := range points {
		for _, b := range points[i+1:] {
			if b.At > a.At {
				slopes = append(slopes, float64(b.Bytes-a.Bytes)/float64(b.At-a.At))
			}
		}
	}
	if len(slopes) == 0 {
		return 0
	}
	slices.Sort(slopes)
	return int64(slopes[len(slopes)/2] * float64(series[len(series)-1].At-series[0].At))
}

// thinned takes every second sample, or every third, and so on, until there are not too many.
func thinned(series []Sample) (points []Sample) {
	step := (len(series) + mostPoints - 1) / mostPoints
	for i := 0; i < len(series); i += step {
		points = append(points, series[i])
	}
	return points
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
