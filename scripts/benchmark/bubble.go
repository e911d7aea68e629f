package main

import (
	"os"
	"testing"
	"testing/synctest"
)

// newBubbles gives what runs a function in a bubble of testing/synctest, where minutes pass as fast as
// the processor goes. A bubble wants a test: package testing runs one, which never ends, for all of
// them. It takes flags from os.Args, where it must find none: whoever needs the arguments has them by then.
func newBubbles() func(f func()) {
	work, done := make(chan func()), make(chan struct{})
	all := func(string, string) (bool, error) { return true, nil }
	test := func(t *testing.T) {
		for f := range work {
			synctest.Test(t, func(*testing.T) { f() })
			done <- struct{}{}
		}
	}
	started := false
	return func(f func()) {
		if !started {
			started = true
			os.Args = os.Args[:1]
			go testing.Main(all, []testing.InternalTest{{Name: "bubble", F: test}}, nil, nil)
		}
		work <- f
		<-done
	}
}
