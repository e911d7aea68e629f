package history_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	unsend "unsend/clients/go"
	"unsend/shared/chat"
	"unsend/shared/cloudtest/history"
)

// A good history passes, and each doctored one is found out.

var (
	start = time.UnixMilli(1_767_225_600_000)
	lobby = history.Channel{ServerID: "s1", ChannelID: "c1"}
)

func at(seconds float64) time.Time { return start.Add(time.Duration(seconds * float64(time.Second))) }

// message is how one stands: taken back where an operator is named.
func message(id, operator string) unsend.Message {
	m := unsend.Message{
		MessageKey: key(id), MsgID: "of-" + id, FromAccount: "alice", Version: 1, UpdateTimestamp: at(100).UnixMilli(),
		Content: unsend.Content{Body: history.Text("of-" + id)},
	}
	if operator != "" {
		m.Status, m.Version, m.Content, m.UpdateTimestamp = unsend.StatusRevoked, 2, unsend.Content{}, at(101).UnixMilli()
		m.Operation = &unsend.Operation{OperatorID: operator}
	}
	return m
}

func key(id string) unsend.MessageKey {
	return unsend.MessageKey{ServerID: "s1", ChannelID: "c1", Timestamp: at(100).UnixMilli(), MsgServerID: id}
}

func audited(id, operator string) chat.RevokeEntry {
	return chat.RevokeEntry{MessageKey: chat.MessageKey(key(id)), Version: 2, Operator: chat.Who{AccountID: operator}}
}

// good is a history in which alice sent two messages and bob took the second back, with what there is in the end. The
// devices are alice's phone, bob's and carol's sessions.
func good() (*history.Ledger, history.Final) {
	l := history.New()
	for _, account := range []string{"alice", "bob", "carol"} {
		l.Seen(history.Sight{Account: account, ServerID: "s1", ChannelID: "c1"}, true, true, at(0))
		l.AddDevice(account, account, account != "alice")
		l.Online(account, at(50))
	}
	for _, id := range []string{"m1", "m2"} {
		l.Sending("alice", "alice", "of-"+id, lobby, at(100))
		l.Sent(message(id, ""), at(100.1))
		l.Told("bob", history.Received, message(id, ""), at(100.2))
		l.Told("carol", history.Received, message(id, ""), at(100.2))
	}
	l.Revoking("bob", "bob", key("m2"), at(101))
	l.Revoked(key("m2"), "bob", at(101.1))
	l.Told("alice", history.Updated, message("m2", "bob"), at(101.2))
	l.Told("carol", history.Updated, message("m2", "bob"), at(101.2))
	return l, history.Final{
		Truth: map[history.Channel]history.Truth{lobby: truth(message("m1", ""), message("m2", "bob"))},
		Gone:  map[history.Channel]bool{}, Audit: []chat.RevokeEntry{audited("m2", "bob")},
	}
}

func truth(messages ...unsend.Message) history.Truth {
	t := history.Truth{}
	for _, m := range messages {
		t[m.MessageKey] = m
	}
	return t
}

func TestAGoodHistory(t *testing.T) {
	t.Parallel()
	l, f := good()
	if violations := l.Judge(f); len(violations) > 0 {
		t.Errorf("found %q", violations)
	}
	if c := l.Counts(); c.Sent != 2 || c.Revoked != 1 || c.Told != 6 || c.Due != 0 {
		t.Errorf("counted %+v", c)
	}
}

