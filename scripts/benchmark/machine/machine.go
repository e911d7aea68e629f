// Package machine says on what something was measured.
package machine

import (
	"fmt"
	"os"
	"runtime"
	"strings"
)

// Name is the processor, its cores, and Go's version.
func Name() string {
	name := runtime.GOARCH
	text, _ := os.ReadFile("/proc/cpuinfo") // not there: it has no name
	for line := range strings.Lines(string(text)) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == "model name" {
			name = strings.TrimSpace(value)
			break
		}
	}
	return fmt.Sprintf("%s, %d cores, %s", name, runtime.NumCPU(), runtime.Version())
}
