package main

import "syscall"

// ownGroup starts a process in a group of its own. Linux also ends it when this
// program dies in a way that leaves no time for tidying up.
func ownGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
}
