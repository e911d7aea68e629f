package unsend_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	unsend "unsend/clients/go"
)

var interleavings = flag.Int("interleavings.runs", 1_000, "random interleavings of deliveries to play")

// act is something that can happen. n picks one of those there are, or how long something takes.
type act struct {
	what string
	n    int
}

func (a act) String() string { return fmt.Sprint(a.what, " ", a.n) }

// acts has more often what makes the others matter.
var acts = rapid.SliceOfN(rapid.Custom(func(t *rapid.T) act {
	return act{rapid.SampledFrom([]string{
		"send", "send", "send", "revoke", "revoke", "deliver", "deliver", "repeat", "lose", "own", "own", "take back", "drop", "look", "look",
		"pass", "pass", "slow", "losing", "restart", "crash", "open", "store", "listen", "listen",
	}).Draw(t, "what"), rapid.IntRange(0, 1_000).Draw(t, "n")}
}), 10, 60)

// Whatever is lost, repeated, late or out of order, whatever connections end and sessions begin anew: a session never shows or
// stores what it was told has ended, and when the network is well again the view equals the truth.
func TestInterleavings(t *testing.T) {
	t.Parallel()
	const lanes = 4
	var played atomic.Int64
	for lane := range lanes {
		t.Run(fmt.Sprint("lane ", lane), func(t *testing.T) {
			t.Parallel()
			for played.Load() < int64(*interleavings) && !t.Failed() {
				rapid.Check(t, func(rt *rapid.T) {
					list, large, reconnects := acts.Draw(rt, "acts"), rapid.Bool().Draw(rt, "large"), rapid.Bool().Draw(rt, "reconnects")
					played.Add(1)
					var err error
					synctest.Test(t, func(t *testing.T) { err = playAll(t, list, large, reconnects) })
					if err != nil {
						rt.Fatal(err)
					}
				})
			}
		})
	}
	t.Cleanup(func() { t.Logf("%d interleavings", played.Load()) })
}

// playing is a session over a model, and what must hold at every moment.
type playing struct {
	network *network
	model   *model
	store   *moodyStore
	session *unsend.Session
	dead    *atomic.Bool
	textOf  map[string]string
	texts   int
	refused bool // the store did, at some time
	// stale is what earlier sessions were told has ended, where a store may hold its text all the same.
	stale   map[string]bool
	running sync.WaitGroup

	mu     sync.Mutex
	events map[string]bool
	// listens is closed while the application takes events. heard is what had ended when it last began to: no event has a text of that any more.
	listens chan struct{}
	heard   map[string]bool
	err     error
}

func playAll(t *testing.T, list []act, large, reconnects bool) error {
	p := &playing{network: newNetwork(), model: newModel(large), store: &moodyStore{}, textOf: map[string]string{}, listens: make(chan struct{})}
	p.network.dialed, p.network.received = p.model.dialed, p.model.received
	p.store.mood.Store("works")
	p.start()
	defer func() {
		p.session.Close()
		p.listen(true)
		p.running.Wait()
		p.network.close(t)
	}()
	for i, a := range list {
		p.act(a)
		p.pass(time.Millisecond)
		if err := p.check(); err != nil {
			return fmt.Errorf("after act %d, %v: %w", i+1, a, err)
		}
	}
	return p.recover(reconnects)
}

func (p *playing) start() {
	dead := new(atomic.Bool)
	session, err := unsend.NewSession(unsend.SessionOptions{
		URL: "ws://unsend.invalid", Account: "alice", Servers: []string{"s1"}, Store: mortal{p.store, dead}, HTTPClient: p.network.client,
		Token: func(context.Context, bool) (string, error) { return "token", nil },
	})
	if err != nil {
		panic(err)
	}
	p.session, p.dead, p.events = session, dead, map[string]bool{}
	p.listen(true)
	p.heard = nil // the next session reads the store, which may have been refusing
	if p.refused {
		p.model.do(func() []flight { p.stale = maps.Clone(p.model.told); return nil })
	}
	told := p.events
	p.running.Go(func() {
		for {
			p.mu.Lock()
			listens := p.listens
			p.mu.Unlock()
			<-listens
			e, ok := <-session.Events()
			if !ok {
				return
			}
			if !dead.Load() {
				p.happened(told, e)
			}
		}
	})
	p.running.Go(func() { _ = session.Run(context.Background()) })
	session.OpenChannel("s1", "c1")
}

