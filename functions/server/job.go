package main

import (
	"context"
	"net/http"
	"strings"

	"unsend/shared/chat"
	"unsend/shared/wire"
)

const (
	sweepID = "sweep"
	jobKind = "kind"
	jobID   = "job"
)

func (c communities) jobEndpoints() []endpoint {
	const server = "/servers/{server}"
	bound := []string{actingAs}
	return []endpoint{
		{"DELETE " + server, bound, c.deleteServer},
		{"DELETE " + server + "/channels/{channel}", bound, c.deleteChannel},
		{"PUT " + server + "/sweeps/{sweep}", bound, c.putSweep},
		{"GET " + server + "/jobs", []string{"limit", "cursor"}, c.getJobs},
		{"GET " + server + "/jobs/{kind}/{job}", nil, c.getJob},
		{"POST " + server + "/jobs/{kind}/{job}/resume", nil, c.postResume},
	}
}

// jobBody is a job, of whatever kind.
type jobBody struct {
	ServerID   string       `json:"server_id"`
	Kind       chat.JobKind `json:"kind"`
	JobID      string       `json:"job_id"`
	State      string       `json:"state"`
	CreatedAt  int64        `json:"created_at"`  // ms
	UpdatedAt  int64        `json:"updated_at"`  // ms
	FinishedAt int64        `json:"finished_at"` // ms; 0 until then

	Sweep *sweepBody `json:"sweep,omitempty"`

	Channels int `json:"channels"`
	Found    int `json:"found"`
	Revoked  int `json:"revoked"`
	Refused  int `json:"refused"`
	Removed  int `json:"removed"`
}

type sweepBody struct {
	Accid     string `json:"accid"`
	ChannelID string `json:"channel_id,omitempty"`
	Since     int64  `json:"since"` // ms
	Until     int64  `json:"until"` // ms
	Operator  string `json:"operator"`
	DryRun    bool   `json:"dry_run"`
	// ActingAs: the operator's rights and windows bind it.
	ActingAs   string          `json:"acting_as,omitempty"`
	UpdateInfo wire.UpdateInfo `json:"update_info"`
}

func jobBodyOf(j chat.Job) jobBody {
	body := jobBody{
		ServerID: j.ServerID, Kind: j.Kind, JobID: j.ID, State: "running",
		CreatedAt: j.CreatedAt, UpdatedAt: j.UpdatedAt, FinishedAt: j.FinishedAt,
		Channels: j.Counts.Channels, Found: j.Counts.Found, Revoked: j.Counts.Revoked, Refused: j.Counts.Refused, Removed: j.Counts.Removed,
	}
	if j.FinishedAt > 0 {
		body.State = "done"
	}
	if s := j.Sweep; s != nil {
		body.Sweep = &sweepBody{
			Accid: s.AccountID, ChannelID: s.ChannelID, Since: s.Since, Until: j.Until(), Operator: s.Operator.AccountID, DryRun: s.DryRun, UpdateInfo: wire.UpdateInfo(s.Info),
		}
		if s.Bound {
			body.Sweep.ActingAs = s.Operator.AccountID
		}
	}
	return body
}

func (c communities) putSweep(ctx context.Context, r *request) (reply, error) {
	w, err := r.unconditional()
	if err != nil {
		return reply{}, err
	}
	sweep, err := wire.DecodeSweep(r.body, r.PathValue(serverID), r.PathValue(sweepID))
	if err != nil {
		return reply{}, err
	}
	job, created, err := c.admin.Sweep(ctx, w, sweep)
	if err != nil {
		return reply{}, err
	}
	status := http.StatusOK
	if created {
		status = http.StatusCreated
	}
	return reply{status: status, body: jobBodyOf(job)}, nil
}

func (c communities) deleteChannel(ctx context.Context, r *request) (reply, error) {
	w, err := r.emptily()
	if err != nil {
		return reply{}, err
	}
	return deleted(c.admin.DeleteChannel(ctx, w, r.PathValue(serverID), r.PathValue(channelID)))
}

func (c communities) deleteServer(ctx context.Context, r *request) (reply, error) {
	w, err := r.emptily()
	if err != nil {
		return reply{}, err
	}
	return deleted(c.admin.DeleteServer(ctx, w, r.PathValue(serverID)))
}

// deleted answers with the job that removes the rows; a refusal with the row's version, where that is what it is about.
func deleted(job chat.Job, version int64, err error) (reply, error) {
	if err != nil {
		return replied(chat.Saved[chat.Job]{Version: version}, err, jobBodyOf)
	}
	return reply{status: http.StatusAccepted, body: jobBodyOf(job)}, nil
}

// job is the one that the path names.
func (r *request) job() chat.JobRef {
	return chat.JobRef{ServerID: r.PathValue(serverID), Kind: chat.JobKind(r.PathValue(jobKind)), ID: r.PathValue(jobID)}
}

func (c communities) getJob(ctx context.Context, r *request) (reply, error) {
	job, err := c.admin.Job(ctx, r.job())
	if err != nil {
		return reply{}, err
	}
	return reply{status: http.StatusOK, body: jobBodyOf(job)}, nil
}

func (c communities) postResume(ctx context.Context, r *request) (reply, error) {
	if _, err := r.unconditional(); err != nil {
		return reply{}, err
	}
	if err := r.empty(); err != nil {
		return reply{}, err
	}
	job, err := c.admin.Resume(ctx, r.job())
	if err != nil {
		return reply{}, err
	}
	return reply{status: http.StatusAccepted, body: jobBodyOf(job)}, nil
}

type jobsBody struct {
	Jobs []jobBody `json:"jobs"`
	Next string    `json:"next,omitempty"` // the cursor of the next page; absent at the end
}

func (c communities) getJobs(ctx context.Context, r *request) (reply, error) {
	server := r.PathValue(serverID)
	limit, place, err := r.pageAfter()
	if err != nil {
		return reply{}, err
	}
	jobs, more, err := c.admin.JobsOf(ctx, server, jobAfter(server, place), limit)
	if err != nil {
		return reply{}, err
	}
	body := jobsBody{Jobs: []jobBody{}}
	for _, job := range jobs {
		body.Jobs = append(body.Jobs, jobBodyOf(job))
	}
	if more && len(jobs) > 0 {
		last := jobs[len(jobs)-1]
		body.Next = formatCursor(string(last.Kind) + kindEnd + last.ID)
	}
	return reply{status: http.StatusOK, body: body}, nil
}

// kindEnd ends the kind in the cursor of a list of jobs.
const kindEnd = "/"

// jobAfter is the place that a list of the server's jobs goes on from; nil is its beginning.
func jobAfter(server, place string) *chat.JobRef {
	if place == "" {
		return nil
	}
	kind, id, _ := strings.Cut(place, kindEnd)
	return &chat.JobRef{ServerID: server, Kind: chat.JobKind(kind), ID: id}
}
