package chat

import (
	"cmp"
	"context"
	"strings"
	"time"
)

// SweepRequest asks to take back what an account has sent.
type SweepRequest struct {
	ServerID, ID string
	AccountID    string
	ChannelID    string // empty: in every channel of the server
	Since        int64  // ms; 0: whenever it was sent
	OperatorID   string // in whose name; empty: that of the account that the back end acts as
	Info         UpdateInfo
	DryRun       bool // count only
}

func (r SweepRequest) check() error {
	return firstOf(
		JobRef{r.ServerID, SweepJob, r.ID}.Check,
		func() error { return CheckID("accid", r.AccountID) },
		func() error { return checkOptionalID("channel_id", r.ChannelID) },
		func() error { return CheckTimestamp("since", r.Since) },
		r.Info.check,
	)
}

// Sweep begins to take back what an account has sent in a server, or one of its channels, up to now: in the background, at a
// pace, newest first. A back end's own sweep takes back whatever there is; an account that it acts as is the operator, and its
// sight, permission and windows bind each channel's part. With DryRun nothing is taken back, and what would be is counted, rights apart.
//
// The same sweep again changes nothing, and goes on where it had stopped, if it has told nothing for two minutes; see Resume. Another one of the same ID is a Conflict.
// So is, with ActingAs, one more while another one of that account is at work in the server, a DryRun or not; that one goes on if it has told nothing for two minutes.
//
// Errors: Invalid and TooLong for the request, NotFound, Forbidden, Conflict, Busy.
func (a *Administration) Sweep(ctx context.Context, w Write, r SweepRequest) (job Job, created bool, err error) {
	operatorID, err := w.account("operator", r.OperatorID)
	if err != nil {
		return job, false, err
	}
	if err := r.check(); err != nil {
		return job, false, err
	}
	s, err := a.known(ctx, w, r.ServerID, r.ChannelID, operatorID)
	if err != nil {
		return job, false, err
	}
	if err := s.maySweep(r, operatorID); err != nil {
		return job, false, err
	}
	now := a.Clock().UnixMilli()
	wanted := Job{JobRef: JobRef{r.ServerID, SweepJob, r.ID}, CreatedAt: now, UpdatedAt: now, Sweep: &Sweep{
		AccountID: r.AccountID, ChannelID: r.ChannelID, Since: r.Since, Operator: s.backEnd(operatorID), Info: r.Info,
		DryRun: r.DryRun, Bound: w.ActingAs != "",
	}}
	job, created, err = a.Store.PutJob(ctx, wanted, a.act(w, ActionPutSweep))
	switch {
	case CodeOf(err) == Conflict:
		return Job{}, false, cmp.Or(a.lookAfter(ctx, job), err)
	case err != nil:
		return job, false, err
	case len(job.Sweep.differences(*wanted.Sweep)) > 0:
		return job, false, conflict("the server has another sweep of this id, which differs in " + strings.Join(job.Sweep.differences(*wanted.Sweep), ", "))
	}
	return job, created, a.goOn(ctx, job)
}

// maySweep refuses an account that could take nothing of the swept account's back: that does not see the channel, or is nobody in the
// server, and of another's messages one that lacks the permission there.
func (s scene) maySweep(r SweepRequest, operatorID string) error {
	switch {
	case s.actor == nil:
		return nil
	case r.ChannelID != "" && !s.actor.CanSee(), !s.actor.IsMember():
		return forbidden()
	case r.AccountID == operatorID:
		return nil
	}
	return s.require(RevokeMemberMessage)
}

// goOn has the job worked on, unless it is finished, or somebody has got on with it a moment ago: asking often makes no more of its messages.
func (a *Administration) goOn(ctx context.Context, job Job) error {
	if job.UpdatedAt > job.CreatedAt {
		return a.lookAfter(ctx, job)
	}
	return a.enqueue(ctx, job)
}

// lookAfter has a job go on that was begun, if it has told nothing for so long that perhaps nobody works on it.
func (a *Administration) lookAfter(ctx context.Context, job Job) error {
	if a.Clock().Sub(time.UnixMilli(job.UpdatedAt)) < jobStale {
		return nil
	}
	return a.enqueue(ctx, job)
}

func (a *Administration) enqueue(ctx context.Context, job Job) error {
	if job.FinishedAt > 0 {
		return nil
	}
	return a.Jobs.EnqueueJob(ctx, job.JobRef, max(0, job.begins().Sub(a.Clock())))
}

