package cloudtest_test

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	unsend "unsend/clients/go"
	"unsend/shared/chat"
	"unsend/shared/queue/form"
	"unsend/shared/wire"
)

// The history checker: random runs of everything that people, devices and administrators do, while processes are
// killed and calls fail; at the end every device knows what the table knows, and nobody was told too much.

var (
	accounts = []string{"a0", "a1", "a2", "a3", "a4", "a5"}
	channels = []string{"c1", "c2"}
)

// largeServer is a number of members that joining and leaving passes now and then.
const largeServer = 6

var (
	firstSeed    = flag.Uint64("history.seed", 1, "seed of the first history")
	howMany      = flag.Int("history.runs", 0, "histories to run; 0: 200, or what UNSEND_HISTORIES says")
	historyTrace = flag.Bool("history.trace", false, "print everything that happened in a history that failed")
	historyLog   = flag.Bool("history.log", false, "print what faults each history met")
)

func runs(t *testing.T) int {
	if *howMany > 0 {
		return *howMany
	}
	if text := os.Getenv("UNSEND_HISTORIES"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			t.Fatalf("UNSEND_HISTORIES: %v", err)
		}
		return n
	}
	if testing.Short() {
		return 50
	}
	return 200
}

func TestHistories(t *testing.T) {
	t.Parallel()
	n := runs(t)
	t.Logf("seeds %d to %d", *firstSeed, *firstSeed+uint64(n)-1)
	const lanes = 4
	for lane := range lanes {
		t.Run(fmt.Sprint("lane ", lane), func(t *testing.T) {
			t.Parallel()
			for i := lane; i < n && !t.Failed(); i += lanes {
				seed := *firstSeed + uint64(i)
				synctest.Test(t, func(t *testing.T) { history(t, seed) })
				if t.Failed() {
					t.Logf("seed %d: go test ./shared/cloudtest -run TestHistories -history.seed=%d -history.runs=1", seed, seed)
				}
			}
		})
	}
}

// history runs one, and checks it.
func history(t *testing.T, seed uint64) {
	w := newWorld(t, seed)
	ctx, stop := context.WithCancel(t.Context())
	w.setUp(ctx)
	time.Sleep(time.Minute) // what was set up is older than any overlap
	w.stream.Start(ctx, &w.running)
	w.queue.Start(ctx, &w.running)
	var (
		devices []*device
		people  sync.WaitGroup
	)
	living, leave := context.WithCancel(ctx)
	for i, account := range accounts {
		for _, id := range []string{"phone", "desk"}[:1+i%2] {
			d := &device{w: w, account: account, id: id, eager: w.pick("eager", 2) == 0, views: map[string]*unsend.View{}, access: map[string]string{}}
			devices = append(devices, d)
			people.Go(func() { d.run(living) })
		}
	}
	w.running.Go(func() { w.administrate(ctx) })
	time.Sleep(4 * time.Minute)
	if w.profile.jump {
		w.quiet.Store(true)
		time.Sleep(chat.Transition)
		w.quiet.Store(false)
		time.Sleep(3 * time.Minute)
	}
	w.quiet.Store(true)
	time.Sleep(10 * time.Second)
	w.calm.Store(true)
	w.settle()
	w.checkTold()
	for _, d := range devices {
		w.checkRevocations(d)
		w.checkMessages(d)
	}
	leave()
	people.Wait()
	for _, d := range devices {
		w.checkView(ctx, d)
	}
	stop()
	w.running.Wait()
	if *historyLog {
		t.Logf("seed %d, %+v: %d connections, %d notices due, faults %v", seed, w.profile, len(w.conns), len(w.due), sortedKeys(w.faults))
	}
	if len(w.violations) > 0 {
		t.Errorf("seed %d, %+v:\n%s", seed, w.profile, strings.Join(append(w.violations, w.trace...), "\n"))
	}
}

// settle waits until everything is delivered, as an operator would replays what became a dead letter, and lets the
// clients sync once more.
func (w *world) settle() {
	for range 40 {
		time.Sleep(time.Minute)
		for _, body := range w.queue.DeadLetters() {
			if _, err := form.DecodeTask(body); err != nil {
				w.violated("a dead letter that is no task")
			}
			w.queue.Send(body, 0)
		}
		w.mu.Lock()
		failed := len(w.givenUp)
		w.mu.Unlock()
		if failed > 0 {
			w.violated("%d records were given up", failed)
			return
		}
		if w.stream.Idle() && w.queue.Idle() {
			time.Sleep(syncEvery + secondSync + time.Minute)
			return
		}
	}
	w.violated("the stream or the queue never became idle")
}

