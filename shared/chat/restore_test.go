package chat_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"unsend/shared/chat"
	"unsend/shared/chat/chattest"
)

// disaster is a community that went on after a point in time, and its messages as they were then.
type disaster struct {
	*cleanup
	then    *chattest.Store
	since   int64
	stored  []chat.Stored // what the stream tells of the messages in use
	pace    *paceOf
	reports []chat.RestoredServer
}

// newDisaster has n messages sent by two, in c1 and c2, before the point in time.
func newDisaster(t *testing.T, n int) *disaster {
	d := &disaster{cleanup: newCleanup(t), pace: &paceOf{}}
	d.store.Stored = func(s chat.Stored) { d.stored = append(d.stored, s) }
	d.talk(t, n, "mallory", "alice")
	d.now = d.now.Add(time.Hour)
	d.then, d.since = d.store.PointInTime(), d.now.UnixMilli()
	d.now = d.now.Add(time.Hour)
	return d
}

// record keeps what was taken back.
func (d *disaster) record(t *testing.T) {
	t.Helper()
	recorder := chat.Recorder{Messages: d.store, Audit: d.store, Clock: func() time.Time { return d.now }}
	if report := recorder.Record(t.Context(), d.stored); len(report.Errs) > 0 {
		t.Fatal(report.Errs)
	}
	d.stored = nil
}

func (d *disaster) restore(t *testing.T, q chat.RestoreRequest) error {
	t.Helper()
	d.reports = nil
	r := chat.Restorer{Store: d.then, Pace: d.pace}
	return r.Restore(t.Context(), q, func(s chat.RestoredServer) error {
		d.reports = append(d.reports, s)
		return nil
	})
}

// restored wants one server, s1, to be reported so.
func (d *disaster) restored(t *testing.T, q chat.RestoreRequest, want chat.RestoredServer) {
	t.Helper()
	d.must(t)(nil, d.restore(t, q))
	want.ServerID = "s1"
	if diff := cmp.Diff(d.reports, []chat.RestoredServer{want}); diff != "" {
		t.Errorf("(-got +want)\n%s", diff)
	}
}

// rowsThen are the messages of a channel in the restored table.
func (d *disaster) rowsThen(t *testing.T, channel string) []chat.Message {
	t.Helper()
	page, err := d.then.History(t.Context(), chat.HistoryQuery{ServerID: "s1", ChannelID: channel, Limit: 100_000, Now: d.now})
	d.must(t)(nil, err)
	return page.Messages
}

// What was taken back after the point in time is taken back in the restored table as it is in the one that was in use; what was not, is as it was.
func TestRestoreTakesBackAgain(t *testing.T) {
	t.Parallel()
	d := newDisaster(t, 600) // and 300 revocations: more than a page of the audit
	d.must(t)(d.began(d.Sweep(t.Context(), chat.Write{}, sweepOf("mallory"))))
	d.settle(t)
	d.talk(t, 2, "mallory") // after the point in time: they are not in the restored table
	d.must(t)(d.Administration.Revoke(t.Context(), chat.Write{}, "owner", revokeOf(d.newest(t, "c1"))))
	d.record(t)
	counts := chat.RestoredServer{Rows: 600, Channels: 2, Entries: 301, Absent: 1, Due: 300}
	d.restored(t, chat.RestoreRequest{}, counts)
	if left := d.leftThen(t, "mallory"); left != 300 {
		t.Errorf("a dry run left %d of 300", left)
	}
	done := counts
	done.Revoked = 300
	d.restored(t, chat.RestoreRequest{Apply: true}, done)
	for _, channel := range []string{"c1", "c2"} {
		// What the audit does not have is the nick.
		want := slices.DeleteFunc(d.rows(t, channel), func(m chat.Message) bool { return m.Timestamp > d.since })
		for i := range want {
			if want[i].Revocation != nil {
				want[i].Revocation.Operator.Nick = ""
			}
		}
		if diff := cmp.Diff(d.rowsThen(t, channel), want); diff != "" {
			t.Errorf("%s (-restored +in use)\n%s", channel, diff)
		}
	}
	after := d.then.Dump()
	d.restored(t, chat.RestoreRequest{Apply: true}, chat.RestoredServer{Rows: 600, Channels: 2, Entries: 301, Absent: 1, Already: 300})
	if d.then.Dump() != after {
		t.Error("a second restore has changed something")
	}
}

func (d *disaster) newest(t *testing.T, channel string) chat.Message {
	t.Helper()
	rows := d.rows(t, channel)
	return rows[0]
}

