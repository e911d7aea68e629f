package chattest

import (
	"fmt"
	"testing"
	"time"

	"unsend/shared/chat"

	diff "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// RunModel does the same random operations to a store and to [Store], the model,
// and compares every answer. One store serves all runs: the ids of each end in its
// number, which tells runs apart and decides nothing within one. All else is drawn, so that a failure is
// found again from its seed.
func RunModel(t *testing.T, newStore func(t *testing.T) chat.Store) {
	t.Helper()
	real := newStore(t)
	runs := 0
	rapid.Check(t, func(r *rapid.T) {
		runs++
		m := &model{T: t, real: real, fake: NewStore(), run: fmt.Sprintf("-%06d", runs), now: time.UnixMilli(1_767_225_600_500)}
		r.Repeat(map[string]func(*rapid.T){
			"send": m.send, "resend": m.resend, "revoke": m.revoke, "history": m.history, "read": m.messages,
			"connect": m.connect, "subscribe": m.subscribe, "disconnect": m.disconnect, "sessions": m.sessions,
			"server": m.server, "channel": m.channel, "member": m.member, "personal": m.personal,
			"standing": m.standing, "rights": m.rights, "time": m.pass,
		})
	})
}

// model holds both stores, and what has been sent to them.
type model struct {
	*testing.T
	real, fake chat.Store
	run        string
	now        time.Time
	ids        int // of messages that were made
	sent       []chat.Message
}

// pick is one of a few ids: few, so that operations meet.
func (m *model) pick(r *rapid.T, kind string) string {
	return fmt.Sprint(kind, rapid.IntRange(1, 2).Draw(r, kind), m.run)
}

// compare calls both stores. Errors must have the same code; values be equal.
func compare[T any](m *model, r *rapid.T, call func(chat.Store) (T, error)) T {
	want, wantErr := call(m.fake)
	got, gotErr := call(m.real)
	if chat.CodeOf(gotErr) != chat.CodeOf(wantErr) {
		r.Fatalf("the store: %v; the model: %v", gotErr, wantErr)
	}
	if d := diff.Diff(want, got); d != "" {
		r.Fatalf("-model +store\n%s", d)
	}
	return want
}

func (m *model) do(r *rapid.T, call func(chat.Store) error) {
	compare(m, r, func(s chat.Store) (struct{}, error) { return struct{}{}, call(s) })
}

func (m *model) pass(r *rapid.T) {
	m.now = m.now.Add(rapid.SampledFrom([]time.Duration{0, time.Millisecond, time.Second, time.Minute, chat.ConnectionTTL, chat.DedupTTL}).Draw(r, "time"))
}

func (m *model) message(r *rapid.T) chat.Message {
	m.ids++
	// Messages of one ms are in the order of their ids, which is not that of their sending.
	id := fmt.Sprint(rapid.IntRange(10, 99).Draw(r, "message"), "-", m.ids, m.run)
	message := chat.Message{
		MessageKey: chat.MessageKey{ServerID: m.pick(r, "s"), ChannelID: m.pick(r, "c"), Timestamp: m.now.UnixMilli(), MsgServerID: id},
		MsgID:      m.pick(r, "id"), Version: 1, UpdatedAt: m.now.UnixMilli(), From: chat.Actor{AccountID: m.pick(r, "a")},
		Content: chat.Content{Body: rapid.String().Draw(r, "body"), MentionRoles: rapid.SliceOf(rapid.String()).Draw(r, "mentions")},
	}
	if rapid.Bool().Draw(r, "expires") {
		message.ExpiresAt = m.now.Unix() + rapid.Int64Range(0, 90).Draw(r, "lifetime")
	}
	return message
}

func (m *model) send(r *rapid.T) {
	message := m.message(r)
	stored := compare(m, r, func(s chat.Store) (chat.Sent, error) { return s.PutMessage(r.Context(), message, m.now) })
	if !stored.Repeat {
		m.sent = append(m.sent, message)
	}
}

// resend uses an id that was used before, with a new message.
func (m *model) resend(r *rapid.T) {
	old := m.drawSent(r)
	message := m.message(r)
	message.ServerID, message.ChannelID, message.MsgID, message.From = old.ServerID, old.ChannelID, old.MsgID, old.From
	stored := compare(m, r, func(s chat.Store) (chat.Sent, error) { return s.PutMessage(r.Context(), message, m.now) })
	if !stored.Repeat {
		m.sent = append(m.sent, message)
	}
}

func (m *model) drawSent(r *rapid.T) chat.Message {
	if len(m.sent) == 0 {
		r.Skip("nothing was sent")
	}
	return rapid.SampledFrom(m.sent).Draw(r, "message")
}

func (m *model) revoke(r *rapid.T) {
	message := m.drawSent(r)
	cutoffs := rapid.SampledFrom([]int64{0, message.Timestamp, message.Timestamp + 1, chat.NeverCutoff})
	w := chat.RevokeWrite{
		Key: message.MessageKey, Now: m.now, Permitted: rapid.Bool().Draw(r, "permitted"),
		Revocation: chat.Revocation{Operator: chat.Actor{AccountID: m.pick(r, "a")}, Info: chat.UpdateInfo{Postscript: rapid.String().Draw(r, "postscript")}},
		OwnCutoff:  cutoffs.Draw(r, "own cut-off"), ModeratorCutoff: cutoffs.Draw(r, "moderator's cut-off"),
	}
	if !w.Permitted {
		w.ModeratorCutoff = chat.NeverCutoff
	}
	compare(m, r, func(s chat.Store) (chat.Message, error) { return s.RevokeMessage(r.Context(), w) })
}

// history walks a channel from a random place to the end. Where pages end may
// differ between stores; what they hold may not.
func (m *model) history(r *rapid.T) {
	q := chat.HistoryQuery{
		ServerID: m.pick(r, "s"), ChannelID: m.pick(r, "c"), Now: m.now,
		Newer: rapid.Bool().Draw(r, "newer"), Limit: rapid.IntRange(1, 5).Draw(r, "limit"),
	}
	if len(m.sent) > 0 && rapid.Bool().Draw(r, "from a message") {
		from := m.drawSent(r)
		q.After = &chat.MessageRef{Timestamp: from.Timestamp, MsgServerID: rapid.SampledFrom([]string{from.MsgServerID, ""}).Draw(r, "id")}
	}
	compare(m, r, func(s chat.Store) ([]chat.Message, error) {
		var all []chat.Message
		for q := q; ; {
			page, err := s.History(r.Context(), q)
			all = append(all, page.Messages...)
			if q.After = page.Next; err != nil || q.After == nil {
				return all, err
			}
		}
	})
}

func (m *model) messages(r *rapid.T) {
	keys := []chat.MessageKey{m.drawSent(r).MessageKey, m.drawSent(r).MessageKey}
	compare(m, r, func(s chat.Store) ([]chat.Message, error) {
		found, err := s.Messages(r.Context(), keys)
		return sorted(found, func(m chat.Message) string { return m.MsgServerID }), err
	})
}

func (m *model) connection(r *rapid.T) chat.Connection {
	return chat.Connection{ID: m.pick(r, "conn"), AccountID: m.pick(r, "a"), ConnectedAt: m.now.UnixMilli(), TokenExpiresAt: m.now.UnixMilli() + 1}
}

func (m *model) connect(r *rapid.T) {
	c := m.connection(r)
	row := chat.Presence{ServerID: m.pick(r, "s"), Connection: c, Roles: m.roles(r), Generation: 1, ProvedAt: m.now.UnixMilli()}
	m.do(r, func(s chat.Store) error { return s.PutConnection(r.Context(), c) })
	m.do(r, func(s chat.Store) error { return s.PutPresences(r.Context(), []chat.Presence{row}) })
}

func (m *model) subscribe(r *rapid.T) {
	c, server, channel := m.connection(r), m.pick(r, "s"), m.pick(r, "c")
	if rapid.Bool().Draw(r, "end") {
		m.do(r, func(s chat.Store) error {
			return s.Unsubscribe(r.Context(), c, []chat.ChannelRef{{ServerID: server, ChannelID: channel}})
		})
		return
	}
	row := chat.Presence{ServerID: server, ChannelID: channel, Connection: c, Generation: 2, ProvedAt: m.now.UnixMilli()}
	m.do(r, func(s chat.Store) error { return s.Subscribe(r.Context(), []chat.Presence{row}, 2) })
	compare(m, r, func(s chat.Store) ([]chat.ChannelRef, error) { return s.Subscriptions(r.Context(), c.AccountID, c.ID) })
	compare(m, r, func(s chat.Store) ([]chat.Presence, error) {
		page, err := s.Audience(r.Context(), row.Crowd(), "", 100, m.now.UnixMilli())
		return sorted(page.Rows, func(p chat.Presence) string { return p.Connection.ID }), err
	})
}

func (m *model) disconnect(r *rapid.T) {
	c, server := m.connection(r), m.pick(r, "s")
	if rapid.Bool().Draw(r, "everywhere") {
		m.do(r, func(s chat.Store) error {
			return s.RemoveConnection(r.Context(), c.AccountID, c.ID, []chat.Crowd{{ServerID: server}})
		})
	} else {
		m.do(r, func(s chat.Store) error { return s.RemovePresences(r.Context(), server, []string{c.ID}) })
	}
}

func (m *model) sessions(r *rapid.T) {
	c, server := m.connection(r), m.pick(r, "s")
	compare(m, r, func(s chat.Store) ([]chat.Connection, error) {
		list, err := s.Connections(r.Context(), c.AccountID, m.now.UnixMilli())
		return sorted(list, func(c chat.Connection) string { return c.ID }), err
	})
	compare(m, r, func(s chat.Store) ([]chat.Presence, error) {
		page, err := s.Audience(r.Context(), chat.Crowd{ServerID: server}, "", 100, m.now.UnixMilli())
		return sorted(page.Rows, func(p chat.Presence) string { return p.Connection.ID }), err
	})
}

func (m *model) roles(r *rapid.T) []string {
	return rapid.SliceOfN(rapid.SampledFrom([]string{"mod", "vip", "é "}), 0, 2).Draw(r, "roles")
}

func (m *model) server(r *rapid.T) {
	id, owner, roles := m.pick(r, "s"), m.pick(r, "a"), m.roles(r)
	compare(m, r, func(s chat.Store) (chat.Server, error) {
		return s.ChangeServer(r.Context(), id, chat.Act{At: m.now}, func(v *chat.Server) error {
			v.OwnerID, v.Roles = owner, nil
			for i, role := range roles {
				v.Roles = append(v.Roles, chat.Role{ID: role, Priority: i, Windows: chat.Windows{Own: window(chat.Window(i) - 1)}})
			}
			return nil
		})
	})
}

func (m *model) channel(r *rapid.T) {
	server, id, roles := m.pick(r, "s"), m.pick(r, "c"), m.roles(r)
	which := rapid.IntRange(0, 2).Draw(r, "which")
	compare(m, r, func(s chat.Store) (chat.Channel, error) {
		return s.ChangeChannel(r.Context(), server, id, chat.Act{At: m.now}, func(v *chat.Channel) error {
			switch which {
			case 0:
				v.WhiteRoles = roles
			case 1:
				v.BlackRoles, v.ViewMode = roles, chat.Private
			}
			return nil
		})
	})
}

func (m *model) member(r *rapid.T) {
	server, account, roles := m.pick(r, "s"), m.pick(r, "a"), m.roles(r)
	change := rapid.SampledFrom([]func(*chat.Member) error{
		join(m.now), join(m.now), leave, ban, unban,
		func(v *chat.Member) error { v.Roles = roles; return nil },
		func(*chat.Member) error { return &chat.Error{Code: chat.Forbidden} },
	}).Draw(r, "change")
	compare(m, r, func(s chat.Store) (chat.Member, error) {
		return s.ChangeMember(r.Context(), server, account, chat.Act{At: m.now}, change)
	})
}

func (m *model) personal(r *rapid.T) {
	server, channel, account := m.pick(r, "s"), m.pick(r, "c"), m.pick(r, "a")
	white, black := rapid.Int64Range(0, 2).Draw(r, "white"), rapid.Bool().Draw(r, "black")
	compare(m, r, func(s chat.Store) (chat.Personal, error) {
		return s.ChangePersonal(r.Context(), server, channel, account, chat.Act{At: m.now}, func(v *chat.Personal) error {
			v.WhiteGeneration, v.Black = white, black
			return nil
		})
	})
}

func (m *model) standing(r *rapid.T) {
	server, channel, account := m.pick(r, "s"), m.pick(r, "c"), m.pick(r, "a")
	compare(m, r, func(s chat.Store) (chat.Standing, error) { return s.Standing(r.Context(), server, channel, account) })
	compare(m, r, func(s chat.Store) (map[string]chat.Delivery, error) {
		return s.Deliveries(r.Context(), []string{server})
	})
	compare(m, r, func(s chat.Store) ([]chat.Membership, error) {
		list, err := s.Memberships(r.Context(), account)
		return sorted(list, func(m chat.Membership) string { return m.ServerID }), err
	})
	compare(m, r, func(s chat.Store) (map[string]chat.Member, error) {
		return s.Members(r.Context(), server, []string{account, "nobody"})
	})
}

func (m *model) rights(r *rapid.T) {
	server, channel := m.pick(r, "s"), m.pick(r, "c")
	since := m.now.UnixMilli() - rapid.Int64Range(-1, 61_000).Draw(r, "back")
	compare(m, r, func(s chat.Store) (chat.Rights, error) {
		rights, err := s.Rights(r.Context(), server, []string{channel}, since)
		for id, entries := range rights.Lists {
			rights.Lists[id] = sorted(entries, byAccount)
		}
		return rights, err
	})
}
