package e2e

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"

	unsend "unsend/clients/go"
	"unsend/e2e/soak"
	"unsend/scripts/unsend/redrive"
	"unsend/scripts/unsend/serverapi"
	"unsend/shared/chat"
	"unsend/shared/cloudtest/history"
	"unsend/shared/queue"
)

const (
	// soakHold is which share of what the stack carries is asked of it.
	soakHold = 0.7
	// soakSettled bounds the time until nothing is on its way any more, in all, and every session is up to date: what a process was
	// killed at comes again after the queue's visibility timeout, 6 minutes, each time.
	soakSettled = 20 * time.Minute
)

// say prints a line of the progress.
func (r *soakRun) say(format string, args ...any) {
	fmt.Fprintf(r.t.Output(), format+"\n", args...)
}

// traffic lets everybody in, finds what the stack carries, and holds a share of it for the length of the run.
func (r *soakRun) traffic() {
	for _, d := range r.devices {
		r.living.Go(d.live)
		r.acting.Go(d.act)
	}
	r.carried = r.calibrate()
	r.pace.Set(soakHold * r.carried)
	r.say("the stack carries %.1f requests a second here; %.1f are asked of it", r.carried, soakHold*r.carried)
	r.began, r.meter = time.Now(), newSoakMeter(r)
	watching, stop := context.WithCancel(r.running)
	var around sync.WaitGroup
	around.Go(func() { r.meter.watch(watching) })
	admin := &soakAdmin{r: r, random: r.random(1)}
	r.acting.Go(admin.work)
	r.acting.Go(func() { r.backEnd(r.random(2)) })
	r.acting.Go(func() { r.meter.kill(r.random(3)) })
	r.progress()
	r.hush()
	r.acting.Wait()
	stop()
	around.Wait()
}

// calibrate asks for more and more, until the turns are not taken any more or a notice waits too long.
func (r *soakRun) calibrate() (carried float64) {
	step := min(10*time.Second, max(4*time.Second, r.length/40))
	rest(r.running, step) // everybody connects
	carried = 2
	for perSecond := 4.0; perSecond < 100; perSecond *= 1.4 {
		before := r.pace.Taken()
		r.pace.Set(perSecond)
		rest(r.running, step)
		taken := float64(r.pace.Taken()-before) / step.Seconds()
		waits := r.ledger.Waiting(time.Now())
		r.say("  asked for %5.1f a second: %5.1f, and the longest wait for a notice is %v", perSecond, taken, waits.Round(100*time.Millisecond))
		if taken < 0.85*perSecond || waits > 3*time.Second {
			break
		}
		carried = taken
	}
	r.pace.Set(0.5)
	for deadline := time.Now().Add(time.Minute); r.ledger.Counts().Due > 0 && time.Now().Before(deadline); {
		rest(r.running, 200*time.Millisecond)
	}
	return carried
}

// progress says how it goes until the time is over, and slows down while too many notices are on their way.
func (r *soakRun) progress() {
	const every = 10 * time.Second
	for next := every; r.since() < r.length && r.running.Err() == nil; {
		rest(r.running, time.Second)
		share := soakHold
		if float64(r.ledger.Counts().Due) > 100*r.carried {
			share /= 4
			r.slowed += time.Second
		}
		r.pace.Set(share * r.carried)
		r.lookAtSessions()
		if r.since() >= next {
			next += every
			r.line()
		}
	}
}

// line says how it goes, and what is new of what must not be.
func (r *soakRun) line() {
	c, violations := r.ledger.Counts(), r.ledger.Violations()
	for _, violation := range violations[r.shown:] {
		r.say("    %s", violation)
	}
	r.shown = len(violations)
	killed, memory := r.meter.kills()
	r.say("%6s  sent %d  revoked %d  told %d  due %d  unknown %d  killed %d  functions %.0f MB  violations %d",
		r.since().Round(time.Second), c.Sent, c.Revoked, c.Told, c.Due, c.Unknown, killed, float64(memory)/(1<<20), len(violations))
}

// settle waits until nothing is on its way, and brings every session up to date.
func (r *soakRun) settle() {
	r.settling = soak.NewBound(soakSettled)
	r.say("settling: what a process was killed at comes again after 6 minutes")
	for _, s := range r.servers {
		for _, job := range s.jobs {
			r.finish(s, job)
		}
	}
	r.deliver()
	r.redrive()
}

// deliver waits until nobody waits for a notice any more, or nothing has moved for so long that none will come.
func (r *soakRun) deliver() {
	const still = 2 * time.Minute
	var before history.Counts
	moved, told := time.Now(), time.Now()
	r.until("everything to be delivered", func() bool {
		r.lookAtSessions()
		now, queued := r.ledger.Counts(), r.queued()
		if now.Due != before.Due || queued > 0 {
			moved = time.Now()
		}
		before = now
		if time.Since(told) > 30*time.Second {
			told = time.Now()
			r.say("  %d tasks are queued, %d notices due", queued, now.Due)
		}
		return queued == 0 && (now.Due == 0 || time.Since(moved) > still)
	})
}

