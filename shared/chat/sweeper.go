package chat

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"time"
)

// Sweeper works on jobs. Several may be at work on one at a time: what they do is idempotent, and only one of them gets on.
type Sweeper struct {
	Store interface {
		JobStore
		Standings
		Revoker
		Tracer
		ChannelLister
		Remover
	}
	Queue   JobQueue
	Clock   Clock
	Windows Windows // the deployment's; both set
	// Pace holds back writes and reads, a unit at a time, so that they leave the tables and the index of updates to those who
	// are at work there; nil: nothing does.
	Pace Pace
	// Budget is how long one call works on a sweep, for which people wait, and a deletionShare of it on a deletion. The rest is for another call.
	Budget time.Duration
}

const (
	// tracesPage and removalsPage are how many rows a job looks at, or removes, between two savings of its place.
	tracesPage   = 250
	removalsPage = 100
	// kbPerPace is how much that is read costs as much of the pace as one unit written: reading has 4 KB for a unit, and three times
	// the units.
	kbPerPace = 12
	// deletionShare: a sweep does not wait long for many deletions.
	deletionShare = 6
	// jobStale is when it is looked whether who went on with a job did so to its end.
	jobStale = 2 * time.Minute
	// enqueueTime is for how long it is tried to put a job into the queue. Where that fails the job waits for its visibility timeout.
	enqueueTime = 5 * time.Second
	// jobAgain is about how long a job waits that met a table which was busy.
	jobAgain = 20 * time.Second
)

// WorkReport is what one call has done.
type WorkReport struct {
	Did JobCounts
	// Busy is why the job stopped early, with its place in the queue again; nil when it did not.
	Busy error
}

// Work goes on with the job, page by page, each of which it saves; when its Budget is over, or the job has to wait,
// it puts the job into the queue again. A job that is finished, or no more there, or that
// somebody else has gone on with, is nothing to do. A table that is busy is waited for.
//
// Errors: the job is to be delivered again, and goes on from its place then.
func (s *Sweeper) Work(ctx context.Context, ref JobRef) (WorkReport, error) {
	job, err := s.Store.Job(ctx, ref)
	switch {
	case CodeOf(err) == NotFound:
		return WorkReport{}, nil
	case err != nil:
		return WorkReport{}, err
	}
	before := job.Counts
	wait, err := s.work(ctx, &job)
	report := WorkReport{Did: job.Counts.minus(before)}
	switch {
	case CodeOf(err) == Stale:
		return report, s.enqueue(ctx, ref, jobStale)
	case CodeOf(err) == Busy:
		report.Busy = err
		return report, s.enqueue(ctx, ref, jobAgain/2+rand.N(jobAgain))
	case err != nil || job.FinishedAt > 0:
		return report, err
	}
	return report, s.enqueue(ctx, ref, wait)
}

// enqueue also works where the time for the work itself is over: for a second then, else for as long as a few attempts take.
func (s *Sweeper) enqueue(ctx context.Context, ref JobRef, delay time.Duration) error {
	limit := enqueueTime
	if ends, ok := ctx.Deadline(); ok {
		limit = min(limit, max(0, time.Until(ends))+time.Second)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), limit)
	defer cancel()
	return s.Queue.EnqueueJob(ctx, ref, delay)
}

// work goes on until the job is finished, has to wait, or the budget is over.
func (s *Sweeper) work(ctx context.Context, job *Job) (wait time.Duration, err error) {
	begun, budget := s.Clock(), s.Budget
	if job.Kind != SweepJob {
		budget /= deletionShare
	}
	for job.FinishedAt == 0 && s.Clock().Sub(begun) < budget {
		if wait := job.begins().Sub(s.Clock()); wait > 0 {
			return wait, nil
		}
		if job.Kind == SweepJob {
			wait, err = s.sweep(ctx, job)
		} else {
			err = s.remove(ctx, job)
		}
		if err != nil || wait > 0 {
			return wait, err
		}
	}
	return 0, nil
}

// save keeps how far the job is. Stale: somebody else went on with it.
func (s *Sweeper) save(ctx context.Context, job *Job) error {
	job.UpdatedAt = s.Clock().UnixMilli()
	saved, err := s.Store.SaveJob(ctx, *job)
	if err != nil {
		return err
	}
	*job = saved
	return nil
}