// doctored histories each hold one thing that must not be.
var doctored = []struct {
	name, want string
	doctor     func(*history.Ledger, *history.Final)
}{
	{"a lost message", "of-m1 was acknowledged as m1, and is lost", func(_ *history.Ledger, f *history.Final) {
		f.Truth[lobby] = truth(message("m2", "bob"))
	}},
	{"a duplicate", "of-m1 is there 2 times", func(_ *history.Ledger, f *history.Final) {
		again := message("m9", "")
		again.MsgID = "of-m1"
		f.Truth[lobby][again.MessageKey] = again
	}},
	{"two answers to one msg_id", "answered with m1 and m9", func(l *history.Ledger, _ *history.Final) {
		again := message("m9", "")
		again.MsgID = "of-m1"
		l.Sending("alice", "alice", "of-m1", lobby, at(103))
		l.Sent(again, at(103))
	}},
	{"a message of nobody", "nobody sent it", func(_ *history.Ledger, f *history.Final) {
		f.Truth[lobby][key("m9")] = message("m9", "")
	}},
	{"a message that was refused", "was refused each time, and is there", func(l *history.Ledger, f *history.Final) {
		l.Sending("alice", "alice", "of-m9", lobby, at(103))
		l.SendRefused("of-m9")
		f.Truth[lobby][key("m9")] = message("m9", "")
	}},
	{"a message in another channel", "it was sent to c1", func(l *history.Ledger, f *history.Final) {
		moved := message("m1", "")
		delete(f.Truth[lobby], moved.MessageKey)
		moved.ChannelID = "c2"
		f.Truth[history.Channel{ServerID: "s1", ChannelID: "c2"}] = truth(moved)
	}},
	{"another text", "or not its text", func(_ *history.Ledger, f *history.Final) {
		other := message("m1", "")
		other.Content.Body = history.Text("of-m2")
		f.Truth[lobby][other.MessageKey] = other
	}},
	{"a revocation that is lost", "m2 was taken back, as somebody was told, and is there", func(_ *history.Ledger, f *history.Final) {
		f.Truth[lobby][key("m2")] = message("m2", "")
	}},
	{"a revocation of nobody", "m1 is taken back by bob, who did not ask for it", func(_ *history.Ledger, f *history.Final) {
		f.Truth[lobby][key("m1")] = message("m1", "bob")
		f.Audit = append(f.Audit, audited("m1", "bob"))
	}},
	{"a revocation that was refused", "m1 is taken back by bob, who did not ask for it", func(l *history.Ledger, f *history.Final) {
		l.Revoking("bob", "bob", key("m1"), at(103))
		l.RevokeRefused("bob", key("m1"))
		f.Truth[lobby][key("m1")] = message("m1", "bob")
		f.Audit = append(f.Audit, audited("m1", "bob"))
	}},
	{"a second operator's result", "taken back by bob and by carol", func(l *history.Ledger, _ *history.Final) {
		l.Revoking("carol", "carol", key("m2"), at(103))
		l.Revoked(key("m2"), "carol", at(103))
	}},
	{"a text that stayed in the row", "or with a text", func(_ *history.Ledger, f *history.Final) {
		kept := message("m2", "bob")
		kept.Content.Ext = "kept"
		f.Truth[lobby][kept.MessageKey] = kept
	}},
	{"a row that was written twice", "m2 is taken back, with version 3", func(_ *history.Ledger, f *history.Final) {
		twice := message("m2", "bob")
		twice.Version = 3
		f.Truth[lobby][twice.MessageKey] = twice
	}},
	{"no entry in the audit", "the audit has 0 entries", func(_ *history.Ledger, f *history.Final) { f.Audit = nil }},
	{"two entries in the audit", "the audit has 2 entries", func(_ *history.Ledger, f *history.Final) {
		f.Audit = append(f.Audit, audited("m2", "bob"))
	}},
	{"somebody else in the audit", "was taken back by carol, the row by bob", func(_ *history.Ledger, f *history.Final) {
		f.Audit[0] = audited("m2", "carol")
	}},
	{"an entry of what is there", "the audit says that m1 was taken back", func(_ *history.Ledger, f *history.Final) {
		f.Audit = append(f.Audit, audited("m1", "bob"))
	}},
	{"a device that was not told of a message", "carol was never told the message of m3", func(l *history.Ledger, f *history.Final) {
		send(l, f, "m3")
		l.Told("bob", history.Received, message("m3", ""), at(103))
	}},
	{"a message that a push that was cut was about", "carol was never told the message of m3", func(l *history.Ledger, f *history.Final) {
		send(l, f, "m3")
		l.Told("bob", history.Received, message("m3", ""), at(103))
		f.Cut = []time.Time{at(104)}
	}},
	{"a device that was not told of a revocation", "alice was never told the revocation of m1", func(l *history.Ledger, f *history.Final) {
		revoke(l, f, "m1")
		l.Told("carol", history.Updated, message("m1", "bob"), at(103))
	}},
	{"owed for minutes, then left", "alice waited 4m57.9s for the revocation of m1", func(l *history.Ledger, f *history.Final) {
		revoke(l, f, "m1")
		l.Told("carol", history.Updated, message("m1", "bob"), at(103))
		f.Cut = []time.Time{at(90)} // before
		l.Offline("alice", at(400))
	}},
	{"owed for minutes, then connected again", "carol waited 4m57.9s for the message of m3", func(l *history.Ledger, f *history.Final) {
		send(l, f, "m3")
		l.Told("bob", history.Received, message("m3", ""), at(103))
		l.Online("carol", at(400))
	}},
	{"owed for minutes, then banned", "carol waited 4m57.9s for the message of m3", func(l *history.Ledger, f *history.Final) {
		send(l, f, "m3")
		l.Told("bob", history.Received, message("m3", ""), at(103))
		ban(l, at(400))
	}},
	{"a device that was not told of an unanswered send", "alice was not told the message of m3", func(l *history.Ledger, f *history.Final) {
		l.Sending("bob", "bob", "of-m3", lobby, at(102))
		m := message("m3", "")
		m.FromAccount = "bob"
		f.Truth[lobby][m.MessageKey] = m
	}},
	{"a device that was not told of a sweep", "alice was not told the revocation of m1", func(l *history.Ledger, f *history.Final) {
		swept(l, f)
	}},
	{"a text after its revocation", "carol was told the text of m2, 800ms after it knew", func(l *history.Ledger, _ *history.Final) {
		l.Told("carol", history.Received, message("m2", ""), at(102))
	}},
	{"a frame long after the revocation", "alice was told the text of m2, 18.8s after it knew", func(l *history.Ledger, _ *history.Final) {
		l.Told("alice", history.Received, message("m2", ""), at(120))
	}},
	{"a text long after a revocation elsewhere", "bob was told the text of m2, 1m38.9s after its revocation was acknowledged", func(l *history.Ledger, _ *history.Final) {
		l.Told("bob", history.Received, message("m2", ""), at(200))
	}},
	{"a text with its revocation", "bob was told the text of m2 with its revocation", func(l *history.Ledger, _ *history.Final) {
		m := message("m2", "bob")
		m.Content.Body = "x"
		l.Told("bob", history.Updated, m, at(102))
	}},
	{"a text in an answer", "bob read the text of m2, asked for 900ms after its revocation was acknowledged", func(l *history.Ledger, _ *history.Final) {
		l.Read("bob", message("m2", ""), at(102), at(102.1))
	}},
	{"a view with a revoked text", "carol shows the text of m2", func(l *history.Ledger, _ *history.Final) {
		l.Shown("carol", []unsend.Message{message("m2", "")}, at(102))
	}},
	{"a frame after a ban", "carol was told of m3 of c1 3s after c1 was out of its sight", func(l *history.Ledger, f *history.Final) {
		ban(l, at(102))
		late := message("m3", "")
		late.Timestamp = at(104.5).UnixMilli()
		l.Told("carol", history.Received, late, at(105))
	}},
	{"a frame long after a ban, of what was before", "carol was told of m2 of c1 28s after", func(l *history.Ledger, _ *history.Final) {
		ban(l, at(102))
		l.Told("carol", history.Updated, message("m2", "bob"), at(130))
	}},
	{"an answer after a ban", "carol read m1 of c1, asked for 1s after", func(l *history.Ledger, _ *history.Final) {
		ban(l, at(102))
		l.Read("carol", message("m1", ""), at(103), at(103))
	}},
	{"a row of a deleted channel", "its channel c1 was deleted", func(_ *history.Ledger, f *history.Final) { f.Gone[lobby] = true }},
	{"a sweep that left something", "the sweep spam left m1", func(l *history.Ledger, _ *history.Final) {
		l.Sweeping("spam", history.Sweep{ServerID: "s1", Account: "alice", Operator: "bob"})
		l.Swept("spam", 0, at(110).UnixMilli())
	}},
}

