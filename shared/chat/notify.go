package chat

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"time"
)

// Notifier tells devices what became of messages.
type Notifier struct {
	Messages MessageReader
	Audience Audience
	Rights   RightsReader
	Sessions interface {
		ConnectionStore
		Memberships
	}
	Gateway Gateway
	// Encode makes frames of notices, each within the gateway's size.
	Encode func([]Notice) ([][]byte, error)
	Clock  Clock
	// Concurrency bounds the posts under way at a time in one invocation.
	Concurrency int
	// ServerBudget bounds the time spent on one server, so that its trouble does
	// not become another's.
	ServerBudget time.Duration

	strain strain
}

const (
	serversAtATime   = 16
	audiencePageSize = 500
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
}

// Notify tells every connected device that may see them about the messages that
// were stored, but for the device that did it. The rows are read again, and again
// when that reading is RightsMaxAge old: a message that was revoked before is not
// shown, and only what the row says is told.
//
// A record counts as finished when every device that may see the message took
// the frame, has gone, or was closed so that its client comes back. What is reported as unfinished is to
// be delivered again. At least once; the order between messages is any.
func (n *Notifier) Notify(ctx context.Context, records []Stored) Report {
	var (
		report Report
		mu     sync.Mutex
	)
	jobs := n.jobs(records)
	forEach(serversAtATime, jobs, func(job *serverJob) {
		err := Guard(func() error { return n.tell(ctx, job) })
		mu.Lock()
		defer mu.Unlock()
		report.add(job.report)
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
	records  []int    // their indexes
	stored   []Stored // each once
	slots    slots
	mu       sync.Mutex
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
	all := make(chan struct{}, n.Concurrency)
	share := n.Concurrency
	if len(jobs) > 1 { // the posts of one server that hang leave the others the rest
		share = max(1, n.Concurrency/2)
	}
	for _, job := range jobs {
		job.slots = slots{own: make(chan struct{}, share), all: all}
	}
	return jobs
}

// news is what a server's rows had to say when they were read.
type news struct {
	readAt  time.Time // before the reading
	notices []Notice
	dropped int // too old to be worth a push
}

func (n *Notifier) news(ctx context.Context, job *serverJob) (news, error) {
	read := news{readAt: n.Clock()}
	messages, err := n.Messages.Messages(ctx, keysOf(job.stored))
	if err != nil {
		return read, err
	}
	rows := make(map[MessageKey]Message, len(messages))
	for _, m := range messages {
		rows[m.MessageKey] = m
	}
	for _, record := range job.stored {
		notice, ok := noticeOf(record.Kind, rows[record.Key])
		switch {
		case !ok:
		case n.tooOld(notice):
			read.dropped++
		default:
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

// tooOld: history has the old messages; a revocation is told whatever its age.
func (n *Notifier) tooOld(notice Notice) bool {
	return notice.Event == MessageReceived &&
		n.Clock().UnixMilli()-notice.Message.Timestamp > MessageNoticeMaxAge.Milliseconds()
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
var errUnfinished = errors.New("some devices could not be told in time")

// tell walks the server's audience, reading the next page while one is being
// told. Trouble with a page does not keep the later ones from being told.
func (n *Notifier) tell(ctx context.Context, job *serverJob) error {
	ctx, cancel := context.WithTimeout(ctx, n.ServerBudget)
	defer cancel()
	first, err := n.news(ctx, job)
	if err != nil {
		return err
	}
	job.report.Notices, job.report.Dropped = len(first.notices), first.dropped
	if len(first.notices) == 0 {
		return nil
	}
	page, err := n.page(ctx, job.serverID, "")
	var trouble []error
	for err == nil {
		var next AudiencePage
		steps := []func() error{func() error { return n.push(ctx, job, first, page.Rows) }}
		if page.Next != "" {
			steps = append(steps, func() (err error) {
				next, err = n.page(ctx, job.serverID, page.Next)
				return err
			})
		}
		errs := concurrently(steps...)
		trouble = append(trouble, errs[0])
		if page.Next == "" {
			return errors.Join(trouble...)
		}
		page, err = next, errs[1]
	}
	return errors.Join(append(trouble, err)...)
}

func (n *Notifier) page(ctx context.Context, serverID, cursor string) (AudiencePage, error) {
	return n.Audience.Audience(ctx, serverID, cursor, audiencePageSize, n.Clock().UnixMilli())
}

func (r *Report) fail(records []int, err error) {
	r.Unfinished = append(r.Unfinished, records...)
	r.Errs = append(r.Errs, err)
}

func (r *Report) add(o Report) {
	r.Notices += o.Notices
	r.Dropped += o.Dropped
	r.Posts += o.Posts
	r.Gone += o.Gone
	r.Young += o.Young
	r.Retried += o.Retried
	r.Closed += o.Closed
	r.Queued += o.Queued
}

func (j *serverJob) count(change func(*Report)) {
	j.mu.Lock()
	defer j.mu.Unlock()
	change(&j.report)
}

func (j *serverJob) channels() []string {
	ids := make([]string, len(j.stored))
	for i, record := range j.stored {
		ids[i] = record.Key.ChannelID
	}
	slices.SortFunc(ids, cmp.Compare)
	return slices.Compact(ids)
}

func keysOf(records []Stored) []MessageKey {
	keys := make([]MessageKey, len(records))
	for i, r := range records {
		keys[i] = r.Key
	}
	return keys
}