// listen: the application takes events, or lets them wait.
func (p *playing) listen(does bool) {
	var ended map[string]bool
	p.model.do(func() []flight { ended = maps.Clone(p.model.told); return nil })
	p.mu.Lock()
	defer p.mu.Unlock()
	did := false
	select {
	case <-p.listens:
		did = true
	default:
	}
	switch {
	case does && !did:
		p.heard = ended
		close(p.listens)
	case did && !does:
		p.listens = make(chan struct{})
	}
}

func (p *playing) happened(told map[string]bool, e unsend.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch e := e.(type) {
	case unsend.MessageReceived:
		p.tell(told, "received", e.Message)
	case unsend.MessageUpdated:
		p.tell(told, "updated", e.Message)
	case unsend.MessageEnded:
		told["ended "+e.Tag()] = true
	case unsend.Failed:
		// A subscription is refused where sight of the channel was lost a moment ago.
		if !isA[*unsend.StoreError](e.Err) && !(p.model.large && unsend.CodeOf(e.Err) == 403) {
			p.err = errors.Join(p.err, e.Err)
		}
	}
}

func (p *playing) tell(told map[string]bool, kind string, m unsend.Message) {
	tag := m.Tag()
	if (told["ended "+tag] || p.heard[tag] && !p.stale[tag]) && !m.IsEmpty() {
		p.err = errors.Join(p.err, fmt.Errorf("the text of %s was handed on after it had ended", tag))
	}
	if told["updated "+tag] && kind == "received" {
		p.err = errors.Join(p.err, fmt.Errorf("%s was received after it was updated", tag))
	}
	if told[kind+" "+tag] && !p.model.mayBeForgotten(m) {
		p.err = errors.Join(p.err, fmt.Errorf("%s was %s twice", tag, kind))
	}
	told[kind+" "+tag] = true
}

func (p *playing) act(a act) {
	p.texts++
	said := fmt.Sprintf("text%d;", p.texts)
	session := p.session
	switch a.what {
	case "send":
		p.model.send(said)
	case "revoke":
		p.model.revoke(a.n)
	case "deliver":
		p.model.deliver(a.n, false)
	case "repeat":
		p.model.deliver(a.n, true)
	case "lose":
		p.model.lose(a.n)
	case "own":
		p.running.Go(func() {
			_, _ = session.Send(context.Background(), unsend.SendRequest{ServerID: "s1", ChannelID: "c1", Content: unsend.Content{Body: said}})
		})
	case "take back":
		p.takeBack(a.n)
	case "drop":
		p.model.drop()
	case "look":
		p.model.look(a.n%3 > 0)
	case "slow":
		p.model.do(func() []flight { p.model.slow = a.n%2 == 0; return nil })
	case "losing":
		p.model.do(func() []flight { p.model.losing = a.n%2 == 0; return nil })
	case "open":
		if a.n%2 == 0 {
			p.model.do(func() []flight { p.model.everHidden = true; return nil })
			session.CloseChannel("s1", "c1")
		} else {
			session.OpenChannel("s1", "c1")
		}
	case "store":
		mood := []string{"full", "refuses", "works"}[a.n%3]
		p.store.mood.Store(mood)
		p.refused = p.refused || mood != "works"
	case "listen":
		p.listen(a.n%2 == 0)
	case "restart":
		session.Close()
		p.start()
	case "crash":
		p.dead.Store(true)
		p.model.drop()
		session.Close()
		p.start()
	default:
		d := time.Duration(a.n) * 300 * time.Millisecond
		if a.n%2 == 0 {
			d *= 10 // longer than a session reads back beyond what it knew
		}
		p.pass(d)
	}
}

// pass lets time pass. Nothing is on its way for longer than 2 s.
func (p *playing) pass(d time.Duration) {
	if d > time.Second {
		p.rest(2 * time.Second)
		p.model.do(func() []flight { p.model.slow = false; return nil })
		p.model.deliverAll()
	}
	p.rest(d)
}

