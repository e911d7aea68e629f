package unsend_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	unsend "unsend/clients/go"
)

// scene is a session over a network in memory, in a synctest bubble.
type scene struct {
	*network
	*unsend.Session
	frames  chan object // that the server received
	events  []unsend.Event
	mu      sync.Mutex
	running sync.WaitGroup
	ended   error
}

// perform runs a session, which begins to run when the test says so, until the test ends.
func perform(t *testing.T, change func(*unsend.SessionOptions), test func(*testing.T, *scene)) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &scene{network: newNetwork(), frames: make(chan object, 1_000)}
		s.dialed = func(*socket) {}
		s.received = func(_ *socket, text []byte) {
			var frame object
			if err := json.Unmarshal(text, &frame); err != nil {
				t.Error(err)
			}
			s.frames <- frame
		}
		o := unsend.SessionOptions{
			URL: "ws://unsend.invalid/live?x=1", Account: "alice", HTTPClient: s.network.client, Chance: func() float64 { return 0.5 },
			Token: func(context.Context, bool) (string, error) { return "SECRET", nil },
		}
		change(&o)
		var err error
		if s.Session, err = unsend.NewSession(o); err != nil {
			t.Fatal(err)
		}
		s.running.Go(func() {
			for e := range s.Events() {
				s.mu.Lock()
				s.events = append(s.events, e)
				s.mu.Unlock()
			}
		})
		test(t, s)
		s.Session.Close()
		s.running.Wait()
		s.network.close(t)
	})
}

func unchanged(*unsend.SessionOptions) {}

func (s *scene) run(ctx context.Context) { s.running.Go(func() { s.ended = s.Run(ctx) }) }

func (s *scene) errs() (errs []error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.events {
		if failed, ok := e.(unsend.Failed); ok {
			errs = append(errs, failed.Err)
		}
	}
	return errs
}

// changes is how often it was told that a channel has changed.
func (s *scene) changes() (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.events {
		if _, ok := e.(unsend.ChannelChanged); ok {
			n++
		}
	}
	return n
}

var hello = unsend.SendRequest{ServerID: "s1", ChannelID: "c1", Content: unsend.Content{Body: "SECRET text"}}

func TestRunEndsWithItsContext(t *testing.T) {
	perform(t, unchanged, func(t *testing.T, s *scene) {
		why := errors.New("enough")
		ctx, stop := context.WithCancelCause(t.Context())
		s.run(ctx)
		synctest.Wait()
		if s.State() != unsend.StateOpen {
			t.Errorf("it is %s", s.State())
		}
		stop(why)
		s.running.Wait()
		if !errors.Is(s.ended, why) || s.State() != unsend.StateClosed {
			t.Errorf("%v, %s", s.ended, s.State())
		}
		if err := s.Run(t.Context()); !errors.Is(err, unsend.ErrClosed) {
			t.Errorf("a second run: %v", err)
		}
		if _, err := s.Send(t.Context(), hello); !errors.Is(err, unsend.ErrClosed) {
			t.Errorf("a send afterwards: %v", err)
		}
	})
}

func TestCloseEndsARun(t *testing.T) {
	perform(t, unchanged, func(t *testing.T, s *scene) {
		s.run(t.Context())
		synctest.Wait()
		s.Session.Close()
		s.Session.Close()
		s.running.Wait()
		if s.ended != nil {
			t.Error(s.ended)
		}
	})
}

func TestASessionThatNeverRan(t *testing.T) {
	perform(t, unchanged, func(t *testing.T, s *scene) {
		waiting := make(chan error)
		s.running.Go(func() { _, err := s.Send(context.Background(), hello); waiting <- err })
		synctest.Wait()
		s.Session.Close()
		if err := <-waiting; !errors.Is(err, unsend.ErrClosed) {
			t.Error(err)
		}
		if err := s.Run(t.Context()); !errors.Is(err, unsend.ErrClosed) {
			t.Errorf("run after close: %v", err)
		}
	})
}

func TestGivingUpASendDoesNotEndIt(t *testing.T) {
	perform(t, unchanged, func(t *testing.T, s *scene) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := s.Send(ctx, hello); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		if pending := s.Pending("s1", "c1"); len(pending) != 1 || pending[0].Body != hello.Body {
			t.Errorf("%d are pending", len(pending))
		}
		s.run(t.Context())
		synctest.Wait()
		for frame := range s.frames {
			if frame["action"] == "send" {
				return
			}
		}
	})
}

func TestAtMost100Wait(t *testing.T) {
	perform(t, unchanged, func(t *testing.T, s *scene) {
		errs := make(chan error, 100)
		for range 100 {
			s.running.Go(func() { _, err := s.Send(context.Background(), hello); errs <- err })
		}
		synctest.Wait()
		if _, err := s.Send(t.Context(), hello); !errors.Is(err, unsend.ErrFull) {
			t.Errorf("the next: %v", err)
		}
		s.Session.Close()
		for range 100 {
			if err := <-errs; !errors.Is(err, unsend.ErrClosed) {
				t.Error(err)
			}
		}
	})
}