// spend waits for n units of the pace.
func (s *Sweeper) spend(ctx context.Context, n int) error { return spend(ctx, s.Pace, n) }

// spend waits for n units of a pace; nil is none. Busy: ctx has ended.
func spend(ctx context.Context, pace Pace, n int) error {
	if pace == nil {
		return nil
	}
	for range n {
		if err := pace.Wait(ctx); err != nil {
			return &Error{Code: Busy, Err: err}
		}
	}
	return nil
}

// Plus adds what was done besides.
func (c JobCounts) Plus(o JobCounts) JobCounts {
	return JobCounts{c.Channels + o.Channels, c.Found + o.Found, c.Revoked + o.Revoked, c.Refused + o.Refused, c.Removed + o.Removed}
}

func (c JobCounts) minus(o JobCounts) JobCounts {
	return JobCounts{c.Channels - o.Channels, c.Found - o.Found, c.Revoked - o.Revoked, c.Refused - o.Refused, c.Removed - o.Removed}
}

// The passes of a sweep: everything, and what was on its way when it began. They are a Place's stages.
const (
	sweepAll = iota
	sweepLast
	sweepEnd
)

// sweep goes on by a page of one channel.
func (s *Sweeper) sweep(ctx context.Context, job *Job) (wait time.Duration, err error) {
	if job.Place.ChannelID == "" {
		return s.nextChannel(ctx, job)
	}
	reach, err := s.reach(ctx, job)
	if err != nil {
		return 0, err
	}
	q := TraceQuery{
		ServerID: job.ServerID, ChannelID: job.Place.ChannelID, AccountID: job.Sweep.AccountID,
		Since: max(job.Sweep.Since, reach), Until: job.Until(), After: job.Place.Message, Limit: tracesPage,
	}
	if job.Place.Stage == sweepLast {
		q.Since, q.Until = max(q.Since, job.Until()-sweepSettles.Milliseconds()), job.Place.Until
	}
	if q.Since > q.Until {
		return s.nextChannel(ctx, job)
	}
	if m := job.Place.Message; m != nil && m.Timestamp < q.Since { // what is left became too old meanwhile
		return s.channelDone(ctx, job)
	}
	page, err := s.Store.Traces(ctx, q)
	if err != nil {
		return 0, err
	}
	if err := s.sweepTraces(ctx, job, page); err != nil {
		return 0, err
	}
	if err := s.spend(ctx, 1+page.KB/kbPerPace); err != nil {
		return 0, err
	}
	if job.Place.Message = page.Next; page.Next != nil {
		return 0, s.save(ctx, job)
	}
	return s.channelDone(ctx, job)
}

// channelDone counts a channel that was read, and goes to the next.
func (s *Sweeper) channelDone(ctx context.Context, job *Job) (wait time.Duration, err error) {
	if job.Place.Stage == sweepAll {
		job.Counts.Channels++
	}
	return s.nextChannel(ctx, job)
}

// reach is from which sending time (ms) on the sweep may take messages of the channel back, as its operator's rights and windows are now:
// what is older, or nothing where it does not see the channel, is not even read.
func (s *Sweeper) reach(ctx context.Context, job *Job) (int64, error) {
	if !job.Sweep.Bound {
		return 0, nil
	}
	standing, err := s.Store.Standing(ctx, job.ServerID, job.Place.ChannelID, job.Sweep.Operator.AccountID)
	if err != nil || !standing.CanSee() {
		return NeverCutoff, err
	}
	now, cutoff := s.Clock(), int64(NeverCutoff)
	if job.Sweep.Operator.AccountID == job.Sweep.AccountID {
		cutoff = standing.OwnWindow(s.Windows).Cutoff(now)
	}
	if standing.May(RevokeMemberMessage) {
		cutoff = min(cutoff, standing.ModeratorWindow(s.Windows).Cutoff(now))
	}
	return cutoff, nil
}

