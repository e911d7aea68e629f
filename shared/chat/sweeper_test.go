package chat_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"unsend/shared/chat"
	"unsend/shared/chat/chattest"
)

// cleanup is a server with two channels in which three people have talked, and a sweeper of it.
type cleanup struct {
	*chat.Administration
	*chat.Sweeper
	store *chattest.Store
	now   time.Time
	jobs  []chat.JobRef // those that wait
	waits []time.Duration
	down  error // of the queue; nil: it works
	sent  int
}

func (c *cleanup) EnqueueJob(_ context.Context, job chat.JobRef, delay time.Duration) error {
	if c.down != nil {
		return c.down
	}
	c.jobs = append(c.jobs, job)
	c.waits = append(c.waits, delay)
	return nil
}

type tester interface {
	Helper()
	Fatal(...any)
	Fatalf(string, ...any)
	Errorf(string, ...any)
	Context() context.Context
}

func newCleanup(t tester) *cleanup {
	t.Helper()
	c := &cleanup{store: chattest.NewStore(), now: time.UnixMilli(1_767_225_600_000)}
	// Every reading of the clock is a little later than the one before.
	var turn sync.Mutex
	clock := func() time.Time {
		turn.Lock()
		defer turn.Unlock()
		c.now = c.now.Add(time.Millisecond)
		return c.now
	}
	window := chat.Window(120_000)
	windows := chat.Windows{Own: &window, Moderator: &window}
	newID := func(time.Time) string { c.sent++; return fmt.Sprintf("m%06d", c.sent) }
	c.Administration = &chat.Administration{Store: c.store, Jobs: c, Clock: clock, NewID: newID, Windows: windows}
	c.Sweeper = &chat.Sweeper{Store: c.store, Queue: c, Clock: clock, Windows: windows, Budget: time.Second}
	ctx := t.Context()
	c.must(t)(c.PutServer(ctx, chat.Write{}, "s1", chat.ServerPolicy{OwnerID: "owner"}))
	c.must(t)(c.PutRole(ctx, chat.Write{}, "s1", chat.Role{ID: "mod", Priority: 1, Grant: grants(chat.RevokeMemberMessage)}))
	for _, account := range []string{"mallory", "alice", "mod"} {
		profile := chat.Profile{Nick: account}
		if account == "mod" {
			profile.Roles = []string{"mod"}
		}
		c.must(t)(c.PutMember(ctx, chat.Write{}, "s1", account, profile))
	}
	for _, channel := range []string{"c1", "c2"} {
		c.must(t)(c.PutChannel(ctx, chat.Write{}, "s1", channel, chat.ChannelPolicy{}))
	}
	return c
}

