package dynamo_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"unsend/shared/chat"
	"unsend/shared/chat/chattest"
	"unsend/shared/dynamo"
	"unsend/shared/dynamo/dynamotest"
	"unsend/shared/dynamo/meter"
)

// metered is a community whose store counts: the server s1 with the public
// channel c1, the members alice and bob, a moderator.
type metered struct {
	*testing.T
	*meter.Meter
	store *dynamo.Store
	now   time.Time
	ids   int
}

func newMetered(t *testing.T) *metered {
	m := &metered{T: t, Meter: meter.New(), now: time.UnixMilli(1_767_225_600_123)}
	tables := dynamotest.Tables(t, dynamotest.Client(t))
	m.Index = func(table string, row meter.Item) meter.Item { return dynamotest.InUpdates(tables, table, row) }
	m.store = dynamo.New(dynamotest.Client(t, m.Attach, func(o *dynamodb.Options) { o.HTTPClient = meter.Outside(t, o.HTTPClient) }), tables, dynamo.Options{})
	must(t)(m.store.ChangeServer(t.Context(), "s1", chat.Act{At: m.now}, func(s *chat.Server) error {
		s.OwnerID, s.Roles = "owner", []chat.Role{
			{ID: chat.Everyone, Grant: chat.Grant{Allow: chat.MaskOf(chat.SendMessage)}},
			{ID: "mod", Grant: chat.Grant{Allow: chat.MaskOf(chat.RevokeMemberMessage)}},
		}
		return nil
	}))
	must(t)(m.store.ChangeChannel(t.Context(), "s1", "c1", chat.Act{At: m.now}, func(*chat.Channel) error { return nil }))
	m.joins("alice", "s1")
	m.joins("bob", "s1", "mod")
	return m
}

