package fanout

import (
	"context"
	"math"
	"math/rand/v2"
	"sync"
	"time"

	"unsend/shared/chat"
)

// fate is how a connection answers.
type fate uint8

const (
	well fate = iota
	gone
	full
	hanging
)

// fates draws one for each of n connections.
func (s Service) fates(seed uint64, n int) []fate {
	random := rand.New(rand.NewPCG(seed, 1))
	drawn := make([]fate, n)
	for i := range drawn {
		switch u := random.Float64(); {
		case u < s.Gone:
			drawn[i] = gone
		case u < s.Gone+s.Full:
			drawn[i] = full
		case u < s.Gone+s.Full+s.Hanging:
			drawn[i] = hanging
		}
	}
	return drawn
}

// connections is the connection service. Its lock is never held while something waits: see the package.
type connections struct {
	Service
	seed   uint64
	index  map[string]int // of a connection, by its id
	fates  []fate
	closed func(index int) // after a connection was closed
	each   func(told int)  // after each device that was told

	mu      sync.Mutex
	bucket  bucket
	storm   time.Time // until then the quota is used up
	began   time.Time // the write that is being told
	tries   []uint32  // of posts, by connection
	frames  []uint32  // that were taken since the write, by connection
	curve   []time.Duration
	pushes  []time.Duration // when push began its posts
	counted Pass            // what the service sees
}

// bucket is a token bucket.
type bucket struct {
	tokens float64
	at     time.Time
}

func (b *bucket) take(now time.Time, rate, burst int) bool {
	b.tokens = min(float64(burst), b.tokens+now.Sub(b.at).Seconds()*float64(rate))
	b.at = now
	if b.tokens < 1 {
		return false
	}
	b.tokens--
	return true
}

// pass begins with a write.
func (c *connections) pass(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.began, c.storm = now, now.Add(c.Storm)
	clear(c.frames)
	// Room for all, so that what is counted is not taken for the push's own memory.
	c.curve, c.pushes = make([]time.Duration, 0, len(c.fates)), make([]time.Duration, 0, 2*len(c.fates))
	c.counted = Pass{}
}

// caller is the service as one function calls it.
type caller struct {
	*connections
	push bool
}

var _ chat.Gateway = caller{}

// Post answers as the connection's fate is. See [chat.Gateway].
func (c caller) Post(ctx context.Context, id string, frame []byte) error {
	i := c.index[id]
	latency, err := c.answer(i, c.push)
	if err == nil && c.fates[i] == hanging {
		<-ctx.Done()
		c.count(func(p *Pass) { p.TimedOut++ })
		return chat.ErrTimeout
	}
	if wait(ctx, latency) != nil {
		c.count(func(p *Pass) { p.TimedOut++ })
		return chat.ErrTimeout
	}
	if err != nil {
		return err
	}
	if told := c.take(i, len(frame)); told > 0 {
		c.each(told)
	}
	return nil
}

// answer counts a post that begins and says what it comes to, and when.
func (c *connections) answer(i int, push bool) (latency time.Duration, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	if push {
		c.pushes = append(c.pushes, now.Sub(c.began))
	}
	c.tries[i]++
	latency = c.latency(i, c.tries[i])
	switch allowed := c.allow(now); {
	case !allowed:
		c.counted.Refused++
		return latency / 2, chat.ErrThrottled
	case c.fates[i] == gone:
		return latency, chat.ErrGone
	case c.fates[i] == full:
		c.counted.Full++
		return latency, chat.ErrThrottled
	}
	return latency, nil
}

// allow asks the account's quota. Called with the lock held.
func (c *connections) allow(now time.Time) bool {
	return !now.Before(c.storm) && c.bucket.take(now, c.Quota, c.Burst)
}

// latency of the n-th post to a connection is the same in every run of the seed, whatever the order of posts.
func (c *connections) latency(i int, n uint32) time.Duration {
	z := rand.New(rand.NewPCG(c.seed, uint64(i)<<32|uint64(n))).NormFloat64()
	return min(time.Duration(float64(c.Latency)*math.Exp(c.Spread*z)), chat.PostTimeout/2)
}

// take counts a frame. It gives how many devices were told, if this is a new one, else 0.
func (c *connections) take(i, bytes int) (told int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.counted.Posts++
	c.counted.Frames += (bytes + frameStep - 1) / frameStep
	if c.frames[i]++; c.frames[i] > 1 {
		return 0
	}
	c.curve = append(c.curve, time.Since(c.began))
	return len(c.curve)
}

// frameStep is what API Gateway counts as one message.
const frameStep = 32 << 10

// Close ends a connection. See [chat.Gateway].
func (c caller) Close(ctx context.Context, id string) error {
	i := c.index[id]
	c.mu.Lock()
	allowed, ended := c.allow(time.Now()), c.fates[i] == gone
	if allowed {
		c.fates[i] = gone
	}
	c.mu.Unlock()
	if err := wait(ctx, c.Latency); err != nil {
		return chat.ErrTimeout
	}
	switch {
	case !allowed:
		return chat.ErrThrottled
	case ended:
		return chat.ErrGone
	}
	c.closed(i)
	return nil
}

func (c *connections) count(change func(*Pass)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change(&c.counted)
}

// wait waits for d, or until ctx ends.
func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