// until waits for what must come, and goes on without where it does not: the judge will say what is missing.
func (r *soakRun) until(what string, ok func() bool) {
	if !r.settling.Wait(r.running, 2*time.Second, ok) {
		r.t.Errorf("not within %v: %s", soakSettled, what)
	}
}

// finish waits for a job's end. Its process may have been killed: an administrator resumes it.
func (r *soakRun) finish(s *soakServer, j soakJob) {
	next := time.Now().Add(time.Minute)
	r.until("the end of "+j.kind+" "+j.id, func() bool {
		job, err := r.api.Job(r.running, s.id, j.kind, j.id)
		if err != nil {
			r.t.Errorf("read the job %s: %v", j.id, err)
			return true
		}
		if job.Done() && j.kind == serverapi.KindSweep {
			r.ledger.Swept(s.id+"/"+j.id, job.Sweep.Since, job.Sweep.Until)
		}
		if !job.Done() && time.Now().After(next) {
			next = time.Now().Add(time.Minute)
			_, _ = r.api.Resume(r.running, s.id, j.kind, j.id) // asked again in a minute
		}
		return job.Done()
	})
}

// lookAtSessions takes what sessions show for told: they may have read it.
func (r *soakRun) lookAtSessions() {
	for _, d := range r.devices {
		if session, ok := d.online().(*unsend.Session); ok {
			d.lookAt(session)
		}
	}
}

// queued is how many tasks push has left, those that it has at present among them.
func (r *soakRun) queued() (n int) {
	out, err := sqs.NewFromConfig(r.AWS()).GetQueueAttributes(r.running, &sqs.GetQueueAttributesInput{QueueUrl: &r.PushQueueURL, AttributeNames: []sqstypes.QueueAttributeName{sqstypes.QueueAttributeNameAll}})
	if err != nil {
		r.t.Errorf("read the push queue: %v", err)
		return 0
	}
	for _, name := range []string{"ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible", "ApproximateNumberOfMessagesDelayed"} {
		var each int
		_, _ = fmt.Sscan(out.Attributes[name], &each)
		n += each
	}
	return n
}

// redrive replays what was given up, as an operator would, until nothing is.
func (r *soakRun) redrive() {
	items := r.givenUp(true)
	r.redriven = len(items)
	if len(items) > 0 {
		r.until("the replayed to be delivered", func() bool { return r.queued() == 0 })
		items = r.givenUp(false)
	}
	if len(items) > 0 {
		r.t.Errorf("given up, and not to be replayed: %+v", items)
	}
}

func (r *soakRun) givenUp(replay bool) (own []redrive.Item) {
	re := redrive.Redriver{
		Objects: redrive.NewS3(r.AWS(), r.FailureBucket, r.Local()), Letters: redrive.NewSQS(r.AWS(), r.PushDeadLettersURL),
		Queue:    redrive.Bounded(queue.New(r.AWS(), r.PushQueueURL)),
		Recorder: &chat.Recorder{Messages: r.store, Audit: r.store, Clock: time.Now, Retention: r.AuditRetention()},
	}
	_, err := re.Run(r.running, redrive.Options{Replay: replay}, func(i redrive.Item) {
		if slices.ContainsFunc(i.Shares, func(s redrive.Share) bool { return strings.HasPrefix(s.Server, "soak-"+r.id) }) {
			own = append(own, i)
		}
	})
	r.must(err)
	return own
}

// judge holds everything against what the tables hold.
func (r *soakRun) judge() {
	r.cuts = r.meter.cuts()
	f := history.Final{Truth: map[history.Channel]history.Truth{}, Gone: map[history.Channel]bool{}, Cut: r.cuts["Push"]}
	revoked := 0
	for _, s := range r.servers {
		for _, channel := range append(slices.Clone(s.channels), s.gone...) {
			truth := r.truth(s, channel)
			f.Truth[history.Channel{ServerID: s.id, ChannelID: channel}] = truth
			f.Gone[history.Channel{ServerID: s.id, ChannelID: channel}] = slices.Contains(s.gone, channel)
			for _, m := range truth {
				if m.Status == unsend.StatusRevoked {
					revoked++
				}
			}
			r.messages += len(truth)
		}
	}
	r.until("the audit to have each revocation", func() bool {
		f.Audit = nil
		for _, s := range r.servers {
			f.Audit = append(f.Audit, r.audit(s)...)
		}
		return len(f.Audit) >= revoked
	})
	r.audited = len(f.Audit)
	r.countStayed()
	for _, violation := range slices.Concat(r.ledger.Judge(f), r.views(f), r.texts(f)) {
		r.t.Error(violation)
	}
}

