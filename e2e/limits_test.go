package e2e

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"unsend/scripts/local/stack"
)

// sendUntilRefused has that many devices of the account send at once, until each was refused. One alone is too slow on a busy machine:
// the frames of a connection are handled one after another. So none stops before all of them were.
func (c *community) sendUntilRefused(name string, devices int) {
	c.t.Helper()
	var (
		all     sync.WaitGroup
		refused atomic.Int64
	)
	ctx, cancel := context.WithTimeout(c.t.Context(), 2*patience)
	defer cancel()
	for i := range devices {
		d := c.connect(name, fmt.Sprint("flood", i))
		all.Go(func() {
			was := false
			for ctx.Err() == nil && refused.Load() < int64(devices) {
				if _, err := d.Ping(ctx); code(err) == 416 && !was {
					was = true
					refused.Add(1)
				}
			}
			if was {
				return
			}
			c.t.Errorf("%s was not refused within %v: it sent fewer than %d frames in 10 s, or there is no limit", d.name, 2*patience, stack.LocalFramesPer10Seconds)
		})
	}
	all.Wait()
	if c.t.Failed() {
		c.t.FailNow()
	}
}

// An account that floods is refused, another is not, and in the next window all is well.
func TestFramesAreLimited(t *testing.T) {
	t.Parallel()
	c := localOnly(t)
	c.join("flood")
	flood, calm := c.connect("flood", "phone"), c.connect("owner", "phone")
	c.sendUntilRefused("flood", 8)
	if _, err := calm.Ping(c.ctx()); err != nil {
		t.Errorf("another account: %v", err)
	}
	time.Sleep(10 * time.Second)
	if _, err := flood.Ping(c.ctx()); err != nil {
		t.Errorf("in the next window: %v", err)
	}
}