func (c *cleanup) must(t tester) func(any, error) {
	return func(_ any, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
}

// talk has the accounts send n messages in turn, in the channels in turn.
func (c *cleanup) talk(t tester, n int, accounts ...string) {
	t.Helper()
	for i := range n {
		c.must(t)(c.Administration.Send(t.Context(), chat.Write{}, accounts[i%len(accounts)], chat.SendRequest{
			ServerID: "s1", ChannelID: fmt.Sprint("c", 1+i/len(accounts)%2), MsgID: fmt.Sprint("x", c.sent), Content: chat.Content{Body: "SECRET"},
		}))
	}
}

// rows are the messages of a channel.
func (c *cleanup) rows(t tester, channel string) []chat.Message {
	t.Helper()
	page, err := c.store.History(t.Context(), chat.HistoryQuery{ServerID: "s1", ChannelID: channel, Limit: 100_000, Now: c.now})
	if err != nil {
		t.Fatal(err)
	}
	return page.Messages
}

// left counts an account's messages that are still to be read.
func (c *cleanup) left(t tester, account string) (n int) {
	t.Helper()
	for _, channel := range []string{"c1", "c2"} {
		for _, m := range c.rows(t, channel) {
			if m.From.AccountID == account && m.Status == chat.Normal {
				n++
			}
		}
	}
	return n
}

// settle works until nothing waits. The waits are waited for.
func (c *cleanup) settle(t tester) {
	t.Helper()
	for range 10_000 {
		if len(c.jobs) == 0 {
			return
		}
		job, wait := c.jobs[0], c.waits[0]
		c.jobs, c.waits = c.jobs[1:], c.waits[1:]
		c.now = c.now.Add(wait)
		if _, err := c.Work(t.Context(), job); err != nil {
			c.must(t)(nil, c.EnqueueJob(t.Context(), job, time.Minute)) // as the queue does
		}
	}
	t.Fatal("the jobs come to no end")
}

func (c *cleanup) job(t tester, kind chat.JobKind, id string) chat.Job {
	t.Helper()
	job, err := c.Administration.Job(t.Context(), chat.JobRef{ServerID: "s1", Kind: kind, ID: id})
	if err != nil {
		t.Fatal(err)
	}
	return job
}

func sweepOf(account string) chat.SweepRequest {
	return chat.SweepRequest{ServerID: "s1", ID: "one", AccountID: account, OperatorID: "office", Info: chat.UpdateInfo{Postscript: "spam"}}
}

func TestSweep(t *testing.T) {
	t.Parallel()
	c := newCleanup(t)
	c.talk(t, 600, "mallory", "alice")
	dry := sweepOf("mallory")
	dry.ID, dry.DryRun = "dry", true
	c.must(t)(c.began(c.Sweep(t.Context(), chat.Write{}, dry)))
	c.settle(t)
	if job := c.job(t, chat.SweepJob, "dry"); job.FinishedAt == 0 || job.Counts != (chat.JobCounts{Channels: 2, Found: 300}) || c.left(t, "mallory") != 300 {
		t.Errorf("the dry run: %+v, %d left", job, c.left(t, "mallory"))
	}
	c.must(t)(c.began(c.Sweep(t.Context(), chat.Write{}, sweepOf("mallory"))))
	c.talk(t, 10, "mallory") // goes on after the sweep was asked for
	c.settle(t)
	job := c.job(t, chat.SweepJob, "one")
	if job.FinishedAt == 0 || job.Counts != (chat.JobCounts{Channels: 2, Found: 300, Revoked: 300}) {
		t.Errorf("%+v", job)
	}
	if c.left(t, "mallory") != 10 || c.left(t, "alice") != 300 {
		t.Errorf("left %d of mallory's, %d of alice's", c.left(t, "mallory"), c.left(t, "alice"))
	}
	for _, m := range c.rows(t, "c1") {
		if m.Status == chat.Revoked && (m.Version != 2 || m.Revocation.Operator != chat.Actor{AccountID: "office", ClientType: chat.REST} || m.Revocation.Info.Postscript != "spam") {
			t.Fatalf("%+v", m.Revocation)
		}
	}
	if again, created, err := c.Sweep(t.Context(), chat.Write{}, sweepOf("mallory")); err != nil || created || again.FinishedAt != job.FinishedAt || len(c.jobs) > 0 {
		t.Errorf("asked for again: %+v, %v, %v", again, created, err)
	}
}

// began drops the job.
func (c *cleanup) began(job chat.Job, _ bool, err error) (any, error) { return job, err }

// What was sent before the sweep, and was still on its way to the table when its channel was read, is found at the end.
func TestSweepFindsWhatWasOnItsWay(t *testing.T) {
	t.Parallel()
	c := newCleanup(t)
	c.talk(t, 4, "mallory")
	sentAt := c.now
	c.must(t)(c.began(c.Sweep(t.Context(), chat.Write{}, sweepOf("mallory"))))
	if _, err := c.Work(t.Context(), c.jobs[0]); err != nil {
		t.Fatal(err)
	}
	if left := c.left(t, "mallory"); left != 0 {
		t.Errorf("%d are left at first", left)
	}
	c.must(t)(c.store.PutMessage(t.Context(), chat.Message{
		MessageKey: chat.MessageKey{ServerID: "s1", ChannelID: "c1", Timestamp: sentAt.UnixMilli(), MsgServerID: "late"},
		MsgID:      "late", From: chat.Actor{AccountID: "mallory"}, Version: 1,
	}, sentAt))
	c.settle(t)
	if job := c.job(t, chat.SweepJob, "one"); c.left(t, "mallory") != 0 || job.Counts != (chat.JobCounts{Channels: 2, Found: 5, Revoked: 5}) {
		t.Errorf("%d left, %+v", c.left(t, "mallory"), job.Counts)
	}
}

// Who was banned just before had a message on its way that is dated later than the sweep.
func TestSweepFindsTheLastMessageOfWhoWasBanned(t *testing.T) {
	t.Parallel()
	for _, banned := range []bool{true, false} {
		c := newCleanup(t)
		c.talk(t, 4, "mallory")
		if banned {
			c.must(t)(c.PutBan(t.Context(), chat.Write{}, "s1", "mallory"))
		}
		c.must(t)(c.began(c.Sweep(t.Context(), chat.Write{}, sweepOf("mallory"))))
		late := c.now.Add(3 * time.Second)
		c.must(t)(c.store.PutMessage(t.Context(), chat.Message{
			MessageKey: chat.MessageKey{ServerID: "s1", ChannelID: "c2", Timestamp: late.UnixMilli(), MsgServerID: "late"},
			MsgID:      "late", From: chat.Actor{AccountID: "mallory"}, Version: 1,
		}, late))
		c.settle(t)
		if left := c.left(t, "mallory"); (left == 0) != banned {
			t.Errorf("banned %v: %d left", banned, left)
		}
	}
}

// Who leaves long after the sweep was asked for goes on having sent what was sent since.
func TestSweepLeavesWhatWasSentLongAfter(t *testing.T) {
	t.Parallel()
	c := newCleanup(t)
	c.talk(t, 4, "mallory")
	c.must(t)(c.began(c.Sweep(t.Context(), chat.Write{}, sweepOf("mallory"))))
	c.now = c.now.Add(time.Minute) // nobody worked on it so far
	c.talk(t, 2, "mallory")
	c.must(t)(c.PutBan(t.Context(), chat.Write{}, "s1", "mallory"))
	c.settle(t)
	if left := c.left(t, "mallory"); left != 2 {
		t.Errorf("%d are left, want those of a minute later", left)
	}
}

// What a bound sweep has not come to becomes too old for its operator while it waits.
func TestSweepWhoseWindowPasses(t *testing.T) {
	t.Parallel()
	c := newCleanup(t)
	c.talk(t, 1_200, "mallory")
	r := sweepOf("mallory")
	r.OperatorID = ""
	c.must(t)(c.began(c.Sweep(t.Context(), chat.Write{ActingAs: "mod"}, r)))
	c.Budget = 1 // one page
	for range 3 {
		job := c.jobs[0]
		c.jobs, c.waits = c.jobs[1:], c.waits[1:]
		if _, err := c.Work(t.Context(), job); err != nil {
			t.Fatal(err)
		}
	}
	c.now = c.now.Add(119 * time.Second) // of 120
	c.Budget = time.Second
	c.settle(t)
	job := c.job(t, chat.SweepJob, "one")
	if left := c.left(t, "mallory"); job.FinishedAt == 0 || job.Counts.Revoked+left != 1_200 || left == 0 || job.Counts.Revoked == 0 {
		t.Errorf("%+v, %d left", job, left)
	}
}

// A range that has not begun is nothing to sweep.
func TestSweepSinceLater(t *testing.T) {
	t.Parallel()
	c := newCleanup(t)
	c.talk(t, 4, "mallory")
	r := sweepOf("mallory")
	r.Since = chat.MaxTimestamp
	c.must(t)(c.began(c.Sweep(t.Context(), chat.Write{}, r)))
	c.settle(t)
	if job := c.job(t, chat.SweepJob, "one"); job.FinishedAt == 0 || job.Counts != (chat.JobCounts{}) || c.left(t, "mallory") != 4 {
		t.Errorf("%+v", job)
	}
}

// A deletion that stopped goes on with that of its server, which no longer finds the channel.
func TestDeletingAServerResumesItsChannels(t *testing.T) {
	t.Parallel()
	c := newCleanup(t)
	c.talk(t, 20, "mallory")
	_, _, err := c.DeleteChannel(t.Context(), chat.Write{}, "s1", "c1")
	c.must(t)(nil, err)
	c.jobs, c.waits = nil, nil // lost
	_, _, err = c.DeleteServer(t.Context(), chat.Write{}, "s1")
	c.must(t)(nil, err)
	c.settle(t)
	if left := len(c.rows(t, "c1")) + len(c.rows(t, "c2")); left != 0 || c.job(t, chat.ChannelJob, "c1").FinishedAt == 0 {
		t.Errorf("%d messages are left", left)
	}
}

// What is asked for again by its name alone goes on.
func TestResume(t *testing.T) {
	t.Parallel()
	c := newCleanup(t)
	c.talk(t, 20, "mallory")
	c.must(t)(c.began(c.Sweep(t.Context(), chat.Write{}, sweepOf("mallory"))))
	c.jobs, c.waits = nil, nil // lost
	c.must(t)(c.Resume(t.Context(), chat.JobRef{ServerID: "s1", Kind: chat.SweepJob, ID: "one"}))
	c.settle(t)
	if c.left(t, "mallory") != 0 {
		t.Error("it does not go on")
	}
	if _, err := c.Resume(t.Context(), chat.JobRef{ServerID: "s1", Kind: chat.SweepJob, ID: "none"}); chat.CodeOf(err) != chat.NotFound {
		t.Error(err)
	}
}

// Nothing is put into a server that was deleted, and its owner cannot go before.
func TestNothingJoinsADeletedServer(t *testing.T) {
	t.Parallel()
	c := newCleanup(t)
	_, _, err := c.DeleteServer(t.Context(), chat.Write{}, "s1")
	c.must(t)(nil, err)
	c.settle(t)
	if _, err := c.PutServer(t.Context(), chat.Write{}, "s1", chat.ServerPolicy{OwnerID: "victim"}); chat.CodeOf(err) != chat.Conflict {
		t.Error(err)
	}
	if servers, err := c.store.Memberships(t.Context(), "victim"); err != nil || len(servers) > 0 {
		t.Errorf("the founder of nothing is in %v, %v", servers, err)
	}
	for what, err := range map[string]error{
		"a member":  second(c.store.ChangeMember(t.Context(), "s1", "victim", chat.Act{At: c.now}, func(m *chat.Member) error { m.Join(c.now); return nil })),
		"a channel": second(c.store.ChangeChannel(t.Context(), "s1", "new", chat.Act{At: c.now}, func(*chat.Channel) error { return nil })),
	} {
		if chat.CodeOf(err) != chat.Conflict {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func second[T any](_ T, err error) error { return err }

// In one channel, since a time: nothing else is touched.
func TestSweepOfAChannelSinceATime(t *testing.T) {
	t.Parallel()
	c := newCleanup(t)
	c.talk(t, 10, "mallory")
	since := c.now.UnixMilli() + 1
	c.now = c.now.Add(time.Second)
	c.talk(t, 10, "mallory")
	r := sweepOf("mallory")
	r.ChannelID, r.Since = "c2", since
	c.must(t)(c.began(c.Sweep(t.Context(), chat.Write{}, r)))
	c.settle(t)
	if job := c.job(t, chat.SweepJob, "one"); job.Counts != (chat.JobCounts{Channels: 1, Found: 5, Revoked: 5}) || c.left(t, "mallory") != 15 {
		t.Errorf("%+v, %d left", job.Counts, c.left(t, "mallory"))
	}
}

// Rights and windows of the account that the back end acts as bind the sweep, channel by channel.
func TestSweepActingAs(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		actingAs string
		prepare  func(t *testing.T, c *cleanup)
		code     chat.Code
		counts   chat.JobCounts
	}{
		"a moderator":    {"mod", nil, chat.OK, chat.JobCounts{Channels: 2, Found: 20, Revoked: 20}},
		"the author":     {"mallory", nil, chat.OK, chat.JobCounts{Channels: 2, Found: 20, Revoked: 20}},
		"nobody special": {"alice", nil, chat.Forbidden, chat.JobCounts{}},
		"a stranger":     {"eve", nil, chat.Forbidden, chat.JobCounts{}},
		"too late":       {"mod", func(_ *testing.T, c *cleanup) { c.now = c.now.Add(time.Hour) }, chat.OK, chat.JobCounts{Channels: 2}},
		"a hidden channel": {"mod", func(t *testing.T, c *cleanup) {
			c.must(t)(c.PutChannel(t.Context(), chat.Write{}, "s1", "c2", chat.ChannelPolicy{ViewMode: chat.Private}))
		}, chat.OK, chat.JobCounts{Channels: 1, Found: 10, Revoked: 10}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCleanup(t)
			c.talk(t, 20, "mallory")
			if test.prepare != nil {
				test.prepare(t, c)
			}
			r := sweepOf("mallory")
			r.OperatorID = ""
			_, _, err := c.Sweep(t.Context(), chat.Write{ActingAs: test.actingAs}, r)
			if chat.CodeOf(err) != test.code {
				t.Fatal(err)
			}
			c.settle(t)
			if test.code != chat.OK {
				return
			}
			if got := c.job(t, chat.SweepJob, "one").Counts; got != test.counts {
				t.Errorf("%+v, want %+v", got, test.counts)
			}
		})
	}
}

// deadly makes the n-th call of the store fail, before or after it has taken effect: the worker dies there.
type deadly struct {
	mu    sync.Mutex
	n     int
	after bool
	calls int
}

var errKilled = errors.New("killed")

func (d *deadly) hook(after bool) func(string) error {
	return func(string) error {
		d.mu.Lock()
		defer d.mu.Unlock()
		if !after {
			d.calls++
		}
		if d.n > 0 && d.calls >= d.n && after == d.after {
			return errKilled
		}
		return nil
	}
}

// Whatever dies when: each is revoked once, each row removed, and both are counted once.
func TestJobsSurviveKills(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		c := newCleanup(t)
		n := rapid.IntRange(0, 700).Draw(t, "messages")
		c.talk(t, n, "mallory", "alice")
		mallorys := c.left(t, "mallory")
		kind := rapid.SampledFrom(chat.JobKinds()).Draw(t, "kind")
		id := map[chat.JobKind]string{chat.SweepJob: "one", chat.ChannelJob: "c1", chat.ServerJob: "s1"}[kind]
		inFirst := len(c.rows(t, "c1"))
		switch kind {
		case chat.SweepJob:
			c.must(t)(c.began(c.Sweep(t.Context(), chat.Write{}, sweepOf("mallory"))))
		case chat.ChannelJob:
			job, _, err := c.DeleteChannel(t.Context(), chat.Write{}, "s1", "c1")
			c.must(t)(job, err)
		case chat.ServerJob:
			job, _, err := c.DeleteServer(t.Context(), chat.Write{}, "s1")
			c.must(t)(job, err)
		}
		for range rapid.IntRange(0, 5).Draw(t, "kills") {
			if len(c.jobs) == 0 {
				break
			}
			d := &deadly{n: rapid.IntRange(1, 120).Draw(t, "call"), after: rapid.Bool().Draw(t, "after")}
			c.store.Before, c.store.After = d.hook(false), d.hook(true)
			job, wait := c.jobs[0], c.waits[0]
			c.now = c.now.Add(wait)
			if _, err := c.Work(t.Context(), job); err == nil {
				c.jobs, c.waits = c.jobs[1:], c.waits[1:]
			}
			c.store.Before, c.store.After = nil, nil
		}
		if rapid.Bool().Draw(t, "twice") && len(c.jobs) > 0 {
			c.must(t)(nil, c.EnqueueJob(t.Context(), c.jobs[0], 0))
		}
		c.settle(t)
		job := c.job(t, kind, id)
		if job.FinishedAt == 0 {
			t.Fatalf("unfinished: %+v", job)
		}
		want := map[chat.JobKind]chat.JobCounts{
			chat.SweepJob:   {Channels: 2, Found: mallorys, Revoked: mallorys},
			chat.ChannelJob: {Channels: 1, Removed: inFirst},
			chat.ServerJob:  {Channels: 2, Removed: n + 2 + 4}, // with two channels and four members
		}[kind]
		if job.Counts != want {
			t.Errorf("counted %+v, want %+v", job.Counts, want)
		}
		c.checkEnd(t, kind, n)
	})
}

