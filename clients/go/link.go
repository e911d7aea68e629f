package unsend

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"
)

const (
	// settled: a connection that lasted so long was a good one, and the next attempts begin anew.
	settled = 10 * time.Second
	// overslept: a heartbeat that is so late tells that the machine slept.
	overslept = time.Minute
	// beatsPerSync: syncs come after so many heartbeats.
	beatsPerSync = 3
)

// How a session ends a connection.
var (
	errExpired   = errors.New("the token has expired")
	errOverslept = errors.New("the machine slept")
	errSilent    = errors.New("nothing was heard from the server")
)

// link is the connection of a session, as it stands.
type link struct {
	state    State
	client   *Client       // of an open one
	number   int           // counts those that opened
	opened   chan struct{} // closed while one is open
	ended    chan struct{} // closed when the one that is open has ended
	openedAt time.Time
	failures int
	refused  bool
}

func newLink() link { return link{state: StateClosed, opened: make(chan struct{})} }

// stayConnected keeps one connection open until ctx ends.
func (s *Session) stayConnected(ctx context.Context) {
	defer s.enter(StateClosed)
	s.enter(StateConnecting)
	for ctx.Err() == nil {
		client, err := s.dial(ctx)
		if ctx.Err() != nil {
			if client != nil {
				_ = client.Close() // it is not wanted any more
			}
			return
		}
		if err != nil {
			s.failed(err)
			s.pause(ctx)
			continue
		}
		s.open(client)
		s.attend(ctx, client)
		_ = client.Close() // it has ended already, or is to end now
		s.lost()
		if ctx.Err() == nil && !errors.Is(client.Err(), errOverslept) {
			s.pause(ctx)
		}
	}
}

// dial makes one attempt.
func (s *Session) dial(ctx context.Context) (*Client, error) {
	o := Options{URL: s.options.URL, RequestTimeout: s.options.RequestTimeout, HTTPClient: s.options.HTTPClient}.withDefaults()
	s.mu.Lock()
	refused := s.link.refused
	s.mu.Unlock()
	token, err := s.token(ctx, refused)
	if err == nil {
		ctx, cancel := context.WithTimeout(ctx, o.RequestTimeout)
		defer cancel()
		var client *Client
		if client, err = connect(ctx, o, s.address, token, &ears{notices: s.hear, unreadable: s.unreadable}); err == nil {
			return client, nil
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.link.refused = s.link.refused || isRefusal(err)
	return nil, err
}

// isRefusal tells whether another token may help.
func isRefusal(err error) bool {
	if failed, ok := errors.AsType[*DialError](err); ok {
		return failed.Status == http.StatusUnauthorized || failed.Status == http.StatusForbidden
	}
	return true // there was no token
}

func (s *Session) token(ctx context.Context, refused bool) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, s.options.RequestTimeout)
	defer cancel()
	token, err := s.options.Token(ctx, refused)
	if err != nil {
		return "", &TokenError{err}
	}
	return token, nil
}

func (s *Session) enter(state State) {
	s.locked(func() { s.setState(state) })
}

func (s *Session) setState(state State) {
	s.link.state = state
	s.events.put(StateChanged{state})
}

func (s *Session) open(client *Client) {
	s.locked(func() {
		select {
		case <-s.wakes: // it has been looked at
		default:
		}
		s.link.client, s.link.refused, s.link.openedAt, s.link.ended = client, false, time.Now(), make(chan struct{})
		s.link.number++
		s.setState(StateOpen)
		for _, id := range sortedKeys(s.servers) {
			s.syncOpened(s.servers[id])
		}
		close(s.link.opened)
	})
}

func (s *Session) lost() {
	s.locked(func() {
		for _, server := range s.servers {
			server.lost(s.link.number)
		}
		close(s.link.ended)
		s.link.client, s.link.opened = nil, make(chan struct{})
		if time.Since(s.link.openedAt) >= settled {
			s.link.failures = 0
		}
		s.setState(StateConnecting)
	})
}

// awaitOpen waits for a connection, and tells whether ctx has not ended.
func (s *Session) awaitOpen(ctx context.Context) bool {
	s.mu.Lock()
	opened := s.link.opened
	s.mu.Unlock()
	return ended(ctx, opened)
}

// awaitEnd waits until a connection that is no good is taken for ended.
func (s *Session) awaitEnd(ctx context.Context, number int) {
	s.mu.Lock()
	ending, isCurrent := s.link.ended, s.link.client != nil && s.link.number == number
	s.mu.Unlock()
	if isCurrent {
		ended(ctx, ending)
	}
}

