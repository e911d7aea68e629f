package e2e

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"unsend/e2e/soak"
)

// Nobody is killed in the first sixth and in the last. In between each half of the functions is for a while, and both are in
// the middle: so each function has some 5/12 of the run in which its processes live, as their memory is to be seen, while
// others' are killed.
//
// Both halves are the template's functions: TestTheSoakIsAboutEachFunction.
var (
	soakFirst  = []string{"Authorize", "Disconnect", "Push", "Send", "Session", "Sweep"}
	soakSecond = []string{"Connect", "Notify", "Read", "Record", "Revoke", "Server"}
)

// soakFunctions are all.
func soakFunctions() []string {
	return slices.Sorted(slices.Values(slices.Concat(soakFirst, soakSecond)))
}

// firstRisk is the part of the run after which somebody may be killed.
const firstRisk = 2.0 / 12

// atRisk are the functions whose processes are killed at a part of the run, from 0 to 1.
func atRisk(part float64) (functions []string) {
	if part >= firstRisk && part < 7.0/12 {
		functions = append(functions, soakFirst...)
	}
	if part >= 5.0/12 && part < 10.0/12 {
		functions = append(functions, soakSecond...)
	}
	return functions
}

// spared is the longest part of the run in which the function's processes live.
func spared(function string) (from, until float64) {
	if slices.Contains(soakFirst, function) {
		return 7.0 / 12, 1
	}
	return 0, 5.0 / 12
}

// soakMeter watches the processes.
type soakMeter struct {
	r *soakRun

	mu      sync.Mutex
	killed  map[string]int
	tracks  map[[2]uint64]*track // by process
	clients []soak.Sample        // the heap of this process, without the ledger
	total   int64                // bytes of all functions now
}

// track is what was seen of one process.
type track struct {
	function string
	series   []soak.Sample
	cpu      []time.Duration // at each sample
}

func newSoakMeter(r *soakRun) *soakMeter {
	return &soakMeter{r: r, killed: map[string]int{}, tracks: map[[2]uint64]*track{}}
}

// kill ends a process every few seconds, rather one that has just begun to work.
func (m *soakMeter) kill(random *rand.Rand) {
	for m.r.quiet.Err() == nil {
		rest(m.r.quiet, time.Second+time.Duration(random.Int64N(int64(3*time.Second))))
		if m.r.quiet.Err() != nil {
			return
		}
		function, candidates := m.choose(random, atRisk(float64(m.r.since())/float64(m.r.length)))
		if len(candidates) == 0 {
			continue
		}
		p, works := soak.AwaitWork(candidates, 3*time.Second)
		if works {
			time.Sleep(time.Duration(random.Int64N(int64(5 * time.Millisecond))))
		} else {
			p = candidates[random.IntN(len(candidates))]
		}
		if syscall.Kill(p.ID, syscall.SIGKILL) == nil {
			m.mu.Lock()
			m.killed[function]++
			m.mu.Unlock()
		}
	}
}

// choose takes of two functions that have processes the one that was killed less, so that each has its turn.
func (m *soakMeter) choose(random *rand.Rand, functions []string) (function string, candidates []soak.Process) {
	living := map[string][]soak.Process{}
	for _, p := range m.processes() {
		if slices.Contains(functions, p.Function) {
			living[p.Function] = append(living[p.Function], p)
		}
	}
	if len(living) == 0 {
		return "", nil
	}
	names := slices.Sorted(maps.Keys(living))
	function, other := names[random.IntN(len(names))], names[random.IntN(len(names))]
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.killed[other] < m.killed[function] {
		function = other
	}
	return function, living[function]
}

func (m *soakMeter) processes() []soak.Process {
	list, err := soak.Processes(m.r.PID, m.r.Name)
	if err != nil {
		m.r.t.Error(err)
	}
	return list
}

// watch takes samples until ctx ends.
func (m *soakMeter) watch(ctx context.Context) {
	every := min(5*time.Second, max(500*time.Millisecond, m.r.length/240))
	for ctx.Err() == nil {
		m.sample()
		rest(ctx, every)
	}
}