func TestPacedRequests(t *testing.T) {
	servers := make([]string, 25)
	for i := range servers {
		servers[i] = fmt.Sprint("s", i)
	}
	perform(t, func(o *unsend.SessionOptions) { o.Servers = servers }, func(t *testing.T, s *scene) {
		s.run(t.Context())
		time.Sleep(9 * time.Second)
		if n := len(s.frames); n != 10 {
			t.Errorf("%d frames in 9 s", n)
		}
		time.Sleep(2 * time.Second)
		if n := len(s.frames); n != 20 {
			t.Errorf("%d frames in 11 s", n)
		}
	})
}

// brokenStore takes nothing, and says what it was to take.
type brokenStore struct{ unsend.MemoryStore }

func (s *brokenStore) Set(_ string, value []byte) error { return fmt.Errorf("no space for %s", value) }

func TestErrorsHoldNoTokenAndNoText(t *testing.T) {
	change := func(o *unsend.SessionOptions) {
		o.Store = &brokenStore{}
		o.Token = func(context.Context, bool) (string, error) { return "", errors.New("SECRET") }
	}
	perform(t, change, func(t *testing.T, s *scene) {
		s.run(t.Context())
		_, err := s.Send(t.Context(), hello)
		if !errors.Is(err, unsend.ErrUnanswered) {
			t.Error(err)
		}
		kinds := map[string]bool{}
		for _, err := range append(s.errs(), err) {
			kinds[kindOf(err)] = true
			if strings.Contains(err.Error(), "SECRET") {
				t.Error(err)
			}
		}
		if !kinds["token"] || !kinds["store"] || !kinds["unanswered"] {
			t.Errorf("only %v", kinds)
		}
	})
}

// session is a session of alice that runs and is at rest, keeping so many messages (0: the default). What is begun beside it joins running.
func (n *network) session(t *testing.T, keep int) (s *unsend.Session, running *sync.WaitGroup) {
	t.Helper()
	s, err := unsend.NewSession(unsend.SessionOptions{URL: "ws://unsend.invalid", Account: "alice", HTTPClient: n.client, Keep: keep,
		Token: func(context.Context, bool) (string, error) { return "token", nil }})
	if err != nil {
		t.Fatal(err)
	}
	running = &sync.WaitGroup{}
	running.Go(func() { _ = s.Run(t.Context()) })
	synctest.Wait()
	return s, running
}

// A session that is not listened to reads no more than it can keep, and loses nothing.
// To open a channel is to be told of what it shows; in a large server that is nothing until it was read.
func TestOpeningTells(t *testing.T) {
	for delivery, want := range map[string][]string{unsend.DeliveryAll: {"one"}, unsend.DeliverySubscribers: nil} {
		t.Run(delivery, func(t *testing.T) {
			var there *socket
			perform(t, func(o *unsend.SessionOptions) { o.Servers = []string{"s1"} }, func(t *testing.T, s *scene) {
				s.dialed = func(d *socket) { there = d }
				s.run(t.Context())
				synctest.Wait()
				sync := <-s.frames
				there.deliver(text(object{"type": "response", "action": "sync", "res_code": 200, "request_id": sync["request_id"], "updates": []int{}, "cursor": "now",
					"access": object{"c1": "stamp"}, "delivery": delivery}))
				synctest.Wait()
				m := unsend.Message{MessageKey: unsend.MessageKey{ServerID: "s1", ChannelID: "c1", Timestamp: 1, MsgServerID: "m1"}, Version: 1, Content: unsend.Content{Body: "one"}}
				there.deliver(text(object{"type": "notices", "notices": []unsend.Notice{{Event: unsend.EventMessage, Code: 200, Message: m}}}))
				synctest.Wait()
				before := s.changes()
				s.OpenChannel("s1", "c1")
				var got []string
				for _, m := range s.Messages("s1", "c1") {
					got = append(got, m.Body)
				}
				synctest.Wait()
				if told := s.changes() - before; !slices.Equal(got, want) || told != len(want) {
					t.Errorf("it shows %q, and %d changes were told of", got, told)
				}
			})
		})
	}
}

func TestEventsThatNobodyTakes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork()
		var there *socket
		n.dialed, n.received = func(s *socket) { there = s }, func(*socket, []byte) {}
		s, running := n.session(t, 5_000)
		const all = 3_000
		running.Go(func() {
			for i := range all {
				m := sent(int64(i))
				there.deliver(text(object{"type": "notices", "notices": []unsend.Notice{{Event: unsend.EventMessage, Code: 200, Message: m}}}))
			}
		})
		synctest.Wait()
		if got := len(s.Messages("s", "c")); got < 900 || got > 1_100 {
			t.Errorf("%d messages were read before one event was taken", got)
		}
		received := 0
		for e := range s.Events() {
			if _, ok := e.(unsend.MessageReceived); ok {
				if received++; received == all {
					break
				}
			}
		}
		s.Close()
		running.Wait()
		n.close(t)
	})
}

