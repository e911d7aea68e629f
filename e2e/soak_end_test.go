package e2e

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	unsend "unsend/clients/go"
	"unsend/e2e/soak"
	"unsend/scripts/benchmark/machine"
	"unsend/scripts/unsend/serverapi"
	"unsend/shared/chat"
	"unsend/shared/cloudtest/cfn"
	"unsend/shared/queue"
)

// clientsLeftNothing wants as many goroutines as there were before, once idle connections to the stack have ended.
func (r *soakRun) clientsLeftNothing(before int) {
	r.clients = [2]int{before, 0}
	for deadline := time.Now().Add(3 * time.Minute); ; time.Sleep(time.Second) {
		http.DefaultClient.CloseIdleConnections()
		r.clients[1] = runtime.NumGoroutine()
		if r.clients[1] <= before+soak.MoreGoroutines {
			return
		}
		if time.Now().After(deadline) {
			stacks := make([]byte, 1<<20)
			r.t.Errorf("%d goroutines, and %d before the run:\n%s", r.clients[1], before, stacks[:runtime.Stack(stacks, true)])
			return
		}
	}
}

// trigger prepares an invocation of a function, and gives what makes it happen.
type trigger func(ctx context.Context, n int) (fire func())

func (r *soakRun) triggers(client *unsend.Client) map[string]trigger {
	s := r.servers[1]
	device := r.devices[slices.IndexFunc(r.devices, func(d *soaker) bool { return slices.Contains(d.servers, s) })]
	dial := func(ctx context.Context) *unsend.Client {
		c, _ := unsend.Dial(ctx, unsend.Options{URL: r.WebSocketURL, DeviceID: "last", Token: func(context.Context) (string, error) { return device.token() }})
		return c
	}
	connect := func(ctx context.Context, _ int) func() {
		return func() {
			if c := dial(ctx); c != nil {
				_ = c.Close()
			}
		}
	}
	send := func(ctx context.Context, _ int) func() {
		return func() {
			_, _ = client.Send(ctx, unsend.SendRequest{ServerID: s.id, ChannelID: "c1", Content: unsend.Content{Body: "the last"}})
		}
	}
	return map[string]trigger{
		"Authorize": connect, "Connect": connect, "Send": send, "Notify": send, "Record": send,
		"Disconnect": func(ctx context.Context, _ int) func() {
			c := dial(ctx)
			return func() {
				if c != nil {
					_ = c.Close()
				}
			}
		},
		"Revoke": func(ctx context.Context, _ int) func() {
			return func() {
				_, _ = client.Revoke(ctx, unsend.RevokeRequest{MessageKey: unsend.MessageKey{ServerID: s.id, ChannelID: "c1", Timestamp: 1, MsgServerID: "none"}})
			}
		},
		"Read":    func(ctx context.Context, _ int) func() { return func() { _, _ = client.Sync(ctx, s.id, "") } },
		"Session": func(ctx context.Context, _ int) func() { return func() { _, _ = client.Ping(ctx) } },
		"Server":  func(ctx context.Context, _ int) func() { return func() { _, _ = r.api.Server(ctx, s.id) } },
		"Push": func(ctx context.Context, _ int) func() {
			task := chat.Task{ServerID: s.id, Records: []chat.Stored{{Key: chat.MessageKey{ServerID: s.id, ChannelID: "c1", Timestamp: 1, MsgServerID: "none"}, Kind: chat.Inserted}}}
			return func() { _ = queue.New(r.AWS(), r.PushQueueURL).Enqueue(ctx, task) }
		},
		"Sweep": func(ctx context.Context, n int) func() {
			sweep := serverapi.Sweep{Accid: r.accounts[0], Operator: r.owner(), DryRun: true}
			return func() { _, _ = r.api.PutSweep(ctx, serverapi.Write{}, s.id, fmt.Sprint("last", n), sweep) }
		},
	}
}

// soakDumps bounds the time in which all goroutines are counted.
const soakDumps = 20 * time.Minute

// countGoroutines counts those of a process of each function that has worked all the time, and those of a new one, each after the
// same invocations: what is open for a while after one, as a connection, both have.
func (r *soakRun) countGoroutines() {
	d := r.devices[slices.IndexFunc(r.devices, func(d *soaker) bool { return slices.Contains(d.servers, r.servers[1]) })]
	client, err := unsend.Dial(r.t.Context(), unsend.Options{URL: r.WebSocketURL, DeviceID: "witness", RequestTimeout: 10 * time.Second,
		Token: func(context.Context) (string, error) { return d.token() }})
	r.must(err)
	defer func() { _ = client.Close() }()
	r.goroutines = map[string][2]int{}
	triggers := r.triggers(client)
	n := 0
	rest(r.t.Context(), soakIdle)
	for bound, left := soak.NewBound(soakDumps), soakFunctions(); len(left) > 0 && !bound.Over(); left = left[1:] {
		function := left[0]
		counts := [2]int{r.dumpVeteran(function, triggers[function], &n), r.dump(function, triggers[function], &n, 0)}
		r.say("  %-10s %d goroutines after the run, %d in a new process", function, counts[0], counts[1])
		r.goroutines[function] = counts
	}
}

