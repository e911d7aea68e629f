package e2e

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	unsend "unsend/clients/go"
	"unsend/e2e/soak"
	"unsend/scripts/unsend/serverapi"
	"unsend/shared/chat"
	"unsend/shared/cloudtest/history"
)

// The soak: many devices, administrators and a back end at once, for long, while processes of the functions are
// killed. What everybody did and was told goes into a history.Ledger, which judges it in the end.
const (
	// soakVariable asks for the test: for how long traffic goes on.
	soakVariable = "UNSEND_SOAK"
	// soakSeedVariable repeats the choices of a run, though not the times at which they meet.
	soakSeedVariable = "UNSEND_SOAK_SEED"
	// soakDocsVariable names a folder that gets the page soak.md and its plot.
	soakDocsVariable = "UNSEND_SOAK_DOCS"

	soakServers  = 5 // the last one is large
	soakAccounts = 12
	soakStable   = 2 // channels that stay; a server has one more, which is deleted and replaced now and then
)

// soakRun is one run.
type soakRun struct {
	*target
	t      *testing.T
	id     string
	seed   uint64
	length time.Duration

	api    *serverapi.Client
	ledger *history.Ledger
	pace   *soak.Pace
	meter  *soakMeter

	servers  []*soakServer
	accounts []string
	devices  []*soaker
	began    time.Time // of the traffic

	carried    float64       // requests a second
	slowed     time.Duration // for so long less was asked for
	cuts       map[string][]time.Time
	shown      int // violations
	messages   int // in the tables
	audited    int
	viewed     int
	stayers    int // connections
	stayed     int
	redriven   int
	goroutines map[string][2]int // of a process that has worked for long, and of a new one
	clients    [2]int            // goroutines before and after
	settling   soak.Bound

	quiet   context.Context // ends when nobody does anything any more
	hush    context.CancelFunc
	acting  sync.WaitGroup
	running context.Context // ends when the devices go
	leave   context.CancelFunc
	living  sync.WaitGroup
}

// soakServer is a community as its administrator left it.
type soakServer struct {
	id      string
	large   bool
	members []string

	mu       sync.Mutex
	channels []string // the stable ones, and the one that is replaced
	gone     []string
	recent   map[string][]unsend.Message // of each channel, those acknowledged lately
	jobs     []soakJob
}

type soakJob struct{ kind, id string }

// TestSoak is about the local stack alone: it ends processes. No test may run beside it.
func TestSoak(t *testing.T) {
	text := os.Getenv(soakVariable)
	if text == "" {
		t.Skip("set " + soakVariable + "=5m, or use scripts/test --soak 5m")
	}
	length, err := time.ParseDuration(text)
	if err != nil {
		t.Fatalf("%s: %v", soakVariable, err)
	}
	where := whereProcessesEnd(t)
	goroutines := runtime.NumGoroutine()
	r := newSoak(t, where.target, length)
	r.setUp()
	r.traffic()
	defer r.report() // also where it ends on its way
	r.settle()
	r.judge()
	r.leaveAll()
	r.clientsLeftNothing(goroutines)
	r.countGoroutines()
}

func newSoak(t *testing.T, on *target, length time.Duration) *soakRun {
	r := &soakRun{target: on, t: t, id: random(), length: length, ledger: history.New(), pace: soak.NewPace(0.5), seed: uint64(time.Now().UnixNano() % 1_000_000)}
	if text := os.Getenv(soakSeedVariable); text != "" {
		seed, err := strconv.ParseUint(text, 10, 64)
		r.must(err)
		r.seed = seed
	}
	r.api = serverapi.New(serverapi.Options{URL: r.ServerURL, Region: r.Region, Credentials: r.AWS().Credentials})
	r.quiet, r.hush = context.WithCancel(t.Context())
	r.running, r.leave = context.WithCancel(t.Context())
	t.Cleanup(r.leaveAll) // also where the test fails on its way
	t.Logf("seed %d: scripts/test --soak %v --seed %d", r.seed, length, r.seed)
	return r
}

// community is for what other tests do with theirs.
func (r *soakRun) community() *community { return &community{target: r.target, t: r.t} }

// random gives a source of its own to each part of the run, so that their choices do not depend on who comes first.
func (r *soakRun) random(part uint64) *rand.Rand { return rand.New(rand.NewPCG(r.seed, part)) }

