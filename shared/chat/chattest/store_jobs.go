package chattest

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"unsend/shared/chat"
)

// The kinds of what is gone for good.
const (
	goneServer  = "server"
	goneChannel = "channel"
	goneRole    = "role"
)

// PutJob stores a new job.
func (s *Store) PutJob(ctx context.Context, job chat.Job, by chat.Act) (chat.Job, bool, error) {
	created, atWork := false, chat.Job{}
	stored, err := do(ctx, s, "PutJob", func() (chat.Job, error) {
		if there, ok := s.jobs[job.JobRef]; ok {
			return cloneJob(there), nil
		}
		for _, other := range s.jobs {
			if other.Bars(job) {
				atWork = cloneJob(other)
				return chat.Job{}, chat.SweepIsAtWork(other.ID)
			}
		}
		created = true
		job.Version = 1
		entry := by.OfSweep(job)
		for s.kept(job.ServerID, chat.AuditEntry{Policy: &entry}) { // by another sweep of this moment
			entry.Version++
		}
		s.keep(job.ServerID, chat.AuditEntry{Policy: &entry})
		s.jobs[job.JobRef] = cloneJob(job)
		return cloneJob(job), nil
	})
	if chat.CodeOf(err) == chat.Conflict {
		return atWork, false, err
	}
	return stored, created && err == nil, err
}

// Job reads a job.
func (s *Store) Job(ctx context.Context, id chat.JobRef) (chat.Job, error) {
	return do(ctx, s, "Job", func() (chat.Job, error) {
		job, ok := s.jobs[id]
		if !ok {
			return chat.Job{}, chat.NoSuchJob()
		}
		return cloneJob(job), nil
	})
}

// Jobs reads a page of the server's jobs.
func (s *Store) Jobs(ctx context.Context, serverID string, after *chat.JobRef, limit int) (jobs []chat.Job, more bool, err error) {
	jobs, err = do(ctx, s, "Jobs", func() ([]chat.Job, error) {
		var all []chat.Job
		for id, job := range s.jobs {
			if id.ServerID == serverID && (after == nil || compareJobs(id, *after) > 0) {
				all = append(all, cloneJob(job))
			}
		}
		slices.SortFunc(all, func(a, b chat.Job) int { return compareJobs(a.JobRef, b.JobRef) })
		if more = len(all) >= limit; more { // as with a table, only reading on tells that nothing follows
			all = all[:limit]
		}
		return all, nil
	})
	return jobs, more, err
}

func compareJobs(a, b chat.JobRef) int {
	return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.ID, b.ID))
}

// SaveJob replaces the job at its version.
func (s *Store) SaveJob(ctx context.Context, job chat.Job) (chat.Job, error) {
	return do(ctx, s, "SaveJob", func() (chat.Job, error) {
		if s.jobs[job.JobRef].Version != job.Version {
			return chat.Job{}, &chat.Error{Code: chat.Stale}
		}
		job.Version++
		s.jobs[job.JobRef] = cloneJob(job)
		return cloneJob(job), nil
	})
}

// DeleteChannel replaces the channel with its job.
func (s *Store) DeleteChannel(ctx context.Context, serverID, channel string, by chat.Act, may func(chat.Channel) error) (chat.Job, error) {
	return do(ctx, s, "DeleteChannel", func() (chat.Job, error) {
		id := channelID{serverID, channel}
		row, ok := s.channels[id]
		if !ok {
			return s.deletedBefore(chat.JobRef{ServerID: serverID, Kind: chat.ChannelJob, ID: channel})
		}
		if err := may(cloneChannel(row)); err != nil {
			return chat.Job{}, err
		}
		delete(s.channels, id)
		s.gone[goneID{serverID, goneChannel, channel}] = true
		s.changes[changeID{server: serverID, at: by.At.UnixMilli(), channel: channel}] = true
		return s.begun(chat.JobRef{ServerID: serverID, Kind: chat.ChannelJob, ID: channel}, by, row.Version), nil
	})
}

// DeleteServer replaces the server with its job.
func (s *Store) DeleteServer(ctx context.Context, serverID string, by chat.Act, may func(chat.Server) error) (chat.Job, error) {
	return do(ctx, s, "DeleteServer", func() (chat.Job, error) {
		row, ok := s.servers[serverID]
		if !ok {
			return s.deletedBefore(chat.JobRef{ServerID: serverID, Kind: chat.ServerJob, ID: serverID})
		}
		if err := may(cloneServer(row)); err != nil {
			return chat.Job{}, err
		}
		delete(s.servers, serverID)
		s.gone[goneID{serverID, goneServer, ""}] = true
		s.changes[changeID{server: serverID, at: by.At.UnixMilli()}] = true
		return s.begun(chat.JobRef{ServerID: serverID, Kind: chat.ServerJob, ID: serverID}, by, row.Version), nil
	})
}

