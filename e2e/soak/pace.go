package soak

import (
	"context"
	"sync"
	"time"
)

// Pace gives out turns, so many a second, one after the other. What nobody takes is lost: there are no bursts.
type Pace struct {
	mu    sync.Mutex
	every time.Duration
	next  time.Time
	taken int
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
	p.mu.Lock()
	now := time.Now()
	if p.next.Before(now) {
		p.next = now
	}
	turn := p.next
	p.next = p.next.Add(p.every)
	p.taken++
	p.mu.Unlock()
	timer := time.NewTimer(time.Until(turn))
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
