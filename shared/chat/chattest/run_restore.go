package chattest

import (
	"time"

	"unsend/shared/chat"
)

var restoreTests = map[string]func(*suite){
	"a revocation that is done again is what the audit says":         testReapply,
	"what is no more normal, or not there, stays":                    testReapplyNothing,
	"a connection that named no device is told from a back end":      testReapplyDoors,
	"a revocation that is done again is among the server's updates":  testReapplyUpdates,
	"nothing was deleted of a server":                                func(s *suite) { same(s, s.gone(), chat.Gone{Channels: map[string]bool{}}) },
	"a deleted channel and a deleted server are gone, a role is not": testGone,
	"a whole table is counted page by page":                          testTablePages,
}

// reapplied is an entry of the message's revocation.
func (s *suite) reapplied(m chat.Message) chat.RevokeEntry {
	e := s.entry(time.Second)
	e.MessageKey = m.MessageKey
	return e
}

// restored is the message as the entry says that it is.
func restored(m chat.Message, e chat.RevokeEntry) chat.Message {
	m.Content, m.Status, m.Version, m.UpdatedAt = chat.Content{}, chat.Revoked, e.Version, e.RevokedAt
	m.Revocation = &chat.Revocation{
		Operator: chat.Actor{AccountID: e.Operator.AccountID, ClientType: e.Operator.ClientType, Device: e.Operator.DeviceID},
		Info:     chat.UpdateInfo{Postscript: e.Reason},
	}
	return m
}

func testReapply(s *suite) {
	for name, alter := range map[string]func(*chat.Message){
		"normal":  func(*chat.Message) {},
		"expired": func(m *chat.Message) { m.ExpiresAt = 7 },
	} {
		m := s.put("alice", alter)
		e := s.reapplied(m)
		e.Version = 7
		if !got(s.store.ReapplyRevocation(s.Context(), e))(s) {
			s.Errorf("%s: nothing was done", name)
		}
		same(s, s.read(m.MessageKey), restored(m, e))
		if got(s.store.ReapplyRevocation(s.Context(), e))(s) {
			s.Errorf("%s: it was done twice", name)
		}
		same(s, s.read(m.MessageKey), restored(m, e))
	}
}

func testReapplyNothing(s *suite) {
	revoked := got(s.store.RevokeMessage(s.Context(), s.revoke(s.put("alice"), "bob")))(s)
	for _, m := range []chat.Message{
		revoked,
		s.put("alice", func(m *chat.Message) { m.Status = chat.Deleted }),
		s.put("alice", func(m *chat.Message) { m.Status = 10_000 }),
	} {
		if got(s.store.ReapplyRevocation(s.Context(), s.reapplied(m)))(s) {
			s.Errorf("a row of status %d was written", m.Status)
		}
		same(s, s.read(m.MessageKey), m)
	}
	none := s.entry(0)
	if got(s.store.ReapplyRevocation(s.Context(), none))(s) {
		s.Error("a row that is not there was written")
	}
	if rows := got(s.store.Messages(s.Context(), []chat.MessageKey{none.MessageKey}))(s); len(rows) != 0 {
		s.Errorf("it made %d rows", len(rows))
	}
}

func testReapplyDoors(s *suite) {
	for _, door := range []chat.Door{chat.APIDoor, chat.WebSocketDoor} {
		m := s.put("alice")
		e := s.reapplied(m)
		e.Operator.DeviceID, e.Door = "", door
		got(s.store.ReapplyRevocation(s.Context(), e))(s)
		operator := s.read(m.MessageKey).Revocation.Operator
		if operator.DeviceID() != "" || (operator.Device == "") != (door == chat.APIDoor) {
			s.Errorf("by the door %s: %+v", door, operator)
		}
	}
}

func testReapplyUpdates(s *suite) {
	first, second := s.put("alice"), s.put("alice")
	e := s.reapplied(first)
	e.RevokedAt = s.now.Add(3 * time.Second).UnixMilli()
	got(s.store.RevokeMessage(s.Context(), s.revoke(second, "bob")))(s) // a second after s.now, and so before it
	got(s.store.ReapplyRevocation(s.Context(), e))(s)
	page := got(s.store.Updates(s.Context(), s.server, chat.UpdateRef{}, 10))(s)
	var ids []string
	for _, u := range page.Updates {
		ids = append(ids, u.MsgServerID)
	}
	same(s, ids, []string{second.MsgServerID, first.MsgServerID})
	if u := page.Updates[1]; u.UpdatedAt != e.RevokedAt || u.Version != e.Version || u.Revocation.Info.Postscript != e.Reason {
		s.Errorf("the update is %+v", u)
	}
}

func (s *suite) gone() chat.Gone {
	s.Helper()
	return got(s.store.Gone(s.Context(), s.server))(s)
}

func testGone(s *suite) {
	everything(s)
	_, err := s.store.ChangeServer(s.Context(), s.server, chat.Act{At: s.now}, func(v *chat.Server) error { v.Roles = nil; return nil })
	s.ok(err)
	same(s, s.gone(), chat.Gone{Channels: map[string]bool{}})
	got(s.store.DeleteChannel(s.Context(), s.server, s.channel, chat.Act{At: s.now}, allowed[chat.Channel]))(s)
	same(s, s.gone(), chat.Gone{Channels: map[string]bool{s.channel: true}})
	got(s.store.DeleteServer(s.Context(), s.server, chat.Act{At: s.now}, allowed[chat.Server]))(s)
	same(s, s.gone(), chat.Gone{Server: true, Channels: map[string]bool{s.channel: true}})
}

// Other tests' rows are in the table, too, and some come while it is read.
func testTablePages(s *suite) {
	want := map[chat.ChannelRef]int{}
	for i := range 25 {
		m := s.put("alice", func(m *chat.Message) {
			if i%5 == 0 {
				m.ChannelID += "x"
			}
		})
		want[chat.ChannelRef{ServerID: m.ServerID, ChannelID: m.ChannelID}]++
	}
	for _, limit := range []int{3, 1_000} {
		found := map[chat.ChannelRef]int{}
		for after, pages := (*chat.MessageKey)(nil), 0; ; pages++ {
			page := got(s.store.TablePage(s.Context(), after, limit))(s)
			rows := 0
			for channel, n := range page.Rows {
				if rows += n; channel.ServerID == s.server {
					found[channel] += n
				}
			}
			if rows > limit || pages > 100_000 {
				s.Fatalf("page %d has %d rows, limit %d", pages, rows, limit)
			}
			if after = page.Next; after == nil {
				break
			}
		}
		same(s, found, want)
	}
}