func (s *Store) deletedBefore(id chat.JobRef) (chat.Job, error) {
	job, ok := s.jobs[id]
	if !ok {
		return chat.Job{}, chat.NoSuch(id.Kind)
	}
	return cloneJob(job), nil
}

func (s *Store) begun(id chat.JobRef, by chat.Act, version int64) chat.Job {
	entry := by.OfDeletion(id, version)
	s.keep(id.ServerID, chat.AuditEntry{Policy: &entry})
	job := chat.Job{JobRef: id, CreatedAt: by.At.UnixMilli(), UpdatedAt: by.At.UnixMilli(), Version: 1}
	s.jobs[id] = job
	return job
}

// Traces reads a page of the channel.
func (s *Store) Traces(ctx context.Context, q chat.TraceQuery) (chat.TracePage, error) {
	return do(ctx, s, "Traces", func() (chat.TracePage, error) {
		var page chat.TracePage
		after := q.After
		if after == nil {
			after = &chat.MessageRef{Timestamp: q.Until}
		}
		for _, r := range s.walk(chat.HistoryQuery{ServerID: q.ServerID, ChannelID: q.ChannelID, After: after}) {
			if r.Timestamp < q.Since {
				break
			}
			m := s.channel(q.ServerID, q.ChannelID)[r]
			if m.From.AccountID == q.AccountID {
				trace := chat.Trace{MessageRef: r, Status: m.Status, UpdatedAt: m.UpdatedAt, ExpiresAt: m.ExpiresAt}
				if m.Revocation != nil {
					trace.OperatorID = m.Revocation.Operator.AccountID
				}
				page.Traces = append(page.Traces, trace)
			}
			page.KB++
			if page.Read++; page.Read == q.Limit {
				page.Next = &r
				break
			}
		}
		return page, nil
	})
}

// ChannelIDs lists the server's channels.
func (s *Store) ChannelIDs(ctx context.Context, serverID string) ([]string, error) {
	return do(ctx, s, "ChannelIDs", func() ([]string, error) { return s.channelIDs(serverID), nil })
}

func (s *Store) channelIDs(serverID string) (ids []string) {
	for id := range s.channels {
		if id.server == serverID {
			ids = append(ids, id.channel)
		}
	}
	slices.Sort(ids)
	return ids
}

// Remains lists the area's first rows.
func (s *Store) Remains(ctx context.Context, area chat.Area, limit int) (chat.Remnant, error) {
	return do(ctx, s, "Remains", func() (chat.Remnant, error) {
		rows := s.rowsOf(area)
		rows = rows[:min(limit, len(rows))]
		return chat.Remnant{Rows: rows, KB: len(rows)}, nil
	})
}

// rowsOf: lists and tallies are no rows here.
func (s *Store) rowsOf(a chat.Area) (rows []string) {
	switch a.Rows {
	case chat.MessageRows:
		for r := range maps.Keys(s.channel(a.ServerID, a.ChannelID)) {
			rows = append(rows, fmt.Sprintf("%015d#%s", r.Timestamp, r.MsgServerID))
		}
	case chat.PersonalRows:
		for id := range s.personals {
			if id.server == a.ServerID && id.channel == a.ChannelID {
				rows = append(rows, id.account)
			}
		}
	case chat.MemberRows:
		for id := range s.members {
			if id.server == a.ServerID {
				rows = append(rows, id.account)
			}
		}
	case chat.PolicyRows:
		rows = slices.DeleteFunc(s.channelIDs(a.ServerID), func(id string) bool { return a.ChannelID != "" && id != a.ChannelID })
	}
	slices.Sort(rows)
	return rows
}

// Remove removes them.
func (s *Store) Remove(ctx context.Context, area chat.Area, rows []string) error {
	return s.write(ctx, "Remove", func() {
		for _, row := range rows {
			s.remove(area, row)
		}
	})
}

func (s *Store) remove(a chat.Area, row string) {
	switch a.Rows {
	case chat.MessageRows:
		time, id, _ := strings.Cut(row, "#")
		var at chat.MessageRef
		fmt.Sscanf(time, "%d", &at.Timestamp)
		at.MsgServerID = id
		delete(s.channel(a.ServerID, a.ChannelID), at)
	case chat.PersonalRows:
		delete(s.personals, personalID{a.ServerID, a.ChannelID, row})
	case chat.MemberRows:
		if s.members[memberID{a.ServerID, row}].Active() {
			s.serversOf[row]--
		}
		delete(s.members, memberID{a.ServerID, row})
	case chat.PolicyRows:
		delete(s.channels, channelID{a.ServerID, row})
	}
}

func cloneJob(j chat.Job) chat.Job {
	j.Sweep, j.Place.Message = clonePointer(j.Sweep), clonePointer(j.Place.Message)
	return j
}
