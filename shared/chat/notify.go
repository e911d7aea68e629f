package chat

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"
)

// Notifier tells devices what became of messages: at once what a stream's batch
// says, as far as it gets, and then what is left, by way of a queue.
type Notifier struct {
	Messages   MessageReader
	Audience   Audience
	Deliveries DeliveryReader
	Rights     RightsReader
	Sessions   interface {
		ConnectionStore
		SubscriptionStore
		Memberships
	}
	Gateway Gateway
	Queue   Queue
	// Encode makes frames of notices, each within the gateway's size.
	Encode func([]Notice) ([][]byte, error)
	Clock  Clock
	// Concurrency bounds the posts under way at a time in one invocation, Pace (where it is not nil)
	// how many begin in a second.
	Concurrency int
	Pace        Pace
	// Budget bounds the time spent on one server in one go, so that its trouble does
	// not become another's. What is left then goes to the queue.
	Budget time.Duration
	// DirectPushLimit is how many connections of a server are told before the queue has a part in it.
	DirectPushLimit int

	strain strain
}

// Pace holds posts back.
type Pace interface {
	// Wait waits until one more may begin, or for ctx, whose error it then returns.
	Wait(ctx context.Context) error
}

const (
	serversAtATime   = 16
	audiencePageSize = 500
	crowdsAtATime    = 16
	// pagesAtATime keeps the others going while a page waits for a client that hangs.
	pagesAtATime = 4
)

// Report is what became of a batch.
type Report struct {
	// Unfinished are the indexes of the records that must be delivered again,
	// because somebody may not have been told. Telling twice is harmless.
	Unfinished []int
	// Errs are the reasons, one or more for each server in trouble.
	Errs []error

	Notices int // messages that somebody was to be told of
	Dropped int // new messages too old to be worth a push
	Posts   int // frames that were taken
	Gone    int // connections found ended, and removed
	Young   int // connections that answered 410 and may not be postable yet
	Retried int // posts that were repeated
	Closed  int // connections closed: too slow, or their token expired
	Queued  int // tasks that were left to the queue

	Audience int // connections that were gone through; one that is tried again later counts once
	// RevokesTold are, for each revocation of which this was the end of an audience or of a part of it, the ms since its write.
	RevokesTold []int64
}

// Notify tells connected devices that may see them about the messages that
// were stored, but for the device that did it: up to DirectPushLimit of each server, within Budget. The rows are
// read again, and again when that reading is RightsMaxAge old: a message that was revoked before is not
// shown, and only what the row says is told.
//
// A record is finished when every device that may see the message took
// the frame, has gone, was closed so that its client comes back, or is named in a task that the queue took. What is
// reported as unfinished, because the queue did not, is to be delivered again. At least once; the order between
// messages is any.
func (n *Notifier) Notify(ctx context.Context, records []Stored) Report {
	jobs := n.jobs(records)
	return n.each(jobs, func(job *serverJob) error {
		err := Guard(func() error { return n.tell(ctx, job) })
		if err == nil {
			return nil
		}
		// Whatever it was, it must not hold up the other servers' records.
		if lost := n.enqueue(ctx, job, job.task(nil, 0).again()); lost != nil {
			return errors.Join(err, lost)
		}
		job.note(err)
		return nil
	})
}

// Push goes on with tasks of the queue. The indexes of those that are to be
// delivered again are in the report; all others are finished, or go on in tasks that the queue took. At least once.
func (n *Notifier) Push(ctx context.Context, tasks []Task) Report {
	now, later := chosen(merged(tasks))
	jobs := make([]*serverJob, len(now))
	byJob := make(map[*serverJob]Task, len(now))
	for i, group := range now {
		jobs[i] = &serverJob{serverID: group.task.ServerID, records: group.indexes, stored: group.task.Records, brief: group.brief}
		byJob[jobs[i]] = group.task
	}
	n.share(jobs)
	returned := n.putBack(ctx, later)
	report := n.each(jobs, func(job *serverJob) error {
		return Guard(func() error { return n.goOn(ctx, job, byJob[job]) })
	})
	report.join(returned)
	return report
}

