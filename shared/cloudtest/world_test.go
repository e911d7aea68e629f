package cloudtest_test

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"log/slog"
	"math"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"unsend/shared/chat"
	"unsend/shared/chat/chattest"
	"unsend/shared/cloudtest"
	"unsend/shared/edge"
	"unsend/shared/queue/form"
	"unsend/shared/wire"
)

// The world of a history: the domain's services as processes with clocks of their
// own, over a store, a stream, a queue and a gateway that fail in the ways they can.

const (
	server      = "s1"
	maxSkew     = 2500 * time.Millisecond // of a clock: two of them are 5 s apart at most
	maxIndexLag = 50 * time.Second
	processes   = 3
	// rowsFollow is how long a change may take from its commit to the rows of the connections, with an administrator's
	// repeating it.
	rowsFollow = 45 * time.Second
)

// profile is what kind of history a seed makes.
type profile struct {
	faults     float64 // how probable a fault is at each external call
	largeSince time.Duration
	large      bool
	becomes    bool // large is what the server is becoming; otherwise what it was, and no longer is
	limit      int  // DirectPushLimit
	posts      int  // at a time
	jump       bool // over a transition
	fast       bool // revocations are told at once, too
}

type world struct {
	t       testing.TB
	seed    uint64
	profile profile
	start   time.Time

	store     *chattest.Store
	stream    *cloudtest.Stream
	queue     *cloudtest.Queue
	processes []*process
	running   sync.WaitGroup
	ids       atomic.Int64
	calm      atomic.Bool // no faults any more
	quiet     atomic.Bool // nobody does anything any more but what clients do by themselves

	mu         sync.Mutex
	violations []string
	counts     map[string]int // of what a fate was drawn for
	faults     map[string]int
	conns      map[string]*conn
	committed  map[chat.MessageKey]time.Time // when it was taken back, by true time
	sees       map[sight]bool
	lost       map[sight]time.Time // since when it is known to all that this is out of sight
	sightAt    map[string]time.Time
	due        []due
	givenUp    []events.DynamoDBEventRecord
	trace      []string
}

type sight struct{ account, channel string }

// due is a notice that a connection must be told.
type due struct {
	conn  *conn
	key   chat.MessageKey
	event chat.Event
	at    time.Time
}

func newWorld(t testing.TB, seed uint64) *world {
	w := &world{
		t: t, seed: seed, start: time.Now(), store: chattest.NewStore(), conns: map[string]*conn{},
		counts: map[string]int{}, faults: map[string]int{}, committed: map[chat.MessageKey]time.Time{},
		sees: map[sight]bool{}, lost: map[sight]time.Time{}, sightAt: map[string]time.Time{},
	}
	w.profile = profile{
		faults: []float64{0, 0.01, 0.03, 0.08}[w.pick("faults", 4)],
		large:  w.pick("large", 2) == 1, becomes: w.pick("becomes", 2) == 1,
		largeSince: []time.Duration{0, chat.Transition - 2*time.Minute, chat.Transition + time.Minute}[w.pick("since", 3)],
		limit:      []int{2, 5, 40}[w.pick("limit", 3)],
		posts:      []int{1, 8}[w.pick("posts", 2)],
		jump:       w.pick("jump", 12) == 0,
		fast:       w.pick("fast", 2) == 1,
	}
	w.store.Stored = w.stored
	w.stream = &cloudtest.Stream{
		Lanes: 3, BatchSize: 10, Bisect: true, MaxRetries: 10_000, MaxRecordAge: 15 * time.Minute, Timeout: 30 * time.Second,
		Duplicates: 0.05, Chance: w.chance, Handler: w.notify,
		Failed: func(records []events.DynamoDBEventRecord) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.givenUp = append(w.givenUp, records...)
		},
	}
	w.queue = &cloudtest.Queue{
		BatchSize: 10, Concurrency: 4, VisibilityTimeout: 6 * time.Minute, MaxReceiveCount: 5, Timeout: time.Minute,
		Duplicates: 0.03, Chance: w.chance, Handler: w.push,
	}
	for i := range processes {
		w.processes = append(w.processes, w.newProcess(i))
	}
	return w
}