func (c *cleanup) checkEnd(t tester, kind chat.JobKind, n int) {
	t.Helper()
	switch rows := slices.Concat(c.rows(t, "c1"), c.rows(t, "c2")); kind {
	case chat.SweepJob:
		for _, m := range rows {
			if gone := m.From.AccountID == "mallory"; gone != (m.Status == chat.Revoked) || gone && m.Version != 2 {
				t.Fatalf("%+v", m)
			}
		}
	case chat.ChannelJob:
		if left := c.rows(t, "c1"); len(left) != 0 || n > 3 && len(rows) == 0 {
			t.Errorf("%d messages are left in the channel, %d in all", len(left), len(rows))
		}
	case chat.ServerJob:
		if members, err := c.store.Members(t.Context(), "s1", []string{"owner", "mallory", "alice", "mod"}); err != nil || len(members) != 0 || len(rows) != 0 {
			t.Errorf("%d messages and %d members are left (%v)", len(rows), len(members), err)
		}
	}
}

// paceOf counts how much a job spends.
type paceOf struct {
	mu sync.Mutex
	n  int
}

func (p *paceOf) Wait(context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.n++
	return nil
}

// Each KB that is written waits for its turn, and so does what is read, a twelfth of that.
func TestJobsKeepToThePace(t *testing.T) {
	t.Parallel()
	for _, kind := range chat.JobKinds() {
		c := newCleanup(t)
		c.talk(t, 1000, "mallory", "alice")
		pace := &paceOf{}
		c.Pace = pace
		least := 0
		switch kind {
		case chat.SweepJob:
			c.must(t)(c.began(c.Sweep(t.Context(), chat.Write{}, sweepOf("mallory"))))
			least = 2*500 + 1000/12 // with entries of the index
		case chat.ChannelJob:
			_, _, err := c.DeleteChannel(t.Context(), chat.Write{}, "s1", "c1")
			c.must(t)(nil, err)
			least = 500
		case chat.ServerJob:
			_, _, err := c.DeleteServer(t.Context(), chat.Write{}, "s1")
			c.must(t)(nil, err)
			least = 1000
		}
		c.settle(t)
		if pace.n < least || pace.n > least*13/10 {
			t.Errorf("%s has waited for %d turns, want %d or little more", kind, pace.n, least)
		}
	}
}