func send(l *history.Ledger, f *history.Final, id string) {
	l.Sending("alice", "alice", "of-"+id, lobby, at(102))
	l.Sent(message(id, ""), at(102.1))
	f.Truth[lobby][key(id)] = message(id, "")
}

func revoke(l *history.Ledger, f *history.Final, id string) {
	l.Revoking("bob", "bob", key(id), at(102))
	l.Revoked(key(id), "bob", at(102.1))
	f.Truth[lobby][key(id)] = message(id, "bob")
	f.Audit = append(f.Audit, audited(id, "bob"))
}

func swept(l *history.Ledger, f *history.Final) {
	l.Sweeping("spam", history.Sweep{ServerID: "s1", Account: "alice", Operator: "carol"})
	l.Swept("spam", 0, at(110).UnixMilli())
	f.Truth[lobby][key("m1")] = message("m1", "carol")
	f.Audit = append(f.Audit, audited("m1", "carol"))
}

func ban(l *history.Ledger, now time.Time) {
	sight := history.Sight{Account: "carol", ServerID: "s1", ChannelID: "c1"}
	l.Moving(now, sight)
	l.Seen(sight, false, true, now)
}

func TestDoctoredHistories(t *testing.T) {
	t.Parallel()
	for _, c := range doctored {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			l, f := good()
			c.doctor(l, &f)
			violations := l.Judge(f)
			if !slices.ContainsFunc(violations, func(v string) bool { return strings.Contains(v, c.want) }) {
				t.Errorf("found %q, want %q", violations, c.want)
			}
			if strings.Contains(strings.Join(violations, "\n"), history.Text("")[:8]+"of-") {
				t.Errorf("a violation holds a text: %q", violations)
			}
		})
	}
}

