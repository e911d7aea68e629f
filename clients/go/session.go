package unsend

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	random "math/rand/v2"
	"net/http"
	"sync"
	"time"
)

// SessionOptions say where to connect, as whom, and what to keep. The functions may be called from any goroutine.
type SessionOptions struct {
	URL     string // wss://…, the deployment's WebSocket URL
	Account string // the tokens' sub; it keeps the accounts of a store apart

	// Token gives a token for the account. It is called for each attempt to connect, and with refused where the last token was
	// refused, has expired, or was none: then get a new one. It must return when its context ends, after RequestTimeout at most.
	Token func(ctx context.Context, refused bool) (string, error)

	Servers    []string // to sync; those that a notice or a call names come on top
	DeviceID   string   // names this session; empty: a new one, so that each session is a device of its own
	ClientType int      // one of QChat's numbers (1 Android, 2 iOS, 4 PC, 16 Web, 64 macOS); 0: unsaid

	Store Store // what is to outlive the session; nil: memory. It serves one session of an account at a time.
	Keep  int   // messages that are kept of a channel, the newest; 0: DefaultKeep

	PingEvery      time.Duration // a heartbeat; 0: DefaultPingEvery. API Gateway ends what is silent for 10 minutes
	RequestTimeout time.Duration // longest wait for an answer, a token or a connection; 0: DefaultRequestTimeout

	HTTPClient *http.Client     // nil: the default one
	NewID      func() string    // makes MsgIDs and the DeviceID; nil: random ones
	Now        func() time.Time // wall time, which may jump; nil: the system's
	Chance     func() float64   // from 0 to less than 1; nil: random
}

// Defaults of SessionOptions.
const (
	DefaultKeep      = 500
	DefaultPingEvery = 4 * time.Minute
)

// idleLimit is how long an API Gateway keeps a connection that is silent.
const idleLimit = 10 * time.Minute

