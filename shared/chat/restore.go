package chat

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync/atomic"
	"time"
)

// TablePage is how many rows the channels have among those of one page of a whole table.
type TablePage struct {
	Rows map[ChannelRef]int
	Next *MessageKey // goes on behind this row; nil at the end
}

// TableReader reads a table of messages whole. It is for administrators' tools: the cost is the table's size, and no function of
// the service is permitted to.
type TableReader interface {
	// TablePage counts at most limit rows, strongly, behind a row (nil: from the beginning), in an order of the store's own. It
	// reads no content.
	TablePage(ctx context.Context, after *MessageKey, limit int) (TablePage, error)
}

// Gone is what was deleted of a server, for good.
type Gone struct {
	Server   bool            // the server itself, and so all of it
	Channels map[string]bool // by id
}

// GoneReader reads what was deleted.
type GoneReader interface {
	// Gone reads strongly what was ever deleted of the server.
	Gone(ctx context.Context, serverID string) (Gone, error)
}

// Reapplier revokes as the audit says that it was done.
type Reapplier interface {
	// ReapplyRevocation is one conditional write: if the row exists and is normal, expired or not, it is made what the entry says, and the
	// content is removed. What the entry does not have stays empty: the operator's nick, and of the update info all but
	// the postscript. reapplied is false where there was nothing to do. Idempotent.
	ReapplyRevocation(ctx context.Context, e RevokeEntry) (reapplied bool, err error)
}

// Actor is the operator as the message's row has it, but for the nick. A connection that named no device has a
// stand-in, so that it is told apart from a back end.
func (e RevokeEntry) Actor() Actor {
	device := e.Operator.DeviceID
	if device == "" && e.Door == WebSocketDoor {
		device = unnamedDevice
	}
	return Actor{AccountID: e.Operator.AccountID, ClientType: e.Operator.ClientType, Device: device}
}

// Restorer takes back, in a table of messages that was restored from a point in time, what was taken back after that point, as the
// audit has it, and removes what belongs to channels and servers that were deleted. Until that is done nobody may be
// served the table: it holds texts that were revoked.
//
// It can know no more than the audit does: nothing of revocations whose entries have expired, or that the function record has not
// kept yet.
type Restorer struct {
	// Store has the restored table as its messages. Audit and Community are those that are in use.
	Store interface {
		AuditReader
		MessageReader
		Remover
		TableReader
		GoneReader
		Reapplier
	}
	// Pace holds back writes and reads; nil: nothing does.
	Pace Pace
	// Removing, where set, is asked before the rows of a server's deleted channels are removed. Its error ends the restore.
	Removing func(ctx context.Context, serverID string, channels []string, rows int) error
	// Progress, where set, is told how far it is.
	Progress func(RestoreProgress)
}

// RestoreRequest is what to restore.
type RestoreRequest struct {
	// Since is the point in time (ms) that the table was restored from: what was taken back from RestoreOverlap before it on is looked
	// at. 0: all that the audit has.
	Since   int64
	Servers []string // empty: every server that the table has rows of
	// Keep are servers (SERVER) and channels (SERVER/CHANNEL) whose deletions, their servers' too, are ignored: what is restored to undo a deletion.
	// What was taken back in them is taken back.
	Keep  []string
	Apply bool // else nothing is written
}

// RestoreProgress is how far a restore is: at first it counts rows, then it goes through servers.
type RestoreProgress struct {
	Rows          int // of the table that were counted
	Server, Of    int
	ServerID      string
	Entries, Done int // of the server's audit that were looked at, and rows that were written or removed
}

// RestoredServer is what became of a server's rows, or what would.
type RestoredServer struct {
	ServerID       string
	Rows, Channels int // that the table has of it

	Entries int // revocations in its audit
	Already int // whose rows were revoked before
	Absent  int // whose rows are not in the table, or go with their channel
	Due     int // whose rows were still normal
	Revoked int // of those that are due, by this restore

	GoneServer   bool
	GoneChannels int // that were deleted, but have rows, and are not to be kept
	GoneRows     int // of them
	Removed      int // of those rows, by this restore
	KeptChannels int // that were deleted, but have rows, and are to be kept
	KeptRows     int // of them
}

const (
	// RestoreOverlap is how far before the point in time the audit is read: a write may end that long after the time it names.
	RestoreOverlap = ChangeOverlap

	tablePage   = 1_000
	auditPage   = 250
	rowsPerPace = 10               // that are read cost as much of the pace as one write
	callTimeout = 30 * time.Second // of one call of the store, with its retries
)

