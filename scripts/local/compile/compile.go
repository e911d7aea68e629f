// Package compile is how a function's binary is compiled, wherever it is.
package compile

import "os"

// Flags are the user's GOFLAGS with those of a function's binary, as template.yaml's functions are built with.
func Flags() string {
	const ours = `-tags=lambda.norpc "-ldflags=-s -w"`
	if theirs := os.Getenv("GOFLAGS"); theirs != "" {
		return theirs + " " + ours
	}
	return ours
}

// Shipped is what the environment has beside the rest where a function is compiled for an account: the same
// code makes the same binaries in any folder and at any commit, so nothing is published anew for nothing.
func Shipped() []string {
	return []string{"CGO_ENABLED=0", "GOFLAGS=" + Flags() + " -trimpath -buildvcs=false"}
}
