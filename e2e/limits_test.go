package e2e

import (
	"testing"
	"time"

	"unsend/scripts/local/stack"
)

// An account that floods is refused, another is not, and in the next window all is well.
func TestFramesAreLimited(t *testing.T) {
	t.Parallel()
	c := localOnly(t)
	c.join("flood")
	flood, calm := c.connect("flood", "phone"), c.connect("owner", "phone")
	refused := 0
	for range 2*stack.LocalFramesPer10Seconds + 1 {
		if _, err := flood.Ping(c.ctx()); code(err) == 416 {
			refused++
			break
		}
	}
	if refused == 0 {
		t.Fatal("nothing was refused: more than twice the frames that 10 s allow took longer than that, or there is no limit")
	}
	if _, err := calm.Ping(c.ctx()); err != nil {
		t.Errorf("another account: %v", err)
	}
	time.Sleep(10 * time.Second)
	if _, err := flood.Ping(c.ctx()); err != nil {
		t.Errorf("in the next window: %v", err)
	}
}