// Restore goes through the whole table once, to see which servers and channels it has rows of, and then through the audit of each server.
// each is told of a server when it is done with; its error ends the restore. It may be stopped and begun anew at any time:
// what is done is found done.
//
// Errors: those of the store, whose writes before stay, and that a name of the
// request has no rows: nothing is written then.
func (r *Restorer) Restore(ctx context.Context, q RestoreRequest, each func(RestoredServer) error) error {
	servers, err := r.servers(ctx, q)
	if err != nil {
		return err
	}
	if err := q.check(servers); err != nil {
		return err
	}
	ids := slices.Sorted(maps.Keys(servers))
	for i, id := range ids {
		run := serverRestore{
			Restorer: r, RestoreRequest: q, channels: servers[id],
			report:   RestoredServer{ServerID: id, Channels: len(servers[id])},
			progress: RestoreProgress{Server: i + 1, Of: len(ids), ServerID: id},
		}
		if err := run.do(ctx); err != nil {
			return err
		}
		if err := each(run.report); err != nil {
			return err
		}
	}
	return nil
}

// check refuses names that the table does not have: what is mistyped would be neither looked at nor kept.
func (q RestoreRequest) check(servers map[string]map[string]int) error {
	for _, id := range q.Servers {
		if servers[id] == nil {
			return fmt.Errorf("the table has no messages of the server %q", id)
		}
	}
	known := map[string]bool{}
	for server, channels := range servers {
		known[server] = true
		for channel := range channels {
			known[server+"/"+channel] = true
		}
	}
	for _, name := range q.Keep {
		if !known[name] {
			return fmt.Errorf("%q is to be kept, but is no server or channel that is looked at and of which the table has messages", name)
		}
	}
	return nil
}

// servers are how many rows each channel of each server has in the table.
func (r *Restorer) servers(ctx context.Context, q RestoreRequest) (map[string]map[string]int, error) {
	servers := map[string]map[string]int{}
	var progress RestoreProgress
	for after := (*MessageKey)(nil); ; {
		page, err := timed(ctx, func(ctx context.Context) (TablePage, error) { return r.Store.TablePage(ctx, after, tablePage) })
		if err != nil {
			return nil, err
		}
		read := 0
		for channel, rows := range page.Rows {
			read += rows
			if len(q.Servers) > 0 && !slices.Contains(q.Servers, channel.ServerID) {
				continue
			}
			if servers[channel.ServerID] == nil {
				servers[channel.ServerID] = map[string]int{}
			}
			servers[channel.ServerID][channel.ChannelID] += rows
		}
		progress.Rows += read
		r.tell(progress)
		if err := spend(ctx, r.Pace, 1+read/rowsPerPace); err != nil || page.Next == nil {
			return servers, err
		}
		after = page.Next
	}
}

func (r *Restorer) tell(p RestoreProgress) {
	if r.Progress != nil {
		r.Progress(p)
	}
}

// timed bounds one call.
func timed[T any](ctx context.Context, call func(context.Context) (T, error)) (T, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	return call(ctx)
}

// serverRestore is one server at work.
type serverRestore struct {
	*Restorer
	RestoreRequest
	channels map[string]int // how many rows
	gone     Gone
	report   RestoredServer
	progress RestoreProgress
}

func (s *serverRestore) do(ctx context.Context) (err error) {
	for _, rows := range s.channels {
		s.report.Rows += rows
	}
	s.gone, err = timed(ctx, func(ctx context.Context) (Gone, error) { return s.Store.Gone(ctx, s.report.ServerID) })
	if err != nil {
		return err
	}
	if s.gone.Channels == nil {
		s.gone.Channels = map[string]bool{}
	}
	if err := s.audit(ctx); err != nil {
		return err
	}
	return s.remove(ctx)
}

// audit walks the server's audit.
func (s *serverRestore) audit(ctx context.Context) error {
	q := AuditQuery{
		ServerID: s.report.ServerID, From: max(0, s.Since-RestoreOverlap.Milliseconds()), Until: MaxTimestamp, Limit: auditPage,
		Now: time.Time{}, // what has expired, and is still stored, counts
	}
	for {
		page, err := timed(ctx, func(ctx context.Context) (AuditPage, error) { return s.Store.Audit(ctx, q) })
		if err != nil {
			return err
		}
		if err := s.entries(ctx, page.Entries); err != nil {
			return err
		}
		if err := spend(ctx, s.Pace, 1+2*len(page.Entries)/rowsPerPace); err != nil { // an entry, and perhaps its row
			return err
		}
		if q.After = page.Next; page.Next == "" {
			return nil
		}
	}
}

// entries takes back what is due. An entry of a deletion stands for the mark that Community keeps of it, which a Community that was
// restored, too, may not have: ids do not come back.
func (s *serverRestore) entries(ctx context.Context, entries []AuditEntry) error {
	var due []RevokeEntry
	for _, e := range entries {
		switch {
		case e.Policy != nil && e.Policy.Action == ActionDeleteServer:
			s.gone.Server = true
		case e.Policy != nil && e.Policy.Action == ActionDeleteChannel:
			s.gone.Channels[e.Policy.ChannelID] = true
		case e.Revoke == nil:
		case s.goes(e.Revoke.ChannelID) || s.channels[e.Revoke.ChannelID] == 0:
			s.report.Entries++
			s.report.Absent++
		default:
			s.report.Entries++
			due = append(due, *e.Revoke)
		}
	}
	due, err := s.normal(ctx, due)
	if err != nil {
		return err
	}
	if s.Apply {
		err = s.reapply(ctx, due)
	}
	s.progress.Entries, s.progress.Done = s.report.Entries, s.report.Revoked
	s.tell(s.progress)
	return err
}