func must(t *testing.T) func(any, error) {
	return func(_ any, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
}

func (m *metered) joins(account, server string, roles ...string) {
	m.Helper()
	must(m.T)(m.store.ChangeMember(m.Context(), server, account, chat.Act{At: m.now}, func(v *chat.Member) error {
		v.Join(m.now)
		v.Roles = roles
		return nil
	}))
}

// metering does what is to be counted, in a bubble: see package meter.
func (m *metered) metering(do func()) {
	m.Helper()
	m.Begin()
	outer := m.T
	defer func() { m.T = outer }()
	synctest.Test(outer, func(t *testing.T) {
		m.T = t
		do()
	})
}

func (m *metered) clock() time.Time { return m.now }

func device(account string) chat.Connection {
	return chat.Connection{ID: "conn-" + account, AccountID: account, DeviceID: "phone", ClientType: chat.IOS,
		ConnectedAt: 1_767_225_600_000, TokenExpiresAt: 1_767_229_200_000}
}

func (m *metered) send(body string) chat.Message {
	m.Helper()
	sender := chat.Sender{Standings: m.store, Messages: m.store, Clock: m.clock, NewID: func(time.Time) string { m.ids++; return fmt.Sprintf("01M%06d", m.ids) }}
	sent, err := sender.Send(m.Context(), device("alice"), chat.SendRequest{ServerID: "s1", ChannelID: "c1",
		MsgID: fmt.Sprint("client", m.ids), Content: chat.Content{Body: body}})
	must(m.T)(sent, err)
	return sent
}

func (m *metered) revoke(account string, message chat.Message) error {
	minute := chat.Window(60_000)
	revocations := chat.Revocations{Standings: m.store, Messages: m.store, Clock: m.clock, Windows: chat.Windows{Own: &minute, Moderator: &minute}}
	_, err := revocations.Revoke(m.Context(), device(account), chat.RevokeRequest{Key: message.MessageKey, Info: chat.UpdateInfo{Postscript: "wrong room"}})
	return err
}

// cost checks what was counted since the last time, and logs what the endpoint
// says of it.
func (m *metered) cost(trips int, units meter.Units, operations ...string) {
	m.Helper()
	var names []string
	reported := 0.0
	for _, call := range m.Calls() {
		names = append(names, call.Operation)
		reported += call.Reported
		m.Logf("%s: %+v, reported %v", call.Operation, call.Units, call.Reported)
		if call.Attempts > 1 || call.Unprocessed > 0 {
			m.Errorf("%s: %d attempts, %d unprocessed", call.Operation, call.Attempts, call.Unprocessed)
		}
	}
	slices.Sort(names)
	slices.Sort(operations)
	if got := m.RoundTrips(); got != trips {
		m.Errorf("%d round trips, want %d: %v", got, trips, names)
	}
	if !slices.Equal(names, operations) {
		m.Errorf("called %v, want %v", names, operations)
	}
	if got := m.Units(); got != units {
		m.Errorf("%+v, want %+v", got, units)
	}
	m.Logf("%+v; the endpoint says %v", m.Units(), reported)
}

const (
	batchGet, query, transact = "BatchGetItem", "Query", "TransactWriteItems"
	update, put, batchWrite   = "UpdateItem", "PutItem", "BatchWriteItem"
	getItem                   = "GetItem"
)

// threeKB makes a message's row weigh 3 KB, rounded up: s is 3.
var threeKB = strings.Repeat("x", 2500)

func TestCostOfASend(t *testing.T) {
	m := newMetered(t)
	m.metering(func() { m.send("short") })
	m.cost(2, meter.Units{Read: 4, Write: 2*1 + 2}, batchGet, transact)
	m.metering(func() { m.send(threeKB) })
	m.cost(2, meter.Units{Read: 4, Write: 2*3 + 2}, batchGet, transact)
}

func TestCostOfARevoke(t *testing.T) {
	m := newMetered(t)
	for _, account := range []string{"alice", "bob"} {
		message := m.send(threeKB)
		m.metering(func() { must(m.T)(nil, m.revoke(account, message)) })
		m.cost(2, meter.Units{Read: 4, Write: 3 + 1}, batchGet, update)
		m.metering(func() { must(m.T)(nil, m.revoke(account, message)) }) // again: a tombstone of less than 1 KB
		m.cost(2, meter.Units{Read: 4, Write: 1}, batchGet, update)
	}
	late := m.send(threeKB)
	m.now = m.now.Add(time.Minute + time.Millisecond)
	refused := func(account string, want chat.Code) func() {
		return func() {
			if code := chat.CodeOf(m.revoke(account, late)); code != want {
				m.Fatalf("%s: %d, want %d", account, code, want)
			}
		}
	}
	m.metering(refused("alice", chat.TooLate))
	m.cost(2, meter.Units{Read: 4, Write: 3}, batchGet, update)
	m.metering(refused("stranger", chat.Forbidden))
	m.cost(1, meter.Units{Read: 4}, batchGet)
}

// A fast path adds one request to a queue, for one message as for a batch, and nothing to the tables.
func TestCostOfAFastRevoke(t *testing.T) {
	m := newMetered(t)
	minute := chat.Window(60_000)
	queue := &chattest.Queue{}
	revocations := chat.Revocations{Standings: m.store, Messages: m.store, Clock: m.clock, Windows: chat.Windows{Own: &minute, Moderator: &minute},
		Fast: chat.FastPath{Queue: queue}}
	for _, n := range []int{1, 40} {
		r := chat.RevokeBatchRequest{ServerID: "s1", ChannelID: "c1"}
		for range n {
			message := m.send("short")
			r.Messages = append(r.Messages, chat.MessageRef{Timestamp: message.Timestamp, MsgServerID: message.MsgServerID})
		}
		revoke := func() {
			m.metering(func() {
				if n == 1 {
					one := r.Messages[0]
					must(m.T)(revocations.Revoke(m.Context(), device("alice"), chat.RevokeRequest{Key: chat.MessageKey{ServerID: "s1", ChannelID: "c1", Timestamp: one.Timestamp, MsgServerID: one.MsgServerID}}))
					return
				}
				must(m.T)(revocations.RevokeBatch(m.Context(), device("alice"), r))
			})
		}
		revoke()
		m.cost(1+(n+15)/16, meter.Units{Read: 4, Write: float64(2 * n)}, append([]string{batchGet}, slices.Repeat([]string{update}, n)...)...)
		if tasks := queue.Take(); len(tasks) != 1 || len(tasks[0].Records) != n {
			t.Errorf("%d messages: tasks %+v", n, tasks)
		}
		m.now = m.now.Add(time.Millisecond)
		revoke() // again
		m.cost(1+(n+15)/16, meter.Units{Read: 4, Write: float64(n)}, append([]string{batchGet}, slices.Repeat([]string{update}, n)...)...)
		if tasks := queue.Take(); len(tasks) != 0 {
			t.Errorf("%d messages, again: tasks %+v", n, tasks)
		}
	}
}

// TestCostOfABatch: what decides, once, and then a write for each, 16 at a time. Messages that are refused cost what reading them does.
func TestCostOfABatch(t *testing.T) {
	m := newMetered(t)
	minute := chat.Window(60_000)
	revocations := chat.Revocations{Standings: m.store, Messages: m.store, Clock: m.clock, Windows: chat.Windows{Own: &minute, Moderator: &minute},
		Limit: chat.FrameLimit{Counter: m.store, Most: 20}}
	batch := func(account string, want chat.Code, messages ...chat.Message) {
		r := chat.RevokeBatchRequest{ServerID: "s1", ChannelID: "c1", Info: chat.UpdateInfo{Postscript: "wrong room"}}
		for _, message := range messages {
			r.Messages = append(r.Messages, chat.MessageRef{Timestamp: message.Timestamp, MsgServerID: message.MsgServerID})
		}
		m.metering(func() {
			outcomes, err := revocations.RevokeBatch(m.Context(), device(account), r)
			must(m.T)(outcomes, err)
			for _, o := range outcomes {
				if code := chat.CodeOf(o.Err); code != want {
					m.Fatalf("%s: %d, want %d", account, code, want)
				}
			}
		})
	}
	for n, trips := range map[int]int{1: 2, 16: 2, 40: 4} {
		var messages []chat.Message
		for range n {
			messages = append(messages, m.send(threeKB))
		}
		writes := slices.Repeat([]string{update}, 1+n) // 1: the count of the account's frames, beside what decides
		batch("bob", chat.OK, messages...)
		m.cost(trips, meter.Units{Read: 4, Write: 1 + float64(n)*(3+1)}, append([]string{batchGet}, writes...)...)
		batch("alice", chat.OK, messages...) // again: tombstones of less than 1 KB
		m.cost(trips, meter.Units{Read: 4, Write: 1 + float64(n)}, append([]string{batchGet}, writes...)...)
	}
	late := []chat.Message{m.send(threeKB), m.send(threeKB)}
	m.now = m.now.Add(time.Minute + time.Millisecond)
	batch("alice", chat.TooLate, late...)
	m.cost(2, meter.Units{Read: 4, Write: 1 + 2*3}, batchGet, update, update, update)
}

func TestCostOfAPageOfHistory(t *testing.T) {
	m := newMetered(t)
	weight := 0
	for i := range 60 {
		message := chat.Message{
			MessageKey: chat.MessageKey{ServerID: "s1", ChannelID: "c1", Timestamp: m.now.UnixMilli(), MsgServerID: fmt.Sprintf("m%03d", i)},
			MsgID:      fmt.Sprintf("c%03d", i), Version: 1, From: chat.Actor{AccountID: "alice"}, Content: chat.Content{Body: strings.Repeat("x", 500)},
		}
		must(t)(m.store.PutMessage(t.Context(), message, m.now))
		weight += 500 // at least
	}
	histories := chat.Histories{Standings: m.store, Messages: m.store, Clock: m.clock}
	m.metering(func() {
		page, err := histories.History(m.Context(), device("alice"), chat.HistoryRequest{ServerID: "s1", ChannelID: "c1"})
		if err != nil || len(page.Messages) != 50 {
			m.Fatalf("%d messages, %v", len(page.Messages), err)
		}
	})
	rows := m.Units().Read - 4
	if least, most := float64(50*500/4096), float64(50*750/4096+1); rows < least || rows > most {
		t.Errorf("%v units for the rows, want %v to %v", rows, least, most)
	}
	m.cost(1, meter.Units{Read: 4 + rows}, batchGet, query)
}

func TestCostOfAConnect(t *testing.T) {
	m := newMetered(t)
	for i := range 4 {
		m.joins("alice", fmt.Sprint("small", i))
	}
	sessions := chat.Sessions{Store: m.store, Gateway: chattest.NewGateway(), Clock: m.clock, MaxConnections: 10}
	m.metering(func() { must(m.T)(nil, sessions.Connect(m.Context(), device("alice"))) })
	m.cost(3, meter.Units{Read: 1 + 1 + 5, Write: 1 + 5}, put, query, query, batchWrite, batchGet) // 5: which of the servers are large
	m.metering(func() { must(m.T)(nil, sessions.Disconnect(m.Context(), device("alice"))) })
	m.cost(2, meter.Units{Read: 1 + 1, Write: 1 + 5}, query, batchGet, batchWrite)
	m.metering(func() { must(m.T)(nil, sessions.Connect(m.Context(), device("alice"))) }) // and that is known for a while
	m.cost(3, meter.Units{Read: 1 + 1, Write: 1 + 5}, put, query, query, batchWrite)
	m.metering(func() { must(m.T)(sessions.Ping(m.Context(), device("alice"))) })
	m.cost(1, meter.Units{Read: 1}, query)
}

// TestCostOfTheLimit: counting an account's frames takes a write of one unit, and no time.
func TestCostOfTheLimit(t *testing.T) {
	m := newMetered(t)
	sessions := chat.Sessions{Store: m.store, Gateway: chattest.NewGateway(), Clock: m.clock, Limit: chat.FrameLimit{Counter: m.store, Most: 20}}
	must(t)(nil, m.store.PutConnection(t.Context(), device("alice")))
	m.metering(func() { must(m.T)(sessions.Ping(m.Context(), device("alice"))) })
	m.cost(1, meter.Units{Read: 1, Write: 1}, query, update)
}

// TestCostOfSubscribing: what decides about each channel and the list beside it, then the list, then a row for each.
func TestCostOfSubscribing(t *testing.T) {
	m := newMetered(t)
	channels := []string{"c1"}
	for i := range 9 {
		channels = append(channels, fmt.Sprint("more", i))
		must(t)(m.store.ChangeChannel(t.Context(), "s1", channels[i+1], chat.Act{At: m.now}, func(*chat.Channel) error { return nil }))
	}
	subscriptions := chat.Subscriptions{Store: m.store, Sights: m.store, Clock: m.clock, Most: 100}
	request := chat.SubscribeRequest{ServerID: "s1", ChannelIDs: channels}
	m.metering(func() { must(m.T)(subscriptions.Subscribe(m.Context(), device("bob"), request)) })
	m.cost(3, meter.Units{Read: 2 + 2*10 + 1, Write: 1 + 10}, batchGet, batchGet, update, batchWrite)
	m.metering(func() { must(m.T)(subscriptions.Unsubscribe(m.Context(), device("bob"), request)) })
	m.cost(3, meter.Units{Read: 1, Write: 10 + 1}, batchGet, batchWrite, update)
	m.metering(func() { must(m.T)(subscriptions.Unsubscribe(m.Context(), device("bob"), request)) }) // of nothing
	m.cost(1, meter.Units{Read: 1}, batchGet)
}

// TestCostOfANoticeInALargeServer: as in a small one, but for a query of each shard of the subscribers; it does not
// grow with those who are online and did not subscribe.
func TestCostOfANoticeInALargeServer(t *testing.T) {
	m := newMetered(t)
	must(t)(nil, m.store.ChangeDelivery(t.Context(), "s1", chat.Delivery{}, chat.Delivery{Large: true, Since: 1}))
	message := m.send("hello")
	for range 2 {
		m.online(54, "c1")
		m.now = m.now.Add(time.Minute)
		m.metering(func() { m.notify(message, 54) })
		operations := append([]string{batchGet, batchGet, batchGet, query, query}, slices.Repeat([]string{query}, chat.SubscriberShards)...)
		m.cost(3, meter.Units{Read: 1 + 1 + chat.SubscriberShards + 2 + 1 + 1}, operations...)
		m.online(200, "")
	}
}

// TestCostOfANotice: rows, audience, and rights at the same time: with nobody changed and a
// tenfold of members offline it is the same.
func TestCostOfANotice(t *testing.T) {
	m := newMetered(t)
	m.online(54, "")
	m.now = m.now.Add(time.Minute) // joining is no longer a recent change
	message := m.send("hello")
	for range 2 {
		m.metering(func() { m.notify(message, 54) })
		// 1 for the message, 1 for the mode, 2 for 54 connections, 2 policies, 1 for the lists, 1 for the changes.
		m.cost(3, meter.Units{Read: 1 + 1 + 2 + 2 + 1 + 1}, batchGet, batchGet, query, batchGet, query, query)
		for i := range 20 {
			m.joins(fmt.Sprint("offline", i), "s1")
		}
		m.now = m.now.Add(time.Minute)
		m.online(54, "")
	}
}

// TestCostOfANoticeIsNotTheMembers: with the same devices online it is the same in a server of 10 members and of 1,000. (Of
// 100,000 the fan-out's play, scripts/benchmark, says the same, and it weighs rows as this store writes them.)
func TestCostOfANoticeIsNotTheMembers(t *testing.T) {
	m := newMetered(t)
	joined := 2 // alice and bob
	for _, members := range []int{10, 1_000} {
		m.crowd(joined, members)
		joined = members
		m.now = m.now.Add(time.Minute)
		m.online(20, "")
		message := m.send("hello")
		m.metering(func() { m.notify(message, 20) })
		// 1 for the message, 1 for the mode, 1 for 20 connections, 2 policies, 1 for the lists, 1 for the changes.
		m.cost(3, meter.Units{Read: 1 + 1 + 1 + 2 + 1 + 1}, batchGet, batchGet, query, batchGet, query, query)
	}
}

// TestCostOfRights: what changed since the devices' rights were proved, by the weight of its rows, and one unit for each account
// to judge anew. Of more than MaxChanges rows no more than MaxChanges + 1 are read, and then
// everybody on the page is judged anew.
func TestCostOfRights(t *testing.T) {
	m := newMetered(t)
	const online, anew = 20, 1 // trips more, for the member rows
	for _, c := range []struct {
		changes     int
		trips       int
		read        float64
		least, most float64 // for the change rows
		more        []string
	}{
		{0, 3, 0, 1, 1, nil},
		{10, 3 + anew, 10, 1, 1, []string{batchGet}},
		{5_000, 3 + anew, online, 10, 20, []string{batchGet}},
	} {
		m.now = m.now.Add(time.Minute)
		m.online(online, "")
		message := m.send("hello")
		m.now = m.now.Add(time.Minute)
		m.crowd(0, c.changes, fmt.Sprint("role", c.changes))
		m.metering(func() { m.notify(message, online) })
		changeRows := m.Units().Read - (1 + 1 + 1 + 2 + 1) - c.read
		t.Logf("%d changes: %v units, %v of them for change rows, %v for member rows", c.changes, m.Units().Read, changeRows, c.read)
		if changeRows < c.least || changeRows > c.most {
			t.Errorf("%d changes: %v units for the change rows, want %v to %v", c.changes, changeRows, c.least, c.most)
		}
		m.cost(c.trips, meter.Units{Read: 1 + 1 + 1 + 2 + 1 + changeRows + c.read}, append([]string{batchGet, batchGet, query, batchGet, query, query}, c.more...)...)
	}
}

// crowd changes the members with these numbers, some at a time; who was no member joins. Each change of roles is one of
// what they may see.
func (m *metered) crowd(first, last int, roles ...string) {
	m.Helper()
	const lanes = 8
	errs := make(chan error, lanes)
	for lane := range lanes {
		go func() {
			var failed error
			for i := first + lane; i < last && failed == nil; i += lanes {
				_, failed = m.store.ChangeMember(m.Context(), "s1", crowdAccount(i), chat.Act{At: m.now}, func(v *chat.Member) error {
					if !v.Joined {
						v.Join(m.now)
					}
					v.Roles = roles
					return nil
				})
			}
			errs <- failed
		}()
	}
	for range lanes {
		must(m.T)(nil, <-errs)
	}
}

func crowdAccount(i int) string { return fmt.Sprintf("01JHW8ZSBF5EXAMPLE%08d", i) }

// TestCostOfASync: what decides about sight, and beside it one eventually
// consistent query for each shard of the updates, whatever else there is in the history.
func TestCostOfASync(t *testing.T) {
	m := newMetered(t)
	syncs := chat.Syncs{Updates: m.store, Sights: m.store, Clock: m.clock}
	sync := func(from *chat.UpdateRef) (page chat.SyncPage) {
		m.metering(func() {
			var err error
			page, err = syncs.Sync(m.Context(), device("bob"), chat.SyncRequest{ServerID: "s1", From: from})
			must(m.T)(page, err)
		})
		return page
	}
	first := sync(nil)
	// The server's policies, the member, what the one channel holds for it.
	m.cost(2, meter.Units{Read: 3}, query, batchGet, batchGet)
	const n = 10_000
	must(t)(nil, m.store.PutRevoked(t.Context(), m.revoked(n)))
	var (
		pages, met, units = 0, 0, 0.0
		began             = time.Now()
	)
	for next, more := &first.Next, true; more; pages++ {
		page := sync(next)
		met, units = met+len(page.Updates), units+m.Units().Read
		if got := m.RoundTrips(); got != 2 {
			t.Errorf("page %d: %d round trips", pages, got)
		}
		next, more = &page.Next, page.More
	}
	t.Logf("%d updates: %d pages, %v units, %v here", met, pages, units, time.Since(began))
	// 3 for each page's rights; 400 bytes for an update at half price, a quarter more than are told, and what is lost
	// to rounding for each of 4 queries.
	if most := float64(pages*(3+4)) + n*400/4096/2*1.25; met != n || pages > n/250 || units > most {
		t.Errorf("%d updates on %d pages for %v units, want %d on %d at most for %v", met, pages, units, n, n/250, most)
	}
}

// revoked are messages of c1 that were taken back one after the other.
func (m *metered) revoked(n int) []chat.Message {
	messages := make([]chat.Message, n)
	for i := range messages {
		sent := m.now.UnixMilli() + int64(i)
		messages[i] = chat.Message{
			MessageKey: chat.MessageKey{ServerID: "s1", ChannelID: "c1", Timestamp: sent, MsgServerID: fmt.Sprintf("01KDVDNQ3VC6X8J3QW%08d", i)},
			MsgID:      fmt.Sprintf("c%05d", i), From: chat.Actor{AccountID: "alice"}, Status: chat.Revoked, Version: 2, UpdatedAt: sent + 1,
			Revocation: &chat.Revocation{Operator: chat.Actor{AccountID: "alice", Nick: "Alice", ClientType: chat.IOS, Device: "phone"}, Info: chat.UpdateInfo{Postscript: "wrong room"}},
		}
	}
	return messages
}

// TestCostOfARecord: the rows, then the entries, 25 in a request, requests at the same time.
// A batch without revocations costs its rows.
func TestCostOfARecord(t *testing.T) {
	m := newMetered(t)
	var sent, revoked []chat.Stored
	for range 40 {
		message := m.send("short")
		sent = append(sent, chat.Stored{Key: message.MessageKey, Kind: chat.Inserted})
		must(t)(nil, m.revoke("alice", message))
		revoked = append(revoked, chat.Stored{Key: message.MessageKey, Kind: chat.Modified})
	}
	recorder := chat.Recorder{Messages: m.store, Audit: m.store, Events: &chattest.Bus{}, Clock: m.clock, Retention: time.Hour}
	record := func(want int, records ...chat.Stored) {
		m.metering(func() {
			if r := recorder.Record(m.Context(), records); len(r.Errs) > 0 || r.Audited != want {
				m.Fatalf("%+v", r)
			}
		})
	}
	record(40, append(sent, revoked...)...)
	m.cost(2, meter.Units{Read: 40, Write: 40}, batchGet, batchWrite, batchWrite)
	record(40, revoked...) // again
	m.cost(2, meter.Units{Read: 40, Write: 40}, batchGet, batchWrite, batchWrite)
	record(0, sent...)
	m.cost(1, meter.Units{Read: 40}, batchGet)

	m.metering(func() {
		page, err := m.store.Audit(m.Context(), chat.AuditQuery{ServerID: "s1", Until: chat.MaxTimestamp, Limit: 20, Now: m.now})
		if err != nil || len(page.Entries) != 20 || page.Next == "" {
			m.Fatalf("%d entries, %v", len(page.Entries), err)
		}
	})
	if units := m.Units().Read; units > 2 { // entries of less than 400 bytes
		t.Errorf("%v units for a page of 20", units)
	}
}

// TestCostOfAChangeOfAPolicy: what it always did, and one write more, for the audit.
func TestCostOfAChangeOfAPolicy(t *testing.T) {
	m := newMetered(t)
	window := func(ms chat.Window) {
		must(m.T)(m.store.ChangeChannel(m.Context(), "s1", "c1", chat.Act{At: m.now, Action: chat.ActionPutChannel, Door: chat.APIDoor}, func(c *chat.Channel) error {
			c.Windows.Own = &ms
			return nil
		}))
	}
	m.metering(func() { window(60_000) })
	m.cost(2, meter.Units{Read: 1, Write: 2*1 + 2*1}, getItem, transact) // the row and its entry, twice each in a transaction
	m.metering(func() { window(60_000) })                                // again
	m.cost(1, meter.Units{Read: 1}, getItem)
	m.metering(func() { m.joins("alice", "s1", "mod") })
	// The member, who has it among the servers; what changed since; the entry.
	m.cost(2, meter.Units{Read: 1, Write: 2 * (2 + 1 + 1)}, getItem, transact)
}

// online stores rows of connections in the audience of s1, or of subscribers of a channel of it, of about 150 bytes.
func (m *metered) online(n int, channel string) {
	m.Helper()
	var rows []chat.Presence
	for i := range n {
		c := device(crowdAccount(i))
		c.ID = fmt.Sprintf("L0SM9cOFvHc%04d=", i)
		c.ConnectedAt, c.TokenExpiresAt = m.now.UnixMilli(), m.now.Add(time.Hour).UnixMilli()
		rows = append(rows, chat.Presence{ServerID: "s1", ChannelID: channel, Connection: c, Roles: []string{"member"}, Generation: 1, ProvedAt: m.now.UnixMilli()})
	}
	must(m.T)(nil, m.store.PutPresences(m.Context(), rows))
}

func (m *metered) notify(message chat.Message, devices int) {
	m.Helper()
	notifier := chat.Notifier{
		Messages: m.store, Audience: m.store, Deliveries: m.store, Rights: m.store, Sessions: m.store, Gateway: chattest.NewGateway(),
		Encode: func(notices []chat.Notice) ([][]byte, error) { return [][]byte{{1}}, nil },
		Queue:  &chattest.Queue{}, Clock: m.clock, Concurrency: 64, Budget: 10 * time.Second, DirectPushLimit: 500,
	}
	report := notifier.Notify(context.WithoutCancel(m.Context()), []chat.Stored{{Key: message.MessageKey, Kind: chat.Inserted}})
	if len(report.Errs) > 0 || report.Posts != devices {
		m.Fatalf("%d posts, %v", report.Posts, report.Errs)
	}
}
