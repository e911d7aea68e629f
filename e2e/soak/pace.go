package soak

import (
	"context"
	"sync"
	"time"
)

// Pace gives out turns, so many a second, one after the other. What nobody takes is lost: there are no bursts.
type Pace struct {
	waiting chan struct{} // who is first in the queue

	mu    sync.Mutex
	every time.Duration
	last  time.Time // of the turns, when it was due
	taken int
}

// NewPace is one of so many turns a second.
func NewPace(perSecond float64) *Pace {
	p := &Pace{waiting: make(chan struct{}, 1), last: time.Now()}
	p.Set(perSecond)
	return p
}

// Set is how many turns there are a second from now on.
func (p *Pace) Set(perSecond float64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.every = time.Duration(float64(time.Second) / perSecond)
}

// Taken is how many turns were taken.
func (p *Pace) Taken() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.taken
}

// Wait waits for a turn; false when ctx ended first.
func (p *Pace) Wait(ctx context.Context) bool {
	select {
	case p.waiting <- struct{}{}:
		defer func() { <-p.waiting }()
	case <-ctx.Done():
		return false
	}
	const look = 50 * time.Millisecond // whether the pace has changed
	for {
		left := p.take()
		if left <= 0 {
			return ctx.Err() == nil
		}
		timer := time.NewTimer(min(left, look))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return false
		}
	}
}

// take takes the next turn, or says how long it is until then.
func (p *Pace) take() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	now, next := time.Now(), p.last.Add(p.every)
	if left := next.Sub(now); left > 0 {
		return left
	}
	p.taken++
	p.last = next
	if now.Sub(next) > p.every {
		p.last = now
	}
	return 0
}
