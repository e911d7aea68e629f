package dynamo

import (
	"context"
	"errors"
	"fmt"
	"net"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"unsend/shared/chat"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/go-cmp/cmp"
)

const secret = "what was written in confidence"

var (
	aMessage = chat.Message{
		MessageKey: chat.MessageKey{ServerID: "s", ChannelID: "c", Timestamp: 1_000, MsgServerID: "m"}, MsgID: "id", Version: 1,
		From: chat.Actor{AccountID: "alice"}, Content: chat.Content{Body: secret},
	}
	aRevoke = chat.RevokeWrite{Key: aMessage.MessageKey, Now: time.UnixMilli(2_000), Permitted: true,
		Revocation: chat.Revocation{Operator: chat.Actor{AccountID: "bob"}}}
	aConnection = chat.Connection{ID: "conn", AccountID: "alice"}
)

// operations are all of a store's, each with the server, account or connection id given.
func operations(id string) map[string]func(ctx context.Context, s *Store) error {
	at := time.UnixMilli(3_000)
	message, revoke, connection := aMessage, aRevoke, aConnection
	message.ServerID, revoke.Key.ServerID, connection.AccountID = id, id, id
	job, area := chat.JobRef{ServerID: id, Kind: chat.SweepJob, ID: "j"}, chat.Area{ServerID: id, ChannelID: "c", Rows: chat.PersonalRows}
	return map[string]func(ctx context.Context, s *Store) error{
		"Standing":         func(ctx context.Context, s *Store) error { _, err := s.Standing(ctx, id, "c", "a"); return err },
		"PutMessage":       func(ctx context.Context, s *Store) error { _, err := s.PutMessage(ctx, message, at); return err },
		"RevokeMessage":    func(ctx context.Context, s *Store) error { _, err := s.RevokeMessage(ctx, revoke); return err },
		"PutConnection":    func(ctx context.Context, s *Store) error { return s.PutConnection(ctx, connection) },
		"Connections":      func(ctx context.Context, s *Store) error { _, err := s.Connections(ctx, id, 0); return err },
		"Memberships":      func(ctx context.Context, s *Store) error { _, err := s.Memberships(ctx, id); return err },
		"RemoveConnection": func(ctx context.Context, s *Store) error { return s.RemoveConnection(ctx, id, "x", nil) },
		"RemovePresences":  func(ctx context.Context, s *Store) error { return s.RemovePresences(ctx, id, []string{"x"}) },
		"Audience": func(ctx context.Context, s *Store) error {
			_, err := s.Audience(ctx, chat.Crowd{ServerID: id}, "", 1, 0)
			return err
		},
		"Rights":     func(ctx context.Context, s *Store) error { _, err := s.Rights(ctx, id, []string{"c"}, 0); return err },
		"Members":    func(ctx context.Context, s *Store) error { _, err := s.Members(ctx, id, []string{"a"}); return err },
		"Deliveries": func(ctx context.Context, s *Store) error { _, err := s.Deliveries(ctx, []string{id}); return err },
		"ChangeDelivery": func(ctx context.Context, s *Store) error {
			return s.ChangeDelivery(ctx, id, chat.Delivery{}, chat.Delivery{Large: true, Since: 1})
		},
		"SightsOf": func(ctx context.Context, s *Store) error {
			_, err := s.SightsOf(ctx, id, "a", []string{"c"})
			return err
		},
		"Subscriptions": func(ctx context.Context, s *Store) error { _, err := s.Subscriptions(ctx, id, "c"); return err },
		"Subscribe": func(ctx context.Context, s *Store) error {
			return s.Subscribe(ctx, []chat.Presence{{ServerID: id, ChannelID: "c", Connection: connection}}, 1)
		},
		"Unsubscribe": func(ctx context.Context, s *Store) error {
			return s.Unsubscribe(ctx, connection, []chat.ChannelRef{{ServerID: id, ChannelID: "c"}})
		},
		"PutPresences": func(ctx context.Context, s *Store) error {
			return s.PutPresences(ctx, []chat.Presence{{ServerID: id, Connection: connection}})
		},
		"History": func(ctx context.Context, s *Store) error {
			_, err := s.History(ctx, chat.HistoryQuery{ServerID: id, ChannelID: "c", Limit: 1})
			return err
		},
		"Messages": func(ctx context.Context, s *Store) error {
			_, err := s.Messages(ctx, []chat.MessageKey{message.MessageKey})
			return err
		},
		"PutAudit": func(ctx context.Context, s *Store) error {
			for _, failure := range s.PutAudit(ctx, []chat.RevokeEntry{{MessageKey: message.MessageKey, Reason: secret}}) {
				return failure.Err
			}
			return nil
		},
		"Audit": func(ctx context.Context, s *Store) error {
			_, err := s.Audit(ctx, chat.AuditQuery{ServerID: id, Until: 1, Limit: 1})
			return err
		},
		"ChangeServer": func(ctx context.Context, s *Store) error {
			_, err := s.ChangeServer(ctx, id, chat.Act{At: at}, func(*chat.Server) error { return nil })
			return err
		},
		"ChangeChannel": func(ctx context.Context, s *Store) error {
			_, err := s.ChangeChannel(ctx, id, "c", chat.Act{At: at}, func(*chat.Channel) error { return nil })
			return err
		},
		"ChangeMember": func(ctx context.Context, s *Store) error {
			_, err := s.ChangeMember(ctx, id, "a", chat.Act{At: at}, func(m *chat.Member) error { m.Join(at); return nil })
			return err
		},
		"ChangePersonal": func(ctx context.Context, s *Store) error {
			_, err := s.ChangePersonal(ctx, id, "c", "a", chat.Act{At: at}, func(p *chat.Personal) error { p.Black = true; return nil })
			return err
		},
		"Gone": func(ctx context.Context, s *Store) error { _, err := s.Gone(ctx, id); return err },
		"ReapplyRevocation": func(ctx context.Context, s *Store) error {
			_, err := s.ReapplyRevocation(ctx, chat.RevokeEntry{MessageKey: message.MessageKey, RevokedAt: at.UnixMilli(), Reason: secret})
			return err
		},
		"TablePage": func(ctx context.Context, s *Store) error {
			_, err := s.TablePage(ctx, &message.MessageKey, 1)
			return err
		},
		"PutJob": func(ctx context.Context, s *Store) error {
			_, _, err := s.PutJob(ctx, chat.Job{JobRef: job, Sweep: &chat.Sweep{AccountID: "a"}}, chat.Act{At: at})
			return err
		},
		"SaveJob": func(ctx context.Context, s *Store) error { _, err := s.SaveJob(ctx, chat.Job{JobRef: job}); return err },
		"Job":     func(ctx context.Context, s *Store) error { _, err := s.Job(ctx, job); return err },
		"Jobs":    func(ctx context.Context, s *Store) error { _, _, err := s.Jobs(ctx, id, nil, 1); return err },
		"DeleteChannel": func(ctx context.Context, s *Store) error {
			_, err := s.DeleteChannel(ctx, id, "c", chat.Act{At: at}, func(chat.Channel) error { return nil })
			return err
		},
		"DeleteServer": func(ctx context.Context, s *Store) error {
			_, err := s.DeleteServer(ctx, id, chat.Act{At: at}, func(chat.Server) error { return nil })
			return err
		},
		"Traces": func(ctx context.Context, s *Store) error {
			_, err := s.Traces(ctx, chat.TraceQuery{ServerID: id, ChannelID: "c", AccountID: "a", Limit: 1})
			return err
		},
		"ChannelIDs": func(ctx context.Context, s *Store) error { _, err := s.ChannelIDs(ctx, id); return err },
		"Remains":    func(ctx context.Context, s *Store) error { _, err := s.Remains(ctx, area, 1); return err },
		"Remove":     func(ctx context.Context, s *Store) error { return s.Remove(ctx, area, []string{"x"}) },
		"CountFrame": func(ctx context.Context, s *Store) error { _, err := s.CountFrame(ctx, id, at); return err },
		"Presences": func(ctx context.Context, s *Store) error {
			_, err := s.Presences(ctx, chat.Crowd{ServerID: id}, []string{"x"}, 0)
			return err
		},
		"Updates": func(ctx context.Context, s *Store) error {
			_, err := s.Updates(ctx, id, chat.UpdateRef{}, 1)
			return err
		},
		"Sights":       func(ctx context.Context, s *Store) error { _, err := s.Sights(ctx, id, "a"); return err },
		"ChannelPage":  func(ctx context.Context, s *Store) error { _, err := s.ChannelPage(ctx, id, "", 1); return err },
		"MemberPage":   func(ctx context.Context, s *Store) error { _, err := s.MemberPage(ctx, id, "", 1); return err },
		"BanPage":      func(ctx context.Context, s *Store) error { _, err := s.BanPage(ctx, id, "", 1); return err },
		"PersonalPage": func(ctx context.Context, s *Store) error { _, err := s.PersonalPage(ctx, id, "c", "", 1); return err },
		"ListPage": func(ctx context.Context, s *Store) error {
			_, err := s.ListPage(ctx, id, "c", chat.WhiteList, "", 1)
			return err
		},
	}
}