// process is what a function's execution environment keeps: its clock, and what its services remember.
type process struct {
	clock         chat.Clock
	sender        chat.Sender
	revocations   chat.Revocations
	histories     chat.Histories
	syncs         chat.Syncs
	sessions      chat.Sessions
	subscriptions chat.Subscriptions
	communities   chat.Communities
	notify        edge.StreamHandler
	push          edge.QueueHandler
}

func (w *world) newProcess(i int) *process {
	skew := time.Duration((w.draw("skew", fmt.Sprint(i))*2 - 1) * float64(maxSkew))
	clock := func() time.Time { return time.Now().Add(skew) }
	v, g := view{w}, gateway{w}
	always := chat.Window(chat.NoLimit)
	notifier := func(budget time.Duration) *chat.Notifier {
		return &chat.Notifier{
			Messages: v, Audience: v, Deliveries: v, Rights: v, Sessions: v, Gateway: g, Queue: tasks{w}, Encode: wire.EncodeNotices,
			Clock: clock, Concurrency: w.profile.posts, Budget: budget, DirectPushLimit: w.profile.limit,
		}
	}
	var fast chat.FastPath
	if w.profile.fast {
		fast = chat.FastPath{Queue: tasks{w}, Failed: func(context.Context, error) {}}
	}
	e := edge.Edge{Log: slog.New(slog.NewJSONHandler(io.Discard, nil)), Clock: clock}
	limit := chat.FrameLimit{Counter: v, Most: 1_000}
	first, later := notifier(3*time.Second), notifier(20*time.Second)
	return &process{
		clock:       clock,
		sender:      chat.Sender{Standings: v, Messages: v, Clock: clock, NewID: w.newID, Limit: limit},
		revocations: chat.Revocations{Standings: v, Messages: v, Clock: clock, Windows: chat.Windows{Own: &always, Moderator: &always}, Limit: limit, Fast: fast},
		histories:   chat.Histories{Standings: v, Messages: v, Clock: clock, Limit: limit},
		syncs:       chat.Syncs{Updates: v, Sights: v, Clock: clock, Retention: 24 * time.Hour, Limit: limit},
		sessions:    chat.Sessions{Store: v, Gateway: g, Clock: clock, MaxConnections: 10, Limit: limit},
		subscriptions: chat.Subscriptions{
			Store: v, Sights: v, Clock: clock, Limit: limit, Most: chat.DefaultMaxSubscriptions,
		},
		communities: chat.Communities{Store: v, Clock: clock, LargeServer: largeServer},
		notify: edge.Stream(e, "notify", parseKey, func(ctx context.Context, records []chat.Stored) edge.Outcome {
			return edge.Pushed(first.Notify(ctx, records))
		}),
		push: edge.Queue(e, "push", form.DecodeTask, func(ctx context.Context, tasks []chat.Task) edge.Outcome {
			return edge.Pushed(later.Push(ctx, tasks))
		}),
	}
}

func (w *world) newID(time.Time) string { return fmt.Sprintf("m%06d", w.ids.Add(1)) }

// draw is a number in [0, 1) that depends on the seed and on what it is for, and on how often that was drawn.
func (w *world) draw(parts ...string) float64 {
	what := strings.Join(parts, "|")
	w.mu.Lock()
	w.counts[what]++
	n := w.counts[what]
	w.mu.Unlock()
	hash := fnv.New64a()
	fmt.Fprintf(hash, "%d|%s|%d", w.seed, what, n)
	x := hash.Sum64() // its high bits are spread badly for texts that differ at the end
	x ^= x >> 33
	x *= 0xff51afd7ed558ccd
	x ^= x >> 33
	x *= 0xc4ceb9fe1a85ec53
	x ^= x >> 33
	return float64(x>>11) / (1 << 53)
}

func (w *world) pick(what string, n int) int { return int(w.draw(what) * float64(n)) }

func (w *world) chance(what string, p float64) bool { return !w.calm.Load() && w.draw(what) < p }

