package chattest

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"unsend/shared/chat"
)

var jobTests = map[string]func(*suite){
	"a job comes back as it was put, once":               testPutJob,
	"an account sweeps in its own name once at a time":   testOneBoundSweep,
	"one of twenty bound sweeps begins":                  testTwentyBoundSweeps,
	"sweeps of one moment have an entry each":            testSweepsOfOneMoment,
	"jobs are listed by kind and id":                     testJobs,
	"one of two gets on with a job":                      testSaveJob,
	"a deleted channel is gone, and stays gone":          testDeleteChannel,
	"a deleted server is gone, and stays gone":           testDeleteServer,
	"a deletion is judged on the row as it is":           testDeletionIsJudged,
	"a deleted channel makes room for another":           testDeletionMakesRoom,
	"traces are an account's messages, the newest first": testTraces,
	"traces go on page by page":                          testTracePages,
	"a channel's rows are removed, and no others":        testRemoveChannel,
	"a server's members leave their accounts":            testRemoveMembers,
}

func (s *suite) sweep(id string) chat.Job {
	return chat.Job{
		JobRef:    chat.JobRef{ServerID: s.server, Kind: chat.SweepJob, ID: id},
		CreatedAt: s.now.UnixMilli(), UpdatedAt: s.now.UnixMilli(),
		Sweep: &chat.Sweep{
			AccountID: "mallory", ChannelID: "c1", Since: 5, DryRun: true,
			Operator: chat.Actor{AccountID: "olga", Nick: "Ol", ClientType: chat.REST},
			Info:     chat.UpdateInfo{Postscript: "p", Extension: "e", PushContent: "c", PushPayload: "l"},
		},
	}
}

func testPutJob(s *suite) {
	want := s.sweep("one")
	want.Sweep.Bound = true
	stored, created, err := s.store.PutJob(s.Context(), want, chat.Act{At: s.now, Action: chat.ActionPutSweep})
	s.ok(err)
	want.Version = 1
	same(s, stored, want)
	other := s.sweep("one")
	other.Sweep.AccountID = "another"
	stored, again, err := s.store.PutJob(s.Context(), other, chat.Act{At: s.now, Action: chat.ActionPutSweep})
	s.ok(err)
	same(s, stored, want)
	if !created || again {
		s.Errorf("created %v, then %v", created, again)
	}
	same(s, got(s.store.Job(s.Context(), want.JobRef))(s), want)
	_, err = s.store.Job(s.Context(), chat.JobRef{ServerID: s.server, Kind: chat.ChannelJob, ID: "one"})
	s.code(err, chat.NotFound)
}

// begin puts the sweep.
func (s *suite) begin(id string) error {
	_, _, err := s.store.PutJob(s.Context(), s.sweep(id), chat.Act{At: s.now, Action: chat.ActionPutSweep})
	return err
}

// beginBound puts the sweep in the operator's name.
func (s *suite) beginBound(id, operator string) (chat.Job, bool, error) {
	job := s.sweep(id)
	job.Sweep.Bound, job.Sweep.Operator.AccountID = true, operator
	return s.store.PutJob(s.Context(), job, chat.Act{At: s.now, Action: chat.ActionPutSweep})
}

// begins wants the sweep to begin in the operator's name.
func (s *suite) begins(id, operator string) {
	s.Helper()
	if _, created, err := s.beginBound(id, operator); err != nil || !created {
		s.Errorf("%s of %s: created %v, %v", id, operator, created, err)
	}
}

// barred wants it to be refused while the other one is at work.
func (s *suite) barred(id, operator, by string) {
	s.Helper()
	other, created, err := s.beginBound(id, operator)
	s.code(err, chat.Conflict)
	if other.ID != by || created {
		s.Errorf("%s of %s: created %v, barred by %q", id, operator, created, other.ID)
	}
	_, err = s.store.Job(s.Context(), s.sweep(id).JobRef)
	s.code(err, chat.NotFound)
}

// finish ends a sweep.
func (s *suite) finish(id string) {
	s.Helper()
	job := got(s.store.Job(s.Context(), s.sweep(id).JobRef))(s)
	job.FinishedAt = s.now.UnixMilli()
	got(s.store.SaveJob(s.Context(), job))(s)
}