// A table that is busy is waited for in the queue; a queue that refuses has the job delivered again.
func TestJobsWaitForABusyTable(t *testing.T) {
	t.Parallel()
	c := newCleanup(t)
	c.talk(t, 10, "mallory")
	c.must(t)(c.began(c.Sweep(t.Context(), chat.Write{}, sweepOf("mallory"))))
	job := c.jobs[0]
	c.jobs, c.waits = nil, nil
	c.store.Before = func(op string) error {
		if op == "RevokeMessage" {
			return &chat.Error{Code: chat.Busy}
		}
		return nil
	}
	report, err := c.Work(t.Context(), job)
	if err != nil || chat.CodeOf(report.Busy) != chat.Busy || len(c.jobs) != 1 || c.waits[0] < 5*time.Second || c.waits[0] > time.Minute {
		t.Errorf("%+v, %v, waits %v", report, err, c.waits)
	}
	c.store.Before = nil
	c.settle(t)
	if job := c.job(t, chat.SweepJob, "one"); job.Counts.Revoked != 10 {
		t.Errorf("%+v", job)
	}
}

// slowQueue takes its time, as an SDK that repeats.
type slowQueue struct{ took time.Duration }

func (q *slowQueue) EnqueueJob(ctx context.Context, _ chat.JobRef, _ time.Duration) error {
	select {
	case <-time.After(q.took):
		return nil
	case <-ctx.Done():
		return &chat.Error{Code: chat.Busy, Err: ctx.Err()}
	}
}

