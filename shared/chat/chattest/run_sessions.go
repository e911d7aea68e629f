package chattest

import (
	"fmt"
	"slices"
	"time"

	"unsend/shared/chat"
)

func (s *suite) connection(account, id string) chat.Connection {
	return chat.Connection{
		ID: id + "=", AccountID: s.account(account), DeviceID: "device-" + id, ClientType: chat.Web,
		ConnectedAt: s.now.UnixMilli(), TokenExpiresAt: s.now.Add(time.Hour).UnixMilli(),
	}
}

func (s *suite) presence(account, id string) chat.Presence {
	return chat.Presence{ServerID: s.server, Connection: s.connection(account, id), Roles: []string{"b", "a"}, Generation: 3, ProvedAt: s.now.UnixMilli() - 7}
}

func (s *suite) connections(account string, now int64) []chat.Connection {
	s.Helper()
	list := got(s.store.Connections(s.Context(), s.account(account), now))(s)
	return sorted(list, func(c chat.Connection) string { return c.ID })
}

func (s *suite) subscription(account, id, channel string) chat.Presence {
	row := s.presence(account, id)
	row.ChannelID = channel
	return row
}

func (s *suite) subscriptions(account, id string) []chat.ChannelRef {
	s.Helper()
	return got(s.store.Subscriptions(s.Context(), s.account(account), id+"="))(s)
}

// subscribers are those of all shards.
func (s *suite) subscribers(channel string) []chat.Presence {
	s.Helper()
	var all []chat.Presence
	for shard := range chat.SubscriberShards {
		crowd := chat.Crowd{ServerID: s.server, ChannelID: channel, Shard: shard}
		all = append(all, got(s.store.Audience(s.Context(), crowd, "", 100, 0))(s).Rows...)
	}
	return sorted(all, func(p chat.Presence) string { return p.Connection.ID })
}

// audience reads the whole audience, a page of limit rows at a time.
func (s *suite) audience(limit int, now int64) []chat.Presence {
	s.Helper()
	var all []chat.Presence
	for cursor := ""; ; {
		page := got(s.store.Audience(s.Context(), chat.Crowd{ServerID: s.server}, cursor, limit, now))(s)
		if len(page.Rows) > limit {
			s.Fatalf("a page of %d, limit %d", len(page.Rows), limit)
		}
		all = append(all, page.Rows...)
		if page.Next == "" {
			return sorted(all, func(p chat.Presence) string { return p.Connection.ID })
		}
		cursor = page.Next
	}
}