// checkTold: whoever was online and in sight all the time was told of what was taken back.
func (w *world) checkTold() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, due := range w.due {
		c := due.conn
		_, revoked := w.committed[due.key]
		if c.ended || due.at.Before(c.falseGone.Add(2*heartbeat)) || c.told[told(due.key, due.event)] || w.sightAt[c.device.account].After(due.at) ||
			due.event == chat.MessageReceived && (revoked || w.profile.faults > 0) {
			continue
		}
		if since, still := c.subscribed[due.key.ChannelID]; !c.whole && (!still || since.After(due.at)) {
			continue // it unsubscribed meanwhile
		}
		w.violations = append(w.violations, fmt.Sprintf("%s was never told %s of %s in %s, %v after the start",
			c.id, due.event, due.key.MsgServerID, due.key.ChannelID, due.at.Sub(w.start)))
	}
}

// truth is what the table holds of a channel, as a client would read it.
func (w *world) truth(channel string) map[unsend.MessageKey]unsend.Message {
	page, err := w.store.History(context.Background(), chat.HistoryQuery{ServerID: server, ChannelID: channel, Limit: 10_000, Now: time.Now()})
	if err != nil {
		w.t.Fatal(err)
	}
	messages := map[unsend.MessageKey]unsend.Message{}
	for chunk := range len(page.Messages) { // an answer holds so many bytes only
		one := page.Messages[chunk]
		text, err := wire.Answer(wire.Send, "1", wire.Result{Message: &one})
		if err != nil {
			w.t.Fatal(err)
		}
		var r response
		if err := json.Unmarshal([]byte(text), &r); err != nil {
			w.t.Fatal(err)
		}
		messages[r.Message.MessageKey] = *r.Message
	}
	return messages
}

// checkRevocations: nothing that was taken back is shown, on any device.
func (w *world) checkRevocations(d *device) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, channel := range channels {
		truth := w.truth(channel)
		for _, m := range d.viewOf(channel).Messages() {
			if real := truth[m.MessageKey]; w.visible(d.account, channel) && real.Status == unsend.StatusRevoked && m.Status != unsend.StatusRevoked {
				w.violated("%s/%s still shows %s of %s", d.account, d.id, m.MsgServerID, channel)
			}
		}
	}
}

// checkMessages: whoever reads the history when it opens, and when its sight changed, lacks nothing, where everybody is
// told and no notice was late.
func (w *world) checkMessages(d *device) {
	p := w.profile
	if !d.eager || p.faults > 0 || p.jump || p.large || p.largeSince > 0 {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, channel := range channels {
		for key := range w.truth(channel) {
			if _, ok := d.viewOf(channel).Message(key); !ok && w.visible(d.account, channel) {
				w.violated("%s/%s does not show %s of %s", d.account, d.id, key.MsgServerID, channel)
			}
		}
	}
}

// checkView: a device that reads the history shows what the table holds.
func (w *world) checkView(ctx context.Context, d *device) {
	c := d.connect(ctx)
	if c == nil {
		w.violated("%s/%s cannot connect though nothing fails", d.account, d.id)
		return
	}
	for _, channel := range channels {
		if !w.visible(d.account, channel) {
			continue
		}
		if !d.history(ctx, c, channel) {
			w.violated("%s/%s has no history of %s", d.account, d.id, channel)
			continue
		}
		truth, shown := w.truth(channel), 0
		d.mu.Lock()
		for _, m := range d.viewOf(channel).Messages() {
			shown++
			if real, ok := truth[m.MessageKey]; !ok || m.Status != real.Status || m.Version != real.Version || m.Content.Body != real.Content.Body {
				w.violated("%s/%s shows %s of %s as status %d, version %d, text %q; the table: %d, %d, %q", d.account, d.id, m.MsgServerID,
					channel, m.Status, m.Version, m.Content.Body, real.Status, real.Version, real.Content.Body)
			}
		}
		d.mu.Unlock()
		if shown != len(truth) {
			w.violated("%s/%s shows %d messages of %s, and the table holds %d", d.account, d.id, shown, channel, len(truth))
		}
	}
	w.end(c.id)
}