func (m *soakMeter) sample() {
	at, processes := m.r.since(), m.processes()
	runtime.GC()
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	own := int64(memory.HeapAlloc) - int64(m.r.ledger.Size())
	m.mu.Lock()
	defer m.mu.Unlock()
	m.total = 0
	m.clients = append(m.clients, soak.Sample{At: at, Bytes: own})
	for _, p := range processes {
		id := [2]uint64{uint64(p.ID), p.Began}
		if m.tracks[id] == nil {
			m.tracks[id] = &track{function: p.Function}
		}
		t := m.tracks[id]
		t.series = append(t.series, soak.Sample{At: at, Bytes: p.Resident})
		t.cpu = append(t.cpu, p.CPU)
		m.total += p.Resident
	}
}

func (m *soakMeter) kills() (n int, total int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, killed := range m.killed {
		n += killed
	}
	return n, m.total
}

// watched is the hardest working process of those that lived through most of the time in which the function was spared; nil where
// none did.
func (m *soakMeter) watched(function string) (best *track) {
	begin, end := m.window(function)
	var most time.Duration
	for _, t := range m.tracks {
		if t.function != function {
			continue
		}
		series, worked := t.within(begin, end)
		if soak.LevelOf(series).Span > (end-begin)*8/10 && (best == nil || worked > most) {
			best, most = t, worked
		}
	}
	return best
}

// window is when the function was spared.
func (m *soakMeter) window(function string) (begin, end time.Duration) {
	from, until := spared(function)
	return time.Duration(from * float64(m.r.length)), time.Duration(until * float64(m.r.length))
}

// level is its memory in that time, and the processor time that it took.
func (m *soakMeter) level(function string) (soak.Level, time.Duration) {
	t := m.watched(function)
	if t == nil {
		return soak.Level{}, 0
	}
	series, worked := t.within(m.window(function))
	return soak.LevelOf(series), worked
}

func (t *track) within(begin, end time.Duration) (series []soak.Sample, worked time.Duration) {
	var cpu []time.Duration
	for i, s := range t.series {
		if s.At >= begin && s.At <= end {
			series, cpu = append(series, s), append(cpu, t.cpu[i])
		}
	}
	if len(cpu) == 0 {
		return nil, 0
	}
	return series, cpu[len(cpu)-1] - cpu[0]
}

// seen is how many processes of each function were.
func (m *soakMeter) seen() map[string]int {
	seen := map[string]int{}
	for _, t := range m.tracks {
		seen[t.function]++
	}
	return seen
}

// veteran is the function's process that has worked most of those that were there during the run and still are.
func (m *soakMeter) veteran(function string) (best soak.Process, ok bool) {
	for _, p := range m.processes() {
		if p.Function == function && m.tracks[[2]uint64{uint64(p.ID), p.Began}] != nil && (!ok || p.CPU > best.CPU) {
			best, ok = p, true
		}
	}
	return best, ok
}

// cutLine is what the local stack logs of an invocation whose process ended.
var cutLine = regexp.MustCompile(`(?m)^(\S+ \S+) WARNING .*Lambda (\S+): Runtime exited before returning a response`)

// cuts are when invocations of each function were ended in the middle.
func (m *soakMeter) cuts() map[string][]time.Time {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/fd/1", m.r.PID)) // the stack's log
	if err != nil {
		m.r.t.Errorf("read the stack's log: %v", err)
	}
	cuts := map[string][]time.Time{}
	for _, found := range cutLine.FindAllStringSubmatch(string(text), -1) {
		at, err := time.ParseInLocation("2006-01-02 15:04:05", found[1], time.Local)
		name, ours := strings.CutPrefix(found[2], m.r.Name+"-")
		if function, _, _ := strings.Cut(name, "-"); err == nil && ours && at.After(m.r.began) {
			cuts[function] = append(cuts[function], at)
		}
	}
	return cuts
}