// A port that is added is tried, too.
func TestEveryOperationIsTried(t *testing.T) {
	tried := operations("id")
	for method := range reflect.TypeFor[chat.Store]().Methods() {
		if tried[method.Name] == nil {
			t.Errorf("%s is not tried", method.Name)
		}
	}
}

func must(row item, err error) item {
	if err != nil {
		panic(err)
	}
	return row
}

// safe checks that an error shows nothing of what was sent or stored, however it is printed.
func safe(t *testing.T, err error) {
	t.Helper()
	for chain := err; chain != nil; chain = errors.Unwrap(chain) {
		if text := fmt.Sprintf("%v %+v %#v", chain, chain, chain); strings.Contains(text, secret) {
			t.Errorf("the error shows content: %s", text)
		}
	}
	if _, ok := errors.AsType[*types.ConditionalCheckFailedException](err); ok {
		t.Error("the error holds the exception with the old row")
	}
	if _, ok := errors.AsType[*types.TransactionCanceledException](err); ok {
		t.Error("the error holds the exception with the old rows")
	}
}

func TestWhatFailsIsBusyOrInternal(t *testing.T) {
	refused := &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connection refused")}
	for name, c := range map[string]struct {
		answer func(request) (int, string, error)
		want   chat.Code
	}{
		"throttled":       {fails(400, "ProvisionedThroughputExceededException", "slow down"), chat.Busy},
		"throttling":      {fails(400, "ThrottlingException", "slow down"), chat.Busy},
		"account's limit": {fails(400, "RequestLimitExceeded", "slow down"), chat.Busy},
		"their failure":   {fails(500, "InternalServerError", "sorry"), chat.Busy},
		"a proxy's":       {func(request) (int, string, error) { return 502, "<html>", nil }, chat.Busy},
		"in progress":     {fails(400, "TransactionInProgressException", "wait"), chat.Busy},
		"unreachable":     {func(request) (int, string, error) { return 0, "", refused }, chat.Busy},
		"too slow":        {func(request) (int, string, error) { return 0, "", context.DeadlineExceeded }, chat.Busy},
		"not permitted":   {fails(400, "AccessDeniedException", "not authorized to perform that"), chat.Internal},
		"no table":        {fails(400, "ResourceNotFoundException", "no such table"), chat.Internal},
		"malformed":       {fails(400, "ValidationException", "the value "+secret+" is wrong"), chat.Internal},
	} {
		t.Run(name, func(t *testing.T) {
			for op, call := range operations("id") {
				store, _, _ := scripted(c.answer)
				err := call(t.Context(), store)
				if code := chat.CodeOf(err); code != c.want {
					t.Errorf("%s: %d (%v), want %d", op, code, err, c.want)
				}
				if n := strings.Count(err.Error(), op+":"); n != 1 {
					t.Errorf("%q names %s %d times, want once", err, op, n)
				}
				safe(t, err)
			}
		})
	}
}

