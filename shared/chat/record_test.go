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

const recordCanary = "what nobody but the row may hold"

// archive is a recorder over the fake store and a bus, with messages of s1, c1.
type archive struct {
	*testing.T
	store    *chattest.Store
	bus      *chattest.Bus
	recorder *chat.Recorder
	now      time.Time
	order    []string // the operations, as they began
	ids      int
}

func newArchive(t *testing.T) *archive {
	t.Helper()
	a := &archive{T: t, store: chattest.NewStore(), bus: &chattest.Bus{}, now: time.UnixMilli(1_767_225_600_123)}
	a.store.Before = func(op string) error { a.order = append(a.order, op); return nil }
	a.bus.Fail = func(e chat.BusEvent) error { a.order = append(a.order, string(e.Type)); return nil }
	a.recorder = &chat.Recorder{Messages: a.store, Audit: a.store, Events: a.bus, Clock: func() time.Time { return a.now }, Retention: 24 * time.Hour}
	return a
}

func (a *archive) send(alter ...func(*chat.Message)) chat.Message {
	a.Helper()
	a.ids++
	m := chat.Message{
		MessageKey: chat.MessageKey{ServerID: "s1", ChannelID: "c1", Timestamp: a.now.UnixMilli(), MsgServerID: fmt.Sprint("m", a.ids)},
		MsgID:      fmt.Sprint(a.ids), Version: 1, UpdatedAt: a.now.UnixMilli(),
		From: chat.Actor{AccountID: "alice", Nick: recordCanary, ClientType: chat.Web, Device: "phone"},
		Content: chat.Content{Body: recordCanary, Attach: recordCanary, Ext: recordCanary, PushContent: recordCanary, PushPayload: recordCanary,
			MentionAccounts: []string{recordCanary}, MentionRoles: []string{recordCanary}},
	}
	for _, f := range alter {
		f(&m)
	}
	sent, err := a.store.PutMessage(a.Context(), m, a.now)
	if err != nil {
		a.Fatal(err)
	}
	return sent.Message
}

// bob takes messages back with a desk, two seconds after they were sent.
var (
	bob  = chat.Actor{AccountID: "bob", Nick: recordCanary, ClientType: chat.PC, Device: "desk"}
	said = chat.UpdateInfo{Postscript: "wrong room", Extension: recordCanary, PushContent: "taken back", PushPayload: `{"badge":0}`}
)

func (a *archive) revoke(m chat.Message, operator chat.Actor) chat.Message {
	a.Helper()
	revoked, err := a.store.RevokeMessage(a.Context(), chat.RevokeWrite{Key: m.MessageKey, Now: time.UnixMilli(m.Timestamp + 2_000), Permitted: true,
		Revocation: chat.Revocation{Operator: operator, Info: said}})
	if err != nil {
		a.Fatal(err)
	}
	return revoked
}

// audit is who took what back in s1.
func (a *archive) audit() (all []chat.RevokeEntry) {
	a.Helper()
	page, err := a.store.Audit(a.Context(), chat.AuditQuery{ServerID: "s1", Until: chat.MaxTimestamp, Limit: 1_000, Now: a.now})
	if err != nil {
		a.Fatal(err)
	}
	for _, e := range page.Entries {
		if e.Revoke != nil {
			all = append(all, *e.Revoke)
		}
	}
	return all
}

// events are those that the bus took, as "type id version".
func (a *archive) events() []string {
	var lines []string
	for _, e := range a.bus.Events() {
		lines = append(lines, fmt.Sprintf("%s %s v%d", e.Type, e.Key.MsgServerID, e.Version))
	}
	return lines
}

func (a *archive) record(records ...chat.Stored) chat.RecordReport {
	a.order = nil
	return a.recorder.Record(a.Context(), records)
}

// says checks what a batch was worth: events, in their order, and audit entries.
func (a *archive) says(r chat.RecordReport, audited int, events ...string) {
	a.Helper()
	if len(r.Unfinished) > 0 || len(r.Errs) > 0 || r.Audited != audited || r.Published != len(events) {
		a.Errorf("%+v, want %d and %d", r, audited, len(events))
	}
	if got := a.events(); !slices.Equal(got, events) {
		a.Errorf("events %q, want %q", got, events)
	}
	if got := a.audit(); len(got) != audited {
		a.Errorf("%d entries, want %d", len(got), audited)
	}
}