func (s *serverRestore) goes(channelID string) bool {
	return s.deleted(channelID) && !s.kept(channelID)
}

func (s *serverRestore) deleted(channelID string) bool {
	return s.gone.Server || s.gone.Channels[channelID]
}

func (s *serverRestore) kept(channelID string) bool {
	return slices.Contains(s.Keep, s.report.ServerID) || slices.Contains(s.Keep, s.report.ServerID+"/"+channelID)
}

// normal are the entries whose rows are there and not revoked.
func (s *serverRestore) normal(ctx context.Context, entries []RevokeEntry) (due []RevokeEntry, err error) {
	if len(entries) == 0 {
		return nil, nil
	}
	keys := make([]MessageKey, len(entries))
	for i, e := range entries {
		keys[i] = e.MessageKey
	}
	rows, err := timed(ctx, func(ctx context.Context) ([]Message, error) { return s.Store.Messages(ctx, keys) })
	if err != nil {
		return nil, err
	}
	status := make(map[MessageKey]Status, len(rows))
	for _, m := range rows {
		status[m.MessageKey] = m.Status
	}
	for _, e := range entries {
		switch state, there := status[e.MessageKey]; {
		case !there:
			s.report.Absent++
		case state == Normal:
			due = append(due, e)
		default:
			s.report.Already++
		}
	}
	s.report.Due += len(due)
	return due, nil
}

// reapply makes the writes. One that finds its row revoked has had a forerunner: a call whose answer was lost, or another restore.
func (s *serverRestore) reapply(ctx context.Context, due []RevokeEntry) error {
	var revoked atomic.Int64
	err := tryEach(writesAtATime, due, func(e RevokeEntry) error {
		if err := spend(ctx, s.Pace, 1); err != nil {
			return err
		}
		done, err := timed(ctx, func(ctx context.Context) (bool, error) { return s.Store.ReapplyRevocation(ctx, e) })
		if done {
			revoked.Add(1)
		}
		return err
	})
	s.report.Revoked += int(revoked.Load())
	return err
}

// remove removes the messages of channels that were deleted and are not to be kept.
func (s *serverRestore) remove(ctx context.Context) error {
	s.report.GoneServer = s.gone.Server
	var going []string
	for _, channel := range slices.Sorted(maps.Keys(s.channels)) {
		switch {
		case s.goes(channel):
			going = append(going, channel)
			s.report.GoneRows += s.channels[channel]
		case s.deleted(channel):
			s.report.KeptChannels++
			s.report.KeptRows += s.channels[channel]
		}
	}
	s.report.GoneChannels = len(going)
	if !s.Apply || len(going) == 0 {
		return nil
	}
	if s.Removing != nil {
		if err := s.Removing(ctx, s.report.ServerID, going, s.report.GoneRows); err != nil {
			return err
		}
	}
	for _, channel := range going {
		if err := s.empty(ctx, Area{ServerID: s.report.ServerID, ChannelID: channel, Rows: MessageRows}); err != nil {
			return err
		}
	}
	return nil
}

// empty removes the rows of the area, page by page.
func (s *serverRestore) empty(ctx context.Context, area Area) error {
	for {
		remnant, err := timed(ctx, func(ctx context.Context) (Remnant, error) { return s.Store.Remains(ctx, area, removalsPage) })
		rows := remnant.Rows
		if err != nil || len(rows) == 0 {
			return err
		}
		if err := spend(ctx, s.Pace, len(rows)*perRow(remnant.KB, len(rows))); err != nil {
			return err
		}
		if _, err := timed(ctx, func(ctx context.Context) (struct{}, error) { return struct{}{}, s.Store.Remove(ctx, area, rows) }); err != nil {
			return err
		}
		s.report.Removed += len(rows)
		s.progress.Done = s.report.Revoked + s.report.Removed
		s.tell(s.progress)
	}
}

// Plus adds another server's sums.
func (r RestoredServer) Plus(o RestoredServer) RestoredServer {
	r.Rows, r.Channels, r.Entries, r.Already, r.Absent = r.Rows+o.Rows, r.Channels+o.Channels, r.Entries+o.Entries, r.Already+o.Already, r.Absent+o.Absent
	r.Due, r.Revoked, r.GoneChannels, r.GoneRows, r.Removed = r.Due+o.Due, r.Revoked+o.Revoked, r.GoneChannels+o.GoneChannels, r.GoneRows+o.GoneRows, r.Removed+o.Removed
	r.KeptChannels, r.KeptRows = r.KeptChannels+o.KeptChannels, r.KeptRows+o.KeptRows
	return r
}

// Unfinished is what is still to be taken back or removed.
func (r RestoredServer) Unfinished() int { return r.Due - r.Revoked + r.GoneRows - r.Removed }
