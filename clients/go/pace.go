package unsend

import (
	"context"
	"errors"
	"slices"
	"time"
)

// What nobody waits for is at most pacedFrames in pacedTime: half of what an account may send.
const (
	// mostTries: it is asked so often when the server is busy.
	mostTries   = 7
	pacedFrames = 10
	pacedTime   = 10 * time.Second
)

// asker is one of the ways to send a request.
type asker func(ctx context.Context, action string, body any, take func(answer)) (answer, error)

// pace is when what nobody waits for was asked.
type pace struct{ asked []time.Time }

// turn is how long to wait for the next turn; 0: it was taken.
func (p *pace) turn(now time.Time) time.Duration {
	p.asked = slices.DeleteFunc(p.asked, func(t time.Time) bool { return now.Sub(t) >= pacedTime })
	if len(p.asked) >= pacedFrames {
		return pacedTime - now.Sub(p.asked[0])
	}
	p.asked = append(p.asked, now)
	return 0
}

// askPaced asks for what nobody waits for: not too often, and again while the server is busy.
func (s *Session) askPaced(ctx context.Context, action string, body any, take func(answer)) (answer, error) {
	for try := 0; ; try++ {
		if err := s.takeTurn(ctx); err != nil {
			return answer{}, err
		}
		a, err := s.ask(ctx, action, body, take)
		if refusal, ok := errors.AsType[*Error](err); !ok || !refusal.Retryable || try+1 >= mostTries {
			return a, err
		}
		sleep(ctx, s.backoff(try))
	}
}

func (s *Session) takeTurn(ctx context.Context) error {
	for {
		var wait time.Duration
		s.locked(func() { wait = s.pace.turn(time.Now()) })
		if wait <= 0 {
			return ctx.Err()
		}
		if !sleep(ctx, wait) {
			return ctx.Err()
		}
	}
}