func TestARevocationIsKeptAndTold(t *testing.T) {
	t.Parallel()
	a := newArchive(t)
	m := a.revoke(a.send(), bob)
	a.says(a.record(inserted(m), modified(m)), 1, "message.sent m1 v1", "message.revoked m1 v2")
	entry := chat.RevokeEntry{MessageKey: m.MessageKey, Version: 2, RevokedAt: m.Timestamp + 2_000, AuthorID: "alice", Reason: "wrong room",
		Operator: chat.Who{AccountID: "bob", DeviceID: "desk", ClientType: chat.PC}, Door: chat.WebSocketDoor,
		ExpiresAt: (m.Timestamp+2_000)/1000 + 24*3600 + 1}
	if d := cmp.Diff([]chat.RevokeEntry{entry}, a.audit()); d != "" {
		t.Error(d)
	}
	events := []chat.BusEvent{
		{Type: chat.MessageSent, Key: m.MessageKey, Version: 1, At: m.Timestamp, By: chat.Who{AccountID: "alice", DeviceID: "phone", ClientType: chat.Web}},
		{Type: chat.MessageRevoked, Key: m.MessageKey, Version: 2, At: m.Timestamp + 2_000, By: entry.Operator, PushContent: "taken back", PushPayload: `{"badge":0}`},
	}
	if d := cmp.Diff(events, a.bus.Events()); d != "" {
		t.Error(d)
	}
	if all := fmt.Sprintf("%+v %+v", a.audit(), a.bus.Events()); strings.Contains(all, recordCanary) {
		t.Errorf("more than ids is kept or told: %s", all)
	}
}

// The audit comes first: no event tells of what it does not hold.
func TestOneReadThenTheAuditThenTheBus(t *testing.T) {
	t.Parallel()
	a := newArchive(t)
	m, n := a.revoke(a.send(), bob), a.send()
	a.record(modified(m), inserted(n), inserted(m))
	if want := []string{"Messages", "PutAudit", "message.sent", "message.sent", "message.revoked"}; !slices.Equal(a.order, want) {
		t.Errorf("order %q, want %q", a.order, want)
	}
	a.record(inserted(n))
	if want := []string{"Messages", "message.sent"}; !slices.Equal(a.order, want) {
		t.Errorf("with nothing taken back: %q, want %q", a.order, want)
	}
	a.recorder.Events = nil
	a.record(inserted(n), modified(m))
	if want := []string{"Messages", "PutAudit"}; !slices.Equal(a.order, want) {
		t.Errorf("without a bus: %q, want %q", a.order, want)
	}
}

func TestWhatSaysNothing(t *testing.T) {
	t.Parallel()
	a := newArchive(t)
	gone := chat.Message{MessageKey: chat.MessageKey{ServerID: "s1", ChannelID: "c1", Timestamp: 1, MsgServerID: "gone"}}
	ends := a.now.Unix() + 10
	soon := a.send(func(m *chat.Message) { m.ExpiresAt = ends })
	takenBack := a.revoke(a.send(func(m *chat.Message) { m.ExpiresAt = ends }), bob)
	deleted := a.send(func(m *chat.Message) { m.Status = chat.Deleted })
	normal := a.send()
	a.now = time.Unix(ends, 0)
	a.says(a.record(inserted(gone), modified(gone), inserted(soon), modified(soon), modified(deleted), modified(normal), inserted(takenBack)), 0)
	// Who took it back is kept while the row can be read.
	a.says(a.record(modified(takenBack)), 1, "message.revoked m2 v2")
}

// Whatever comes again, in one batch or the next, is the same entry and an event with the same id.
func TestRecordingAgainChangesNothing(t *testing.T) {
	t.Parallel()
	a := newArchive(t)
	m := a.revoke(a.send(), bob)
	a.says(a.record(inserted(m), modified(m), modified(m), inserted(m)), 1, "message.sent m1 v1", "message.revoked m1 v2")
	before := a.audit()
	a.now = a.now.Add(time.Hour)
	a.record(inserted(m), modified(m))
	if d := cmp.Diff(before, a.audit()); d != "" {
		t.Error(d)
	}
	if events := a.bus.Events(); len(events) != 4 || events[0] != events[2] || events[1] != events[3] {
		t.Errorf("events %+v", events)
	}
}

func TestEntriesAreKeptForEverWithoutARetention(t *testing.T) {
	t.Parallel()
	a := newArchive(t)
	a.recorder.Retention = 0
	m := a.revoke(a.send(), bob)
	a.record(modified(m))
	a.now = a.now.AddDate(100, 0, 0)
	if entries := a.audit(); len(entries) != 1 || entries[0].ExpiresAt != 0 {
		t.Errorf("%+v", entries)
	}
}

// A client on a connection is no back end, whatever it calls itself.
func TestTheDoor(t *testing.T) {
	t.Parallel()
	for want, operators := range map[chat.Door][]chat.Actor{
		chat.APIDoor: {{AccountID: "moderation", ClientType: chat.REST}},
		chat.WebSocketDoor: {bob, {AccountID: "carol", ClientType: chat.Web, Device: "#L0SM9cOFvHcCIhw="},
			{AccountID: "carol", ClientType: chat.REST, Device: "#L0SM9cOFvHcCIhw="}, {AccountID: "carol", ClientType: chat.REST, Device: "phone"}},
	} {
		for _, operator := range operators {
			a := newArchive(t)
			a.record(modified(a.revoke(a.send(), operator)))
			if e := a.audit()[0]; e.Door != want || e.Operator.DeviceID != operator.DeviceID() {
				t.Errorf("%+v came by the %s as %+v", operator, e.Door, e.Operator)
			}
		}
	}
}

