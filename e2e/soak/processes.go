// Package soak is what a long test under load measures: the processes in which a local stack's functions run, whether
// their memory stays level, how many goroutines they have, which pace the stack keeps, and the report of it all.
package soak

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Process is one in which a function of the local stack runs.
type Process struct {
	ID       int
	Began    uint64 // in ticks since the machine's start: with it an ID names one process for ever
	Function string // its logical id in the template: "Notify"
	Resident int64  // bytes of memory
	CPU      time.Duration
}

// tick is the unit of times in /proc/PID/stat: USER_HZ, which is 100 on every Linux.
const tick = 10 * time.Millisecond

// Processes are the functions' of the stack of that name which the process parent runs. Errors: there is no /proc.
func Processes(parent int, stack string) (list []Process, err error) {
	if _, err := os.Stat("/proc/self/stat"); err != nil {
		return nil, fmt.Errorf("find the functions' processes: %w", err)
	}
	folders, err := filepath.Glob("/proc/[0-9]*")
	for _, folder := range folders {
		if p, ok := processOf(folder, parent, stack); ok {
			list = append(list, p)
		}
	}
	return list, err
}

// processOf tells whether the process is one; it may have ended meanwhile, or be somebody else's.
func processOf(folder string, parent int, stack string) (p Process, ok bool) {
	stat, err := os.ReadFile(folder + "/stat")
	if err != nil {
		return p, false
	}
	fields := fieldsOf(stat)
	if len(fields) < 22 || fields[1] != strconv.Itoa(parent) {
		return p, false
	}
	environ, err := os.ReadFile(folder + "/environ")
	if err != nil {
		return p, false
	}
	p.ID, _ = strconv.Atoi(filepath.Base(folder))
	p.Began, _ = strconv.ParseUint(fields[19], 10, 64)
	user, _ := strconv.Atoi(fields[11])
	system, _ := strconv.Atoi(fields[12])
	p.CPU = time.Duration(user+system) * tick
	pages, _ := strconv.ParseInt(fields[21], 10, 64)
	p.Resident = pages * int64(os.Getpagesize())
	p.Function = functionOf(environ, stack)
	return p, p.Function != ""
}

// fieldsOf are those from the third on, the state; the second, a name in parentheses, may hold anything (proc(5)).
func fieldsOf(stat []byte) []string {
	return strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
}

// functionOf reads "unsend-Notify-1887D9B0C97C9", the name that CloudFormation makes.
func functionOf(environ []byte, stack string) string {
	for pair := range bytes.SplitSeq(environ, []byte{0}) {
		if name, ok := strings.CutPrefix(string(pair), "AWS_LAMBDA_FUNCTION_NAME="+stack+"-"); ok {
			logical, _, _ := strings.Cut(name, "-")
			return logical
		}
	}
	return ""
}

// AwaitWork waits until one of the processes gets the processor, as at the beginning of an invocation, and gives that; false when none
// does within the time.
func AwaitWork(list []Process, within time.Duration) (Process, bool) {
	before := make([]string, len(list))
	for i, p := range list {
		before[i] = p.ran()
	}
	for deadline := time.Now().Add(within); time.Now().Before(deadline); time.Sleep(500 * time.Microsecond) {
		for i, p := range list {
			if now := p.ran(); now != before[i] && now != "" {
				return p, true
			}
		}
	}
	return Process{}, false
}

// ran is how long it had the processor, in ns; empty where it has ended, or the kernel does not say.
func (p Process) ran() string {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/schedstat", p.ID))
	ns, _, _ := strings.Cut(string(text), " ")
	return ns
}
