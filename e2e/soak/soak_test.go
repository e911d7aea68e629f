package soak_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"unsend/e2e/soak"
)

// series has a sample every five seconds.
func series(n int, bytes func(i int) float64) (list []soak.Sample) {
	for i := range n {
		list = append(list, soak.Sample{At: time.Duration(i) * 5 * time.Second, Bytes: int64(bytes(i) * (1 << 20))})
	}
	return list
}

// noise is at random, and the same each time: from -1 to 1.
func noise(i int) float64 {
	return 2*rand.New(rand.NewPCG(1, uint64(i))).Float64() - 1
}

func TestALeakIsFound(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		series []soak.Sample
		leaked bool
	}{
		{"level", series(150, func(int) float64 { return 16 }), false},
		{"warming up", series(150, func(i int) float64 { return 20 - 8/float64(i+1) }), false},
		{"a heap that breathes", series(150, func(i int) float64 { return 16 + 4*float64(i%7)/7 }), false},
		{"one peak", series(150, func(i int) float64 { return 16 + map[bool]float64{true: 60}[i == 120] }), false},
		{"a slow leak of 1 MB a minute", series(150, func(i int) float64 { return 16 + float64(i)/12 }), true},
		{"a leak that breathes", series(150, func(i int) float64 { return 16 + float64(i)/10 + 2*float64(i%7)/7 }), true},
		{"a leak that begins late", series(150, func(i int) float64 { return 16 + float64(max(0, i-100)) }), true},
		// What a run of 30 minutes sees of a process, whose heap breathes by 2 MB.
		{"half a MB a minute", series(150, func(i int) float64 { return 16 + 0.5*float64(i)/12 + noise(i) }), true},
		{"level, with noise", series(150, func(i int) float64 { return 16 + noise(i) }), false},
		{"a step of 1.5 MB, with noise", series(150, func(i int) float64 { return 16 + map[bool]float64{true: 1.5}[i > 100] + noise(i) }), false},
		{"a tenth of a MB a minute", series(150, func(i int) float64 { return 16 + 0.1*float64(i)/12 + noise(i) }), false},
		{"a tenth of a MB a minute for two hours", series(1500, func(i int) float64 { return 16 + 0.1*float64(i)/12 + noise(i) }), true},
		{"too short to tell", series(5, func(i int) float64 { return 16 + 20*float64(i) }), false},
	} {
		if l := soak.LevelOf(c.series); l.Leaked != c.leaked || l.Long != (len(c.series) >= 12) {
			t.Errorf("%s: %+v", c.name, l)
		}
	}
	if l := soak.LevelOf(nil); l.Samples != 0 || l.Leaked {
		t.Errorf("nothing: %+v", l)
	}
}

func TestAPaceHasNoBursts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := soak.NewPace(10)
		wait := func(n int, atLeast, atMost time.Duration) {
			t.Helper()
			began := time.Now()
			for range n {
				if !p.Wait(t.Context()) {
					t.Fatal("no turn")
				}
			}
			if took := time.Since(began); took < atLeast || took > atMost {
				t.Errorf("%d turns took %v", n, took)
			}
		}
		wait(20, 2*time.Second, 2*time.Second)
		time.Sleep(time.Minute) // turns that nobody takes
		wait(5, 400*time.Millisecond, 500*time.Millisecond)
		p.Set(0.01)
		go func() { time.Sleep(time.Second); p.Set(100) }()
		wait(1, time.Second, 1100*time.Millisecond) // who waits already sees it, too
		if p.Wait(ended(t)) {
			t.Error("a turn after the end")
		}
		if p.Taken() != 26 {
			t.Errorf("%d turns were taken", p.Taken())
		}
	})
}

func ended(t *testing.T) context.Context {
	ctx, end := context.WithCancel(t.Context())
	end()
	return ctx
}

// A child of this test that is named like a function is found, and its dump shows one goroutine more for each that it starts.
func TestTheDumpOfAProcess(t *testing.T) {
	t.Parallel()
	if more := os.Getenv("UNSEND_SOAK_CHILD"); more != "" {
		var n int
		fmt.Sscan(more, &n)
		for range n {
			go func() { select {} }()
		}
		fmt.Println("ready")
		time.Sleep(time.Minute)
	}
	few, many := dump(t, 1), dump(t, 30)
	if many-few != 29 {
		t.Errorf("%d goroutines, and %d with 29 more", few, many)
	}
	if found := soak.Goroutines("nothing of the kind\ngoroutine 1 [running]:\n"); len(found) > 0 {
		t.Errorf("found %v without a dump", found)
	}
}

func dump(t *testing.T, more int) int {
	t.Helper()
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestTheDumpOfAProcess$")
	child.Env = append(os.Environ(), fmt.Sprint("UNSEND_SOAK_CHILD=", more), "AWS_LAMBDA_FUNCTION_NAME=a-stack-Notify-1887D9B0C97C9")
	var log strings.Builder
	child.Stderr = &log
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := out.Read(make([]byte, 6)); err != nil {
		t.Error(err)
	}
	processes, err := soak.Processes(os.Getpid(), "a-stack")
	if err != nil {
		t.Skip(err)
	}
	i := slices.IndexFunc(processes, func(p soak.Process) bool { return p.ID == child.Process.Pid })
	if i < 0 || processes[i].Function != "Notify" || processes[i].Resident < 1<<20 || processes[i].Began == 0 {
		t.Errorf("found %+v", processes)
	}
	if err := child.Process.Signal(syscall.SIGQUIT); err != nil {
		t.Error(err)
	}
	_ = child.Wait() // it ends by the signal
	counts := soak.Goroutines(log.String())
	if len(counts) != 1 {
		t.Fatalf("%d dumps in:\n%s", len(counts), log.String())
	}
	return counts[0]
}