var errBusy = &chat.Error{Code: chat.Busy, Err: errors.New("throttled")}

func (a *archive) unfinished(r chat.RecordReport, want ...int) {
	a.Helper()
	if !slices.Equal(r.Unfinished, want) || len(r.Errs) == 0 {
		a.Errorf("unfinished %v (%v), want %v", r.Unfinished, r.Errs, want)
	}
}

func TestWhenTheTableIsBusyEverythingComesAgain(t *testing.T) {
	t.Parallel()
	a := newArchive(t)
	m := a.revoke(a.send(), bob)
	a.store.Before = func(op string) error {
		if op == "Messages" {
			return errBusy
		}
		return nil
	}
	a.unfinished(a.record(inserted(m), modified(m)), 0, 1)
	if a.store.Calls("Messages") != 1 || len(a.events()) > 0 {
		t.Errorf("%d reads, events %q", a.store.Calls("Messages"), a.events())
	}
}

// A row that cannot be read must not stop the others: it would not be readable the next time either.
func TestARowThatCannotBeReadIsAloneInIt(t *testing.T) {
	t.Parallel()
	a := newArchive(t)
	one, bad, two := a.send(), a.send(), a.revoke(a.send(), bob)
	a.recorder.Messages = &unreadable{a.store, bad.MessageKey}
	r := a.record(inserted(one), inserted(bad), modified(two))
	a.unfinished(r, 1)
	if want := []string{"message.sent m1 v1", "message.revoked m3 v2"}; !slices.Equal(a.events(), want) || r.Audited != 1 {
		t.Errorf("events %q, %d entries", a.events(), r.Audited)
	}
}

// unreadable is a table with one malformed row, which fails whatever reads it.
type unreadable struct {
	*chattest.Store
	key chat.MessageKey
}

func (u *unreadable) Messages(ctx context.Context, keys []chat.MessageKey) ([]chat.Message, error) {
	if slices.Contains(keys, u.key) {
		return nil, errors.New("the stored row is malformed")
	}
	return u.Store.Messages(ctx, keys)
}

// failingAudit refuses the entries of one channel.
type failingAudit struct {
	*chattest.Store
	channel string
}

func (f failingAudit) PutAudit(ctx context.Context, entries []chat.RevokeEntry) []chat.Failure {
	var kept []chat.RevokeEntry
	failure := chat.Failure{Err: errBusy}
	for i, e := range entries {
		if e.ChannelID == f.channel {
			failure.Items = append(failure.Items, i)
			continue
		}
		kept = append(kept, e)
	}
	return append(f.Store.PutAudit(ctx, kept), failure)
}

// What the audit does not take is not told either: it comes again whole.
func TestWhatTheAuditRefusesIsItsRecordsTrouble(t *testing.T) {
	t.Parallel()
	a := newArchive(t)
	one := a.revoke(a.send(), bob)
	other := a.revoke(a.send(func(m *chat.Message) { m.ChannelID = "c2" }), bob)
	a.recorder.Audit = failingAudit{a.store, "c2"}
	r := a.record(modified(other), inserted(other), modified(one), modified(other))
	a.unfinished(r, 0, 3)
	want := []string{"message.sent m2 v1", "message.revoked m1 v2"}
	if !slices.Equal(a.events(), want) || r.Audited != 1 || r.Published != 2 || len(a.audit()) != 1 {
		t.Errorf("%+v, events %q", r, a.events())
	}
}

func TestWhatTheBusRefusesIsItsRecordsTrouble(t *testing.T) {
	t.Parallel()
	a := newArchive(t)
	one, two := a.revoke(a.send(), bob), a.send()
	a.bus.Fail = func(e chat.BusEvent) error {
		if e.Type == chat.MessageSent && e.Key == one.MessageKey {
			return errBusy
		}
		return nil
	}
	r := a.record(inserted(one), modified(one), inserted(two), inserted(one))
	a.unfinished(r, 0, 3)
	if want := []string{"message.sent m2 v1", "message.revoked m1 v2"}; !slices.Equal(a.events(), want) || r.Published != 2 || len(a.audit()) != 1 {
		t.Errorf("%+v, events %q", r, a.events())
	}
}

func TestAnEmptyBatch(t *testing.T) {
	t.Parallel()
	a := newArchive(t)
	a.says(a.record(), 0)
}