const (
	// soakInvocation is until an invocation that was asked for has begun, by way of a stream or a queue, too.
	soakInvocation = 3 * time.Second
	// soakIdle is how long a function keeps a connection that it does not use, and some.
	soakIdle = 100 * time.Second
)

func (r *soakRun) fire(t trigger, n *int) {
	*n++
	ctx, cancel := context.WithTimeout(r.t.Context(), patience)
	defer cancel()
	t(ctx, *n)()
	rest(ctx, soakInvocation/2)
}

// dumpVeteran is dump for a process that has worked through the run: the others end before. 0: there is none.
func (r *soakRun) dumpVeteran(function string, t trigger, n *int) int {
	veteran, ok := r.meter.veteran(function)
	if !ok {
		return 0
	}
	r.leaveOnly(function, veteran.ID)
	return r.dump(function, t, n, veteran.ID)
}

// leaveOnly ends the function's other processes.
func (r *soakRun) leaveOnly(function string, id int) {
	for _, p := range r.meter.processes() {
		if p.Function == function && p.ID != id {
			_ = syscall.Kill(p.ID, syscall.SIGKILL)
		}
	}
}

// dump counts the goroutines of the process that gets the function's next invocation, after it has got a few. All of its
// processes are stopped before the last, and go on with a SIGQUIT: the local stack logs what a process wrote whose invocation did not end. 0: there is no dump, as where another
// process than only got it; only is 0 where any will do.
func (r *soakRun) dump(function string, t trigger, n *int, only int) (count int) {
	for range 3 {
		r.fire(t, n)
	}
	*n++
	ctx, cancel := context.WithTimeout(r.t.Context(), patience)
	defer cancel()
	fire, began := t(ctx, *n), time.Now()
	if only != 0 {
		r.leaveOnly(function, only)
	}
	var stopped []int
	for _, p := range r.meter.processes() {
		if p.Function == function && syscall.Kill(p.ID, syscall.SIGSTOP) == nil {
			stopped = append(stopped, p.ID)
		}
	}
	fired := make(chan struct{})
	go func() { defer close(fired); fire() }()
	rest(ctx, soakInvocation)
	for _, id := range stopped {
		_ = syscall.Kill(id, syscall.SIGQUIT)
		_ = syscall.Kill(id, syscall.SIGCONT)
	}
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(500 * time.Millisecond) {
		if counts := soak.Goroutines(textOf(r.community().logLines(r.LogGroups[strings.ToLower(function)], began))); len(counts) > 0 {
			<-fired
			return counts[0]
		}
	}
	<-fired
	return 0
}

// report prints what was found, fails for what has leaked, and writes the page where it is asked for.
func (r *soakRun) report() {
	c := r.ledger.Counts()
	report := soak.Report{
		Machine: machine.Name(), Length: r.length, Seed: r.seed, Servers: len(r.servers), Accounts: len(r.accounts), Devices: len(r.devices),
		Carried: r.carried, Held: soakHold * r.carried, Slowed: r.slowed, Sent: c.Sent, Revoked: c.Revoked, Told: c.Told, Unknown: c.Unknown,
		Longest: c.LongestUntilNow, Messages: r.messages, Audited: r.audited, Viewed: r.viewed, Stayers: r.stayers, Stayed: r.stayed, Redriven: r.redriven,
		Functions: r.levels(), Clients: soak.LevelOf(r.meter.clients), ClientGoroutines: r.clients, Curves: r.meter.curves(),
	}
	r.must(report.Print(r.t.Output()))
	for _, fault := range report.Faults(soakFunctions()) {
		r.t.Error(fault)
	}
	folder := os.Getenv(soakDocsVariable)
	if folder == "" || r.t.Failed() {
		return
	}
	plot, err := os.Create(filepath.Join(folder, "soak-memory.svg"))
	r.must(err)
	r.must(report.Plot(plot))
	r.must(plot.Close())
	r.must(os.WriteFile(filepath.Join(folder, "soak.md"), []byte(report.Page("soak-memory.svg")), 0o644))
}

// curves are the memory of the watched processes, as long as they lived.
func (m *soakMeter) curves() map[string][]soak.Sample {
	curves := map[string][]soak.Sample{}
	for _, function := range soakFunctions() {
		if t := m.watched(function); t != nil {
			curves[function] = t.series
		}
	}
	return curves
}

// What the soak kills, watches and dumps are the functions of the template.
func TestTheSoakIsAboutEachFunction(t *testing.T) {
	t.Parallel()
	template, err := cfn.Read("../template.yaml")
	if err != nil {
		t.Fatal(err)
	}
	want := slices.Sorted(maps.Keys(cfn.Resources(template, "AWS::Serverless::Function")))
	s := &soakServer{}
	r := &soakRun{accounts: []string{"a"}, servers: []*soakServer{{}, s}, devices: []*soaker{{servers: []*soakServer{s}}}}
	if got := slices.Sorted(maps.Keys(r.triggers(nil))); !slices.Equal(got, want) {
		t.Errorf("invocations of %v, and the functions are %v", got, want)
	}
	if got := soakFunctions(); !slices.Equal(got, want) {
		t.Errorf("kills %v, and the functions are %v", got, want)
	}
}