// nextChannel goes to the channel behind the one that the sweep was at; behind the last it begins
// the last pass, once what was on its way is in the table, or ends.
func (s *Sweeper) nextChannel(ctx context.Context, job *Job) (wait time.Duration, err error) {
	if job.Place.Stage == sweepLast && job.Place.Until == 0 {
		if wait, err = s.beginLast(ctx, job); wait > 0 || err != nil {
			return wait, err
		}
	}
	channels := []string{job.Sweep.ChannelID}
	if job.Sweep.ChannelID == "" {
		if channels, err = s.Store.ChannelIDs(ctx, job.ServerID); err != nil {
			return 0, err
		}
	}
	job.Place.Message = nil
	if i := slices.IndexFunc(channels, func(id string) bool { return id > job.Place.ChannelID }); i >= 0 {
		job.Place.ChannelID = channels[i]
		return 0, s.save(ctx, job)
	}
	job.Place = Place{Stage: job.Place.Stage + 1}
	if job.Place.Stage == sweepEnd || job.Sweep.DryRun {
		job.finish(s.Clock())
	}
	return 0, s.save(ctx, job)
}

// beginLast waits until what was on its way is in the table, and decides up to when the last pass reads. Whoever was banned, or left, just
// before may have had a message on its way that is dated later than the sweep.
func (s *Sweeper) beginLast(ctx context.Context, job *Job) (wait time.Duration, err error) {
	if wait := time.UnixMilli(job.CreatedAt).Add(sweepSettles).Sub(s.Clock()); wait > 0 {
		return wait, nil
	}
	standing, err := s.Store.Standing(ctx, job.ServerID, "", job.Sweep.AccountID)
	if job.Place.Until = job.Until(); !standing.Member.Active() {
		job.Place.Until = min(s.Clock().UnixMilli(), job.CreatedAt+sweepLate.Milliseconds())
	}
	return 0, err
}

// sweepTraces takes back what is normal. What an attempt that was not saved has taken back is counted with it.
func (s *Sweeper) sweepTraces(ctx context.Context, job *Job, page TracePage) error {
	var (
		due []MessageRef
		did JobCounts
	)
	now := s.Clock().UnixMilli()
	for _, t := range page.Traces {
		switch {
		case t.ExpiresAt != 0 && t.ExpiresAt <= now/1000:
		case t.Status == Normal:
			due = append(due, t.MessageRef)
		case t.Status == Revoked && t.OperatorID == job.Sweep.Operator.AccountID && t.UpdatedAt > job.UpdatedAt && !job.Sweep.DryRun:
			did.Revoked++
		}
	}
	did.Found = did.Revoked + len(due)
	if job.Sweep.DryRun {
		due = nil
	}
	cost := perRow(page.KB, page.Read) + 1 // with the entry of the index
	for chunk := range slices.Chunk(due, writesAtATime) {
		more, err := s.takeBack(ctx, job, chunk, cost)
		if err != nil {
			return err
		}
		did = did.Plus(more)
	}
	if job.Place.Stage == sweepLast { // what is refused now was refused before
		did.Found, did.Refused = did.Revoked, 0
	}
	job.Counts = job.Counts.Plus(did)
	return nil
}

// perRow is what a write of one of the rows costs, in units of 1 KB, by what they weigh together.
func perRow(kb, rows int) int { return max(1, (kb+rows-1)/max(rows, 1)) }

// takeBack takes messages of the channel back, each at the cost, by rights that are read just before.
func (s *Sweeper) takeBack(ctx context.Context, job *Job, due []MessageRef, cost int) (JobCounts, error) {
	revocation := Revocation{Operator: job.Sweep.Operator, Info: job.Sweep.Info}
	write := func(key MessageKey) RevokeWrite { return unbound(revocation, key, s.Clock()) }
	if job.Sweep.Bound {
		standing, err := s.Store.Standing(ctx, job.ServerID, job.Place.ChannelID, job.Sweep.Operator.AccountID)
		if err != nil {
			return JobCounts{}, err
		}
		if !standing.CanSee() {
			return JobCounts{Refused: len(due)}, nil
		}
		write = func(key MessageKey) RevokeWrite { return standing.revocation(s.Windows, revocation, key, s.Clock()) }
	}
	var counts struct {
		sync.Mutex
		JobCounts
	}
	err := tryEach(writesAtATime, due, func(ref MessageRef) error {
		if err := s.spend(ctx, cost); err != nil {
			return err
		}
		m, err := s.Store.RevokeMessage(ctx, write(MessageKey{job.ServerID, job.Place.ChannelID, ref.Timestamp, ref.MsgServerID}))
		counts.Lock()
		defer counts.Unlock()
		switch CodeOf(err) {
		case OK:
			if m.Revocation != nil && m.Revocation.Operator.AccountID == job.Sweep.Operator.AccountID {
				counts.Revoked++
				return nil
			}
		case NotFound, Forbidden, TooLate:
		default:
			return err
		}
		counts.Refused++
		return nil
	})
	return counts.JobCounts, err
}

