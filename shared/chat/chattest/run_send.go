package chattest

import (
	"time"

	"unsend/shared/chat"
)

var putTests = map[string]func(*suite){
	"what is stored is what was sent": func(s *suite) {
		want := s.message("alice")
		sent := got(s.store.PutMessage(s.Context(), want, s.now))(s)
		same(s, sent, chat.Sent{Message: want})
		same(s, s.read(want.MessageKey), want)
	},
	"a message needs no more than its key, sender and status": func(s *suite) {
		want := chat.Message{MessageKey: s.message("").MessageKey, MsgID: "x", Version: 1, From: chat.Actor{AccountID: s.account("alice")}}
		got(s.store.PutMessage(s.Context(), want, s.now))(s)
		same(s, s.read(want.MessageKey), want)
	},
	"a resend is told the first row and stores nothing": func(s *suite) {
		first := s.put("alice")
		again := s.message("alice")
		again.MsgID, again.Timestamp = first.MsgID, first.Timestamp+5
		same(s, got(s.store.PutMessage(s.Context(), again, s.now))(s), chat.Sent{Message: first, Repeat: true})
		if rows := got(s.store.Messages(s.Context(), []chat.MessageKey{again.MessageKey}))(s); len(rows) != 0 {
			s.Error("the resend was stored too")
		}
	},
	"an id is its author's, in its channel": func(s *suite) {
		first := s.put("alice")
		for _, other := range []func(*chat.Message){
			func(m *chat.Message) { m.From.AccountID = s.account("bob") },
			func(m *chat.Message) { m.ChannelID += "x" },
			func(m *chat.Message) { m.ServerID += "x" },
		} {
			s.put("alice", other, func(m *chat.Message) { m.MsgID = first.MsgID })
		}
	},
	"a resend after the revoke is told what is left": func(s *suite) {
		first := s.put("alice")
		revoked := got(s.store.RevokeMessage(s.Context(), s.revoke(first, "alice")))(s)
		again := s.message("alice")
		again.MsgID = first.MsgID
		same(s, got(s.store.PutMessage(s.Context(), again, s.now))(s), chat.Sent{Message: revoked, Repeat: true})
	},
	"an id is recognized for as long as promised": func(s *suite) {
		first := s.put("alice")
		again := s.message("alice")
		again.MsgID = first.MsgID
		if sent := got(s.store.PutMessage(s.Context(), again, s.now.Add(chat.DedupTTL-time.Millisecond)))(s); !sent.Repeat {
			s.Fatal("forgotten a ms too soon")
		}
		sent := got(s.store.PutMessage(s.Context(), again, s.now.Add(chat.DedupTTL+time.Second)))(s)
		same(s, sent, chat.Sent{Message: again})
	},
	"a resend of what has expired is not found": func(s *suite) {
		first := s.put("alice", func(m *chat.Message) { m.ExpiresAt = s.now.Unix() + 60 })
		again := s.message("alice")
		again.MsgID = first.MsgID
		_, err := s.store.PutMessage(s.Context(), again, s.now.Add(time.Minute))
		s.code(err, chat.NotFound)
	},
	"a key that is taken is refused, marker and all": func(s *suite) {
		first := s.put("alice")
		second := s.message("bob")
		second.MessageKey = first.MessageKey
		_, err := s.store.PutMessage(s.Context(), second, s.now)
		s.code(err, chat.Internal)
		same(s, s.read(first.MessageKey), first)
		s.put("bob", func(m *chat.Message) { m.MsgID = second.MsgID })
	},
	"20 sends of one id at once store one row": func(s *suite) {
		messages := make([]chat.Message, 20)
		keys := make([]chat.MessageKey, len(messages))
		for i := range messages {
			messages[i] = s.message("alice")
			messages[i].MsgID = "one"
			keys[i] = messages[i].MessageKey
		}
		type outcome struct {
			sent chat.Sent
			err  error
		}
		outcomes := atOnce(len(messages), func(i int) outcome {
			sent, err := s.store.PutMessage(s.Context(), messages[i], s.now)
			return outcome{sent, err}
		})
		rows := got(s.store.Messages(s.Context(), keys))(s)
		if len(rows) != 1 {
			s.Fatalf("%d rows, want 1", len(rows))
		}
		stored := 0
		for _, o := range outcomes {
			s.ok(o.err)
			same(s, o.sent.Message, rows[0])
			if !o.sent.Repeat {
				stored++
			}
		}
		same(s, stored, 1)
	},
}