var sessionTests = map[string]func(*suite){
	"an account's connections": func(s *suite) {
		one, two := s.connection("alice", "1"), s.connection("alice", "2")
		two.DeviceID, two.ClientType = "", 0
		for _, c := range []chat.Connection{one, two, one, s.connection("bob", "3")} {
			s.ok(s.store.PutConnection(s.Context(), c))
		}
		same(s, s.connections("alice", 0), []chat.Connection{one, two})
	},
	"a connection that has ended is left out": func(s *suite) {
		c := s.connection("alice", "1")
		s.ok(s.store.PutConnection(s.Context(), c))
		same(s, s.connections("alice", c.EndsAt()), []chat.Connection{c})
		same(s, s.connections("alice", c.EndsAt()+1), nil)
	},
	"a server's audience": func(s *suite) {
		one, two := s.presence("alice", "1"), s.presence("bob", "2")
		two.Roles, two.Generation = nil, 0
		elsewhere := s.presence("alice", "1")
		elsewhere.ServerID += "x"
		s.ok(s.store.PutPresences(s.Context(), []chat.Presence{one, two, elsewhere}))
		same(s, s.audience(10, 0), []chat.Presence{one, two})
	},
	"a connection's row is replaced": func(s *suite) {
		row := s.presence("alice", "1")
		s.ok(s.store.PutPresences(s.Context(), []chat.Presence{row}))
		old := row
		row.Roles, row.ProvedAt = []string{"c"}, row.ProvedAt+1
		s.ok(s.store.PutPresences(s.Context(), []chat.Presence{old, row}))
		same(s, s.audience(10, 0), []chat.Presence{row})
	},
	"an audience in pages, whatever their size": func(s *suite) {
		var want []chat.Presence
		for i := range 60 {
			want = append(want, s.presence("alice", fmt.Sprintf("%02d", i)))
		}
		s.ok(s.store.PutPresences(s.Context(), want))
		for _, limit := range []int{1, 7, 59, 60, 61} {
			same(s, s.audience(limit, 0), want)
		}
	},
	"rows that have ended are left out, and the walk goes on": func(s *suite) {
		var all, live []chat.Presence
		for i := range 20 {
			row := s.presence("alice", fmt.Sprintf("%02d", i))
			if i > 3 && i < 16 {
				row.Connection.ConnectedAt--
			} else {
				live = append(live, row)
			}
			all = append(all, row)
		}
		s.ok(s.store.PutPresences(s.Context(), all))
		ends := live[0].Connection.EndsAt()
		same(s, s.audience(3, ends-1), all)
		same(s, s.audience(3, ends), live)
		same(s, s.audience(3, ends+1), nil)
	},
	"a connection is removed everywhere, others stay": func(s *suite) {
		gone, stays := s.presence("alice", "1"), s.presence("alice", "2")
		s.ok(s.store.PutPresences(s.Context(), []chat.Presence{gone, stays}))
		s.ok(s.store.PutConnection(s.Context(), gone.Connection))
		s.ok(s.store.PutConnection(s.Context(), stays.Connection))
		for range 2 {
			s.ok(s.store.RemoveConnection(s.Context(), gone.Connection.AccountID, gone.Connection.ID, []chat.Crowd{{ServerID: s.server}, {ServerID: s.server + "never"}, {ServerID: s.server}}))
			same(s, s.audience(10, 0), []chat.Presence{stays})
			same(s, s.connections("alice", 0), []chat.Connection{stays.Connection})
		}
	},
	"a connection without servers is removed": func(s *suite) {
		c := s.connection("alice", "1")
		s.ok(s.store.PutConnection(s.Context(), c))
		s.ok(s.store.RemoveConnection(s.Context(), c.AccountID, c.ID, nil))
		same(s, s.connections("alice", 0), nil)
	},
	"connections leave one server's audience": func(s *suite) {
		var rows []chat.Presence
		var ids []string
		for i := range 40 {
			row := s.presence("alice", fmt.Sprintf("%02d", i))
			rows, ids = append(rows, row), append(ids, row.Connection.ID)
		}
		elsewhere := rows[0]
		elsewhere.ServerID += "x"
		s.ok(s.store.PutPresences(s.Context(), append(slices.Clone(rows), elsewhere)))
		for range 2 {
			s.ok(s.store.RemovePresences(s.Context(), s.server, append(ids[:35:35], ids[0], "never=")))
			same(s, s.audience(100, 0), rows[35:])
		}
		page := got(s.store.Audience(s.Context(), elsewhere.Crowd(), "", 10, 0))(s)
		same(s, page.Rows, []chat.Presence{elsewhere})
	},
	"rows of an audience by their ids": func(s *suite) {
		var ids []string
		var want []chat.Presence
		for i := range 130 { // more than one request holds
			row := s.presence("alice", fmt.Sprintf("%03d", i))
			if i == 7 {
				row.Connection.ConnectedAt--
			} else {
				want = append(want, row)
			}
			ids = append(ids, row.Connection.ID)
			s.ok(s.store.PutPresences(s.Context(), []chat.Presence{row}))
		}
		rows := got(s.store.Presences(s.Context(), chat.Crowd{ServerID: s.server}, append(ids, ids[0], "never="), want[0].Connection.EndsAt()))(s)
		same(s, sorted(rows, func(p chat.Presence) string { return p.Connection.ID }), want)
		same(s, got(s.store.Presences(s.Context(), chat.Crowd{ServerID: s.server + "x"}, ids, 0))(s), nil)
		same(s, got(s.store.Presences(s.Context(), chat.Crowd{ServerID: s.server}, nil, 0))(s), nil)
	},
	"subscribers are an audience of their own": func(s *suite) {
		rows := []chat.Presence{s.subscription("alice", "1", "c1"), s.subscription("alice", "1", "c2")}
		s.ok(s.store.PutPresences(s.Context(), []chat.Presence{s.presence("alice", "1")}))
		s.ok(s.store.Subscribe(s.Context(), rows, 100))
		other := s.subscription("bob", "2", "c1")
		s.ok(s.store.Subscribe(s.Context(), []chat.Presence{other}, 100))
		same(s, s.audience(10, 0), []chat.Presence{s.presence("alice", "1")})
		same(s, s.subscribers("c1"), []chat.Presence{rows[0], other})
		same(s, s.subscribers("c2"), rows[1:])
		same(s, got(s.store.Presences(s.Context(), rows[0].Crowd(), []string{rows[0].Connection.ID}, 0))(s), rows[:1])
		same(s, s.subscriptions("alice", "1"), []chat.ChannelRef{{ServerID: s.server, ChannelID: "c1"}, {ServerID: s.server, ChannelID: "c2"}})
	},
	"who unsubscribes is told no more": func(s *suite) {
		rows := []chat.Presence{s.subscription("alice", "1", "c1"), s.subscription("alice", "1", "c2")}
		s.ok(s.store.Subscribe(s.Context(), rows, 100))
		for range 2 {
			s.ok(s.store.Unsubscribe(s.Context(), rows[0].Connection, []chat.ChannelRef{{ServerID: s.server, ChannelID: "c1"}, {ServerID: s.server, ChannelID: "never"}}))
			same(s, s.subscribers("c1"), nil)
			same(s, s.subscribers("c2"), rows[1:])
			same(s, s.subscriptions("alice", "1"), []chat.ChannelRef{{ServerID: s.server, ChannelID: "c2"}})
		}
		s.ok(s.store.Unsubscribe(s.Context(), rows[0].Connection, []chat.ChannelRef{{ServerID: s.server, ChannelID: "c2"}}))
		same(s, s.subscriptions("alice", "1"), nil)
		s.ok(s.store.Unsubscribe(s.Context(), rows[0].Connection, nil))
	},
	"a connection is subscribed to no more than it may be": func(s *suite) {
		var rows []chat.Presence
		for i := range 7 {
			rows = append(rows, s.subscription("alice", "1", fmt.Sprint("c", i)))
		}
		for _, batch := range [][]chat.Presence{rows[:3], rows[:4], rows[1:5]} { // most of them are there already
			s.ok(s.store.Subscribe(s.Context(), batch, 5))
		}
		for _, batch := range [][]chat.Presence{rows[5:6], rows[3:7], rows} {
			if err := s.store.Subscribe(s.Context(), batch, 5); chat.CodeOf(err) != chat.RateLimited {
				s.Errorf("%d more: %v", len(batch), err)
			}
		}
		same(s, len(s.subscriptions("alice", "1")), 5)
		same(s, s.subscribers("c5"), nil)
		s.ok(s.store.Subscribe(s.Context(), nil, 5))
	},
	"of subscriptions at once none is over the limit": func(s *suite) {
		taken := atOnce(12, func(i int) int {
			err := s.store.Subscribe(s.Context(), []chat.Presence{s.subscription("alice", "1", fmt.Sprint("c", i))}, 4)
			if err != nil && chat.CodeOf(err) != chat.RateLimited && chat.CodeOf(err) != chat.Busy {
				s.Error(err)
			}
			return int(chat.CodeOf(err))
		})
		ok := 0
		for _, code := range taken {
			if code == int(chat.OK) {
				ok++
			}
		}
		same(s, len(s.subscriptions("alice", "1")), ok)
		if ok > 4 || ok == 0 {
			s.Errorf("%d were taken: %v", ok, taken)
		}
	},
	"a connection's subscriptions end with it": func(s *suite) {
		gone, stays := s.subscription("alice", "1", "c1"), s.subscription("alice", "2", "c1")
		s.ok(s.store.Subscribe(s.Context(), []chat.Presence{gone}, 100))
		s.ok(s.store.Subscribe(s.Context(), []chat.Presence{stays}, 100))
		s.ok(s.store.RemoveConnection(s.Context(), gone.Connection.AccountID, gone.Connection.ID, []chat.Crowd{{ServerID: s.server}, gone.Crowd()}))
		same(s, s.subscribers("c1"), []chat.Presence{stays})
		same(s, s.subscriptions("alice", "1"), nil)
		same(s, len(s.subscriptions("alice", "2")), 1)
	},
	"frames are counted by account and window": func(s *suite) {
		count := func(account string, at time.Time) int {
			s.Helper()
			return got(s.store.CountFrame(s.Context(), s.account(account), at))(s)
		}
		begins := s.now.Truncate(chat.FrameWindow)
		ends := begins.Add(chat.FrameWindow)
		same(s, []int{count("alice", begins), count("alice", ends.Add(-time.Millisecond)), count("bob", s.now)}, []int{1, 2, 1})
		same(s, []int{count("alice", ends), count("alice", begins)}, []int{1, 3})
	},
	"of frames at once none is counted twice": func(s *suite) {
		const n = 30
		numbers := atOnce(n, func(int) int { return got(s.store.CountFrame(s.Context(), s.account("alice"), s.now))(s) })
		slices.Sort(numbers)
		for i, number := range numbers {
			if number != i+1 {
				s.Fatalf("counted %v", numbers)
			}
		}
	},
	"nothing to do is done": func(s *suite) {
		s.ok(s.store.PutPresences(s.Context(), nil))
		s.ok(s.store.RemovePresences(s.Context(), s.server, nil))
	},
	"of a connect and a join at once, one sees the other": func(s *suite) {
		for i := range 20 {
			account := fmt.Sprintf("racer%d-", i)
			c := s.connection(account, fmt.Sprint("r", i))
			seen := atOnce(2, func(side int) int {
				if side == 0 {
					s.ok(s.store.PutConnection(s.Context(), c))
					return len(got(s.store.Memberships(s.Context(), c.AccountID))(s))
				}
				got(s.store.ChangeMember(s.Context(), s.server, c.AccountID, chat.Act{At: s.now}, join(s.now)))(s)
				return len(s.connections(account, 0))
			})
			if seen[0]+seen[1] == 0 {
				s.Fatal("neither saw the other: this device would be told nothing")
			}
		}
	},
}