// One failure of the queue had the job wait for its visibility timeout, six minutes: there was a second for all attempts. After the time
// of the work itself there still is no more.
func TestTheQueueHasTimeForAnotherAttempt(t *testing.T) {
	for name, c := range map[string]struct {
		took, left time.Duration
		want       chat.Code
	}{
		"a slow queue":   {4 * time.Second, time.Minute, chat.OK},
		"one that hangs": {time.Hour, time.Minute, chat.Busy},
		"little time":    {4 * time.Second, 2 * time.Second, chat.Busy},
		"a second more":  {2500 * time.Millisecond, 2 * time.Second, chat.OK},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store, now := chattest.NewStore(), time.Now()
				job := chat.Job{JobRef: chat.JobRef{ServerID: "s1", Kind: chat.SweepJob, ID: "one"}, CreatedAt: now.UnixMilli(), UpdatedAt: now.UnixMilli(), Sweep: &chat.Sweep{AccountID: "a"}}
				if _, _, err := store.PutJob(t.Context(), job, chat.Act{At: now}); err != nil {
					t.Fatal(err)
				}
				ctx, cancel := context.WithTimeout(t.Context(), c.left)
				defer cancel()
				began := time.Now()
				w := &chat.Sweeper{Store: store, Queue: &slowQueue{took: c.took}, Clock: time.Now, Budget: time.Second}
				_, err := w.Work(ctx, job.JobRef) // the end of a sweep waits for what is on its way
				if chat.CodeOf(err) != c.want || time.Since(began) > 6*time.Second {
					t.Errorf("%v after %v", err, time.Since(began))
				}
			})
		})
	}
}