func TestAnEndedContextIsBusy(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for op, call := range operations("id") {
		store, _, _ := scripted(func(request) (int, string, error) { return 0, "", context.Canceled })
		if code := chat.CodeOf(call(ctx, store)); code != chat.Busy {
			t.Errorf("%s: %d", op, code)
		}
	}
}

func TestIDsThatWouldBreakAKeyAskNothing(t *testing.T) {
	for _, id := range []string{"a#b", ""} {
		for op, call := range operations(id) {
			store, service, _ := scripted(fails(500, "InternalServerError", ""))
			if code := chat.CodeOf(call(t.Context(), store)); code != chat.Invalid {
				t.Errorf("%s of %q: %d, want %d", op, id, code, chat.Invalid)
			}
			for _, r := range service.requests {
				if strings.Contains(r.body, "a#b") {
					t.Errorf("%s of %q asked %s", op, id, r.body)
				}
			}
		}
	}
}

// What takes its time from the clock has ended within WriteTimeout, or failed.
func TestEveryWriteHasADeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // no time passes, so what is left is exact
		writes := 0
		for op, call := range operations("id") {
			store, service, _ := scripted(func(r request) (int, string, error) { return 200, "{}", nil })
			begun := time.Now()
			_ = call(t.Context(), store) // the answer is not one: only what was asked matters
			for _, r := range service.requests {
				if !strings.Contains(r.op, "Write") && r.op != "PutItem" && r.op != "UpdateItem" {
					continue
				}
				writes++
				if limit := r.deadline.Sub(begun); r.deadline.IsZero() || limit != chat.WriteTimeout {
					t.Errorf("%s: %s may take %v, want %v", op, r.op, limit, chat.WriteTimeout)
				}
			}
		}
		if writes < 10 { // the operations that write, each once at least
			t.Errorf("%d writes", writes)
		}
	})
}

func TestAWriteThatHangsIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hang := make(chan struct{})
		store, _, _ := scripted(func(r request) (int, string, error) {
			select {
			case <-hang:
			case <-time.After(time.Until(r.deadline)):
			}
			return 0, "", context.DeadlineExceeded
		})
		begun := time.Now()
		_, err := store.RevokeMessage(t.Context(), aRevoke)
		if took := time.Since(begun); chat.CodeOf(err) != chat.Busy || took != chat.WriteTimeout {
			t.Errorf("%v after %v", err, took)
		}
	})
}

func TestARefusedRevokeShowsNothingOfTheRow(t *testing.T) {
	for name, c := range map[string]struct {
		row  string
		want chat.Code
	}{
		"too late":  {oldRow(aMessage), chat.TooLate},
		"missing":   {"null", chat.NotFound},
		"malformed": {`{"pk":{"S":"` + secret + `"},"status":{"S":"` + secret + `"}}`, chat.Internal},
	} {
		store, service, _ := scripted(func(request) (int, string, error) {
			return 400, `{"__type":"ConditionalCheckFailedException","message":"The conditional request failed","Item":` + c.row + `}`, nil
		})
		_, err := store.RevokeMessage(t.Context(), aRevoke)
		if code := chat.CodeOf(err); code != c.want {
			t.Errorf("%s: %d (%v), want %d", name, code, err, c.want)
		}
		if len(service.requests) != 1 || service.requests[0].op != "UpdateItem" {
			t.Errorf("%s: asked %v, want one UpdateItem", name, service.requests)
		}
		safe(t, err)
	}
}

func cancelled(reasons ...string) (int, string, error) {
	return 400, `{"__type":"TransactionCanceledException","message":"cancelled: ` + secret + `","CancellationReasons":[` + strings.Join(reasons, ",") + `]}`, nil
}

func reason(code string) string { return `{"Code":"` + code + `","Message":"m"}` }

func TestCancelledSends(t *testing.T) {
	marker := `{"Code":"ConditionalCheckFailed","Item":{"pk":{"S":"p"},"sk":{"S":"marker"},"at":{"N":"500"},"id":{"S":"first"},"ttl":{"N":"9"}}}`
	first := aMessage
	first.Timestamp, first.MsgServerID = 500, "first"
	for name, c := range map[string]struct {
		answer   func(r request) (int, string, error)
		want     chat.Code
		requests int
		repeat   bool
	}{
		"a conflict, then none": {func(r request) (int, string, error) {
			if r.n == 1 {
				return cancelled(reason("TransactionConflict"), reason("None"))
			}
			return 200, "{}", nil
		}, chat.OK, 2, false},
		"conflicts without end": {func(request) (int, string, error) {
			return cancelled(reason("None"), reason("TransactionConflict"))
		}, chat.Busy, 5, false},
		"throttled without end": {func(request) (int, string, error) {
			return cancelled(reason("ThrottlingError"), reason("None"))
		}, chat.Busy, 5, false},
		"an earlier send": {func(r request) (int, string, error) {
			if r.op == "GetItem" {
				return 200, `{"Item":` + oldRow(first) + `}`, nil
			}
			return cancelled(reason("None"), marker)
		}, chat.OK, 2, true},
		"an earlier send, its message gone": {func(r request) (int, string, error) {
			if r.op == "GetItem" {
				return 200, `{}`, nil
			}
			return cancelled(reason("None"), marker)
		}, chat.NotFound, 2, false},
		"another message has the key": {func(request) (int, string, error) {
			return cancelled(reason("ConditionalCheckFailed"), reason("None"))
		}, chat.Internal, 1, false},
		"malformed": {func(request) (int, string, error) {
			return cancelled(reason("ValidationError"), reason("None"))
		}, chat.Internal, 1, false},
	} {
		t.Run(name, func(t *testing.T) {
			store, service, pauses := scripted(c.answer)
			sent, err := store.PutMessage(t.Context(), aMessage, time.UnixMilli(2_000))
			if code := chat.CodeOf(err); code != c.want || sent.Repeat != c.repeat {
				t.Errorf("%d (%v), repeat %v; want %d, %v", code, err, sent.Repeat, c.want, c.repeat)
			}
			if c.repeat && sent.Message.MsgServerID != "first" {
				t.Errorf("told %s", sent.Message.MsgServerID)
			}
			if len(service.requests) != c.requests {
				t.Errorf("%d requests, want %d", len(service.requests), c.requests)
			}
			if c.requests == 5 {
				grow(t, *pauses)
			}
			safe(t, err)
		})
	}
}