func revokeOf(m chat.Message) chat.RevokeBatchRequest {
	return chat.RevokeBatchRequest{ServerID: m.ServerID, ChannelID: m.ChannelID, Messages: []chat.MessageRef{{Timestamp: m.Timestamp, MsgServerID: m.MsgServerID}}}
}

func (d *disaster) leftThen(t *testing.T, account string) (n int) {
	t.Helper()
	for _, channel := range []string{"c1", "c2"} {
		for _, m := range d.rowsThen(t, channel) {
			if m.From.AccountID == account && m.Status == chat.Normal {
				n++
			}
		}
	}
	return n
}

// A channel that was deleted after the point in time does not come back, whether Community or the audit alone knows of it.
func TestRestoreRemovesWhatWasDeleted(t *testing.T) {
	t.Parallel()
	for name, forget := range map[string]bool{"Community knows": false, "the audit knows": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDisaster(t, 250)
			gone := len(d.rowsThen(t, "c1"))
			_, _, err := d.DeleteChannel(t.Context(), chat.Write{}, "s1", "c1")
			d.must(t)(nil, err)
			d.settle(t)
			d.record(t)
			store := goneless{d.then, forget}
			counts := chat.RestoredServer{ServerID: "s1", Rows: 250, Channels: 2, GoneChannels: 1, GoneRows: gone}
			for _, apply := range []bool{false, true} {
				var report chat.RestoredServer
				r := chat.Restorer{Store: store}
				d.must(t)(nil, r.Restore(t.Context(), chat.RestoreRequest{Apply: apply}, func(s chat.RestoredServer) error { report = s; return nil }))
				if apply {
					counts.Removed = gone
				}
				if report != counts {
					t.Errorf("apply %v: %+v, want %+v", apply, report, counts)
				}
				if left := len(d.rowsThen(t, "c1")); left != gone-report.Removed || len(d.rowsThen(t, "c2")) != 250-gone {
					t.Errorf("apply %v: left are %d and %d", apply, left, len(d.rowsThen(t, "c2")))
				}
			}
		})
	}
}

// goneless is a store whose Community was restored, too, and knows of no deletion.
type goneless struct {
	*chattest.Store
	forgets bool
}

func (g goneless) Gone(ctx context.Context, serverID string) (chat.Gone, error) {
	if g.forgets {
		return chat.Gone{}, nil
	}
	return g.Store.Gone(ctx, serverID)
}

// Of a server that was deleted nothing is left, and what was taken back there is not written for nothing where Community knows.
func TestRestoreRemovesADeletedServer(t *testing.T) {
	t.Parallel()
	for name, forgets := range map[string]bool{"Community knows": false, "the audit knows": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDisaster(t, 100)
			d.must(t)(d.Administration.Revoke(t.Context(), chat.Write{}, "owner", revokeOf(d.newest(t, "c1"))))
			d.record(t)
			_, _, err := d.DeleteServer(t.Context(), chat.Write{}, "s1")
			d.must(t)(nil, err)
			r := chat.Restorer{Store: goneless{d.then, forgets}}
			var reports []chat.RestoredServer
			for range 2 {
				d.must(t)(nil, r.Restore(t.Context(), chat.RestoreRequest{Apply: true}, func(s chat.RestoredServer) error {
					reports = append(reports, s)
					return nil
				}))
			}
			if len(reports) != 1 || reports[0].Removed != 100 || reports[0].GoneChannels != 2 || !reports[0].GoneServer || reports[0].Entries != 1 {
				t.Errorf("reported %+v", reports)
			}
			if n := d.then.Calls("ReapplyRevocation"); n != 0 && !forgets {
				t.Errorf("%d writes", n)
			}
		})
	}
}

// An entry that has expired is in the table for days, and is the only one that knows.
func TestRestoreReadsExpiredEntries(t *testing.T) {
	t.Parallel()
	d := newDisaster(t, 10)
	d.must(t)(d.Administration.Revoke(t.Context(), chat.Write{}, "owner", revokeOf(d.newest(t, "c1"))))
	recorder := chat.Recorder{Messages: d.store, Audit: d.store, Clock: func() time.Time { return d.now }, Retention: time.Hour}
	if report := recorder.Record(t.Context(), d.stored); len(report.Errs) > 0 {
		t.Fatal(report.Errs)
	}
	page, err := d.store.Audit(t.Context(), chat.AuditQuery{ServerID: "s1", Until: chat.MaxTimestamp, Limit: 100, Now: time.Now()})
	d.must(t)(nil, err)
	if slices.ContainsFunc(page.Entries, func(e chat.AuditEntry) bool { return e.Revoke != nil }) {
		t.Fatalf("it has not expired at %v, as it is of %v", time.Now(), d.now)
	}
	d.restored(t, chat.RestoreRequest{Apply: true}, chat.RestoredServer{Rows: 10, Channels: 2, Entries: 1, Due: 1, Revoked: 1})
}