// The areas that a deletion removes, in their order, which a Place's stages count.
var (
	channelAreas = []AreaRows{MessageRows, PersonalRows, ListRows, TallyRows}
	// The channel's own row goes last: until then the channel is found again.
	areasOfServersChannel = append(slices.Clone(channelAreas), PolicyRows)
	// Members go first: until then the server takes a place among those that their accounts may have.
	areasBefore, areasAfter = []AreaRows{MemberRows}, []AreaRows{TallyRows, PolicyRows}
)

// remove goes on by a page of one area, or to the next one. Rows are counted, and that is saved, before they are removed: so each
// is counted once, whatever happens between the two.
func (s *Sweeper) remove(ctx context.Context, job *Job) error {
	area, ok := job.area()
	if !ok {
		return s.nextArea(ctx, job)
	}
	remnant, err := s.Store.Remains(ctx, area, removalsPage)
	if err != nil {
		return err
	}
	rows := remnant.Rows
	if len(rows) == 0 {
		job.Place.Stage++
		job.Place.Row = ""
		return s.save(ctx, job)
	}
	if fresh := behind(rows, job.Place.Row); fresh > 0 {
		job.Counts.Removed += fresh
		job.Place.Row = rows[len(rows)-1]
		if err := s.save(ctx, job); err != nil {
			return err
		}
	}
	if err := s.spend(ctx, len(rows)*perRow(remnant.KB, len(rows))); err != nil {
		return err
	}
	return s.Store.Remove(ctx, area, rows)
}

// behind is how many of the rows, which are in order, come after the one.
func behind(rows []string, row string) int {
	i, found := slices.BinarySearch(rows, row)
	if found {
		i++
	}
	return len(rows) - i
}

// area is where the deletion is; false where it looks for a server's next channel, and at the end.
func (j Job) area() (area Area, ok bool) {
	areas, channel, stage := channelAreas, j.ID, j.Place.Stage
	switch {
	case j.Kind == ServerJob && j.Place.ChannelID != "":
		areas, channel = areasOfServersChannel, j.Place.ChannelID
	case j.Kind == ServerJob && stage < len(areasBefore):
		areas, channel = areasBefore, ""
	case j.Kind == ServerJob:
		areas, channel, stage = areasAfter, "", stage-len(areasBefore)-1
	}
	if stage < 0 || stage >= len(areas) {
		return Area{}, false
	}
	return Area{ServerID: j.ServerID, ChannelID: channel, Rows: areas[stage]}, true
}

// nextArea goes to the server's next channel, and when there is none to what the server has besides; behind the last area
// it ends.
func (s *Sweeper) nextArea(ctx context.Context, job *Job) error {
	if job.Kind == ChannelJob || job.Place.ChannelID != "" {
		job.Counts.Channels++
	}
	if among := job.Kind == ServerJob && (job.Place.ChannelID != "" || job.Place.Stage == len(areasBefore)); !among {
		job.finish(s.Clock())
		return s.save(ctx, job)
	}
	channels, err := s.Store.ChannelIDs(ctx, job.ServerID)
	switch {
	case err != nil:
		return err
	case len(channels) > 0:
		job.Place = Place{ChannelID: channels[0]}
		return s.save(ctx, job)
	}
	if err := s.resumeChannels(ctx, job.ServerID); err != nil {
		return err
	}
	job.Place = Place{Stage: len(areasBefore) + 1}
	return s.save(ctx, job)
}

// resumeChannels has the deletions of the server's channels go on that have stopped: the server's own no longer finds these channels.
func (s *Sweeper) resumeChannels(ctx context.Context, serverID string) error {
	var after *JobRef
	for more := true; more; {
		jobs, next, err := s.Store.Jobs(ctx, serverID, after, MaxPage)
		if err != nil {
			return err
		}
		for _, job := range jobs {
			if job.Kind == ChannelJob && job.FinishedAt == 0 {
				if err := s.enqueue(ctx, job.JobRef, 0); err != nil {
					return err
				}
			}
			after = &job.JobRef
		}
		more = next && len(jobs) > 0
	}
	return nil
}
