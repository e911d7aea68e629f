package chat

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// JobKind is what a job does.
type JobKind string

// The kinds. Their texts are stored: they do not change.
const (
	SweepJob   JobKind = "sweep"   // takes back what one account sent
	ChannelJob JobKind = "channel" // removes the rows of a channel that was deleted
	ServerJob  JobKind = "server"  // removes the rows of a server that was deleted
)

// JobKinds are all there are.
func JobKinds() []JobKind { return []JobKind{SweepJob, ChannelJob, ServerJob} }

// JobRef identifies a job. The ID of a deletion is that of what was deleted.
type JobRef struct {
	ServerID string
	Kind     JobKind
	ID       string
}

// Check refuses what no job can have: the error is Invalid.
func (r JobRef) Check() error {
	return firstOf(
		func() error { return CheckID("server_id", r.ServerID) },
		func() error {
			if slices.Contains(JobKinds(), r.Kind) {
				return nil
			}
			return InvalidField("kind", fmt.Sprint("is unknown; known are ", JobKinds()))
		},
		func() error { return CheckID("job_id", r.ID) },
	)
}

// Job is work in the background that goes on where it stopped, whatever process dies when.
type Job struct {
	JobRef
	Sweep      *Sweep // of a SweepJob
	CreatedAt  int64  // ms
	UpdatedAt  int64  // ms; of the last progress
	FinishedAt int64  // ms; 0 until then
	Place      Place
	Counts     JobCounts
	Version    int64
}

// Sweep is what a sweep is to take back, as it was asked for.
type Sweep struct {
	AccountID string // whose messages
	ChannelID string // empty: of every channel of the server
	Since     int64  // ms; sent at this time or later
	Operator  Actor  // in whose name
	Info      UpdateInfo
	DryRun    bool // counts only
	// Bound: the operator's sight, permission and windows bind the sweep.
	Bound bool
}

// differences are in which words, as the Server API has them, another sweep was asked for. The operator's nick may have changed meanwhile.
func (s Sweep) differences(o Sweep) (words []string) {
	for word, differs := range map[string]bool{
		"accid": s.AccountID != o.AccountID, "channel_id": s.ChannelID != o.ChannelID, "since": s.Since != o.Since,
		"operator": s.Operator.AccountID != o.Operator.AccountID, "update_info": s.Info != o.Info, "dry_run": s.DryRun != o.DryRun, "acting_as": s.Bound != o.Bound,
	} {
		if differs {
			words = append(words, word)
		}
	}
	slices.Sort(words)
	return words
}

// Until is the time (ms) after which nothing is swept of an account that is still a member: it goes on sending. Of one that is not, what was
// on its way then is swept, too.
func (j Job) Until() int64 { return j.CreatedAt }

// Place is how far a job is.
type Place struct {
	// Stage is one of those that the kind goes through. It is stored: a release that has others must go on with the jobs of
	// earlier ones, so what a number means does not change.
	Stage     int
	ChannelID string // the channel that it is at
	// Message is the last one read in the channel; of a sweep.
	Message *MessageRef
	// Until (ms) is up to when the last pass reads; of a sweep.
	Until int64
	// Row is the last one counted in the area, and perhaps not removed yet; of a deletion.
	Row string
}

// JobCounts are what a job has done.
type JobCounts struct {
	Channels int // that it is through with
	Found    int // messages of the account that were not taken back before
	Revoked  int // by this sweep
	Refused  int // by the rights and windows that bind it, or as they ended meanwhile
	Removed  int // rows
}

const (
	// JobTTL is for how long at least a job that is finished can be read. Nothing depends on its end.
	JobTTL = 30 * 24 * time.Hour

	// sweepSettles is when what was sent before a sweep is in the table: its end is read once more then.
	sweepSettles = ChangeOverlap

	// sweepLate is how much later than a sweep a message can be dated that was on its way when it was asked for: functions that send do not live
	// longer, and clocks differ.
	sweepLate = 30 * time.Second

	// DeletionSettles is when nobody can be at work any more who read that the channel or server was there: no function that
	// makes rows in it lives as long, and clocks may differ by ChangeOverlap. (A sweep lives longer, but only changes rows.)
	DeletionSettles = 45 * time.Second
)

// Bars tells whether the other sweep may not begin while this one is at work: an account in whose name, and with whose rights, the back end
// sweeps does so in a server once at a time, so that no member fills the queue for which all servers wait.
func (j Job) Bars(o Job) bool {
	return j.FinishedAt == 0 && j.JobRef != o.JobRef && j.ServerID == o.ServerID && j.Sweep != nil && o.Sweep != nil &&
		j.Sweep.Bound && o.Sweep.Bound && j.Sweep.Operator.AccountID == o.Sweep.Operator.AccountID
}