func (r *soakRun) truth(s *soakServer, channel string) history.Truth {
	var rows []chat.Message
	for q := (chat.HistoryQuery{ServerID: s.id, ChannelID: channel, Limit: 500, Now: time.Now()}); ; {
		page, err := r.store.History(r.running, q)
		r.must(err)
		rows = append(rows, page.Messages...)
		if q.After = page.Next; page.Next == nil {
			truth, err := history.TruthOf(rows)
			r.must(err)
			return truth
		}
	}
}

func (r *soakRun) audit(s *soakServer) (entries []chat.RevokeEntry) {
	for q := (chat.AuditQuery{ServerID: s.id, Until: chat.MaxTimestamp, Limit: 500, Now: time.Now()}); ; {
		page, err := r.store.Audit(r.running, q)
		r.must(err)
		for _, e := range page.Entries {
			if e.Revoke != nil {
				entries = append(entries, *e.Revoke)
			}
		}
		if q.After = page.Next; page.Next == "" {
			return entries
		}
	}
}

// views syncs every session, and wants it to show the newest messages as the table has them.
func (r *soakRun) views(f history.Final) (violations []string) {
	for _, d := range r.devices {
		if !d.isSession {
			continue
		}
		for _, s := range d.servers {
			for i := range soakStable {
				violations = append(violations, r.view(d, s, fmt.Sprint("c", i+1), f)...)
			}
		}
	}
	return violations
}

// view gives what is wrong with one after a sync, in the end; what is still under way comes soon.
func (r *soakRun) view(d *soaker, s *soakServer, channel string, f history.Final) (violations []string) {
	truth := f.Truth[history.Channel{ServerID: s.id, ChannelID: channel}]
	sees := r.ledger.Sees(history.Sight{Account: d.account, ServerID: s.id, ChannelID: channel})
	r.viewed++
	r.settling.Wait(r.running, 500*time.Millisecond, func() bool {
		violations = nil
		session, ok := d.online().(*unsend.Session)
		if !ok {
			violations = append(violations, d.name+" has no session")
		} else if err := session.Sync(r.running, s.id); err != nil && sees {
			violations = append(violations, fmt.Sprintf("%s cannot sync: %v", d.name, err))
		} else {
			violations = wrong(d.name, session.Messages(s.id, channel), sees, truth)
		}
		return len(violations) == 0
	})
	return violations
}

func wrong(who string, shown []unsend.Message, sees bool, truth history.Truth) (violations []string) {
	if !sees {
		for _, m := range shown {
			if !m.Content.IsEmpty() {
				violations = append(violations, fmt.Sprintf("%s shows %s of %s, which it does not see", who, m.MsgServerID, m.ChannelID))
			}
		}
		return violations
	}
	oldest := int64(0)
	if len(shown) > 0 {
		oldest = shown[0].Timestamp + 1 // of one ms it need not show all
	}
	if least := min(len(truth), soakKeep/2); len(shown) < least {
		violations = append(violations, fmt.Sprintf("%s shows %d messages, and there are %d", who, len(shown), len(truth)))
	}
	return slices.Concat(violations, history.Differs(who, shown, truth), history.StillShown(who, shown, truth), history.Lacks(who, shown, truth, oldest))
}

// texts searches the tables.
func (r *soakRun) texts(f history.Final) (violations []string) {
	find := func(table string) []string { return history.TextsIn(r.community().scan(table)) }
	own := func(msgID string) bool { return strings.Contains(msgID, r.id) }
	return f.WrongTexts(own, find(r.MessagesTable), slices.Concat(find(r.CommunityTable), find(r.SessionsTable), find(r.AuditTable)))
}

// countStayed counts the connections that were there before anything was killed, and still are.
func (r *soakRun) countStayed() {
	firstKill := r.began.Add(time.Duration(firstRisk * float64(r.length)))
	for _, d := range r.devices {
		if d.stays {
			r.stayers++
			if d.stayed(firstKill) {
				r.stayed++
			}
		}
	}
}

// leaveAll ends whatever still runs.
func (r *soakRun) leaveAll() {
	r.hush()
	r.acting.Wait()
	r.leave()
	r.living.Wait()
}

// levels are by function.
func (r *soakRun) levels() (lines []soak.FunctionMemory) {
	seen := r.meter.seen()
	for _, function := range soakFunctions() {
		level, worked, collected := r.meter.level(function)
		lines = append(lines, soak.FunctionMemory{
			Function: function, Seen: seen[function], Level: level, Worked: worked, Collected: collected, Killed: r.meter.killed[function], Cut: len(r.cuts[function]), Goroutines: r.goroutines[function],
		})
	}
	return lines
}