func (o SessionOptions) withDefaults() SessionOptions {
	if o.Store == nil {
		o.Store = &MemoryStore{}
	}
	if o.Keep <= 0 {
		o.Keep = DefaultKeep
	}
	if o.PingEvery <= 0 {
		o.PingEvery = DefaultPingEvery
	}
	if o.RequestTimeout <= 0 {
		o.RequestTimeout = DefaultRequestTimeout
	}
	if o.NewID == nil {
		o.NewID = rand.Text
	}
	if o.DeviceID == "" {
		o.DeviceID = o.NewID()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Chance == nil {
		o.Chance = random.Float64
	}
	return o
}

// State is how it stands about a session's connection.
type State string

// The states.
const (
	StateConnecting State = "connecting" // or waiting for the next attempt
	StateOpen       State = "open"
	StateClosed     State = "closed" // also before Run
)

// Session is one device of an account: a connection that is kept up, requests that are repeated until they are answered, and channels
// in which nothing that was taken back is ever shown. Its methods may be called from any goroutine.
type Session struct {
	options SessionOptions
	address string
	events  *eventQueue
	wakes   chan struct{} // takes one value: look at the connection now

	mu       sync.Mutex
	shelf    *shelf
	unlisted bool // the store did not say which channels it has: how far a server is known is not stored
	servers  map[string]*serverState
	urgent   []*serverState // to be kept before the lock is given up
	outbox   outbox
	pace     pace
	link     link
	beats    int
	ctx      context.Context // of Run; nil while it does not run
	stop     context.CancelFunc
	finished chan struct{} // closed when the session has ended
	closed   bool
	work     sync.WaitGroup // grows under mu, and not once it is closed
}

// NewSession reads what an earlier session of the account kept. Nothing connects before [Session.Run], and every session must be closed
// or run to its end. Errors: a URL that is none, no Token, no Account, a heartbeat that is too rare.
func NewSession(o SessionOptions) (*Session, error) {
	o = o.withDefaults()
	address, err := Options{URL: o.URL, DeviceID: o.DeviceID, ClientType: o.ClientType}.address()
	if err != nil {
		return nil, err
	}
	if o.Token == nil || o.Account == "" {
		return nil, errors.New("session: Token and Account must be set")
	}
	if o.PingEvery >= idleLimit {
		return nil, errors.New("session: PingEvery must be less than 10 minutes")
	}
	s := &Session{
		options: o, address: address, events: newEventQueue(), wakes: make(chan struct{}, 1),
		servers: map[string]*serverState{}, link: newLink(), finished: make(chan struct{}),
	}
	s.shelf = newShelf(o.Store, o.Account, s.failed)
	s.locked(func() {
		for _, id := range o.Servers {
			s.server(id)
		}
		s.loadServers()
		s.loadOutbox()
	})
	return s, nil
}

// locked does what touches the session's state, and keeps what is to be kept at once.
func (s *Session) locked(work func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	work()
	for _, server := range s.urgent {
		s.keep(server)
	}
	s.urgent = nil
}

// Run connects, and stays connected, until ctx ends or [Session.Close]. It returns when nothing of the session runs any more: nil after
// Close, else why ctx ended. What has no answer yet is kept in the store, and the account's next session goes on
// with it. A session runs once: [ErrClosed].
func (s *Session) Run(ctx context.Context) error {
	running, err := s.begin(ctx)
	if err != nil {
		return err
	}
	s.stayConnected(running)
	s.finish()
	return context.Cause(ctx)
}

func (s *Session) begin(ctx context.Context) (context.Context, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.ctx != nil {
		return nil, fmt.Errorf("run: %w", ErrClosed)
	}
	s.ctx, s.stop = context.WithCancel(ctx)
	running := s.ctx
	s.work.Go(func() { s.events.run(running) })
	s.work.Go(func() { s.expire(running) })
	for _, w := range s.outbox.waiting {
		s.startRepeating(w)
	}
	return running, nil
}

func (s *Session) finish() {
	s.locked(s.end)
	s.stop()
	s.work.Wait()
	close(s.finished)
}

// end is called with the lock held. From then on nothing new begins.
func (s *Session) end() {
	s.closed = true
	for _, id := range sortedKeys(s.servers) {
		s.keep(s.servers[id])
	}
	s.closeOutbox()
}

// Close ends the session for good, and waits until nothing of it runs any more. Closing again does nothing.
func (s *Session) Close() {
	s.mu.Lock()
	stop, isNew := s.stop, s.ctx == nil && !s.closed
	if isNew {
		s.end()
		close(s.events.out)
		close(s.finished)
	}
	s.mu.Unlock()
	if stop != nil {
		stop()
	}
	<-s.finished
}

// Events tells what happens. Take them all the time: when 1,024 wait no frame is read before some are taken, and a connection on which no
// frame is read ends. The channel is closed when the session has ended.
func (s *Session) Events() <-chan Event { return s.events.out }

// DeviceID names this session.
func (s *Session) DeviceID() string { return s.options.DeviceID }

// State is how it stands about the connection.
func (s *Session) State() State {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.link.state
}

// Wake looks at once whether the connection lives, or makes the next attempt: call it when the network is back, or the machine has woken up.
func (s *Session) Wake() { signal(s.wakes) }

// Send sends a message and gives it as it was stored. It is repeated with the same MsgID until it is answered, for at most an hour,
// over connections and, with a store, sessions. The sends of a channel go one after the other.
//
// Where ctx ends first the message is still sent: see [Session.Pending]. Errors: *[Error], [ErrUnanswered], [ErrFull], [ErrClosed], ctx's.
func (s *Session) Send(ctx context.Context, r SendRequest) (Message, error) {
	if r.MsgID == "" {
		r.MsgID = s.options.NewID()
	}
	a, err := s.persist(ctx, entry{Send: &r})
	return a.message("send", err)
}

// Revoke takes a message back and gives it as it is now; with the first operator's result where it was taken back before. It is
// repeated as a send is, and its errors are a send's.
func (s *Session) Revoke(ctx context.Context, r RevokeRequest) (Message, error) {
	a, err := s.persist(ctx, entry{Revoke: &r})
	return a.message("revoke", err)
}

// RevokeBatch takes 1 to 100 messages of a channel back, and answers for each in their order, see [RevokeOutcome.Err]. It is repeated
// as a send is, and its errors are a send's.
func (s *Session) RevokeBatch(ctx context.Context, r RevokeBatchRequest) ([]RevokeOutcome, error) {
	a, err := s.persist(ctx, entry{Batch: &r})
	var outcomes []RevokeOutcome
	if err == nil {
		err = a.read(part{"results", &outcomes})
	}
	if err != nil {
		return nil, fmt.Errorf("revokeBatch: %w", err)
	}
	return outcomes, nil
}

func (a answer) message(action string, err error) (Message, error) {
	m, ok := a.given, a.given.MsgServerID != ""
	if err == nil && !ok {
		if m, ok = messageOf(a.fields["message"]); !ok {
			err = ErrUnreadable
		}
	}
	if err != nil {
		return Message{}, fmt.Errorf("%s: %w", action, err)
	}
	return m, nil
}

// History reads a page of a channel, which its view takes in. It should adjoin what the view has: begin at its oldest message's Timestamp.
// What is known to have ended has no text in the page, however old the answer. The page is the application's own copy: what is taken back later
// is told by [MessageEnded], and what is older than the Keep newest is in no view that would know.
func (s *Session) History(ctx context.Context, r HistoryRequest) (Page, error) {
	page, err := s.readPage(ctx, r, s.ask, func(c *channel, p Page) {
		from, readTo := c.from, c.readTo
		for _, m := range p.Messages {
			from, readTo = min(from, m.Tag()), min(readTo, m.Tag())
		}
		if p.Next == "" && r.Direction != Newer {
			from, readTo = "", "" // the first message
		}
		c.reach(from)
		c.reads(readTo)
	})
	if err != nil {
		return Page{}, fmt.Errorf("history: %w", err)
	}
	return page, nil
}

// Sync finds out now what was taken back in a server. It also happens by itself: on connecting and after subscribing, again 75 s
// after each, and every third heartbeat.
func (s *Session) Sync(ctx context.Context, serverID string) error {
	var run *syncRun
	s.locked(func() { run = s.sync(s.server(serverID)) })
	select {
	case <-run.done:
	case <-ctx.Done():
		return fmt.Errorf("sync: %w", ctx.Err())
	}
	if run.err != nil {
		return fmt.Errorf("sync: %w", run.err)
	}
	return nil
}

// Subscribe has this device told of channels of a large server, on this connection and later ones, and answers for each. Opened
// channels need none.
func (s *Session) Subscribe(ctx context.Context, serverID string, channelIDs ...string) ([]Subscribed, error) {
	results, err := s.want(ctx, serverID, channelIDs)
	if err != nil {
		return nil, fmt.Errorf("subscribe: %w", err)
	}
	return results, nil
}

// Unsubscribe ends it.
func (s *Session) Unsubscribe(ctx context.Context, serverID string, channelIDs ...string) ([]Subscribed, error) {
	var number int
	s.locked(func() {
		number = s.link.number
		s.server(serverID).unwant(channelIDs, number)
	})
	var results []Subscribed
	a, err := s.ask(ctx, "unsubscribe", subscription{serverID, channelIDs}, nil)
	if err == nil {
		err = a.read(part{"channels", &results})
	}
	if err != nil {
		return nil, fmt.Errorf("unsubscribe: %w", err)
	}
	s.locked(func() { s.unsubscribed(s.server(serverID), channelIDs, number) })
	return results, nil
}

// Ping gives the server's time. It fails with [ErrNotConnected] where there is no connection now, as Sync, History, Subscribe and Unsubscribe do.
func (s *Session) Ping(ctx context.Context) (time.Time, error) {
	var ms int64
	a, err := s.ask(ctx, "ping", struct{}{}, nil)
	if err == nil {
		err = a.read(part{"server_time", &ms})
	}
	if err != nil {
		return time.Time{}, fmt.Errorf("ping: %w", err)
	}
	return time.UnixMilli(ms), nil
}

// OpenChannel begins to show a channel: it is read from the history now and kept complete, over connections, until CloseChannel.
// What is known of it and sure is in Messages at once: in a large server, where nothing tells of channels that are not shown, nothing is.
func (s *Session) OpenChannel(serverID, channelID string) {
	s.locked(func() {
		server := s.server(serverID)
		c := server.channel(channelID, s.options.Keep)
		if c.opened {
			return
		}
		c.opened = true
		if server.isTold(channelID, s.link.number) {
			c.leftBehind(s.link.number) // it is read again: a notice may have come to nothing
		} else if c.forgetKnown(); s.link.state == StateOpen {
			c.reads(afterAll) // nothing told what was taken back
		}
		if len(c.shown()) > 0 {
			s.events.put(ChannelChanged{serverID, channelID})
		}
		if s.link.state == StateOpen {
			s.sync(server)
		}
	})
}

// CloseChannel ends it. The texts are kept, and go when a notice or a sync tells that they were taken back, or the account loses sight of
// the channel.
func (s *Session) CloseChannel(serverID, channelID string) {
	s.locked(func() {
		server := s.server(serverID)
		c := server.channel(channelID, s.options.Keep)
		c.opened = false
		s.unsubscribe(server, channelID)
	})
}

// Messages are those that a channel shows, oldest first. The slice is the caller's. What an earlier session kept is
// shown after the first sync, as it may have been taken back since.
func (s *Session) Messages(serverID, channelID string) []Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	if server := s.servers[serverID]; server != nil && server.channels[channelID] != nil {
		return server.channels[channelID].shown()
	}
	return nil
}

// Pending are the sends of a channel that have no answer yet, oldest first.
func (s *Session) Pending(serverID, channelID string) []SendRequest {
	s.mu.Lock()
	defer s.mu.Unlock()
	var pending []SendRequest
	for _, w := range s.outbox.waiting {
		if w.Send != nil && w.Send.ServerID == serverID && w.Send.ChannelID == channelID {
			pending = append(pending, *w.Send)
		}
	}
	return pending
}

func (s *Session) failed(err error) { s.events.put(Failed{err}) }