// begins is when the work on the job may begin.
func (j Job) begins() time.Time {
	created := time.UnixMilli(j.CreatedAt)
	if j.Kind == SweepJob {
		return created
	}
	return created.Add(DeletionSettles)
}

// finish ends the job at now.
func (j *Job) finish(now time.Time) { j.FinishedAt = now.UnixMilli() }

// JobQueue brings jobs to those who work on them.
type JobQueue interface {
	// EnqueueJob has the job worked on once delay is over: at least once, and by several at a time perhaps.
	// An error says that it may not be. Errors: Busy.
	EnqueueJob(ctx context.Context, job JobRef, delay time.Duration) error
}

// JobStore keeps jobs.
type JobStore interface {
	// PutJob stores a new sweep, and an entry of the audit with it. Where there is one of this ref already, it is given instead, and created
	// is false. Conflict for one that is Bound while another one of its operator bars it, which is given then.
	PutJob(ctx context.Context, job Job, by Act) (stored Job, created bool, err error)
	// Job reads a job strongly. NotFound when there is none.
	Job(ctx context.Context, ref JobRef) (Job, error)
	// Jobs reads at most limit of the server's jobs, by kind and id, after one of them (nil: from the beginning). more tells whether there are any behind them.
	Jobs(ctx context.Context, serverID string, after *JobRef, limit int) (jobs []Job, more bool, err error)
	// SaveJob replaces the job, on the condition that it is still at its version, and gives it the next one. Stale when
	// it is not.
	SaveJob(ctx context.Context, job Job) (Job, error)
}

// Deleter takes channels and servers out.
type Deleter interface {
	// DeleteChannel takes the channel out of its server, for good, and stores the job that removes its rows, in one
	// transaction with a change row and an entry of the audit: from then on nobody sees it, and its id is not accepted again. may judges the
	// channel as it is, and is pure; its error is returned as it is. A channel that is not there gives the job of its deletion, for as
	// long as there is one: may is not asked then. Else NotFound.
	DeleteChannel(ctx context.Context, serverID, channelID string, by Act, may func(Channel) error) (Job, error)
	// DeleteServer does the same with a server and all that is in it.
	DeleteServer(ctx context.Context, serverID string, by Act, may func(Server) error) (Job, error)
}

// Trace is what a sweep needs to know of a message: nothing of its content.
type Trace struct {
	MessageRef
	Status     Status
	UpdatedAt  int64  // ms
	OperatorID string // of one that was taken back
	ExpiresAt  int64  // s since the epoch; 0 never
}

// TraceQuery asks for a page of an account's messages in a channel, the newest first.
type TraceQuery struct {
	ServerID, ChannelID, AccountID string
	Since, Until                   int64       // ms, both included
	After                          *MessageRef // the page goes on behind it; nil: begins at Until
	Limit                          int         // of the rows that are looked at, whoever's they are
}

// TracePage is what was found among them.
type TracePage struct {
	Traces []Trace
	Read   int         // how many rows were looked at
	KB     int         // how much that was, with what was not returned
	Next   *MessageRef // goes on behind the last row that was looked at; nil at the end
}

// Tracer finds the messages of one account. Its cost is that of the range that it reads: nothing lists an account's messages.
type Tracer interface {
	// Traces reads with strong consistency. A page may have no traces while there are more (Next says). A range that ends
	// before it begins is empty.
	Traces(ctx context.Context, q TraceQuery) (TracePage, error)
}

// ChannelLister knows the channels of servers.
type ChannelLister interface {
	// ChannelIDs are the ids of all channels of the server, in order, read strongly.
	ChannelIDs(ctx context.Context, serverID string) ([]string, error)
}

// Area is rows that a deletion removes together.
type Area struct {
	ServerID  string
	ChannelID string // empty: of the server itself
	Rows      AreaRows
}

// AreaRows is which rows of a channel or server.
type AreaRows int

// The rows, of a channel where nothing else is said.
const (
	MessageRows  AreaRows = iota // its messages
	PersonalRows                 // what it holds for accounts
	ListRows                     // its lists
	TallyRows                    // what is counted of it; without a channel, of the server
	PolicyRows                   // the channel's own row; without a channel, those of all channels, and what else the server has
	MemberRows                   // of a server: its members, each with the server's entry in the account's list
)

// Remnant is rows of an area, in order.
type Remnant struct {
	Rows []string
	KB   int // how much they are
}

// Remover removes what a deleted channel or server had.
type Remover interface {
	// Remains reads the first rows of the area, strongly, by their place in it: at most limit.
	Remains(ctx context.Context, area Area, limit int) (Remnant, error)
	// Remove removes these rows. Idempotent.
	Remove(ctx context.Context, area Area, rows []string) error
}

// NoSuchJob refuses a job that is not there, or no more.
func NoSuchJob() *Error { return noSuch("job") }

// NoSuch refuses to delete what never was there.
func NoSuch(kind JobKind) *Error { return noSuch(string(kind)) }
