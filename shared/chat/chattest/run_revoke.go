package chattest

import (
	"strings"
	"time"

	"unsend/shared/chat"
)

// revoke is a write that succeeds: a moderator's without limit, or the author's.
func (s *suite) revoke(m chat.Message, account string) chat.RevokeWrite {
	return chat.RevokeWrite{
		Key: m.MessageKey,
		Revocation: chat.Revocation{
			Operator: chat.Actor{AccountID: s.account(account), Nick: "Op", ClientType: chat.IOS, Device: "phone"},
			Info:     chat.UpdateInfo{Postscript: "why", Extension: "ext", PushContent: "push", PushPayload: "payload"},
		},
		Now: s.now.Add(time.Second), Permitted: true,
	}
}

// author and moderator bound the write as the service would.
func author(cutoff int64) func(*chat.RevokeWrite) {
	return func(w *chat.RevokeWrite) {
		w.Permitted, w.OwnCutoff, w.ModeratorCutoff = false, cutoff, chat.NeverCutoff
	}
}

func moderator(cutoff int64) func(*chat.RevokeWrite) {
	return func(w *chat.RevokeWrite) { w.OwnCutoff, w.ModeratorCutoff = chat.NeverCutoff, cutoff }
}

func stranger(w *chat.RevokeWrite) {
	w.Permitted, w.OwnCutoff, w.ModeratorCutoff = false, 0, chat.NeverCutoff
}