func testOneBoundSweep(s *suite) {
	s.ok(s.begin("office's"))
	s.begins("one", "olga")
	s.barred("two", "olga", "one")
	s.begins("moe's", "moe")
	s.ok(s.begin("office's too")) // in olga's name, but not with her rights
	for _, there := range []string{"one", "office's", "moe's"} {
		if job, created, err := s.beginBound(there, "olga"); err != nil || created || job.ID != there {
			s.Errorf("%s again: created %v, %+v, %v", there, created, job, err)
		}
	}
	s.finish("one")
	s.begins("two", "olga")
	s.barred("three", "olga", "two")
	if _, created, err := s.beginBound("one", "olga"); err != nil || created { // which is finished
		s.Errorf("one again: created %v, %v", created, err)
	}
	s.barred("three", "olga", "two")
	s.finish("two")
	s.begins("three", "olga")
}

func testTwentyBoundSweeps(s *suite) {
	begun := ""
	for round := range 2 {
		id := func(i int) string { return fmt.Sprintf("job%d of round %d", i, round) }
		outcomes := atOnce(20, func(i int) error {
			_, _, err := s.beginBound(id(i), "olga")
			for chat.CodeOf(err) == chat.Busy { // they are in each other's way
				_, _, err = s.beginBound(id(i), "olga")
			}
			return err
		})
		var winners []string
		for i, err := range outcomes {
			if err == nil {
				winners = append(winners, id(i))
				continue
			}
			s.code(err, chat.Conflict)
		}
		if len(winners) != 1 {
			s.Fatalf("round %d: %q began at once, after %q", round, winners, begun)
		}
		begun = winners[0]
		s.finish(begun)
	}
}

// An entry's key had the time, and nothing of the sweep: the second of one account in one ms took the first one's place.
func testSweepsOfOneMoment(s *suite) {
	for _, id := range []string{"one", "two", "three"} {
		s.ok(s.begin(id))
		s.ok(s.begin(id))
	}
	page := got(s.store.Audit(s.Context(), chat.AuditQuery{ServerID: s.server, Until: s.now.UnixMilli() + 1, Limit: 100, Now: s.now}))(s)
	told := map[string]int{}
	for _, entry := range page.Entries {
		if e := entry.Policy; e != nil && e.Action == chat.ActionPutSweep {
			told[strings.Fields(e.Changes[0])[2]]++ // dry run ID of …
		}
	}
	same(s, told, map[string]int{"one": 1, "two": 1, "three": 1})
}

func testJobs(s *suite) {
	for i := range 5 {
		_, _, err := s.store.PutJob(s.Context(), s.sweep(fmt.Sprint("job", i)), chat.Act{At: s.now, Action: chat.ActionPutSweep})
		s.ok(err)
	}
	got(s.store.ChangeChannel(s.Context(), s.server, "z", chat.Act{At: s.now}, func(*chat.Channel) error { return nil }))(s)
	got(s.store.DeleteChannel(s.Context(), s.server, "z", chat.Act{At: s.now}, allowed[chat.Channel]))(s)
	var (
		ids   []string
		after *chat.JobRef
		err   error
	)
	for more := true; more; {
		var page []chat.Job
		page, more, err = s.store.Jobs(s.Context(), s.server, after, 2)
		s.ok(err)
		for _, job := range page {
			ids = append(ids, string(job.Kind)+"/"+job.ID)
			after = &job.JobRef
		}
	}
	same(s, ids, []string{"channel/z", "sweep/job0", "sweep/job1", "sweep/job2", "sweep/job3", "sweep/job4"})
	none, more, err := s.store.Jobs(s.Context(), s.server+"x", nil, 2)
	s.ok(err)
	if len(none) != 0 || more {
		s.Errorf("a server without jobs has %d", len(none))
	}
}

