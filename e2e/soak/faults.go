package soak

import (
	"fmt"
	"slices"
	"time"
)

// Telling is a length from which on a run must show all that it is to show. A shorter one may lack a process that is watched for minutes, or a kill, of
// a function that is seldom asked.
const Telling = 10 * time.Minute

// MoreGoroutines is how many more a process that has worked for long may have than a new one after the same invocations, and the clients after the
// run than before.
const MoreGoroutines = 4

// Faults are what has leaked, and what a run did not see that is to be seen of each of these functions.
func (r Report) Faults(functions []string) (faults []string) {
	fault := func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) }
	for _, name := range functions {
		i := slices.IndexFunc(r.Functions, func(f FunctionMemory) bool { return f.Function == name && f.Seen > 0 })
		if i < 0 {
			fault("no process of %s was seen", name)
			continue
		}
		faults = append(faults, r.Functions[i].faults(r.Length >= Telling)...)
	}
	if _, cut := r.killed(); cut == 0 && r.Length >= Telling {
		fault("no invocation was cut by a kill")
	}
	if 2*r.Stayed < r.Stayers || r.Stayed == 0 {
		fault("of %d connections that were to stay until the end %d did", r.Stayers, r.Stayed)
	}
	if r.Clients.Leaked {
		fault("the clients' memory grows: %v", r.Clients)
	}
	if before, after := r.ClientGoroutines[0], r.ClientGoroutines[1]; after > before+MoreGoroutines {
		fault("the clients have %d goroutines, and had %d before the run", after, before)
	}
	return faults
}

func (f FunctionMemory) faults(telling bool) (faults []string) {
	fault := func(format string, args ...any) {
		faults = append(faults, f.Function+": "+fmt.Sprintf(format, args...))
	}
	old, young := f.Goroutines[0], f.Goroutines[1]
	switch {
	case old == 0 || young == 0:
		fault("no dump of the goroutines of a process that worked through the run and of a new one")
	case old > young+MoreGoroutines:
		fault("%d goroutines, and %d in a new process", old, young)
	}
	if f.Level.Leaked {
		fault("its memory grows: %v", f.Level)
	}
	if telling && !f.Level.Long {
		fault("no process lived long enough to tell whether its memory grows")
	}
	if telling && f.Killed == 0 {
		fault("no process was killed")
	}
	return faults
}
