package compile_test

import (
	"slices"
	"testing"

	"unsend/scripts/local/compile"
)

func TestTheUsersOwnFlagsAreKept(t *testing.T) {
	t.Setenv("GOFLAGS", "-buildvcs=false")
	if got, want := compile.Flags(), `-buildvcs=false -tags=lambda.norpc "-ldflags=-s -w"`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	want := []string{"CGO_ENABLED=0", `GOFLAGS=-buildvcs=false -tags=lambda.norpc "-ldflags=-s -w" -trimpath -buildvcs=false`}
	if got := compile.Shipped(); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}
