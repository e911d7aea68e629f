package chattest

import (
	"context"
	"sync"

	"unsend/shared/chat"
)

// Gateway is a connection service in memory: it takes every frame, but for the
// connections that a test made behave otherwise. It is safe for concurrent use.
type Gateway struct {
	// BeforePost, where set, runs before each post is answered, without locks held.
	BeforePost func(connectionID string)
	// BeforeClose, where set, runs before each closing; with an error of its nothing is closed.
	BeforeClose func(connectionID string) error

	mu        sync.Mutex
	frames    map[string][][]byte
	attempts  map[string]int
	closed    map[string]int
	behaviour map[string]Behaviour
}

// Behaviour answers a post of the n-th attempt (from 1) to a connection.
type Behaviour func(ctx context.Context, attempt int) error

var _ chat.Gateway = (*Gateway)(nil)

// NewGateway makes one in which every connection is well.
func NewGateway() *Gateway {
	return &Gateway{
		frames: map[string][][]byte{}, attempts: map[string]int{},
		closed: map[string]int{}, behaviour: map[string]Behaviour{},
	}
}

// Always makes every attempt answer err.
func Always(err error) Behaviour { return func(context.Context, int) error { return err } }

// Hang never answers: the caller's deadline ends the post.
func Hang(ctx context.Context, _ int) error {
	<-ctx.Done()
	return chat.ErrTimeout
}

// Behave sets how a connection answers from now on; nil makes it well.
func (g *Gateway) Behave(connectionID string, b Behaviour) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.behaviour[connectionID] = b
}

// Post answers as the connection behaves; without a behaviour the frame is taken.
func (g *Gateway) Post(ctx context.Context, connectionID string, frame []byte) error {
	if g.BeforePost != nil {
		g.BeforePost(connectionID)
	}
	g.mu.Lock()
	g.attempts[connectionID]++
	behave, attempt := g.behaviour[connectionID], g.attempts[connectionID]
	g.mu.Unlock()
	if behave != nil {
		if err := behave(ctx, attempt); err != nil {
			return err
		}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.frames[connectionID] = append(g.frames[connectionID], frame)
	return nil
}

// Close counts the closing, and always succeeds before the deadline.
func (g *Gateway) Close(ctx context.Context, connectionID string) error {
	if g.BeforeClose != nil {
		if err := g.BeforeClose(connectionID); err != nil {
			return err
		}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed[connectionID]++
	return ctx.Err()
}

// Frames are the frames that the connection took, in order.
func (g *Gateway) Frames(connectionID string) [][]byte {
	g.mu.Lock()
	defer g.mu.Unlock()
	return append([][]byte(nil), g.frames[connectionID]...)
}

// Attempts is how many posts to the connection were begun.
func (g *Gateway) Attempts(connectionID string) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.attempts[connectionID]
}

// Closings is how often the connection was closed.
func (g *Gateway) Closings(connectionID string) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.closed[connectionID]
}