// Who restores to undo a deletion names what was deleted: it stays, and what was taken back in it is taken back.
func TestRestoreKeepsWhatIsToBeKept(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		server bool // is deleted, and not only c1
		keep   []string
		c1, c2 bool // are left
	}{
		"the channel":                   {false, []string{"s1/c1"}, true, true},
		"its server":                    {false, []string{"s1"}, true, true},
		"another channel":               {false, []string{"s1/c2"}, false, true},
		"a channel of a deleted server": {true, []string{"s1/c1"}, true, false},
		"a deleted server":              {true, []string{"s1"}, true, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDisaster(t, 20)
			d.must(t)(d.Administration.Revoke(t.Context(), chat.Write{}, "owner", revokeOf(d.newest(t, "c1"))))
			if c.server {
				_, _, err := d.DeleteServer(t.Context(), chat.Write{}, "s1")
				d.must(t)(nil, err)
			} else {
				_, _, err := d.DeleteChannel(t.Context(), chat.Write{}, "s1", "c1")
				d.must(t)(nil, err)
			}
			d.record(t)
			d.must(t)(nil, d.restore(t, chat.RestoreRequest{Apply: true, Keep: c.keep}))
			c1, c2 := d.rowsThen(t, "c1"), d.rowsThen(t, "c2")
			if (len(c1) > 0) != c.c1 || (len(c2) > 0) != c.c2 {
				t.Fatalf("left are %d and %d", len(c1), len(c2))
			}
			if c.c1 && c1[0].Status != chat.Revoked {
				t.Error("what was taken back in it can be read")
			}
			kept := 0
			if c.c1 {
				kept += len(c1)
			}
			if c.c2 && c.server {
				kept += len(c2)
			}
			if got := d.reports[0]; got.KeptRows != kept || got.Unfinished() != 0 {
				t.Errorf("reported %+v, want %d kept", got, kept)
			}
		})
	}
}

// A name that is mistyped would have removed what was to be kept.
func TestRestoreRefusesToKeepWhatIsNotThere(t *testing.T) {
	t.Parallel()
	d := newDisaster(t, 20)
	_, _, err := d.DeleteChannel(t.Context(), chat.Write{}, "s1", "c1")
	d.must(t)(nil, err)
	for _, keep := range []string{"s2", "s1/c3", "c1", "s1/", ""} {
		err := d.restore(t, chat.RestoreRequest{Apply: true, Keep: []string{"s1", keep}})
		if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("%q is to be kept", keep)) || len(d.rowsThen(t, "c1")) == 0 {
			t.Errorf("%q: %v", keep, err)
		}
	}
}

// Before anything is removed somebody is asked, once for each server, and a dry run asks nobody.
func TestRestoreAsksBeforeItRemoves(t *testing.T) {
	t.Parallel()
	d := newDisaster(t, 20)
	rows := len(d.rowsThen(t, "c1"))
	_, _, err := d.DeleteChannel(t.Context(), chat.Write{}, "s1", "c1")
	d.must(t)(nil, err)
	no := errors.New("no")
	var asked []string
	r := chat.Restorer{Store: d.then, Removing: func(_ context.Context, serverID string, channels []string, n int) error {
		asked = append(asked, fmt.Sprint(serverID, channels, n))
		return no
	}}
	each := func(chat.RestoredServer) error { return nil }
	d.must(t)(nil, r.Restore(t.Context(), chat.RestoreRequest{}, each))
	d.must(t)(nil, r.Restore(t.Context(), chat.RestoreRequest{Apply: true, Keep: []string{"s1/c1"}}, each))
	if err := r.Restore(t.Context(), chat.RestoreRequest{Apply: true}, each); !errors.Is(err, no) || len(d.rowsThen(t, "c1")) != rows {
		t.Errorf("%v, left are %d", err, len(d.rowsThen(t, "c1")))
	}
	if want := fmt.Sprint("s1", []string{"c1"}, rows); !slices.Equal(asked, []string{want}) {
		t.Errorf("asked %q, want %q", asked, want)
	}
}