func testSaveJob(s *suite) {
	job, _, err := s.store.PutJob(s.Context(), s.sweep("one"), chat.Act{At: s.now, Action: chat.ActionPutSweep})
	s.ok(err)
	job.Place = chat.Place{Stage: 1, ChannelID: "c7", Message: &chat.MessageRef{Timestamp: 7, MsgServerID: "m"}, Row: "r"}
	job.Counts = chat.JobCounts{Channels: 1, Found: 2, Revoked: 3, Refused: 4, Removed: 5}
	job.UpdatedAt++
	outcomes := atOnce(8, func(int) error { _, err := s.store.SaveJob(s.Context(), job); return err })
	saved := 0
	for _, err := range outcomes {
		if err == nil {
			saved++
		} else {
			s.code(err, chat.Stale)
		}
	}
	if saved != 1 {
		s.Errorf("%d of 8 got on", saved)
	}
	job.Version++
	same(s, got(s.store.Job(s.Context(), job.JobRef))(s), job)
	job.FinishedAt = job.UpdatedAt
	done := got(s.store.SaveJob(s.Context(), job))(s)
	same(s, got(s.store.Job(s.Context(), job.JobRef))(s), done)
}

func testDeleteChannel(s *suite) {
	everything(s)
	later := s.now.Add(time.Minute)
	job := got(s.store.DeleteChannel(s.Context(), s.server, s.channel, chat.Act{At: later}, allowed[chat.Channel]))(s)
	same(s, job, chat.Job{
		JobRef:    chat.JobRef{ServerID: s.server, Kind: chat.ChannelJob, ID: s.channel},
		CreatedAt: later.UnixMilli(), UpdatedAt: later.UnixMilli(), Version: 1,
	})
	if standing := s.standing("alice"); standing.CanSee() || standing.Channel.ID != "" {
		s.Errorf("the channel is still seen: %+v", standing.Channel)
	}
	again := got(s.store.DeleteChannel(s.Context(), s.server, s.channel, chat.Act{At: later.Add(time.Hour)}, allowed[chat.Channel]))(s)
	same(s, again, job)
	_, err := s.store.ChangeChannel(s.Context(), s.server, s.channel, chat.Act{At: s.now}, func(*chat.Channel) error { return nil })
	s.code(err, chat.Conflict)
	_, err = s.store.DeleteChannel(s.Context(), s.server, "never", chat.Act{At: s.now}, allowed[chat.Channel])
	s.code(err, chat.NotFound)
	if sights := got(s.store.Sights(s.Context(), s.server, s.account("alice")))(s); len(sights.Channels) != 0 {
		s.Errorf("catch-up sees %d channels", len(sights.Channels))
	}
}

func allowed[T any](T) error { return nil }

func testDeleteServer(s *suite) {
	everything(s)
	job := got(s.store.DeleteServer(s.Context(), s.server, chat.Act{At: s.now}, allowed[chat.Server]))(s)
	if job.Kind != chat.ServerJob || job.ID != s.server || job.Version != 1 {
		s.Errorf("%+v", job)
	}
	standing := s.standing("alice")
	if standing.CanSee() || standing.IsMember() || standing.Server.Version != 0 {
		s.Errorf("the server is still there: %+v", standing)
	}
	sights := got(s.store.Sights(s.Context(), s.server, s.account("alice")))(s)
	rights := got(s.store.Rights(s.Context(), s.server, []string{s.channel}, 0))(s)
	if sights.Server.ID != "" || rights.Server.ID != "" {
		s.Error("catch-up or pushes still know the server")
	}
	same(s, got(s.store.DeleteServer(s.Context(), s.server, chat.Act{At: s.now.Add(time.Hour)}, allowed[chat.Server]))(s), job)
	_, err := s.store.ChangeServer(s.Context(), s.server, chat.Act{At: s.now}, func(*chat.Server) error { return nil })
	s.code(err, chat.Conflict)
	_, err = s.store.DeleteServer(s.Context(), s.server+"x", chat.Act{At: s.now}, allowed[chat.Server])
	s.code(err, chat.NotFound)
}

func testDeletionIsJudged(s *suite) {
	_, channel, _, _ := everything(s)
	no := &chat.Error{Code: chat.Stale}
	_, err := s.store.DeleteChannel(s.Context(), s.server, s.channel, chat.Act{At: s.now}, func(c chat.Channel) error {
		same(s, c, channel)
		return no
	})
	s.code(err, chat.Stale)
	_, err = s.store.DeleteServer(s.Context(), s.server, chat.Act{At: s.now}, func(chat.Server) error { return no })
	s.code(err, chat.Stale)
	if standing := s.standing("alice"); standing.Channel.Version == 0 || standing.Server.Version == 0 {
		s.Error("a refused deletion has deleted")
	}
	jobs, _, err := s.store.Jobs(s.Context(), s.server, nil, 10)
	s.ok(err)
	if len(jobs) != 0 {
		s.Errorf("a refused deletion left %d jobs", len(jobs))
	}
}