// putBack leaves walks to other invocations, each merged into one.
func (n *Notifier) putBack(ctx context.Context, groups []*taskGroup) (report Report) {
	for _, group := range groups {
		if err := n.Queue.Enqueue(ctx, group.task); err != nil {
			report.fail(group.indexes, err)
			continue
		}
		report.Queued++
	}
	return report
}

// each runs the jobs and joins their reports. A job's error leaves its records unfinished.
func (n *Notifier) each(jobs []*serverJob, run func(*serverJob) error) (report Report) {
	var mu sync.Mutex
	forEach(serversAtATime, jobs, func(job *serverJob) {
		err := run(job)
		if err == nil {
			job.told(n.Clock())
		}
		mu.Lock()
		defer mu.Unlock()
		report.join(job.report)
		if err != nil {
			report.fail(job.records, err)
		}
	})
	slices.Sort(report.Unfinished)
	return report
}

// serverJob is what is to be told in one server.
type serverJob struct {
	serverID string
	records  []int    // the indexes of the records, or of the tasks
	stored   []Stored // each once
	brief    bool     // one page of it is gone through
	slots    slots
	turn     chan struct{} // holds one: the page that begins posts
	revokes  []int64       // when the revocations were written that there is to tell
	mu       sync.Mutex    // of report
	report   Report
}

// jobs groups the records by server, in their order.
func (n *Notifier) jobs(records []Stored) []*serverJob {
	var jobs []*serverJob
	byServer := make(map[string]*serverJob)
	for i, record := range records {
		job := byServer[record.Key.ServerID]
		if job == nil {
			job = &serverJob{serverID: record.Key.ServerID}
			byServer[job.serverID] = job
			jobs = append(jobs, job)
		}
		job.records = append(job.records, i)
		if !slices.Contains(job.stored, record) {
			job.stored = append(job.stored, record)
		}
	}
	n.share(jobs)
	return jobs
}

// share gives each job its slots: the posts of one server that hang leave the others the rest.
func (n *Notifier) share(jobs []*serverJob) {
	all := make(chan struct{}, n.Concurrency)
	share := n.Concurrency
	if len(jobs) > 1 {
		share = max(1, n.Concurrency/2)
	}
	for _, job := range jobs {
		job.slots, job.turn = slots{own: make(chan struct{}, share), all: all}, make(chan struct{}, 1)
	}
}

// news is what a server's rows had to say when they were read.
type news struct {
	readAt  time.Time // before the reading
	notices []Notice
	dropped int // too old to be worth a push
}

func (r news) channels() []string {
	return channelsOf(r.notices, func(n Notice) string { return n.Message.ChannelID })
}