// A member who has begun a sweep with its own rights waits for its end; the back end and others do not.
func TestAnAccountSweepsOnceAtATime(t *testing.T) {
	t.Parallel()
	c := newCleanup(t)
	sweep := func(actingAs, id string) error {
		r := sweepOf("mallory")
		r.ID, r.DryRun = id, true
		if actingAs != "" {
			r.OperatorID = ""
		}
		_, _, err := c.Sweep(t.Context(), chat.Write{ActingAs: actingAs}, r)
		return err
	}
	refused := func(err error) {
		t.Helper()
		if e, ok := errors.AsType[*chat.Error](err); !ok || e.Code != chat.Conflict || e.Reason != "first is at work: wait until it is done" {
			t.Error(err)
		}
	}
	for actingAs, id := range map[string]string{"mallory": "first", "mod": "of mod", "": "of the office"} {
		c.must(t)(nil, sweep(actingAs, id))
	}
	c.must(t)(nil, sweep("", "of the office, too"))
	refused(sweep("mallory", "second"))
	c.settle(t)
	c.must(t)(nil, sweep("mallory", "second"))
}

// A sweep that nobody works on would bar its operator for ever: asking for another one has it go on.
func TestASweepThatBarsAnotherGoesOn(t *testing.T) {
	t.Parallel()
	c := newCleanup(t)
	sweep := func(id string) chat.Code {
		r := sweepOf("mallory")
		r.ID, r.OperatorID = id, ""
		_, _, err := c.Sweep(t.Context(), chat.Write{ActingAs: "mod"}, r)
		return chat.CodeOf(err)
	}
	ask := func(want chat.Code, jobs int) {
		t.Helper()
		if code := sweep("second"); code != want || len(c.jobs) != jobs {
			t.Errorf("code %d, want %d; %d jobs wait, want %d", code, want, len(c.jobs), jobs)
		}
	}
	if code := sweep("first"); code != chat.OK {
		t.Fatal(code)
	}
	c.jobs, c.waits = nil, nil // it is lost
	ask(chat.Conflict, 0)
	c.now = c.now.Add(2 * time.Minute)
	c.down = &chat.Error{Code: chat.Busy}
	ask(chat.Busy, 0)
	c.down = nil
	ask(chat.Conflict, 1)
	c.settle(t)
	ask(chat.OK, 1)
}