func testDeletionMakesRoom(s *suite) {
	everything(s)
	add := func(i int) error {
		_, err := s.store.ChangeChannel(s.Context(), s.server, fmt.Sprint("x", i), chat.Act{At: s.now}, func(*chat.Channel) error { return nil })
		return err
	}
	for i := range chat.MaxChannelsPerServer - 1 {
		s.ok(add(i))
	}
	s.code(add(100), chat.Conflict)
	got(s.store.DeleteChannel(s.Context(), s.server, "x7", chat.Act{At: s.now}, allowed[chat.Channel]))(s)
	s.ok(add(100))
	s.code(add(101), chat.Conflict)
	s.code(add(7), chat.Conflict)
	if ids := got(s.store.ChannelIDs(s.Context(), s.server))(s); len(ids) != chat.MaxChannelsPerServer || !slices.IsSorted(ids) || slices.Contains(ids, "x7") {
		s.Errorf("%d channels: %v", len(ids), ids)
	}
}

// sentAt stores a message of the account, some ms after the test's time.
func (s *suite) sentAt(account string, after int64) chat.Message {
	s.Helper()
	return s.put(account, func(m *chat.Message) { m.Timestamp += after; m.UpdatedAt += after })
}

func traceOf(m chat.Message) chat.Trace {
	t := chat.Trace{MessageRef: ref(m), Status: m.Status, UpdatedAt: m.UpdatedAt, ExpiresAt: m.ExpiresAt}
	if m.Revocation != nil {
		t.OperatorID = m.Revocation.Operator.AccountID
	}
	return t
}

func (s *suite) traces(since, until int64) chat.TraceQuery {
	from := s.now.UnixMilli()
	return chat.TraceQuery{ServerID: s.server, ChannelID: s.channel, AccountID: s.account("mallory"), Since: from + since, Until: from + until, Limit: 100}
}

func testTraces(s *suite) {
	s.sentAt("mallory", 0)
	first := s.sentAt("mallory", 1)
	s.sentAt("alice", 2)
	second := s.sentAt("mallory", 3)
	last := s.put("mallory", func(m *chat.Message) { m.Timestamp += 4; m.ExpiresAt = 7 })
	s.sentAt("mallory", 5)
	revoked := got(s.store.RevokeMessage(s.Context(), chat.RevokeWrite{
		Key: second.MessageKey, Now: s.now.Add(time.Second), Permitted: true,
		Revocation: chat.Revocation{Operator: chat.Actor{AccountID: "olga", ClientType: chat.REST}},
	}))(s)
	page := got(s.store.Traces(s.Context(), s.traces(1, 4)))(s)
	if page.KB < 1 || page.KB > 4*4 {
		s.Errorf("read %d KB", page.KB)
	}
	page.KB = 0
	same(s, page, chat.TracePage{Traces: []chat.Trace{traceOf(last), traceOf(revoked), traceOf(first)}, Read: 4})
	same(s, got(s.store.Traces(s.Context(), s.traces(5, 4)))(s), chat.TracePage{})
	behind := s.traces(3, 4)
	behind.After = &chat.MessageRef{Timestamp: first.Timestamp, MsgServerID: first.MsgServerID}
	same(s, got(s.store.Traces(s.Context(), behind))(s), chat.TracePage{})
}

func testTracePages(s *suite) {
	var want, found []chat.MessageRef
	for i := range int64(20) {
		if i%3 == 0 {
			want = append(want, ref(s.sentAt("mallory", i/2))) // two of one ms, at times
		} else {
			s.sentAt("alice", i/2)
		}
	}
	slices.SortFunc(want, func(a, b chat.MessageRef) int { return compareRefs(b, a) })
	q := s.traces(0, 100)
	q.Limit = 3
	for pages := 0; ; pages++ {
		page := got(s.store.Traces(s.Context(), q))(s)
		for _, t := range page.Traces {
			found = append(found, t.MessageRef)
		}
		if page.Read > q.Limit || pages > 20 {
			s.Fatalf("page %d has looked at %d rows", pages, page.Read)
		}
		if q.After = page.Next; page.Next == nil {
			break
		}
	}
	same(s, found, want)
}