// channelsOf are the channels of the things, each once, in order.
func channelsOf[T any](things []T, channel func(T) string) []string {
	ids := make([]string, len(things))
	for i, thing := range things {
		ids[i] = channel(thing)
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

func (n *Notifier) news(ctx context.Context, job *serverJob) (news, error) {
	read := news{readAt: n.Clock()}
	worth := make([]Stored, 0, len(job.stored))
	for _, record := range job.stored {
		if record.Kind == Inserted && n.tooOld(record.Key.Timestamp) {
			read.dropped++
			continue
		}
		worth = append(worth, record)
	}
	messages, err := n.Messages.Messages(ctx, keysOf(worth))
	if err != nil {
		return news{}, err
	}
	rows := make(map[MessageKey]Message, len(messages))
	for _, m := range messages {
		rows[m.MessageKey] = m
	}
	for _, record := range worth {
		if notice, ok := noticeOf(record.Kind, rows[record.Key]); ok {
			read.notices = append(read.notices, notice)
		}
	}
	return read, nil
}

// noticeOf is what a stored row has to say. An insert whose row is no longer
// normal says nothing, since its modification speaks; neither does a modification that is no
// revocation, nor a row that is gone.
func noticeOf(kind StoredKind, row Message) (Notice, bool) {
	switch {
	case row.MsgServerID == "":
		return Notice{}, false
	case kind == Inserted && row.Status == Normal:
		return Notice{Event: MessageReceived, Message: row}, true
	case kind == Modified && row.Status == Revoked:
		return Notice{Event: MessageUpdated, Message: row}, true
	}
	return Notice{}, false
}

// tooOld: history has the messages sent so long ago, and they are not even read; a revocation is told whatever its age.
func (n *Notifier) tooOld(sentAt int64) bool {
	return n.Clock().UnixMilli()-sentAt > MessageNoticeMaxAge.Milliseconds()
}

// actor is who did what the notice tells.
func (n Notice) actor() Actor {
	if n.Event == MessageUpdated && n.Message.Revocation != nil {
		return n.Message.Revocation.Operator
	}
	return n.Message.From
}

// excludes tells whether the connection is the device that did it. An act
// without a device (a back end's) excludes nobody.
func (n Notice) excludes(c Connection) bool {
	a := n.actor()
	return a.Device != "" && a.AccountID == c.AccountID && a.Device == c.Device()
}

// errUnfinished says why a server is to be told again when nothing failed outright.
var errUnfinished = &Error{Code: Busy, Err: errors.New("some devices could not be told in time")}

// begin reads what there is to say, and which crowds are to be told.
func (n *Notifier) begin(ctx context.Context, job *serverJob) (news, []Crowd, error) {
	var (
		read news
		mode Mode
	)
	if err := first(concurrently(
		func() (err error) {
			read, err = n.news(ctx, job)
			return err
		},
		func() error {
			deliveries, err := n.Deliveries.Deliveries(ctx, []string{job.serverID})
			mode = deliveries[job.serverID].Mode(n.Clock())
			return err
		},
	)); err != nil {
		return news{}, nil, err
	}
	job.tells(read)
	if len(read.notices) == 0 {
		return read, nil, nil
	}
	return read, mode.crowds(job.serverID, read.channels()), nil
}

// tell reads what there is to say and tells those who come first; the rest goes
// to the queue before, so that others can begin.
func (n *Notifier) tell(ctx context.Context, job *serverJob) error {
	within, cancel := context.WithTimeout(ctx, n.Budget)
	defer cancel()
	read, crowds, err := n.begin(within, job)
	if err != nil || len(crowds) == 0 {
		return err
	}
	rows, err := n.firstRows(ctx, within, job, crowds)
	if err != nil {
		return err
	}
	job.count(func(r *Report) { r.Audience += len(rows) })
	return n.leave(ctx, job, n.push(within, job, read, rows).all(), 0)
}

// firstRows reads about DirectPushLimit rows of the crowds, each its share, and leaves the rest to the queue.
func (n *Notifier) firstRows(ctx, within context.Context, job *serverJob, crowds []Crowd) (rows []Presence, err error) {
	var (
		share = max(1, n.DirectPushLimit/len(crowds))
		mu    sync.Mutex
	)
	err = tryEach(crowdsAtATime, crowds, func(crowd Crowd) error {
		page, err := n.page(within, crowd, "", share)
		if err != nil {
			return err
		}
		mu.Lock()
		rows = append(rows, page.Rows...)
		mu.Unlock()
		if page.Next == "" {
			return nil
		}
		return n.enqueue(ctx, job, job.task(partOf(crowd, page.Next), 0))
	})
	return rows, err
}

// handOver is what is left of an invocation's time when push stops posting, to say what is left.
const handOver = 5 * time.Second

func beforeHandOver(ctx context.Context) (context.Context, context.CancelFunc) {
	deadline, ok := ctx.Deadline()
	if !ok {
		return context.WithCancel(ctx)
	}
	return context.WithDeadline(ctx, deadline.Add(-handOver))
}

// goOn works on a task.
func (n *Notifier) goOn(ctx context.Context, job *serverJob, task Task) error {
	within, cancel := beforeHandOver(ctx)
	defer cancel()
	if task.Part == nil {
		return n.goOnWithAll(ctx, within, job, task)
	}
	read, err := n.news(within, job)
	switch {
	case err != nil:
		return n.retry(ctx, job, task, err)
	case len(read.notices) == 0:
		return nil
	}
	job.tells(read)
	if task.walks() {
		return n.walk(ctx, within, job, read, task)
	}
	return n.goOnWithFew(ctx, within, job, read, task)
}

// goOnWithFew tries those who are left once more.
func (n *Notifier) goOnWithFew(ctx, within context.Context, job *serverJob, read news, task Task) error {
	rows, err := n.Audience.Presences(within, task.crowd(), task.Part.Only, n.Clock().UnixMilli())
	if err != nil {
		return n.retry(ctx, job, task, err)
	}
	left := n.push(within, job, read, rows)
	switch all := left.all(); {
	case len(all) < len(rows): // it got further
		return n.leave(ctx, job, all, 0)
	case task.Attempt >= MaxTaskAttempts && len(all) > 0:
		return n.lastResort(ctx, job, left)
	default:
		return n.leave(ctx, job, all, task.Attempt)
	}
}

// goOnWithAll goes through one crowd of an audience that nobody was told of yet, and leaves the others to others.
func (n *Notifier) goOnWithAll(ctx, within context.Context, job *serverJob, task Task) error {
	read, crowds, err := n.begin(within, job)
	if err != nil {
		return n.retry(ctx, job, task, err)
	}
	if len(crowds) == 0 {
		return nil
	}
	if err := tryEach(crowdsAtATime, crowds[1:], func(crowd Crowd) error {
		return n.enqueue(ctx, job, job.task(partOf(crowd, ""), 0))
	}); err != nil {
		return err
	}
	task.Part = partOf(crowds[0], "")
	return n.walk(ctx, within, job, read, task)
}

// walk goes through the task's crowd from its place on, some pages at a time.
// When its time is up, or a brief job's page is read, the rest is a task of its own.
func (n *Notifier) walk(ctx, within context.Context, job *serverJob, read news, task Task) error {
	var (
		ends    = n.Clock().Add(n.Budget)
		crowd   = task.crowd()
		after   = task.Part.After
		attempt = task.Attempt
		open    = make(chan struct{}, pagesAtATime)
		pages   sync.WaitGroup
		mu      sync.Mutex
		errs    []error
	)
	note := func(err error) {
		mu.Lock()
		defer mu.Unlock()
		errs = append(errs, err)
	}
	for {
		open <- struct{}{}
		if n.Clock().After(ends) || within.Err() != nil || job.brief && after != task.Part.After {
			note(n.enqueue(ctx, job, job.task(partOf(crowd, after), 0)))
			break
		}
		page, err := n.page(within, crowd, after, audiencePageSize)
		if err != nil {
			note(n.retry(ctx, job, job.task(partOf(crowd, after), attempt), err))
			break
		}
		job.count(func(r *Report) { r.Audience += len(page.Rows) })
		pages.Go(func() {
			defer func() { <-open }()
			note(Guard(func() error { return n.leave(ctx, job, n.push(within, job, read, page.Rows).all(), 0) }))
		})
		if after, attempt = page.Next, 0; after == "" {
			break
		}
	}
	pages.Wait()
	return errors.Join(errs...)
}

// retry puts the task off. One that got no further for too long stays with the
// queue, which makes it a dead letter at last.
func (n *Notifier) retry(ctx context.Context, job *serverJob, task Task, cause error) error {
	if task.Attempt >= MaxTaskAttempts {
		return cause
	}
	job.note(cause)
	return n.enqueue(ctx, job, task.again())
}

// leave puts those who are left off.
func (n *Notifier) leave(ctx context.Context, job *serverJob, left []Presence, attempt int) error {
	byCrowd := make(map[Crowd][]string)
	for _, row := range left {
		byCrowd[row.Crowd()] = append(byCrowd[row.Crowd()], row.Connection.ID)
	}
	var errs []error
	for crowd, ids := range byCrowd {
		part := partOf(crowd, "")
		part.Only = ids
		errs = append(errs, n.enqueue(ctx, job, job.task(part, attempt).again()))
	}
	return errors.Join(errs...)
}

// lastResort: accounts that took nothing in all attempts, of some ten minutes, do not read, when they are few or no more
// than those who took theirs. They are closed, so that their clients come back; else it may be the service, and somebody
// has to look.
func (n *Notifier) lastResort(ctx context.Context, job *serverJob, left remains) error {
	if len(left.untold) > 0 || !n.strain.atLast(n.Clock(), left.slow) {
		return errUnfinished
	}
	p := &page{Notifier: n, job: job}
	if len(p.close(ctx, left.slow)) > 0 {
		return errUnfinished
	}
	return nil
}

// enqueue must be given the invocation's own deadline: what is left is said when the time for posts is up.
func (n *Notifier) enqueue(ctx context.Context, job *serverJob, task Task) error {
	if err := n.Queue.Enqueue(ctx, task); err != nil {
		return err
	}
	job.count(func(r *Report) { r.Queued++ })
	return nil
}

func (n *Notifier) page(ctx context.Context, crowd Crowd, cursor string, limit int) (AudiencePage, error) {
	return n.Audience.Audience(ctx, crowd, cursor, limit, n.Clock().UnixMilli())
}

// task is what is left of the job. Subscribers of a channel are told of that channel only.
func (j *serverJob) task(part *Part, attempt int) Task {
	t := Task{ServerID: j.serverID, Records: j.stored, Part: part, Attempt: attempt}
	if part != nil && part.ChannelID != "" {
		t.Records = slices.DeleteFunc(slices.Clone(j.stored), func(record Stored) bool { return record.Key.ChannelID != part.ChannelID })
	}
	return t
}

// note keeps the reason of what was put off.
func (j *serverJob) note(err error) {
	if err != nil {
		j.count(func(r *Report) { r.Errs = append(r.Errs, err) })
	}
}

func (r *Report) fail(records []int, err error) {
	r.Unfinished = append(r.Unfinished, records...)
	r.Errs = append(r.Errs, err)
}

func (r *Report) join(o Report) {
	r.Unfinished = append(r.Unfinished, o.Unfinished...)
	r.Errs = append(r.Errs, o.Errs...)
	r.Notices += o.Notices
	r.Dropped += o.Dropped
	r.Posts += o.Posts
	r.Gone += o.Gone
	r.Young += o.Young
	r.Retried += o.Retried
	r.Closed += o.Closed
	r.Queued += o.Queued
	r.Audience += o.Audience
	r.RevokesTold = append(r.RevokesTold, o.RevokesTold...)
}

// tells notes what there is to tell.
func (j *serverJob) tells(read news) {
	j.report.Notices, j.report.Dropped = len(read.notices), read.dropped
	for _, notice := range read.notices {
		if notice.Event == MessageUpdated {
			j.revokes = append(j.revokes, notice.Message.UpdatedAt)
		}
	}
}

// told notes how long revocations took where nothing is left to a later task, which would note it then.
func (j *serverJob) told(now time.Time) {
	if j.report.Queued > 0 {
		return
	}
	for _, at := range j.revokes {
		j.report.RevokesTold = append(j.report.RevokesTold, max(0, now.UnixMilli()-at)) // the clock of who wrote may be ahead
	}
}

func (j *serverJob) count(change func(*Report)) {
	j.mu.Lock()
	defer j.mu.Unlock()
	change(&j.report)
}

func (j *serverJob) channels() []string {
	return channelsOf(j.stored, func(record Stored) string { return record.Key.ChannelID })
}

func keysOf(records []Stored) []MessageKey {
	keys := make([]MessageKey, len(records))
	for i, r := range records {
		keys[i] = r.Key
	}
	return keys
}