// What may be so is no violation.
var allowed = []struct {
	name   string
	happen func(*history.Ledger, *history.Final)
}{
	{"an unanswered send that was stored", func(l *history.Ledger, f *history.Final) {
		l.Sending("alice", "alice", "of-m3", lobby, at(102))
		f.Truth[lobby][key("m3")] = message("m3", "")
	}},
	{"an unanswered send that was not", func(l *history.Ledger, _ *history.Final) {
		l.Sending("alice", "alice", "of-m3", lobby, at(102))
	}},
	{"an unanswered revoke that held", func(l *history.Ledger, f *history.Final) {
		l.Revoking("bob", "bob", key("m1"), at(102))
		l.Told("alice", history.Updated, message("m1", "bob"), at(102.2))
		f.Truth[lobby][key("m1")] = message("m1", "bob")
		f.Audit = append(f.Audit, audited("m1", "bob"))
	}},
	{"a second revoke with the first one's result", func(l *history.Ledger, _ *history.Final) {
		l.Revoking("alice", "alice", key("m2"), at(103))
		l.Revoked(key("m2"), "bob", at(103))
	}},
	{"a resend of what was taken back", func(l *history.Ledger, _ *history.Final) {
		l.Sending("alice", "alice", "of-m2", lobby, at(103))
		l.Sent(message("m2", "bob"), at(103))
	}},
	{"two frames in another order", func(l *history.Ledger, _ *history.Final) {
		l.Told("alice", history.Received, message("m2", ""), at(103))
	}},
	{"a device that went", func(l *history.Ledger, f *history.Final) {
		send(l, f, "m3")
		l.Told("bob", history.Received, message("m3", ""), at(103))
		l.Offline("carol", at(104))
	}},
	{"a device that went when a push that was cut was still to come again", func(l *history.Ledger, f *history.Final) {
		revoke(l, f, "m1")
		l.Told("carol", history.Updated, message("m1", "bob"), at(103))
		f.Cut = []time.Time{at(102.5)}
		l.Offline("alice", at(400))
	}},
	{"a device that went, owed what was taken back", func(l *history.Ledger, f *history.Final) {
		send(l, f, "m3")
		l.Told("bob", history.Received, message("m3", ""), at(103))
		l.Offline("carol", at(400))
		revoke(l, f, "m3")
		l.Told("alice", history.Updated, message("m3", "bob"), at(103))
	}},
	{"a device that came a moment before", func(l *history.Ledger, f *history.Final) {
		l.Online("carol", at(98))
		send(l, f, "m3")
		l.Told("bob", history.Received, message("m3", ""), at(103))
	}},
	{"a notice of before the ban", func(l *history.Ledger, f *history.Final) {
		send(l, f, "m3")
		l.Told("bob", history.Received, message("m3", ""), at(103))
		ban(l, at(102.2))
		l.Told("carol", history.Received, message("m3", ""), at(105))
	}},
	{"somebody who lost sight is told nothing", func(l *history.Ledger, f *history.Final) {
		ban(l, at(101.9))
		send(l, f, "m3")
		l.Told("bob", history.Received, message("m3", ""), at(103))
	}},
	{"a channel that was deleted", func(_ *history.Ledger, f *history.Final) {
		f.Gone[lobby], f.Truth[lobby] = true, nil
	}},
	{"a sweep", func(l *history.Ledger, f *history.Final) {
		swept(l, f)
		l.Told("alice", history.Updated, message("m1", "carol"), at(103))
	}},
	{"a revoke of what was swept before", func(l *history.Ledger, f *history.Final) {
		swept(l, f)
		l.Told("alice", history.Updated, message("m1", "carol"), at(103))
		l.Revoking("bob", "bob", key("m1"), at(120))
		l.Revoked(key("m1"), "carol", at(120))
	}},
}

