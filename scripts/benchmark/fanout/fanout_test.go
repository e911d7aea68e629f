package fanout_test

import (
	"testing"
	"testing/synctest"

	"unsend/scripts/benchmark/fanout"
)

// plays runs it with a clock of its own.
func plays(t *testing.T, o fanout.Options) (result fanout.Result) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		var err error
		if result, err = fanout.Run(t.Context(), o); err != nil {
			t.Fatal(err)
		}
	})
	return result
}

func TestX(t *testing.T) {
	o := fanout.Defaults()
	for _, n := range []int{10, 1000, 10000, 100000} {
		o.Connections = n
		r := plays(t, o)
		for _, p := range r.Passes {
			p.Curve = nil
			t.Logf("%d %+v", n, p)
		}
	}
}
