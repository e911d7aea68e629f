package chattest

import (
	"fmt"
	"slices"

	"unsend/shared/chat"
)

// walk reads the channel to its end, a page of limit rows at a time.
func (s *suite) walk(q chat.HistoryQuery) []chat.Message {
	s.Helper()
	var all []chat.Message
	for pages := 0; ; pages++ {
		page := got(s.store.History(s.Context(), q))(s)
		if len(page.Messages) > q.Limit {
			s.Fatalf("a page of %d, limit %d", len(page.Messages), q.Limit)
		}
		all = append(all, page.Messages...)
		if page.Next == nil {
			return all
		}
		if pages > 200 {
			s.Fatal("the walk does not end")
		}
		q.After = page.Next
	}
}

func (s *suite) query(newer bool, limit int, after *chat.MessageRef) chat.HistoryQuery {
	return chat.HistoryQuery{ServerID: s.server, ChannelID: s.channel, Newer: newer, Limit: limit, After: after, Now: s.now}
}

// written is a channel of 23 messages, three to a ms, oldest first.
func (s *suite) written() []chat.Message {
	var all []chat.Message
	for i := range 23 {
		all = append(all, s.put("alice", func(m *chat.Message) { m.Timestamp += int64(i / 3) }))
	}
	return all
}

func reversed(list []chat.Message) []chat.Message {
	list = slices.Clone(list)
	slices.Reverse(list)
	return list
}

var historyTests = map[string]func(*suite){
	"an empty channel": func(s *suite) {
		same(s, got(s.store.History(s.Context(), s.query(false, 5, nil)))(s), chat.HistoryPage{})
	},
	"both ways, whatever the page, ties in order": func(s *suite) {
		all := s.written()
		for _, limit := range []int{1, 2, 7, 22, 23, 24, 100} {
			same(s, s.walk(s.query(true, limit, nil)), all)
			same(s, s.walk(s.query(false, limit, nil)), reversed(all))
		}
	},
	"a page begins after any message, its own left out": func(s *suite) {
		all := s.written()
		for i, m := range all {
			after := &chat.MessageRef{Timestamp: m.Timestamp, MsgServerID: m.MsgServerID}
			same(s, s.walk(s.query(true, 10, after)), nonNil(all[i+1:]))
			same(s, s.walk(s.query(false, 10, after)), nonNil(reversed(all[:i])))
		}
	},
	"a page begins at a time, that time's messages among them": func(s *suite) {
		all := s.written()
		for i := -1; i <= 9; i++ {
			at := s.now.UnixMilli() + int64(i)
			from := &chat.MessageRef{Timestamp: at}
			older, newer := split(all, at)
			same(s, s.walk(s.query(true, 4, from)), newer)
			same(s, s.walk(s.query(false, 4, from)), older)
		}
	},
	"a cursor's message need not exist": func(s *suite) {
		all := s.written()
		between := &chat.MessageRef{Timestamp: all[4].Timestamp, MsgServerID: all[4].MsgServerID + "0"}
		same(s, s.walk(s.query(true, 10, between)), all[5:])
		same(s, s.walk(s.query(false, 10, between)), reversed(all[:5]))
	},
	"what has expired is left out, and the walk goes on": func(s *suite) {
		var want []chat.Message
		for i := range 12 {
			m := s.put("alice", func(m *chat.Message) {
				m.Timestamp += int64(i)
				if i > 2 && i < 9 {
					m.ExpiresAt = s.now.Unix() // this very second
				} else {
					m.ExpiresAt = s.now.Unix() + 1
				}
			})
			if i <= 2 || i >= 9 {
				want = append(want, m)
			}
		}
		same(s, s.walk(s.query(true, 3, nil)), want)
		same(s, s.walk(s.query(false, 3, nil)), reversed(want))
	},
	"revoked messages are there, as what is left of them": func(s *suite) {
		all := s.written()
		all[3] = got(s.store.RevokeMessage(s.Context(), s.revoke(all[3], "bob")))(s)
		same(s, s.walk(s.query(true, 100, nil)), all)
		if !all[3].Content.IsZero() {
			s.Error("the page holds what was revoked")
		}
	},
	"a channel's messages alone": func(s *suite) {
		mine := s.put("alice")
		s.put("alice", func(m *chat.Message) { m.ChannelID += "x" })
		s.put("alice", func(m *chat.Message) { m.ServerID += "x" })
		same(s, s.walk(s.query(true, 100, nil)), []chat.Message{mine})
	},
	"rows by any number of keys, repeated or not there": func(s *suite) {
		var keys []chat.MessageKey
		var want []chat.Message
		for range 120 {
			m := s.put("alice")
			want = append(want, m)
			keys = append(keys, m.MessageKey, m.MessageKey, chat.MessageKey{
				ServerID: s.server, ChannelID: s.channel, Timestamp: 1, MsgServerID: fmt.Sprint("absent", len(keys))})
		}
		rows := got(s.store.Messages(s.Context(), keys))(s)
		same(s, sorted(rows, func(m chat.Message) string { return m.MsgServerID }), want)
	},
	"no keys, no rows": func(s *suite) {
		if rows := got(s.store.Messages(s.Context(), nil))(s); len(rows) != 0 {
			s.Errorf("%d rows", len(rows))
		}
	},
}

// split parts messages at a time: what a walk to the older and one to the newer from there
// gives, both with the messages of that time.
func split(all []chat.Message, at int64) (older, newer []chat.Message) {
	for _, m := range all {
		if m.Timestamp <= at {
			older = append(older, m)
		}
		if m.Timestamp >= at {
			newer = append(newer, m)
		}
	}
	slices.Reverse(older)
	return older, newer
}

func nonNil(list []chat.Message) []chat.Message {
	if len(list) == 0 {
		return nil
	}
	return list
}