func TestWhatMayBe(t *testing.T) {
	t.Parallel()
	for _, c := range allowed {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			l, f := good()
			c.happen(l, &f)
			if violations := l.Judge(f); len(violations) > 0 {
				t.Errorf("found %q", violations)
			}
		})
	}
}

// In a large server those are due who subscribed, and only they.
func TestSubscribersAreDue(t *testing.T) {
	t.Parallel()
	l, f := good()
	l.Large("s1")
	l.Subscribed("bob", lobby, at(60))
	l.Subscribed("carol", lobby, at(60))
	l.Unsubscribing("carol", lobby, at(61))
	send(l, &f, "m3")
	violations := l.Judge(f)
	if len(violations) != 1 || !strings.HasPrefix(violations[0], "bob was never told the message of m3") {
		t.Errorf("found %q", violations)
	}
}

func TestViews(t *testing.T) {
	t.Parallel()
	table := truth(message("m1", ""), message("m2", "bob"))
	late := message("m2", "")
	for _, c := range []struct {
		name  string
		found []string
		want  int
	}{
		{"as the table", history.Differs("x", []unsend.Message{message("m1", ""), message("m2", "bob")}, table), 0},
		{"an old state", history.Differs("x", []unsend.Message{late}, table), 1},
		{"what is not there", history.Differs("x", []unsend.Message{message("m9", "")}, table), 1},
		{"still shown", history.StillShown("x", []unsend.Message{late}, table), 1},
		{"not shown any more", history.StillShown("x", []unsend.Message{message("m1", ""), message("m2", "bob")}, table), 0},
		{"one is missing", history.Lacks("x", []unsend.Message{late}, table, 0), 1},
		{"from later on none is", history.Lacks("x", nil, table, at(200).UnixMilli()), 0},
	} {
		if len(c.found) != c.want {
			t.Errorf("%s: %q, want %d", c.name, c.found, c.want)
		}
	}
}

func TestTexts(t *testing.T) {
	t.Parallel()
	_, f := good()
	own := func(msgID string) bool { return strings.HasPrefix(msgID, "of-") }
	for _, c := range []struct {
		name, want            string
		inMessages, elsewhere []string
	}{
		{"as it must be", "", []string{"of-m1", "another-run's"}, nil},
		{"what was taken back", "holds the text of of-m2", []string{"of-m1", "of-m2"}, nil},
		{"another table", "other than the messages' holds the text of of-m1", []string{"of-m1"}, []string{"of-m1"}},
		{"a search that finds nothing", "no text of 1 of the 1 messages", nil, nil},
	} {
		found := f.WrongTexts(own, c.inMessages, c.elsewhere)
		if c.want == "" && len(found) > 0 || c.want != "" && (len(found) != 1 || !strings.Contains(found[0], c.want)) {
			t.Errorf("%s: found %q, want %q", c.name, found, c.want)
		}
	}
	if found := (history.Final{}).WrongTexts(own, nil, nil); len(found) != 1 {
		t.Errorf("where nothing is kept: %q", found)
	}
	if found := history.TextsIn(`{"a":"` + history.Text("of-m1") + `"}`); !slices.Equal(found, []string{"of-m1"}) {
		t.Errorf("in a row there is %q", found)
	}
}

func TestTruthIsWhatAClientReads(t *testing.T) {
	t.Parallel()
	rows := []chat.Message{
		{MessageKey: chat.MessageKey(key("m1")), MsgID: "of-m1", From: chat.Actor{AccountID: "alice"}, Version: 1, Content: chat.Content{Body: "b"}},
		{MessageKey: chat.MessageKey(key("m2")), MsgID: "of-m2", From: chat.Actor{AccountID: "alice"}, Version: 2, Status: chat.Revoked,
			Revocation: &chat.Revocation{Operator: chat.Actor{AccountID: "bob"}}},
	}
	got, err := history.TruthOf(rows)
	if err != nil || len(got) != 2 || got[key("m1")].Body != "b" || got[key("m2")].Operation.OperatorID != "bob" {
		t.Errorf("read %+v, %v", got, err)
	}
}