// connection is the number of the connection there is, or was.
func (s *Session) connection() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.link.number
}

// pause waits before the next attempt, until ctx ends or Wake.
func (s *Session) pause(ctx context.Context) {
	s.mu.Lock()
	timer := time.NewTimer(s.backoff(s.link.failures))
	s.link.failures++
	s.mu.Unlock()
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-s.wakes:
	case <-ctx.Done():
	}
}

// attend sends heartbeats until the connection has ended, or ctx.
func (s *Session) attend(ctx context.Context, client *Client) {
	timer := time.NewTimer(s.options.PingEvery)
	defer timer.Stop()
	due := s.now().Add(s.options.PingEvery)
	for {
		select {
		case <-ctx.Done():
			return
		case <-client.Done():
			return
		case <-s.wakes:
		case <-timer.C:
			if s.now().Sub(due) > overslept {
				client.stop(errOverslept) // it has ended at the other side, most likely
				return
			}
			timer.Reset(s.options.PingEvery)
			due = s.now().Add(s.options.PingEvery)
		}
		s.beat(ctx, client)
	}
}

func (s *Session) beat(ctx context.Context, client *Client) {
	_, err := client.Ping(ctx)
	switch CodeOf(err) {
	case http.StatusOK:
		s.locked(func() {
			s.shelf.retry()
			s.list()
			for _, server := range s.servers {
				s.save(server, true)
			}
			if s.beats++; s.beats%beatsPerSync == 0 {
				s.syncAll()
			}
		})
	case CodeForbidden:
		s.renew(client)
	case 0:
		client.stop(ErrNoHeartbeat)
	}
}

// renew replaces a connection whose token has expired.
func (s *Session) renew(client *Client) {
	s.mu.Lock()
	if s.link.client == client {
		s.link.refused = true
	}
	s.mu.Unlock()
	client.stop(errExpired)
}

// ask sends a request on the connection there is. take sees the answer with the lock held, in the order of arrival among answers and
// notices: an older state of a message never comes after a newer one.
func (s *Session) ask(ctx context.Context, action string, body any, take func(answer)) (answer, error) {
	s.mu.Lock()
	client, closed := s.link.client, s.closed
	s.mu.Unlock()
	switch {
	case closed:
		return answer{}, ErrClosed
	case client == nil:
		return answer{}, ErrNotConnected
	}
	a, err := s.askOn(ctx, client, action, body, take)
	if action == "ping" || CodeOf(err) != CodeForbidden {
		return a, err
	}
	// A permission is missing, or the token has expired: then a ping is refused, too. Without an answer neither is known.
	_, ping := s.askOn(ctx, client, "ping", struct{}{}, nil)
	switch {
	case CodeOf(ping) == CodeForbidden:
		s.renew(client)
		return answer{}, fmt.Errorf("%w: %w", ErrNotConnected, errExpired)
	case ping != nil:
		return answer{}, ping
	}
	return a, err
}

func (s *Session) askOn(ctx context.Context, client *Client, action string, body any, take func(answer)) (answer, error) {
	asked := time.Now()
	a, err := client.request(ctx, action, body, func(a answer) {
		if take != nil && a.err == nil {
			s.events.wait(client.ctx)
			s.locked(func() { take(a) })
		}
	})
	switch {
	case errors.Is(err, ErrNoAnswer) && !client.heardSince(asked):
		client.stop(errSilent) // nobody is at the other end
	case err != nil && errors.Is(err, client.Err()):
		err = s.disconnected(err)
	}
	return a, err
}

// disconnected is the error of a request whose connection has ended.
func (s *Session) disconnected(err error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.ctx.Err() != nil {
		return ErrClosed
	}
	return fmt.Errorf("%w: %w", ErrNotConnected, err)
}

// hear takes the notices of a frame. What is none is passed over, and may have been a revocation.
func (s *Session) hear(ctx context.Context, notices []json.RawMessage) {
	s.events.wait(ctx)
	s.locked(func() {
		for _, raw := range notices {
			n, ok := noticeOf(raw)
			if !ok {
				s.failed(ErrUnreadable)
				s.syncAll()
				continue
			}
			s.take(n.Message, fromNotice, &n)
			if server := s.server(n.Message.ServerID); !server.hasStamp(n.Message.ChannelID) {
				s.syncSoon(server)
			}
		}
	})
}

// unreadable: a frame that is none may have told of a revocation.
func (s *Session) unreadable(ctx context.Context) {
	s.events.wait(ctx)
	s.failed(ErrUnreadable)
	s.locked(s.syncAll)
}
