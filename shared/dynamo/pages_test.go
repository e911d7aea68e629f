package dynamo

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"unsend/shared/chat"
)

// A query's page ends at 1 MB, wherever that is: what must be whole is read on.
func TestWhatMustBeWholeIsReadToTheEnd(t *testing.T) {
	store, service, _ := scripted(func(r request) (int, string, error) {
		if !strings.Contains(r.body, "ExclusiveStartKey") {
			return 200, `{"Items":[{"pk":{"S":"account#a"},"sk":{"S":"one"}}],"LastEvaluatedKey":{"pk":{"S":"account#a"},"sk":{"S":"one"}}}`, nil
		}
		return 200, `{"Items":[{"pk":{"S":"account#a"},"sk":{"S":"two"}}]}`, nil
	})
	memberships, err := store.Memberships(t.Context(), "a")
	if err != nil || len(memberships) != 2 || memberships[1].ServerID != "two" {
		t.Errorf("%+v, %v; want both pages", memberships, err)
	}
	if len(service.requests) != 2 {
		t.Errorf("%d requests, want 2", len(service.requests))
	}
}

// Too many changes are told by reading one more than that, not all of them.
func TestChangesAreReadNoFurtherThanNeeded(t *testing.T) {
	rows := strings.TrimSuffix(strings.Repeat(`{"pk":{"S":"changes#s"},"sk":{"S":"000000000000007#a#x"}},`, 600), ",")
	last := `"LastEvaluatedKey":{"pk":{"S":"changes#s"},"sk":{"S":"000000000000007#a#x"}}`
	store, service, _ := scripted(func(r request) (int, string, error) {
		if r.op == "Query" {
			return 200, `{"Items":[` + rows + `],` + last + `}`, nil
		}
		return 200, `{}`, nil
	})
	rights, err := store.Rights(t.Context(), "s", nil, 0)
	if err != nil || !rights.TooMany {
		t.Errorf("too many: %v, %v", rights.TooMany, err)
	}
	var limits []string
	for _, r := range service.requests {
		if r.op == "Query" {
			_, limit, _ := strings.Cut(r.body, `"Limit":`)
			limits = append(limits, limit[:strings.IndexAny(limit, ",}")])
		}
	}
	if strings.Join(limits, " ") != "1001 401" {
		t.Errorf("asked for %v rows, want 1001 and then what is left of them", limits)
	}
}

// A revoke that meets a send's transaction has not failed for good.
func TestARevokeAmidATransactionIsTriedAgain(t *testing.T) {
	conflict := fails(400, "TransactionConflictException", "in a transaction")
	store, service, pauses := scripted(func(r request) (int, string, error) {
		if r.n < 3 {
			return conflict(r)
		}
		return 200, `{"Attributes":` + oldRow(aMessage) + `}`, nil
	})
	if _, err := store.RevokeMessage(t.Context(), aRevoke); err != nil || len(service.requests) != 3 {
		t.Errorf("%v after %d requests", err, len(service.requests))
	}
	grow(t, *pauses)

	store, _, _ = scripted(conflict)
	if _, err := store.RevokeMessage(t.Context(), aRevoke); chat.CodeOf(err) != chat.Busy {
		t.Errorf("%v, want busy", err)
	}
}

// A change's row ends after every connection that was proved before it.
func TestRowsEndWhenTheyAreNoLongerNeeded(t *testing.T) {
	at := time.UnixMilli(1_767_225_600_123)
	for name, c := range map[string]struct {
		row  func() (item, error)
		want time.Time
	}{
		"change": {func() (item, error) { return encodeChange(itemKey{"p", "s"}, at.UnixMilli()) }, at.Add(chat.ChangeTTL)},
		"sweeping": {func() (item, error) {
			return encodeSweeping(chat.Job{JobRef: chat.JobRef{ServerID: "s", ID: "one"}, CreatedAt: at.UnixMilli(), Sweep: &chat.Sweep{Operator: chat.Actor{AccountID: "a"}}})
		}, at.Add(chat.JobTTL)},
		"marker":     {func() (item, error) { return encodeMarker(aMessage, at) }, at.Add(chat.DedupTTL)},
		"connection": {func() (item, error) { return encodeConnection(connectedAt(at)) }, at.Add(chat.ConnectionTTL)},
		"presence": {func() (item, error) {
			return encodePresence(chat.Presence{ServerID: "s", Connection: connectedAt(at)})
		}, at.Add(chat.ConnectionTTL)},
	} {
		row, err := c.row()
		if err != nil {
			t.Fatal(err)
		}
		stored, err := decode[struct {
			TTL int64 `dynamodbav:"ttl"`
		}](row)
		if end := time.Unix(stored.TTL, 0); err != nil || end.Before(c.want) || end.Sub(c.want) >= time.Second {
			t.Errorf("%s: ends %v (%v), want %v rounded up to a second", name, end, err, c.want)
		}
	}
	forever, err := encodeMessage(aMessage)
	if _, ok := forever[attrTTL]; ok || err != nil {
		t.Errorf("a message without expiry has one: %v", err)
	}
}

func connectedAt(at time.Time) chat.Connection {
	return chat.Connection{ID: "conn", AccountID: "alice", ConnectedAt: at.UnixMilli()}
}

// Bans are few among many members: a page reads a thousand, no more, and goes on where it has enough.
func TestAPageOfBansIsBounded(t *testing.T) {
	banned := func(i int) string {
		return fmt.Sprintf(`{"pk":{"S":"members#s"},"sk":{"S":"a%04d"},"banned":{"BOOL":true},"version":{"N":"1"}}`, i)
	}
	for _, test := range []struct {
		found int
		next  string
	}{{0, "a0999"}, {2, "a0999"}, {5, "a0002"}} {
		var rows []string
		for i := range test.found {
			rows = append(rows, banned(i))
		}
		store, service, _ := scripted(func(request) (int, string, error) {
			return 200, `{"Items":[` + strings.Join(rows, ",") + `],"LastEvaluatedKey":{"pk":{"S":"members#s"},"sk":{"S":"a0999"}}}`, nil
		})
		page, err := store.BanPage(t.Context(), "s", "", 3)
		if err != nil || len(page.Rows) != min(test.found, 3) || page.Next != test.next {
			t.Errorf("%d found: a page of %d, then %q, %v", test.found, len(page.Rows), page.Next, err)
		}
		if len(service.requests) != 1 || !strings.Contains(service.requests[0].body, `"Limit":1000`) {
			t.Errorf("%d requests: %+v", len(service.requests), service.requests)
		}
	}
}
