package chat_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"unsend/shared/chat"
)

// A message lives for its retention at least, to the second, and for ever without one.
func TestRetention(t *testing.T) {
	for _, c := range []struct {
		retention, age time.Duration
		want           bool
	}{
		{0, 100 * 365 * 24 * time.Hour, true},
		{24 * time.Hour, 24 * time.Hour, true},
		{24 * time.Hour, 24*time.Hour + 2*time.Second, false},
	} {
		play(t, func(t *testing.T, s *scene) {
			time.Sleep(999 * time.Millisecond)
			phone := s.online("alice", "phone")
			sender := chat.Sender{Standings: s.store, Messages: s.store, Clock: time.Now, Retention: c.retention, NewID: func(time.Time) string { return "m" }}
			m, err := sender.Send(t.Context(), phone, chat.SendRequest{ServerID: "s1", ChannelID: "c1", MsgID: "1", Content: chat.Content{Body: "x"}})
			s.must(m, err)
			time.Sleep(c.age)
			revocations := chat.Revocations{Standings: s.store, Messages: s.store, Clock: time.Now, Windows: chat.Windows{Own: window(chat.NoLimit), Moderator: window(chat.NoLimit)}}
			_, err = revocations.Revoke(t.Context(), phone, chat.RevokeRequest{Key: m.MessageKey}) // the window is longer than the retention
			if got := err == nil; got != c.want || !c.want && chat.CodeOf(err) != chat.NotFound {
				t.Errorf("retention %v, age %v: %v", c.retention, c.age, err)
			}
		})
	}
}

// What a request may hold, at each limit and one beyond it.
func TestLimitsOfRequests(t *testing.T) {
	long := func(n int) string { return strings.Repeat("é", n) }
	send := func(change func(*chat.SendRequest)) chat.SendRequest {
		r := chat.SendRequest{ServerID: "s1", ChannelID: "c1", MsgID: "m", Content: chat.Content{Body: "x"}}
		change(&r)
		return r
	}
	mentions := func(n int) []string {
		list := make([]string, n)
		for i := range list {
			list[i] = fmt.Sprint("account", i)
		}
		return list
	}
	play(t, func(t *testing.T, s *scene) {
		owner := chat.Connection{ID: "o", AccountID: "owner", ClientType: chat.Web}
		s.member("s1", "owner", func(m *chat.Member) error { m.Join(time.Now()); return nil })
		n := 0
		sender := chat.Sender{Standings: s.store, Messages: s.store, Clock: time.Now, NewID: func(time.Time) string { n++; return fmt.Sprint("id", n) }}
		for i, c := range []struct {
			request chat.SendRequest
			want    chat.Code
		}{
			{send(func(r *chat.SendRequest) { r.Content.Body = long(5_000) }), chat.OK},
			{send(func(r *chat.SendRequest) { r.Content.Body = long(5_001) }), chat.TooLong},
			{send(func(r *chat.SendRequest) { r.Content.Body = strings.Repeat("😀", 4_096) }), chat.OK},
			{send(func(r *chat.SendRequest) { r.Content.Body = strings.Repeat("😀", 4_097) }), chat.TooLong},
			{send(func(r *chat.SendRequest) { r.Content.Attach = long(4_096) }), chat.OK},
			{send(func(r *chat.SendRequest) { r.Content.Attach = long(4_096) + "x" }), chat.TooLong},
			{send(func(r *chat.SendRequest) { r.Content.Ext = long(512) }), chat.OK},
			{send(func(r *chat.SendRequest) { r.Content.Ext = long(512) + "x" }), chat.TooLong},
			{send(func(r *chat.SendRequest) { r.Content.PushContent = long(512) }), chat.OK},
			{send(func(r *chat.SendRequest) { r.Content.PushContent = long(513) }), chat.TooLong},
			{send(func(r *chat.SendRequest) { r.Content.PushPayload = long(512) }), chat.OK},
			{send(func(r *chat.SendRequest) { r.Content.PushPayload = long(512) + "x" }), chat.TooLong},
			{send(func(r *chat.SendRequest) { r.Content.MentionAccounts = mentions(100) }), chat.OK},
			{send(func(r *chat.SendRequest) {
				r.Content.MentionAccounts, r.Content.MentionRoles = mentions(100), []string{"mod"}
			}), chat.TooLong},
			{send(func(r *chat.SendRequest) { r.Content.MentionRoles = []string{strings.Repeat("r", 21)} }), chat.Invalid},
			{send(func(r *chat.SendRequest) { r.Content = chat.Content{Ext: "only an extension"} }), chat.Invalid},
			{send(func(r *chat.SendRequest) { r.Type = 7 }), chat.Invalid},
			{send(func(r *chat.SendRequest) { r.MsgID = strings.Repeat("x", 64) }), chat.OK},
			{send(func(r *chat.SendRequest) { r.MsgID = strings.Repeat("x", 65) }), chat.Invalid},
			{send(func(r *chat.SendRequest) { r.MsgID = " m" }), chat.Invalid},
			{send(func(r *chat.SendRequest) { r.MsgID = "a\u202eb" }), chat.Invalid},
			{send(func(r *chat.SendRequest) { r.MsgID = "a\u2028b" }), chat.Invalid},
			{send(func(r *chat.SendRequest) { r.MsgID = "a b é 你" }), chat.OK},
			{send(func(r *chat.SendRequest) { r.ReplyTo = &chat.MessageRef{Timestamp: -1, MsgServerID: "x"} }), chat.Invalid},
		} {
			if c.request.MsgID == "m" {
				c.request.MsgID = fmt.Sprint("m", i)
			}
			if _, err := sender.Send(t.Context(), owner, c.request); chat.CodeOf(err) != c.want {
				t.Errorf("%d: %v, want %d", i, err, c.want)
			}
		}
	})
}