// emptied removes all of an area, two rows at a time, each of which was listed in order.
func (s *suite) emptied(a chat.Area) (n int) {
	s.Helper()
	a.ServerID = s.server
	for {
		rows := got(s.store.Remains(s.Context(), a, 2))(s).Rows
		if len(rows) == 0 {
			return n
		}
		if !slices.IsSorted(rows) || len(rows) > 2 || n > 1000 {
			s.Fatalf("rows %q after %d", rows, n)
		}
		s.ok(s.store.Remove(s.Context(), a, rows))
		s.ok(s.store.Remove(s.Context(), a, rows))
		n += len(rows)
	}
}

func testRemoveChannel(s *suite) {
	everything(s)
	for i := range int64(5) {
		s.sentAt("alice", i)
	}
	beside := s.put("alice", func(m *chat.Message) { m.ChannelID += "x" })
	_, err := s.store.ChangePersonal(s.Context(), s.server, s.channel+"x", s.account("alice"), chat.Act{At: s.now}, func(p *chat.Personal) error {
		p.Black = true
		return nil
	})
	s.ok(err)
	if n := s.emptied(chat.Area{ChannelID: s.channel, Rows: chat.MessageRows}); n != 5 {
		s.Errorf("%d messages", n)
	}
	if n := s.emptied(chat.Area{ChannelID: s.channel, Rows: chat.PersonalRows}); n != 1 {
		s.Errorf("%d personal rows", n)
	}
	s.emptied(chat.Area{ChannelID: s.channel, Rows: chat.ListRows})
	s.emptied(chat.Area{ChannelID: s.channel, Rows: chat.TallyRows})
	if n := s.emptied(chat.Area{ChannelID: s.channel, Rows: chat.PolicyRows}); n != 1 {
		s.Errorf("%d policies", n)
	}
	page := got(s.store.History(s.Context(), chat.HistoryQuery{ServerID: s.server, ChannelID: s.channel, Limit: 10, Now: s.now}))(s)
	if standing := s.standing("alice"); len(page.Messages) > 0 || standing.Personal.Version > 0 || standing.Channel.Version > 0 || standing.Member.Version == 0 {
		s.Errorf("left %d messages, %+v", len(page.Messages), standing)
	}
	same(s, s.read(beside.MessageKey), beside)
	rights := got(s.store.Rights(s.Context(), s.server, []string{s.channel, s.channel + "x"}, s.now.UnixMilli()))(s)
	if len(rights.Lists[s.channel]) != 0 || len(rights.Lists[s.channel+"x"]) != 1 {
		s.Errorf("lists %+v", rights.Lists)
	}
}

func testRemoveMembers(s *suite) {
	everything(s)
	for _, account := range []string{"bob", "carol", "dave"} {
		s.member(account, join(s.now))
	}
	s.member("carol", ban)
	s.member("dave", leave)
	other := s.server + "x"
	got(s.store.ChangeMember(s.Context(), other, s.account("bob"), chat.Act{At: s.now}, join(s.now)))(s)
	if n := s.emptied(chat.Area{Rows: chat.MemberRows}); n != 4 {
		s.Errorf("%d members", n)
	}
	s.emptied(chat.Area{Rows: chat.TallyRows})
	s.emptied(chat.Area{Rows: chat.PolicyRows})
	if n := s.count(); n != 0 {
		s.Errorf("the server counts %d members", n)
	}
	for account, want := range map[string]int{"alice": 0, "bob": 1, "carol": 0, "dave": 0} {
		if servers := got(s.store.Memberships(s.Context(), s.account(account)))(s); len(servers) != want {
			s.Errorf("%s is still in %d servers", account, len(servers))
		}
	}
	// The account has room for as many servers as before.
	for i := range chat.MaxServersPerAccount - 1 {
		_, err := s.store.ChangeMember(s.Context(), fmt.Sprint(s.server, "y", i), s.account("bob"), chat.Act{At: s.now}, join(s.now))
		s.ok(err)
	}
	_, err := s.store.ChangeMember(s.Context(), s.server+"z", s.account("bob"), chat.Act{At: s.now}, join(s.now))
	s.code(err, chat.Conflict)
}
