package edge

import (
	"math"
	"runtime/debug"
	"testing"
)

// Garbage may lie up to three quarters of the function's memory. It is a setting of the process: not parallel.
func TestGarbageLiesWhileThereIsRoom(t *testing.T) {
	percent, limit := debug.SetGCPercent(100), debug.SetMemoryLimit(math.MaxInt64)
	defer func() {
		debug.SetGCPercent(percent)
		debug.SetMemoryLimit(limit)
	}()
	set := func() (int, int64) {
		percent := debug.SetGCPercent(100)
		return percent, debug.SetMemoryLimit(-1)
	}
	UseMemory(0)
	if percent, limit := set(); percent != 100 || limit != math.MaxInt64 {
		t.Errorf("not known: %d, %d", percent, limit)
	}
	UseMemory(256 << 20)
	if percent, limit := set(); percent != GarbagePercent || limit != 192<<20 {
		t.Errorf("256 MB: %d, %d", percent, limit)
	}
}