func TestLimitOfHistory(t *testing.T) {
	play(t, func(t *testing.T, s *scene) {
		phone := s.online("alice", "phone")
		for range 60 {
			s.send(phone)
		}
		histories := chat.Histories{Standings: s.store, Messages: s.store, Clock: time.Now}
		for limit, want := range map[int]int{0: 50, 1: 1, 60: 60, 100: 60} {
			page, err := histories.History(t.Context(), phone, chat.HistoryRequest{ServerID: "s1", ChannelID: "c1", Limit: limit})
			if err != nil || len(page.Messages) != want {
				t.Errorf("limit %d: %d messages, %v; want %d", limit, len(page.Messages), err, want)
			}
		}
		for _, limit := range []int{-1, 101} {
			if _, err := histories.History(t.Context(), phone, chat.HistoryRequest{ServerID: "s1", ChannelID: "c1", Limit: limit}); chat.CodeOf(err) != chat.Invalid {
				t.Errorf("limit %d: %v", limit, err)
			}
		}
	})
}

// A time-to-live that ended before its connection would silence a device, and a
// change row that ended before it would let a banned one hear.
func TestRowsOutliveConnections(t *testing.T) {
	const longest = 2 * time.Hour // API Gateway's quota for a connection
	if chat.ConnectionTTL <= longest || chat.ChangeTTL < chat.ConnectionTTL+chat.ChangeOverlap {
		t.Errorf("connection rows %v, change rows %v; a connection may last %v", chat.ConnectionTTL, chat.ChangeTTL, longest)
	}
	if chat.ChangeOverlap < chat.WriteTimeout+5*time.Second {
		t.Errorf("ChangeOverlap %v does not cover a write of %v and clocks 5 s apart", chat.ChangeOverlap, chat.WriteTimeout)
	}
	if chat.SyncOverlap < 50*time.Second+chat.WriteTimeout+5*time.Second {
		t.Errorf("SyncOverlap %v does not cover an index 50 s behind, a write and clocks 5 s apart", chat.SyncOverlap)
	}
}

func TestValidWindows(t *testing.T) {
	for w, want := range map[chat.Window]bool{-2: false, chat.NoLimit: true, chat.Never: true, 1: true, chat.MaxTimestamp: true, chat.MaxTimestamp + 1: false} {
		if w.Valid() != want {
			t.Errorf("Window(%d).Valid() = %v", w, !want)
		}
	}
}