// A text that was taken back before the application took its event is not handed to it.
func TestOvertakenEvents(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork()
		var there *socket
		n.dialed, n.received = func(s *socket) { there = s }, func(*socket, []byte) {}
		s, running := n.session(t, 0)
		m := sent(1)
		for _, each := range []unsend.Message{m, revoked(m)} {
			there.deliver(text(object{"type": "notices", "notices": []unsend.Notice{{Code: 200, Message: each}}}))
			synctest.Wait()
		}
		var told []string
		for len(told) == 0 || told[len(told)-1] != "unsend.MessageUpdated" {
			told = append(told, fmt.Sprintf("%T", <-s.Events()))
		}
		if slices.Contains(told, "unsend.MessageReceived") {
			t.Errorf("told of %v", told)
		}
		s.Close()
		running.Wait()
		n.close(t)
	})
}

// What this session takes back itself is told by the answer alone: an event that waits hands the text on no more, nor does one of an edit.
func TestEventsOvertakenByAnAnswer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork()
		m := sent(1)
		edited := m
		edited.Version, edited.Body = 2, "edited secret"
		twice := edited
		twice.Version, twice.Body = 3, "edited twice"
		var there *socket
		n.dialed = func(s *socket) { there = s }
		n.received = func(s *socket, asked []byte) {
			frame := as[object](json.RawMessage(asked))
			if frame["action"] == "revoke" {
				s.deliver(text(object{"type": "response", "request_id": frame["request_id"], "res_code": 200, "message": revoked(m)}))
			}
		}
		s, running := n.session(t, 0)
		other := m
		other.MsgServerID = "other"
		for _, each := range []unsend.Message{m, edited, other, twice} {
			there.deliver(text(object{"type": "notices", "notices": []unsend.Notice{{Code: 200, Message: each}}}))
			synctest.Wait()
		}
		if _, err := s.Revoke(t.Context(), unsend.RevokeRequest{MessageKey: m.MessageKey}); err != nil {
			t.Error(err)
		}
		var told []string
		for done := false; !done; {
			switch e := (<-s.Events()).(type) {
			case unsend.MessageReceived:
				told = append(told, "received "+e.Message.MsgServerID)
			case unsend.MessageUpdated:
				told = append(told, "updated "+e.Message.MsgServerID)
			case unsend.MessageEnded:
				told, done = append(told, "ended "+e.MsgServerID), true
			}
		}
		if want := []string{"received other", "ended " + m.MsgServerID}; !slices.Equal(told, want) {
			t.Errorf("told %v, want %v", told, want)
		}
		s.Close()
		running.Wait()
		n.close(t)
	})
}

func TestSessionOptions(t *testing.T) {
	t.Parallel()
	token := func(context.Context, bool) (string, error) { return "", nil }
	for name, o := range map[string]unsend.SessionOptions{
		"no URL":     {Account: "alice", Token: token},
		"https":      {URL: "https://example.com", Account: "alice", Token: token},
		"no account": {URL: "wss://example.com", Token: token},
		"no token":   {URL: "wss://example.com", Account: "alice"},
		"seldom":     {URL: "wss://example.com", Account: "alice", Token: token, PingEvery: 10 * time.Minute},
	} {
		if _, err := unsend.NewSession(o); err == nil {
			t.Errorf("%s: it is taken", name)
		}
	}
	good := unsend.SessionOptions{URL: "wss://example.com", Account: "alice", Token: token}
	a, errA := unsend.NewSession(good)
	b, errB := unsend.NewSession(good)
	if errA != nil || errB != nil || a.DeviceID() == b.DeviceID() {
		t.Errorf("two sessions are one device: %v, %v", errA, errB)
	}
	a.Close()
	b.Close()
}

// Not parallel: it counts goroutines.
func TestASessionLeavesNothingRunning(t *testing.T) {
	url := serve(t, func(ctx context.Context, p peer) {
		for {
			f, ok := p.read(ctx)
			if !ok {
				return
			}
			if f["action"] == "send" {
				p.write(ctx, `{"type":"response","request_id":%q,"res_code":200,"message":%s}`, f["request_id"],
					`{"server_id":"s1","channel_id":"c1","timestamp":5,"msg_server_id":"m","status":0,"version":1,"update_timestamp":5,"msg_body":"hi"}`)
			}
		}
	})
	s, err := unsend.NewSession(unsend.SessionOptions{URL: url, Account: "alice", Servers: []string{"s1"}, Token: func(context.Context, bool) (string, error) { return "good", nil }})
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error)
	go func() { ended <- s.Run(t.Context()) }()
	if m, err := s.Send(t.Context(), hello); err != nil || m.Body != "hi" {
		t.Errorf("%+v, %v", m, err)
	}
	s.Close()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	stacks := make([]byte, 1<<20)
	stacks = stacks[:runtime.Stack(stacks, true)]
	for stack := range strings.SplitSeq(string(stacks), "\n\n") {
		if strings.Contains(stack, "clients/go.(*") {
			t.Errorf("still running:\n%s", stack)
		}
	}
}
