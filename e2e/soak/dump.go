package soak

import "strings"

// Goroutines are how many each dump in a log shows: Go prints all goroutines when a process gets SIGQUIT. Those of the
// runtime itself are left out: they come with the first garbage collection, and stay.
func Goroutines(log string) (counts []int) {
	dumps := strings.Split(log, "SIGQUIT: quit\n")
	for _, dump := range dumps[1:] {
		n := 0
		for block := range strings.SplitSeq(dump, "\n\n") {
			if isGoroutine(block) {
				n++
			}
		}
		counts = append(counts, n)
	}
	return counts
}

// isGoroutine reads "goroutine 7 gp=0xc000 m=nil [IO wait, 3 minutes]:" and what follows; number 0 is a thread that runs no Go.
func isGoroutine(block string) bool {
	rest, ok := strings.CutPrefix(strings.TrimLeft(block, "\n"), "goroutine ")
	return ok && !strings.HasPrefix(rest, "0 ") && !strings.Contains(rest, "\ncreated by runtime.")
}
