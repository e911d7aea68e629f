package fanout

import (
	"testing"
	"testing/synctest"
	"time"

	"unsend/shared/chat"
)

func TestTheQueueDelaysAndGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue()
		for range batchSize + 1 {
			if err := q.Enqueue(t.Context(), chat.Task{ServerID: "s1", Delay: 1100 * time.Millisecond}); err != nil {
				t.Fatal(err)
			}
		}
		if in, any := q.next(); !any || in < 1900*time.Millisecond || len(q.receive()) > 0 {
			t.Errorf("a delay of 1.1 s is over in %v", in)
		}
		time.Sleep(2100 * time.Millisecond)
		batch := q.receive()
		if len(batch) != batchSize || len(q.receive()) != 1 || batch[0].task.Delay != 0 {
			t.Fatalf("%d tasks at a time", len(batch))
		}
		for d := batch[0]; ; d = q.receive()[0] {
			q.again(d)
			if _, any := q.next(); !any {
				if d.receives != maxReceives || q.dead != 1 {
					t.Errorf("given up after %d, %d dead letters", d.receives, q.dead)
				}
				return
			}
			time.Sleep(visibility)
		}
	})
}

func TestTheBucket(t *testing.T) {
	start := time.Unix(0, 0)
	b := bucket{tokens: 2, at: start}
	for i, c := range []struct {
		after time.Duration
		want  bool
	}{{0, true}, {0, true}, {0, false}, {100 * time.Millisecond, true}, {100 * time.Millisecond, false}, {time.Hour, true}, {time.Hour, true}, {time.Hour, false}} {
		if got := b.take(start.Add(c.after), 10, 2); got != c.want {
			t.Errorf("request %d: %v", i, got)
		}
	}
}

func TestPeak(t *testing.T) {
	for _, c := range []struct {
		times []time.Duration
		want  int
	}{{nil, 0}, {[]time.Duration{5}, 1}, {[]time.Duration{0, 10}, 1}, {[]time.Duration{0, 1, 2, 10, 11, 12, 13, 21}, 4}, {[]time.Duration{0, 0, 0, 30}, 3}} {
		if got := peak(c.times, 10); got != c.want {
			t.Errorf("%v: %d at most within 10, want %d", c.times, got, c.want)
		}
	}
}