var revokeTests = map[string]func(*suite){
	"the row keeps who and when, and nothing of what": func(s *suite) {
		m := s.put("alice")
		w := s.revoke(m, "bob")
		want := m
		want.Content, want.Revocation = chat.Content{}, &w.Revocation
		want.Status, want.Version, want.UpdatedAt = chat.Revoked, 2, w.Now.UnixMilli()
		same(s, got(s.store.RevokeMessage(s.Context(), w))(s), want)
		same(s, s.read(m.MessageKey), want)
	},
	"a revoke without a word of explanation": func(s *suite) {
		m := s.put("alice")
		w := s.revoke(m, "bob")
		w.Revocation = chat.Revocation{Operator: chat.Actor{AccountID: s.account("bob")}}
		revoked := got(s.store.RevokeMessage(s.Context(), w))(s)
		same(s, revoked.Revocation, &w.Revocation)
		same(s, s.read(m.MessageKey), revoked)
	},
	"no content is left anywhere": func(s *suite) {
		m := s.put("alice")
		got(s.store.RevokeMessage(s.Context(), s.revoke(m, "alice")))(s)
		d, ok := s.store.(Dumper)
		if !ok {
			s.Skip("this store shows nothing but what its operations return")
		}
		all := d.Dump()
		if !strings.Contains(all, m.MsgServerID) {
			s.Fatal("the dump does not hold the row at all")
		}
		for _, word := range []string{m.Content.Body, m.Content.Attach, m.Content.Ext, m.Content.MentionAccounts[0],
			m.Content.MentionRoles[0], m.Content.PushContent, m.Content.PushPayload} {
			if strings.Contains(all, word) {
				s.Errorf("%q is still stored", word)
			}
		}
	},
	"cut-offs to the millisecond": func(s *suite) {
		at := s.now.UnixMilli()
		for name, c := range map[string]struct {
			by     string
			bound  func(*chat.RevokeWrite)
			want   chat.Code
			reason string
		}{
			"author at the cut-off":       {by: "alice", bound: author(at), want: chat.OK},
			"author 1 ms too late":        {by: "alice", bound: author(at + 1), want: chat.TooLate},
			"author without limit":        {by: "alice", bound: author(0), want: chat.OK},
			"author never":                {by: "alice", bound: author(chat.NeverCutoff), want: chat.TooLate},
			"moderator at the cut-off":    {by: "bob", bound: moderator(at), want: chat.OK},
			"moderator 1 ms too late":     {by: "bob", bound: moderator(at + 1), want: chat.TooLate},
			"moderator without limit":     {by: "bob", bound: moderator(0), want: chat.OK},
			"moderator never":             {by: "bob", bound: moderator(chat.NeverCutoff), want: chat.TooLate},
			"author as moderator, late":   {by: "alice", bound: moderator(at + 1), want: chat.TooLate},
			"author as moderator in time": {by: "alice", bound: moderator(at), want: chat.OK},
			"stranger within the authors": {by: "bob", bound: stranger, want: chat.Forbidden},
		} {
			m := s.put("alice")
			w := s.revoke(m, c.by)
			c.bound(&w)
			_, err := s.store.RevokeMessage(s.Context(), w)
			if code := chat.CodeOf(err); code != c.want {
				s.Errorf("%s: %d, want %d", name, code, c.want)
			}
			if c.want != chat.OK {
				same(s, s.read(m.MessageKey), m)
			}
		}
	},
	"the first reason that holds": func(s *suite) {
		expired := func(m *chat.Message) { m.ExpiresAt = s.now.Unix() }
		status := func(v chat.Status) func(*chat.Message) { return func(m *chat.Message) { m.Status = v } }
		late := func(w *chat.RevokeWrite) { w.OwnCutoff, w.ModeratorCutoff = chat.NeverCutoff, chat.NeverCutoff }
		for name, c := range map[string]struct {
			row   func(*chat.Message)
			by    string
			bound func(*chat.RevokeWrite)
			want  chat.Code
		}{
			"expired, before all else": {expired, "bob", stranger, chat.NotFound},
			"expired, of the author":   {expired, "alice", author(0), chat.NotFound},
			"late, but no right":       {status(chat.Normal), "bob", func(w *chat.RevokeWrite) { late(w); w.Permitted = false }, chat.Forbidden},
			"late, of a moderator":     {status(chat.Normal), "bob", late, chat.TooLate},
			"revoked, no right":        {status(chat.Revoked), "bob", stranger, chat.Forbidden},
			"revoked, author, late":    {status(chat.Revoked), "alice", func(w *chat.RevokeWrite) { late(w); w.Permitted = false }, chat.OK},
			"revoked, moderator, late": {status(chat.Revoked), "bob", late, chat.OK},
			"deleted, no right":        {status(chat.Deleted), "bob", stranger, chat.Forbidden},
			"deleted":                  {status(chat.Deleted), "bob", moderator(0), chat.NotFound},
			"deleted, late":            {status(chat.Deleted), "alice", late, chat.NotFound},
			"the application's own":    {status(10_000), "bob", moderator(0), chat.TooLate},
		} {
			m := s.put("alice", c.row)
			w := s.revoke(m, c.by)
			c.bound(&w)
			_, err := s.store.RevokeMessage(s.Context(), w)
			if code := chat.CodeOf(err); code != c.want {
				s.Errorf("%s: %d, want %d", name, code, c.want)
			}
			same(s, s.read(m.MessageKey), m)
		}
	},
	"a message lives until its last ms": func(s *suite) {
		ends := s.now.Unix() + 2
		for past, want := range map[int64]chat.Code{-1: chat.OK, 0: chat.NotFound, 1: chat.NotFound} {
			m := s.put("alice", func(m *chat.Message) { m.ExpiresAt = ends })
			w := s.revoke(m, "bob")
			w.Now = time.UnixMilli(ends*1000 + past)
			_, err := s.store.RevokeMessage(s.Context(), w)
			s.code(err, want)
			if want != chat.OK {
				same(s, s.read(m.MessageKey), m)
			}
		}
	},
	"the first revoke stays": func(s *suite) {
		m := s.put("alice")
		first := got(s.store.RevokeMessage(s.Context(), s.revoke(m, "bob")))(s)
		again := s.revoke(m, "carol")
		again.Now, again.Revocation.Info.Postscript = again.Now.Add(time.Hour), "another reason"
		for _, by := range []string{"alice", "bob", "carol"} {
			again.Revocation.Operator.AccountID = s.account(by)
			again.Permitted = by != "alice"
			same(s, got(s.store.RevokeMessage(s.Context(), again))(s), first)
		}
		same(s, s.read(m.MessageKey), first)
	},
	"50 revokes at once change the row once": func(s *suite) {
		m := s.put("alice")
		type outcome struct {
			message chat.Message
			err     error
		}
		outcomes := atOnce(50, func(i int) outcome {
			w := s.revoke(m, "moderator")
			w.Revocation.Operator.Device = s.newID()
			w.Now = w.Now.Add(time.Duration(i) * time.Millisecond)
			message, err := s.store.RevokeMessage(s.Context(), w)
			return outcome{message, err}
		})
		row := s.read(m.MessageKey)
		same(s, row.Version, 2)
		for _, o := range outcomes {
			s.ok(o.err)
			same(s, o.message, row)
		}
	},
	"every part of the key must match": func(s *suite) {
		m := s.put("alice")
		s.put("alice", func(o *chat.Message) { o.ChannelID = s.channel + "x" })
		for _, alter := range []func(*chat.MessageKey){
			func(k *chat.MessageKey) { k.ServerID += "x" },
			func(k *chat.MessageKey) { k.ChannelID += "x" },
			func(k *chat.MessageKey) { k.Timestamp++ },
			func(k *chat.MessageKey) { k.MsgServerID += "x" },
		} {
			w := s.revoke(m, "alice")
			alter(&w.Key)
			_, err := s.store.RevokeMessage(s.Context(), w)
			s.code(err, chat.NotFound)
			if rows := got(s.store.Messages(s.Context(), []chat.MessageKey{w.Key}))(s); len(rows) != 0 {
				s.Errorf("a refused revoke left %d rows", len(rows))
			}
		}
		same(s, s.read(m.MessageKey), m)
	},
	"a revoke at 0 ms": func(s *suite) {
		m := s.put("alice")
		w := s.revoke(m, "alice")
		w.Now = s.now
		author(s.now.UnixMilli() - 1)(&w)
		got(s.store.RevokeMessage(s.Context(), w))(s)
	},
}