// DeleteChannel deletes a channel: from the answer on nobody reads it, or is told of it 2 s later, and its id does not come back. A job
// removes its rows. Repeated it changes nothing, has that job go on, and gives it: until it has ended for JobTTL, and NotFound then. An
// account needs ManageChannel; to repeat it, in the server.
func (a *Administration) DeleteChannel(ctx context.Context, w Write, serverID, channelID string) (Job, int64, error) {
	if err := CheckID("channel_id", channelID); err != nil {
		return Job{}, 0, err
	}
	s, err := a.scene(ctx, w, serverID, channelID, "")
	if err != nil {
		return Job{}, 0, err
	}
	if s.Server.Version == 0 {
		return Job{}, 0, noSuch("server")
	}
	if s.Channel.Version > 0 {
		if err := s.require(ManageChannel); err != nil {
			return Job{}, 0, err
		}
		if err := a.deleting(ctx, JobRef{serverID, ChannelJob, channelID}); err != nil {
			return Job{}, 0, err
		}
	}
	version, judged := int64(0), false
	job, err := a.Store.DeleteChannel(ctx, serverID, channelID, a.act(w, ActionDeleteChannel), func(row Channel) error {
		version, judged = row.Version, true
		return firstOf(
			func() error { return s.inChannel(row).require(ManageChannel) },
			func() error { return w.check(true, row.Version) },
		)
	})
	if err == nil && !judged {
		err = s.inChannel(Channel{}).require(ManageChannel)
	}
	return a.deleted(ctx, job, version, err)
}

// DeleteServer deletes a server with all its channels and members, as DeleteChannel does a channel. An account must own it, and so can delete it once only.
func (a *Administration) DeleteServer(ctx context.Context, w Write, serverID string) (Job, int64, error) {
	s, err := a.scene(ctx, w, serverID, "", "")
	if err != nil {
		return Job{}, 0, err
	}
	if s.Server.Version > 0 {
		if err := s.requireOwner(); err != nil {
			return Job{}, 0, err
		}
		if err := a.deleting(ctx, JobRef{serverID, ServerJob, serverID}); err != nil {
			return Job{}, 0, err
		}
	}
	version, judged := int64(0), false
	job, err := a.Store.DeleteServer(ctx, serverID, a.act(w, ActionDeleteServer), func(row Server) error {
		version, judged = row.Version, true
		return firstOf(
			func() error { return s.in(row).requireOwner() },
			func() error { return w.check(true, row.Version) },
		)
	})
	if err == nil && !judged {
		err = s.in(Server{}).requireOwner()
	}
	return a.deleted(ctx, job, version, err)
}

// requireOwner refuses an account that is not the server's owner.
func (s scene) requireOwner() error {
	if s.actor == nil || s.actor.IsMember() && s.actor.IsOwner() {
		return nil
	}
	return &Error{Code: Forbidden, Reason: "the owner alone deletes the server"}
}

// deleting has the job of a deletion worked on before there is one: so none is made that nobody works on, whatever dies when. Where none is
// made it is nothing to do.
func (a *Administration) deleting(ctx context.Context, job JobRef) error {
	return a.Jobs.EnqueueJob(ctx, job, DeletionSettles)
}

// deleted gives the version of the row that was refused; a deletion of before that has stopped goes on.
func (a *Administration) deleted(ctx context.Context, job Job, version int64, err error) (Job, int64, error) {
	if err != nil {
		return Job{}, version, err
	}
	if a.Clock().Sub(time.UnixMilli(job.UpdatedAt)) < DeletionSettles {
		return job, 0, nil // it is about to begin
	}
	return job, 0, a.goOn(ctx, job)
}

// Resume has a job go on that has stopped: as when what it needs was out of reach for too long. One that is at work, or finished, is none the
// worse for it.
//
// Errors: Invalid, NotFound, Busy.
func (a *Administration) Resume(ctx context.Context, ref JobRef) (Job, error) {
	job, err := a.Job(ctx, ref)
	if err != nil {
		return Job{}, err
	}
	return job, a.enqueue(ctx, job)
}

// Job reads a job, also of a server that was deleted.
//
// Errors: Invalid, NotFound, Busy.
func (a *Administration) Job(ctx context.Context, ref JobRef) (Job, error) {
	if err := ref.Check(); err != nil {
		return Job{}, err
	}
	return a.Store.Job(ctx, ref)
}

// JobsOf reads a page of a server's jobs, by kind and id: also of a server that was deleted. more tells whether there are others
// behind them. A server that nobody knows has none.
//
// Errors: Invalid, Busy.
func (a *Administration) JobsOf(ctx context.Context, serverID string, after *JobRef, limit int) (jobs []Job, more bool, err error) {
	if err := firstOf(
		func() error { return CheckID("server_id", serverID) },
		func() error { return checkPage("", limit) },
		func() error {
			if after != nil && after.Check() != nil {
				return UnknownPosition()
			}
			return nil
		},
	); err != nil {
		return nil, false, err
	}
	return a.Store.Jobs(ctx, serverID, after, limit)
}