// between is a time of a distribution that has many small and few large ones.
func (w *world) between(what string, least, most time.Duration) time.Duration {
	return least + time.Duration(float64(most-least)*math.Pow(w.draw(what), 3))
}

// invocation is one run of a function. When it is killed, whatever its code still does has no effect.
type invocation struct {
	name string
	dead atomic.Bool
}

type invocationKey struct{}

var errKilled = errors.New("the process was killed")

// invoke runs f as an invocation by one of the processes; the name makes its fate. What a dead one returns is lost.
func (w *world) invoke(ctx context.Context, name string, f func(context.Context, *process) error) error {
	p := w.processes[w.pick("process of "+name, len(w.processes))]
	inv := &invocation{name: name}
	err := f(context.WithValue(ctx, invocationKey{}, inv), p)
	if inv.dead.Load() {
		return errKilled
	}
	return err
}

func (w *world) notify(ctx context.Context, event events.DynamoDBEvent) (response events.DynamoDBEventResponse, err error) {
	err = w.invoke(ctx, "notify", func(ctx context.Context, p *process) (err error) {
		response, err = p.notify(ctx, event)
		return err
	})
	return response, err
}

func (w *world) push(ctx context.Context, event events.SQSEvent) (response events.SQSEventResponse, err error) {
	err = w.invoke(ctx, "push", func(ctx context.Context, p *process) (err error) {
		response, err = p.push(ctx, event)
		return err
	})
	return response, err
}

// fate is what happens to one external call.
type fate int

const (
	fine         fate = iota
	killedBefore      // the process ends, and the call was not made
	killedAfter       // it was made
	throttled         // it was refused
	answerLost        // it was done, and an error was answered
	strange           // what only this kind of call knows: a false 410, a hanging client
)

// call makes an external call: some time passes before and after it takes effect, and a fault may befall it.
func call[T any](ctx context.Context, w *world, op, args string, effect func(context.Context) (T, error)) (T, error) {
	var none T
	inv, _ := ctx.Value(invocationKey{}).(*invocation)
	if inv == nil {
		panic("a call outside of an invocation: " + op)
	}
	if inv.dead.Load() {
		return none, errKilled
	}
	decided := w.fate(inv, op, args)
	defer w.traced("%s: %s %s, fate %d", inv.name, op, args, decided)
	if !w.wait(ctx, op) || ctx.Err() != nil {
		return none, &chat.Error{Code: chat.Busy, Err: ctx.Err()}
	}
	switch decided {
	case killedBefore:
		inv.dead.Store(true)
	case throttled:
		return none, &chat.Error{Code: chat.Busy}
	}
	if inv.dead.Load() {
		return none, errKilled
	}
	result, err := effect(context.WithoutCancel(ctx))
	w.wait(ctx, op)
	switch decided {
	case killedAfter:
		inv.dead.Store(true)
	case answerLost:
		return none, &chat.Error{Code: chat.Busy}
	}
	if inv.dead.Load() {
		return none, errKilled
	}
	return result, err
}

func (w *world) fate(inv *invocation, op, args string) fate {
	if w.outage(op) {
		return throttled
	}
	if w.calm.Load() || w.draw("fault", inv.name, op, args) >= w.profile.faults {
		return fine
	}
	decided := []fate{killedBefore, killedAfter, throttled, answerLost, strange}[w.pick("kind of fault", 5)]
	w.mu.Lock()
	w.faults[fmt.Sprint(op, " ", decided)]++
	w.mu.Unlock()
	return decided
}

// outage tells whether the service answers nothing but errors at present: some do for ten seconds or more.
func (w *world) outage(op string) bool {
	if w.calm.Load() || w.profile.faults == 0 {
		return false
	}
	hash := fnv.New32a()
	fmt.Fprint(hash, time.Since(w.start)/(10*time.Second), op, w.seed)
	return hash.Sum32()%100 < 2
}

