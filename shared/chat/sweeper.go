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
		Remover
	}
	Queue   JobQueue
	Clock   Clock
	Windows Windows // the deployment's; both set
	// Pace holds back writes and reads, so that they leave the tables and the index of updates to those who are at work there; nil: nothing does.
	Pace Pace
	// Budget is how long one call works on a job. The rest is for another.
	Budget time.Duration
}

const (
	// tracesPage and removalsPage are how many rows a job looks at, or removes, between two savings of its place.
	tracesPage   = 250
	removalsPage = 100
	// rowsPerPace is how many rows that are read cost as much of the pace as one write.
	rowsPerPace = 10
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
		return report, nil
	case CodeOf(err) == Busy:
		report.Busy = err
		return report, s.enqueue(ctx, ref, jobAgain/2+rand.N(jobAgain))
	case err != nil || job.FinishedAt > 0:
		return report, err
	}
	return report, s.enqueue(ctx, ref, wait)
}

// enqueue also works where the time for the work itself is over.
func (s *Sweeper) enqueue(ctx context.Context, ref JobRef, delay time.Duration) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	return s.Queue.EnqueueJob(ctx, ref, delay)
}

// work goes on until the job is finished, has to wait, or the budget is over.
func (s *Sweeper) work(ctx context.Context, job *Job) (wait time.Duration, err error) {
	begun := s.Clock()
	for job.FinishedAt == 0 && s.Clock().Sub(begun) < s.Budget {
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

// spend waits for n times what one write costs of the pace.
func (s *Sweeper) spend(ctx context.Context, n int) error { return spend(ctx, s.Pace, n) }

// spend waits for n turns of the pace; nil is none. Busy: ctx has ended.
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

// Plus adds what was done of another job, or later.
func (c JobCounts) Plus(o JobCounts) JobCounts {
	return JobCounts{c.Channels + o.Channels, c.Found + o.Found, c.Revoked + o.Revoked, c.Refused + o.Refused, c.Removed + o.Removed}
}

func (c JobCounts) minus(o JobCounts) JobCounts {
	return JobCounts{c.Channels - o.Channels, c.Found - o.Found, c.Revoked - o.Revoked, c.Refused - o.Refused, c.Removed - o.Removed}
}

// The passes of a sweep: everything, and what was on its way when it began.
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
	since := job.Sweep.Since
	if job.Place.Stage == sweepLast {
		since = max(since, job.Until()-sweepSettles.Milliseconds())
	}
	page, err := s.Store.Traces(ctx, TraceQuery{
		ServerID: job.ServerID, ChannelID: job.Place.ChannelID, AccountID: job.Sweep.AccountID,
		Since: since, Until: job.Until(), After: job.Place.Message, Limit: tracesPage,
	})
	if err != nil {
		return 0, err
	}
	if err := s.sweepTraces(ctx, job, page.Traces); err != nil {
		return 0, err
	}
	if err := s.spend(ctx, 1+page.Read/rowsPerPace); err != nil {
		return 0, err
	}
	if job.Place.Message = page.Next; page.Next == nil {
		return s.nextChannel(ctx, job)
	}
	return 0, s.save(ctx, job)
}

// nextChannel goes to the channel behind the one that the sweep is through with; behind the last it begins
// the last pass, once what was on its way is in the table, or ends.
func (s *Sweeper) nextChannel(ctx context.Context, job *Job) (wait time.Duration, err error) {
	if job.Place.ChannelID == "" && job.Place.Stage == sweepLast {
		if wait := time.UnixMilli(job.CreatedAt).Add(sweepSettles).Sub(s.Clock()); wait > 0 {
			return wait, nil
		}
	}
	channels := []string{job.Sweep.ChannelID}
	if job.Sweep.ChannelID == "" {
		if channels, err = s.Store.ChannelIDs(ctx, job.ServerID); err != nil {
			return 0, err
		}
	}
	if job.Place.ChannelID != "" && job.Place.Stage == sweepAll {
		job.Counts.Channels++
	}
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

// sweepTraces takes back what is normal. What an attempt that was not saved has taken back is counted with it.
func (s *Sweeper) sweepTraces(ctx context.Context, job *Job, traces []Trace) error {
	var (
		due []MessageRef
		did JobCounts
	)
	now := s.Clock().UnixMilli()
	for _, t := range traces {
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
	for chunk := range slices.Chunk(due, MaxMessagesPerFrame) {
		more, err := s.takeBack(ctx, job, chunk)
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

// takeBack takes messages of the channel back by rights that are read just before.
func (s *Sweeper) takeBack(ctx context.Context, job *Job, due []MessageRef) (JobCounts, error) {
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
		if err := s.spend(ctx, 1); err != nil {
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

// The areas that a deletion removes, in their order.
var (
	channelAreas = []AreaRows{MessageRows, PersonalRows, ListRows, TallyRows}
	// The channel's own row goes last: until then the channel is found again.
	areasOfServersChannel = append(slices.Clone(channelAreas), PolicyRows)
	serverAreas           = []AreaRows{MemberRows, TallyRows, PolicyRows}
)

// remove goes on by a page of one area, or to the next one. Rows are counted, and that is saved, before they are removed: so each
// is counted once, whatever happens between the two.
func (s *Sweeper) remove(ctx context.Context, job *Job) error {
	area, ok := job.area()
	if !ok {
		return s.nextArea(ctx, job)
	}
	rows, err := s.Store.Remains(ctx, area, removalsPage)
	if err != nil {
		return err
	}
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
	if err := s.spend(ctx, len(rows)); err != nil {
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

// area is where the deletion is; false between two channels of a server, and at the end.
func (j Job) area() (area Area, ok bool) {
	areas, channel := channelAreas, j.ID
	stage := j.Place.Stage
	switch {
	case j.Kind == ServerJob && j.Place.ChannelID != "":
		areas, channel = areasOfServersChannel, j.Place.ChannelID
	case j.Kind == ServerJob:
		areas, channel = serverAreas, ""
		stage-- // at first it looks for a channel
	}
	if stage < 0 || stage >= len(areas) {
		return Area{}, false
	}
	return Area{ServerID: j.ServerID, ChannelID: channel, Rows: areas[stage]}, true
}

// nextArea goes to the server's next channel, and when there is none to the server's own rows; behind the last area
// it ends.
func (s *Sweeper) nextArea(ctx context.Context, job *Job) error {
	if job.Kind == ChannelJob || job.Place.ChannelID != "" {
		job.Counts.Channels++
	}
	between := job.Kind == ServerJob && (job.Place.ChannelID != "" || job.Place.Stage == 0)
	if !between {
		job.finish(s.Clock())
		return s.save(ctx, job)
	}
	channels, err := s.Store.ChannelIDs(ctx, job.ServerID)
	if err != nil {
		return err
	}
	job.Place = Place{Stage: 1}
	if len(channels) > 0 {
		job.Place = Place{ChannelID: channels[0]}
	}
	return s.save(ctx, job)
}