// grow checks that pauses double, up to the last.
func grow(t *testing.T, pauses []time.Duration) {
	t.Helper()
	for i, d := range pauses {
		most := min(firstPause<<i, lastPause)
		if d <= most/2 || d > most {
			t.Errorf("pause %d is %v, want almost %v", i, d, most)
		}
	}
}

func TestUnprocessedKeysAreAskedForAgain(t *testing.T) {
	for _, rounds := range []int{0, 1, 4, 9} {
		store, service, pauses := scripted(func(r request) (int, string, error) {
			row := `{"pk":{"S":"server#s"},"sk":{"S":"policy"},"owner":{"S":"o"},"version":{"N":"1"}}`
			left := `{"community":{"Keys":[{"pk":{"S":"members#s"},"sk":{"S":"a"}}]}}`
			switch {
			case r.n > rounds && r.n == 1:
				return 200, `{"Responses":{"community":[` + row + `]}}`, nil
			case r.n > rounds:
				return 200, `{"Responses":{"community":[{"pk":{"S":"members#s"},"sk":{"S":"a"},"nick":{"S":"N"}}]}}`, nil
			case r.n == 1:
				return 200, `{"Responses":{"community":[` + row + `]},"UnprocessedKeys":` + left + `}`, nil
			}
			return 200, `{"UnprocessedKeys":` + left + `}`, nil
		})
		standing, err := store.Standing(t.Context(), "s", "c", "a")
		if rounds >= 5 {
			if chat.CodeOf(err) != chat.Busy || len(service.requests) != 5 {
				t.Errorf("%v after %d requests, want busy after 5", err, len(service.requests))
			}
			grow(t, *pauses)
			continue
		}
		if err != nil || standing.Server.OwnerID != "o" || rounds > 0 && standing.Member.Nick != "N" {
			t.Errorf("%d rounds: %+v, %v", rounds, standing, err)
		}
		for _, r := range service.requests[1:] {
			if strings.Contains(r.body, "policy") || !strings.Contains(r.body, `"ConsistentRead":true`) {
				t.Errorf("asked again: %s", r.body)
			}
		}
	}
}

func TestUnprocessedItemsAreWrittenAgain(t *testing.T) {
	store, service, _ := scripted(func(r request) (int, string, error) {
		if r.n == 1 {
			return 200, `{"UnprocessedItems":{"sessions":[{"DeleteRequest":{"Key":{"pk":{"S":"server#s"},"sk":{"S":"two"}}}}]}}`, nil
		}
		return 200, "{}", nil
	})
	if err := store.RemovePresences(t.Context(), "s", []string{"one", "two"}); err != nil {
		t.Fatal(err)
	}
	if len(service.requests) != 2 || strings.Contains(service.requests[1].body, "one") || !strings.Contains(service.requests[1].body, "two") {
		t.Errorf("asked %+v", service.requests)
	}
}

// What fails of an audit is told by entry, and keeps nothing else from being stored.
func TestAnAuditFailsByEntry(t *testing.T) {
	entries := make([]chat.RevokeEntry, 60)
	for i := range entries {
		entries[i].MessageKey = chat.MessageKey{ServerID: "s", ChannelID: "c", MsgServerID: fmt.Sprintf("m%02d", i)}
	}
	entries[3].MsgServerID = "a#b"
	entries[40] = entries[4] // the same: one row
	store, service, _ := scripted(func(r request) (int, string, error) {
		switch {
		case strings.Contains(r.body, "m04"):
			left := wire(must(encodeRevokeEntry(entries[4])))
			return 200, `{"UnprocessedItems":{"audit":[{"PutRequest":{"Item":` + left + `}}]}}`, nil
		case strings.Contains(r.body, "m59"):
			return 500, `{"__type":"InternalServerError"}`, nil
		}
		return 200, "{}", nil
	})
	codes := map[int]chat.Code{}
	for _, failure := range store.PutAudit(t.Context(), entries) {
		for _, i := range failure.Items {
			codes[i] = chat.CodeOf(failure.Err)
		}
	}
	want := map[int]chat.Code{3: chat.Invalid, 4: chat.Busy, 40: chat.Busy}
	for i := 52; i < 60; i++ { // the last of 58 rows
		want[i] = chat.Busy
	}
	if d := cmp.Diff(want, codes); d != "" {
		t.Errorf("-want +got\n%s", d)
	}
	if n := len(service.requests); n != 1+4+1+1 {
		t.Errorf("%d requests", n)
	}
}