// wait lets some time pass; false when ctx ended first.
func (w *world) wait(ctx context.Context, op string) bool {
	timer := time.NewTimer(w.between("latency of "+op, time.Millisecond, 30*time.Millisecond))
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// stored is the stream's record of a write.
func (w *world) stored(s chat.Stored) {
	w.stream.Put(events.DynamoDBOperationType(s.Kind.Name()), s.Key.ServerID+"#"+s.Key.ChannelID, fmt.Sprintf("%015d#%s", s.Key.Timestamp, s.Key.MsgServerID))
}

func parseKey(pk, sk string) (key chat.MessageKey, err error) {
	server, channel, _ := strings.Cut(pk, "#")
	_, err = fmt.Sscanf(sk, "%015d#%s", &key.Timestamp, &key.MsgServerID)
	key.ServerID, key.ChannelID = server, channel
	return key, err
}

func (w *world) violated(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.violations = append(w.violations, fmt.Sprintf("%7.3fs ", time.Since(w.start).Seconds())+fmt.Sprintf(format, args...))
}

// traced notes what happens, for whoever looks for the reason of a violation.
func (w *world) traced(format string, args ...any) {
	if !*historyTrace {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.trace = append(w.trace, fmt.Sprintf("%9.3fs ", time.Since(w.start).Seconds())+fmt.Sprintf(format, args...))
}

// tasks is the queue as push and notify have it.
type tasks struct{ w *world }

func (q tasks) Enqueue(ctx context.Context, task chat.Task) error {
	body, err := form.EncodeTask(task)
	if err != nil {
		return err
	}
	_, err = call(ctx, q.w, "Enqueue", fmt.Sprint(task.Part, task.Records, task.Attempt), func(context.Context) (struct{}, error) {
		q.w.queue.Send(body, task.Delay)
		return struct{}{}, nil
	})
	return err
}

// visible is who sees what, of the truth.
func (w *world) visible(account, channel string) bool {
	standing, err := w.store.Standing(context.Background(), server, channel, account)
	if err != nil {
		w.t.Error(err)
	}
	return standing.CanSee()
}

// changed follows a write of the community: who sees what now.
func (w *world) changed() {
	for _, account := range accounts {
		for _, channel := range channels {
			at, seen := sight{account, channel}, w.visible(account, channel)
			w.mu.Lock()
			if w.sees[at] != seen {
				w.sightAt[account] = time.Now()
			}
			if w.sees[at] = seen; seen {
				delete(w.lost, at)
			}
			w.mu.Unlock()
		}
	}
}

// answered: from now on nobody may be told what they do not see.
func (w *world) answered() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for at, seen := range w.sees {
		if _, known := w.lost[at]; !seen && !known {
			w.lost[at] = time.Now()
		}
	}
}

// expectTold notes which connections must be told of a message that was just written or taken back.
func (w *world) expectTold(m chat.Message, event chat.Event) {
	deliveries, err := w.store.Deliveries(context.Background(), []string{server})
	if err != nil {
		w.t.Error(err)
	}
	delivery, now := deliveries[server], time.Now()
	origin := m.From
	if event == chat.MessageUpdated {
		origin = m.Revocation.Operator
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if event == chat.MessageUpdated {
		w.committed[m.MessageKey] = now
	}
	for _, c := range w.conns {
		if c.ended || !c.open || now.Sub(c.openedAt) < 10*time.Second || !w.sees[sight{c.device.account, m.ChannelID}] ||
			origin.AccountID == c.device.account && origin.Device == c.device.id {
			continue
		}
		if now.Sub(w.sightAt[c.device.account]) < rowsFollow {
			continue // its rows in the audience may still be on their way; the stamps of sync tell its client to read the history
		}
		subscribed, ok := c.subscribed[m.ChannelID]
		ok = ok && now.Sub(subscribed) > 10*time.Second
		// Whoever connected when everybody was told is, until it is subscribers only; the others have to subscribe.
		mode := delivery.Mode(now)
		if ok && mode != chat.ToAll || c.whole && mode != chat.ToSubscribers {
			w.due = append(w.due, due{c, m.MessageKey, event, now})
		}
	}
}

func sortedKeys(m map[string]int) []string {
	var keys []string
	for k, n := range m {
		keys = append(keys, fmt.Sprintf("%s: %d", k, n))
	}
	slices.Sort(keys)
	return keys
}
