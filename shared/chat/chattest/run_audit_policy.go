package chattest

import (
	"errors"
	"slices"
	"time"

	"unsend/shared/chat"
)

// act is one with every field set, from a time after s.now.
func (s *suite) act(after time.Duration) chat.Act {
	return chat.Act{
		At: s.now.Add(after), Action: chat.ActionPutRole, RoleID: "mod", AccountID: s.account("olga"),
		Principal: "arn:aws:iam::123456789012:user/backend", Door: chat.APIDoor, Retention: time.Hour,
	}
}

// policies are the server's entries of changes, each of which there must be once.
func (s *suite) policies() (all []chat.PolicyEntry) {
	s.Helper()
	for _, e := range s.audited(wholeAudit(100)) {
		if e.Policy == nil || e.Revoke != nil {
			s.Fatalf("an entry of another kind: %+v", e)
		}
		all = append(all, *e.Policy)
	}
	return all
}

func (s *suite) changedServer(by chat.Act, change func(*chat.Server) error) chat.Server {
	s.Helper()
	return got(s.store.ChangeServer(s.Context(), s.server, by, change))(s)
}

func nothing[T any](*T) error { return nil }

var policyTests = map[string]func(*suite){
	"each kind of row leaves its entry": func(s *suite) {
		alice := s.account("alice")
		server := s.changedServer(s.act(0), func(v *chat.Server) error { v.OwnerID = alice; return nil })
		channel := got(s.store.ChangeChannel(s.Context(), s.server, s.channel, s.act(1*time.Second), func(c *chat.Channel) error {
			c.ViewMode = chat.Private
			return nil
		}))(s)
		member := got(s.store.ChangeMember(s.Context(), s.server, alice, s.act(2*time.Second), func(m *chat.Member) error {
			m.Join(s.now)
			m.Nick, m.Roles = "A secret name", []string{"mod"}
			return nil
		}))(s)
		personal := got(s.store.ChangePersonal(s.Context(), s.server, s.channel, alice, s.act(3*time.Second), func(p *chat.Personal) error {
			p.Black = true
			return nil
		}))(s)
		again := s.changedServer(s.act(4*time.Second), func(v *chat.Server) error { v.OwnerID = ""; return nil })
		same(s, s.policies(), []chat.PolicyEntry{
			s.act(0).OfServer(chat.Server{ID: s.server}, server),
			s.act(1*time.Second).OfChannel(chat.Channel{ServerID: s.server, ID: s.channel}, channel),
			s.act(2*time.Second).OfMember(chat.Member{ServerID: s.server, AccountID: alice}, member),
			s.act(3*time.Second).OfPersonal(chat.Personal{ServerID: s.server, ChannelID: s.channel, AccountID: alice}, personal),
			s.act(4*time.Second).OfServer(server, again),
		})
	},
	"an entry says no more than it was told": func(s *suite) {
		s.changedServer(chat.Act{At: s.now}, nothing)
		same(s, s.policies(), []chat.PolicyEntry{{ServerID: s.server, Version: 1, At: s.now.UnixMilli(), Changes: []string{"created"}}})
	},
	"a change that moves a row's ids leaves the entry where the row is": func(s *suite) {
		s.member("alice", func(m *chat.Member) error {
			m.ServerID, m.AccountID = "elsewhere", "another"
			m.Join(s.now)
			return nil
		})
		if e := s.policies(); len(e) != 1 || e[0].ServerID != s.server || e[0].AccountID != s.account("alice") {
			s.Errorf("%+v", e)
		}
	},
	"what writes nothing leaves no entry": func(s *suite) {
		s.changeServer(nothing)
		s.changeChannel(nothing)
		s.member("alice", join(s.now))
		before := s.policies()
		refused := errors.New("refused")
		later := chat.Act{At: s.now.Add(time.Minute)}
		s.changedServer(later, nothing)
		_, err1 := s.store.ChangeServer(s.Context(), s.server, later, func(v *chat.Server) error { v.OwnerID = "x"; return refused })
		_, err2 := s.store.ChangeMember(s.Context(), s.server, s.account("alice"), later, join(s.now))
		_, err3 := s.store.ChangePersonal(s.Context(), s.server, s.channel, s.account("alice"), later, nothing)
		_, err4 := s.store.ChangeChannel(s.Context(), s.server, s.channel, later, nothing)
		if !errors.Is(err1, refused) || err2 != nil || err3 != nil || err4 != nil {
			s.Error(err1, err2, err3, err4)
		}
		s.changedServer(later, func(v *chat.Server) error { v.Roles = []chat.Role{{ID: "mod"}}; return nil })
		s.changedServer(later, func(v *chat.Server) error { v.Roles = nil; return nil })
		before = append(before, s.policies()[len(before):]...)
		_, err := s.store.ChangeServer(s.Context(), s.server, later, func(v *chat.Server) error { v.Roles = []chat.Role{{ID: "mod"}}; return nil })
		s.code(err, chat.Conflict) // it was there before
		same(s, s.policies(), before)
	},
	"of several at a time each leaves one entry, with a version of its own": func(s *suite) {
		const n = 6
		errs := atOnce(n, func(i int) error {
			_, err := s.store.ChangeServer(s.Context(), s.server, s.act(0), func(v *chat.Server) error {
				v.Windows.Own = window(chat.Window(i + 1))
				return nil
			})
			return err
		})
		var versions []int64
		for i, e := range s.policies() {
			versions = append(versions, e.Version)
			if e.Version != int64(i+1) { // of one ms, by version
				s.Errorf("entry %d has version %d", i, e.Version)
			}
		}
		done := len(slices.DeleteFunc(errs, func(err error) bool { return err != nil }))
		if row := s.changeServer(nothing); len(versions) != done || row.Version != int64(done) {
			s.Errorf("%d changes, %d entries, version %d", done, len(versions), row.Version)
		}
	},
	"both kinds in the order of time, whatever the page": func(s *suite) {
		var want []chat.AuditEntry
		for i := range 6 {
			at := time.Duration(i) * time.Millisecond
			if i%2 == 0 {
				e := s.entry(at)
				s.audit(e)
				want = append(want, chat.AuditEntry{Revoke: &e})
				continue
			}
			row := got(s.store.ChangePersonal(s.Context(), s.server, s.channel, s.account("alice"), s.act(at), func(p *chat.Personal) error {
				p.Black = !p.Black
				return nil
			}))(s)
			was := row
			was.Black = !row.Black
			e := s.act(at).OfPersonal(was, row)
			want = append(want, chat.AuditEntry{Policy: &e})
		}
		for _, limit := range []int{1, 2, 3, 5, 6, 7} {
			same(s, s.audited(wholeAudit(limit)), want)
		}
		same(s, s.audited(chat.AuditQuery{From: want[1].At(), Until: want[3].At(), Limit: 1}), want[1:3])
	},
	"a channel and an account by the name of the kind": func(s *suite) {
		s.channel = "policy"
		s.audit(s.entry(0))
		s.changeChannel(nothing)
		s.personal("alice", func(p *chat.Personal) error { p.Black = true; return nil })
		all := s.audited(wholeAudit(1))
		if len(all) != 3 {
			s.Errorf("%d entries, want 3: %+v", len(all), all)
		}
	},
	"an entry of a change that has expired is left out": func(s *suite) {
		by := s.act(0)
		by.Retention = time.Second
		s.changedServer(by, nothing)
		by.At, by.Retention = s.now.Add(time.Millisecond), 0
		s.changedServer(by, func(v *chat.Server) error { v.Windows.Own = window(7); return nil })
		s.now = s.now.Add(time.Hour)
		if e := s.policies(); len(e) != 1 || e[0].Version != 2 || e[0].ExpiresAt != 0 {
			s.Errorf("%+v", e)
		}
	},
}