func (p *playing) rest(d time.Duration) {
	synctest.Wait()
	time.Sleep(d)
	synctest.Wait()
}

func (p *playing) takeBack(n int) {
	session, shown := p.session, p.session.Messages("s1", "c1")
	if len(shown) == 0 {
		return
	}
	p.running.Go(func() {
		_, _ = session.Revoke(context.Background(), unsend.RevokeRequest{MessageKey: shown[n%len(shown)].MessageKey})
	})
}

// secondSync is when a sync tells what the one on connecting could not know of yet.
const secondSync = 76 * time.Second

// check: what any session was told has ended shows no text, and none is stored where the store works.
func (p *playing) check() error {
	p.model.mu.Lock()
	defer p.model.mu.Unlock()
	p.model.noteTold()
	for _, m := range p.session.Messages("s1", "c1") {
		if p.model.told[m.Tag()] && !m.IsEmpty() && !(p.stale[m.Tag()] && p.model.endedAfter(m, time.Now().Add(-secondSync))) {
			return fmt.Errorf("%s is shown", m.Body)
		}
	}
	if p.refused {
		p.mu.Lock()
		defer p.mu.Unlock()
		return p.err
	}
	all, views := p.stored()
	for _, row := range p.model.truth {
		if !row.Ended() {
			p.textOf[row.MsgServerID] = row.Body
		}
		where := ""
		if tag := row.Tag(); p.model.named[tag] { // an outbox knows its message by msg_id
			where = all
		} else if p.model.told[tag] {
			where = views
		}
		if said := p.textOf[row.MsgServerID]; said != "" && strings.Contains(where, said) {
			return fmt.Errorf("%s is stored", said)
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.err
}

func (p *playing) stored() (all, views string) {
	keys, _ := p.store.Keys("") // never fails
	for _, key := range keys {
		value, _, _ := p.store.Get(key) // never fails
		all += string(value)
		if strings.Contains(key, "#channel#") {
			views += string(value)
		}
	}
	return all, views
}

// recover: the network is well again, and the view comes to the truth.
func (p *playing) recover(reconnects bool) error {
	p.model.look(true)
	p.model.do(func() []flight { p.model.losing, p.model.slow = false, false; return nil })
	p.store.mood.Store("works")
	p.listen(true)
	p.session.OpenChannel("s1", "c1")
	if reconnects {
		p.model.drop()
	}
	p.pass(15 * time.Minute) // with some heartbeats, after which a sync finds what no connection told
	if err := p.check(); err != nil {
		return fmt.Errorf("at the end: %w", err)
	}
	truth, seen := shown(p.model.truth), shown(p.session.Messages("s1", "c1"))
	if len(seen) < min(len(truth), modelPage) {
		return fmt.Errorf("only %d of %d messages are shown", len(seen), len(truth))
	}
	if diff := gocmp.Diff(truth[len(truth)-len(seen):], seen); diff != "" {
		return fmt.Errorf("the newest messages, without a gap (-want +got):\n%s", diff)
	}
	if err := p.scrollUp(); err != nil {
		return err
	}
	if diff := gocmp.Diff(truth, shown(p.session.Messages("s1", "c1"))); diff != "" {
		return fmt.Errorf("all messages (-want +got):\n%s", diff)
	}
	if pending := p.session.Pending("s1", "c1"); len(pending) > 0 {
		return fmt.Errorf("%d sends have no answer", len(pending))
	}
	return nil
}

// scrollUp reads older pages, to the first.
func (p *playing) scrollUp() error {
	for r := (unsend.HistoryRequest{ServerID: "s1", ChannelID: "c1"}); ; {
		page, err := p.session.History(context.Background(), r)
		if err != nil || page.Next == "" {
			return err
		}
		r.Cursor = page.Next
	}
}

// shown is what is to be seen of messages.
func shown(messages []unsend.Message) []string {
	lines := []string{}
	for _, m := range messages {
		if m.Ended() {
			lines = append(lines, m.MsgServerID+" is gone")
		} else {
			lines = append(lines, m.MsgServerID+" "+m.Body)
		}
	}
	return lines
}