func (r *soakRun) must(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

func (r *soakRun) since() time.Duration { return time.Since(r.began) }

// setUp makes the communities, of which nobody is online yet.
func (r *soakRun) setUp() {
	for i := range soakAccounts {
		r.accounts = append(r.accounts, fmt.Sprintf("a%d-%s", i, r.id))
	}
	for i := range soakServers {
		s := &soakServer{id: fmt.Sprintf("soak-%s-%d", r.id, i+1), large: i == soakServers-1, recent: map[string][]unsend.Message{}}
		for k, account := range r.accounts {
			if s.large || (k+i)%2 == 0 {
				s.members = append(s.members, account)
			}
		}
		r.servers = append(r.servers, s)
		r.create(s)
	}
	for k, account := range r.accounts {
		r.addDevice(account, "phone", false, false)
		r.addDevice(account, "desk", true, false)
		if k%2 == 0 {
			r.addDevice(account, "tablet", false, true)
		}
	}
}

// create makes a server by the Server API. In the first one windows are short; in the others there are none.
func (r *soakRun) create(s *soakServer) {
	ctx := r.running
	noLimit := int64(-1)
	policy := serverapi.ServerPolicy{Owner: r.owner()}
	if s != r.servers[0] {
		policy.Windows = serverapi.Windows{Own: &noLimit, Moderator: &noLimit}
	}
	_, err := r.api.PutServer(ctx, serverapi.Write{}, s.id, policy)
	r.must(err)
	_, err = r.api.PutRole(ctx, serverapi.Write{}, s.id, "mod", serverapi.RolePolicy{Priority: 1, Grant: serverapi.Grant{Allow: []string{"RevokeMemberMessage"}}})
	r.must(err)
	_, err = r.api.PutRole(ctx, serverapi.Write{}, s.id, "crew", serverapi.RolePolicy{Priority: 2})
	r.must(err)
	for i := range soakStable + 1 {
		channel := fmt.Sprint("c", i+1)
		_, err = r.api.PutChannel(ctx, serverapi.Write{}, s.id, channel, serverapi.ChannelPolicy{ViewMode: "public"})
		r.must(err)
		s.channels = append(s.channels, channel)
	}
	for _, account := range s.members {
		_, err = r.api.PutMember(ctx, serverapi.Write{}, s.id, account, serverapi.Profile{Roles: r.rolesOf(account)})
		r.must(err)
	}
	if s.large {
		r.makeLarge(s)
	}
	for _, account := range s.members {
		r.look(s, true, r.sightsOf(s, account)...)
	}
}

func (r *soakRun) owner() string { return "owner-" + r.id }

// rolesOf are those that an account has from the start: every third is a moderator, every second of the crew.
func (r *soakRun) rolesOf(account string) (roles []string) {
	k := slices.Index(r.accounts, account)
	if k%3 == 0 {
		roles = append(roles, "mod")
	}
	if k%2 == 0 {
		roles = append(roles, "crew")
	}
	return roles
}

// makeLarge writes a number of members that makes the server a large one, which it has long been.
func (r *soakRun) makeLarge(s *soakServer) {
	deliveries, err := r.store.Deliveries(r.running, []string{s.id})
	r.must(err)
	is := chat.Delivery{Members: r.LargeServerMembers + len(s.members), Large: true, Since: time.Now().Add(-chat.Transition).UnixMilli()}
	r.must(r.store.ChangeDelivery(r.running, s.id, deliveries[s.id], is))
	r.ledger.Large(s.id)
}

// look reads who sees what, and tells the ledger.
func (r *soakRun) look(s *soakServer, answered bool, sights ...history.Sight) {
	for _, at := range sights {
		standing, err := r.store.Standing(r.running, s.id, at.ChannelID, at.Account)
		if err != nil {
			r.t.Errorf("read who sees %s: %v", at.ChannelID, err)
			continue
		}
		r.ledger.Seen(at, standing.CanSee(), answered, time.Now())
	}
}

// sightsOf are an account's of the server's channels.
func (r *soakRun) sightsOf(s *soakServer, account string) (sights []history.Sight) {
	for _, channel := range s.there() {
		sights = append(sights, history.Sight{Account: account, ServerID: s.id, ChannelID: channel})
	}
	return sights
}

// sightsIn are everybody's of a channel.
func (s *soakServer) sightsIn(channel string) func() []history.Sight {
	var sights []history.Sight
	for _, account := range s.members {
		sights = append(sights, history.Sight{Account: account, ServerID: s.id, ChannelID: channel})
	}
	return func() []history.Sight { return sights }
}

// there are the channels that are there.
func (s *soakServer) there() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.channels)
}

// lately keeps what can be taken back.
func (s *soakServer) lately(m unsend.Message) {
	const most = 40
	s.mu.Lock()
	defer s.mu.Unlock()
	list := append(s.recent[m.ChannelID], m)
	s.recent[m.ChannelID] = list[max(0, len(list)-most):]
}

// pick chooses a channel that is there, and what was said there lately.
func (s *soakServer) pick(random *rand.Rand) (channel string, recent []unsend.Message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	channel = s.channels[random.IntN(len(s.channels))]
	return channel, slices.Clone(s.recent[channel])
}