// Only what was taken back since, or a little before, is looked at, and only in the servers that are asked for.
func TestRestoreReadsWhatItIsAskedFor(t *testing.T) {
	t.Parallel()
	d := newDisaster(t, 10)
	d.must(t)(d.Administration.Revoke(t.Context(), chat.Write{}, "owner", revokeOf(d.newest(t, "c1"))))
	d.record(t)
	at := d.rows(t, "c1")[0].UpdatedAt
	overlap := chat.RestoreOverlap.Milliseconds()
	for since, entries := range map[int64]int{0: 1, d.since: 1, at + overlap: 1, at + overlap + 1: 0} {
		d.restored(t, chat.RestoreRequest{Since: since}, chat.RestoredServer{Rows: 10, Channels: 2, Entries: entries, Due: entries})
	}
	d.restored(t, chat.RestoreRequest{Servers: []string{"s1"}}, chat.RestoredServer{Rows: 10, Channels: 2, Entries: 1, Due: 1})
	for _, servers := range [][]string{{"s2"}, {"s1", "s2"}} { // a name that is mistyped must not look as if it were done
		err := d.restore(t, chat.RestoreRequest{Servers: servers, Apply: true})
		if err == nil || !strings.Contains(err.Error(), `no messages of the server "s2"`) || len(d.reports) != 0 || d.then.Calls("ReapplyRevocation") != 0 {
			t.Errorf("%v: %v, reported %+v", servers, err, d.reports)
		}
	}
}

// It may end anywhere: another one does what is left. Each write that fails, or whose answer is lost, is found again.
func TestRestoreGoesOnWhereItStopped(t *testing.T) {
	t.Parallel()
	d := newDisaster(t, 300)
	d.must(t)(d.began(d.Sweep(t.Context(), chat.Write{}, sweepOf("mallory"))))
	d.settle(t)
	_, _, err := d.DeleteChannel(t.Context(), chat.Write{}, "s1", "c2")
	d.must(t)(nil, err)
	d.record(t)
	trouble := errors.New("the table is away")
	calls, fails := 0, 0
	fail := func(op string) error {
		if calls++; calls%7 == 0 && fails < 40 {
			fails++
			return fmt.Errorf("%s: %w", op, trouble)
		}
		return nil
	}
	serial := make(chan struct{}, 1) // the hooks count
	d.then.Before = func(op string) error { serial <- struct{}{}; defer func() { <-serial }(); return fail(op) }
	d.then.After = func(op string) error { serial <- struct{}{}; defer func() { <-serial }(); return fail(op) }
	runs := 1
	for ; ; runs++ {
		err := d.restore(t, chat.RestoreRequest{Apply: true})
		if err == nil {
			break
		}
		if !errors.Is(err, trouble) || runs > 100 {
			t.Fatal(err)
		}
	}
	if runs < 5 {
		t.Errorf("it has succeeded in %d runs: nothing has failed", runs)
	}
	if left := d.leftThen(t, "mallory"); left != 0 || len(d.rowsThen(t, "c2")) != 0 {
		t.Errorf("left are %d messages, and %d of the deleted channel", left, len(d.rowsThen(t, "c2")))
	}
	if left := d.leftThen(t, "alice"); left == 0 {
		t.Error("what others said is gone")
	}
}

func TestRestoreKeepsToThePace(t *testing.T) {
	t.Parallel()
	d := newDisaster(t, 400)
	d.must(t)(d.began(d.Sweep(t.Context(), chat.Write{}, sweepOf("mallory"))))
	d.settle(t)
	d.record(t)
	d.must(t)(nil, d.restore(t, chat.RestoreRequest{Apply: true}))
	if least := 400/10 + 2*200/10 + 200; d.pace.n < least || d.pace.n > least*12/10 {
		t.Errorf("it has waited for %d turns, want %d or little more", d.pace.n, least)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r := chat.Restorer{Store: d.then}
	if err := r.Restore(ctx, chat.RestoreRequest{}, nil); err == nil || strings.Contains(err.Error(), "SECRET") {
		t.Errorf("after its end: %v", err)
	}
}

func TestRestoreEndsWithItsReader(t *testing.T) {
	t.Parallel()
	d := newDisaster(t, 4)
	full := errors.New("the disk is full")
	r := chat.Restorer{Store: d.then}
	if err := r.Restore(t.Context(), chat.RestoreRequest{}, func(chat.RestoredServer) error { return full }); !errors.Is(err, full) {
		t.Errorf("%v", err)
	}
}