// A change that keeps being overtaken ends as busy, not in an endless loop.
func TestAChangeGivesUp(t *testing.T) {
	calls := 0
	store, _, _ := scripted(func(r request) (int, string, error) {
		if r.op == "GetItem" {
			return 200, "{}", nil
		}
		return cancelled(reason("ConditionalCheckFailed"), reason("None"))
	})
	_, err := store.ChangeMember(t.Context(), "s", "a", chat.Act{At: time.UnixMilli(1)}, func(m *chat.Member) error { calls++; m.Banned = true; return nil })
	if chat.CodeOf(err) != chat.Busy || calls != 5 {
		t.Errorf("%v after %d changes, want busy after 5", err, calls)
	}
	safe(t, err)
}

// However often a transaction is tried, and whoever tries it, its entry is in it and has one key: that of the row's new version.
func TestAChangeThatIsTriedAgainHasOneEntry(t *testing.T) {
	store, service, _ := scripted(func(r request) (int, string, error) {
		switch {
		case r.op == "GetItem":
			return 200, "{}", nil
		case r.n < 5:
			return cancelled(reason("None"), reason("None"), reason("TransactionConflict"))
		}
		return 200, "{}", nil
	})
	by := chat.Act{At: time.UnixMilli(1_767_225_600_123), Action: chat.ActionPutBan, Door: chat.APIDoor}
	if _, err := store.ChangeMember(t.Context(), "s", "a", by, func(m *chat.Member) error { m.Banned = true; return nil }); err != nil {
		t.Fatal(err)
	}
	transactions := 0
	for _, r := range service.requests {
		if r.op != "TransactWriteItems" {
			continue
		}
		transactions++
		if !strings.Contains(r.body, `"TableName":"audit"`) || strings.Count(r.body, `"001767225600123#policy##a#000000000000001"`) != 1 {
			t.Errorf("a transaction without its entry: %s", r.body)
		}
	}
	if transactions != 3 {
		t.Errorf("%d transactions, want 3", transactions)
	}
}

// flat is a row without lists and maps as the service writes it.
func flat(row item) string {
	var fields []string
	for name, value := range row {
		switch v := value.(type) {
		case *types.AttributeValueMemberS:
			fields = append(fields, fmt.Sprintf(`%q:{"S":%q}`, name, v.Value))
		case *types.AttributeValueMemberN:
			fields = append(fields, fmt.Sprintf(`%q:{"N":%q}`, name, v.Value))
		}
	}
	return "{" + strings.Join(fields, ",") + "}"
}

// A save that took effect, and whose answer was lost, is repeated by the client: what it meets then is its own row.
func TestASaveWhoseAnswerWasLost(t *testing.T) {
	job := chat.Job{JobRef: chat.JobRef{ServerID: "s", Kind: chat.ServerJob, ID: "s"}, CreatedAt: 1, UpdatedAt: 2, Version: 3, Counts: chat.JobCounts{Removed: 7}}
	saved := job
	saved.Version++
	for _, own := range []bool{true, false} {
		there := must(encodeJob(saved))
		store, _, _ := scripted(func(request) (int, string, error) {
			return 400, `{"__type":"ConditionalCheckFailedException","message":"The conditional request failed","Item":` + flat(there) + `}`, nil
		})
		there[attrSaving] = number(int64(store.options.Rand() * chat.MaxTimestamp)) // the same every time, in a test
		if !own {
			there[attrSaving] = number(1)
		}
		got, err := store.SaveJob(t.Context(), job)
		if own && (err != nil || got.Version != 4) || !own && chat.CodeOf(err) != chat.Stale {
			t.Errorf("own %v: %+v, %v", own, got, err)
		}
	}
}
