package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	unsend "unsend/clients/go"
	"unsend/scripts/unsend/serverapi"
	"unsend/shared/cloudtest/history"
)

// soakAdmin changes who may see and do what, by the Server API, one change after the other.
type soakAdmin struct {
	r      *soakRun
	random *rand.Rand
	undo   []soakChange // what is to be taken back, the oldest first
	n      int
}

// soakChange is a request, and what it may change.
type soakChange struct {
	server *soakServer
	sights func() []history.Sight
	ask    func(context.Context) error
}

const (
	// soakUndone changes at most hold at a time: most people can talk.
	soakUndone = 8
	// soakChannelLife and soakSweepEvery are rare things.
	soakChannelLife = 70 * time.Second
	soakSweepEvery  = 45 * time.Second
)

func (a *soakAdmin) work() {
	nextChannel, nextSweep := time.Now().Add(soakChannelLife), time.Now().Add(soakSweepEvery)
	for a.r.quiet.Err() == nil {
		rest(a.r.quiet, time.Duration(1+a.random.IntN(3))*time.Second)
		switch now := time.Now(); {
		case a.r.quiet.Err() != nil:
			return
		case now.After(nextChannel):
			nextChannel = now.Add(soakChannelLife)
			a.replaceChannel(a.server())
		case now.After(nextSweep):
			nextSweep = now.Add(soakSweepEvery)
			a.sweep(a.server())
		case len(a.undo) > 0 && a.random.IntN(soakUndone) < len(a.undo):
			change := a.undo[0]
			a.undo = a.undo[1:]
			a.carryOut(change)
		default:
			do, undo := a.choose()
			a.carryOut(do)
			a.undo = append(a.undo, undo)
		}
	}
}

func (a *soakAdmin) server() *soakServer { return a.r.servers[a.random.IntN(len(a.r.servers))] }

// carryOut asks until there is an answer.
func (a *soakAdmin) carryOut(c soakChange) {
	sights := c.sights()
	a.r.ledger.Moving(time.Now(), sights...)
	err := a.r.insist(c.ask)
	a.r.look(c.server, err == nil, sights...)
}

// insist asks until there is an answer, as an administrator would; what is refused fails the test.
func (r *soakRun) insist(ask func(context.Context) error) (err error) {
	for range 5 {
		ctx, cancel := context.WithTimeout(r.running, serverapi.CallTimeout)
		err = ask(ctx)
		cancel()
		if err == nil || r.running.Err() != nil {
			return err
		}
		r.ledger.Unanswered()
		if isRefusal(err) {
			break
		}
	}
	r.t.Errorf("the Server API: %v", err)
	return err
}

// isRefusal tells whether the Server API has refused, and done nothing.
func isRefusal(err error) bool {
	problem, ok := errors.AsType[*serverapi.Problem](err)
	return ok && problem.Status < 500 && !problem.Busy()
}

// choose makes a change and the one that takes it back.
func (a *soakAdmin) choose() (do, undo soakChange) {
	s := a.server()
	account, channel := s.members[a.random.IntN(len(s.members))], fmt.Sprint("c", 1+a.random.IntN(soakStable))
	api, w := a.r.api, serverapi.Write{}
	join := func(ctx context.Context, roles []string) error {
		_, err := api.PutMember(ctx, w, s.id, account, serverapi.Profile{Roles: roles})
		return err
	}
	personal := func(ask func(context.Context) error) soakChange {
		return soakChange{s, func() []history.Sight { return a.r.sightsOf(s, account) }, ask}
	}
	wide := func(ask func(context.Context) error) soakChange { return soakChange{s, s.sightsIn(channel), ask} }
	view := func(mode string) func(context.Context) error {
		return func(ctx context.Context) error {
			_, err := api.PutChannel(ctx, w, s.id, channel, serverapi.ChannelPolicy{ViewMode: mode, WhiteRoles: []string{"crew"}})
			return err
		}
	}
	switch a.random.IntN(5) {
	case 0:
		return personal(func(ctx context.Context) error { _, err := api.PutBan(ctx, w, s.id, account); return err }),
			personal(func(ctx context.Context) error { return api.DeleteBan(ctx, w, s.id, account) })
	case 1:
		return personal(func(ctx context.Context) error { return api.DeleteMember(ctx, w, s.id, account) }),
			personal(func(ctx context.Context) error { return join(ctx, a.r.rolesOf(account)) })
	case 2:
		return personal(func(ctx context.Context) error { return join(ctx, []string{"mod"}) }),
			personal(func(ctx context.Context) error { return join(ctx, a.r.rolesOf(account)) })
	case 3:
		return personal(func(ctx context.Context) error {
				_, err := api.PutListed(ctx, w, s.id, channel, serverapi.BlackList, account)
				return err
			}), personal(func(ctx context.Context) error {
				return api.DeleteListed(ctx, w, s.id, channel, serverapi.BlackList, account)
			})
	default:
		return wide(view("private")), wide(view("public"))
	}
}

// replaceChannel deletes the channel that does not stay, and makes another.
func (a *soakAdmin) replaceChannel(s *soakServer) {
	a.n++
	made := fmt.Sprint("t", a.n)
	s.mu.Lock()
	old := s.channels[soakStable]
	s.channels = s.channels[:soakStable]
	s.gone = append(s.gone, old)
	s.jobs = append(s.jobs, soakJob{serverapi.KindChannel, old})
	s.mu.Unlock()
	a.carryOut(soakChange{s, s.sightsIn(old), func(ctx context.Context) error {
		_, err := a.r.api.DeleteChannel(ctx, serverapi.Write{}, s.id, old)
		return err
	}})
	a.carryOut(soakChange{s, s.sightsIn(made), func(ctx context.Context) error {
		_, err := a.r.api.PutChannel(ctx, serverapi.Write{}, s.id, made, serverapi.ChannelPolicy{ViewMode: "public"})
		return err
	}})
	s.mu.Lock()
	s.channels = append(s.channels, made)
	s.mu.Unlock()
}

// sweep takes back what somebody lately sent.
func (a *soakAdmin) sweep(s *soakServer) {
	a.n++
	id, account := fmt.Sprint("sweep", a.n), s.members[a.random.IntN(len(s.members))]
	sweep := serverapi.Sweep{Accid: account, Operator: a.r.owner(), Since: time.Now().Add(-20 * time.Second).UnixMilli(), UpdateInfo: serverapi.UpdateInfo{Postscript: "soak"}}
	a.r.ledger.Sweeping(s.id+"/"+id, history.Sweep{ServerID: s.id, Account: account, Operator: a.r.owner(), Since: sweep.Since})
	err := a.r.insist(func(ctx context.Context) error {
		_, err := a.r.api.PutSweep(ctx, serverapi.Write{}, s.id, id, sweep)
		return err
	})
	if err != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.jobs = append(s.jobs, soakJob{serverapi.KindSweep, id})
}

// backEnd sends as accounts, and takes back as the owner, at the common pace.
func (r *soakRun) backEnd(random *rand.Rand) {
	for n := 0; r.pace.Wait(r.quiet); n++ {
		s := r.servers[random.IntN(len(r.servers))]
		channel, recent := s.pick(random)
		ctx, cancel := context.WithTimeout(r.running, serverapi.CallTimeout)
		if len(recent) > 0 && random.IntN(3) == 0 {
			r.revokeAsOwner(ctx, s, recent[random.IntN(len(recent))])
		} else {
			r.sendAs(ctx, s, channel, s.members[random.IntN(len(s.members))], fmt.Sprintf("back-%s-%05d", r.id, n))
		}
		cancel()
		rest(r.quiet, time.Second)
	}
}

func (r *soakRun) sendAs(ctx context.Context, s *soakServer, channel, account, msgID string) {
	r.ledger.Sending("", account, msgID, history.Channel{ServerID: s.id, ChannelID: channel}, time.Now())
	sent, err := r.api.Send(ctx, serverapi.Write{}, s.id, channel, serverapi.Draft{From: account, MsgID: msgID, MsgBody: history.Text(msgID)})
	if err != nil { // refused, it may be, after a try that was cut
		r.ledger.Unanswered()
		return
	}
	var m unsend.Message
	text, err := json.Marshal(sent)
	if err := errors.Join(err, json.Unmarshal(text, &m)); err != nil {
		r.t.Error(err)
	}
	r.ledger.Sent(m, time.Now())
	s.lately(m)
}

func (r *soakRun) revokeAsOwner(ctx context.Context, s *soakServer, m unsend.Message) {
	r.ledger.Revoking("", r.owner(), m.MessageKey, time.Now())
	code := 503
	err := r.api.Revoke(ctx, serverapi.Write{}, s.id, m.ChannelID, serverapi.Revocation{
		Operator: r.owner(), Messages: []serverapi.Ref{{Timestamp: m.Timestamp, MsgServerID: m.MsgServerID}}, UpdateInfo: serverapi.UpdateInfo{Postscript: "soak"},
	}, func(each serverapi.Revoked) { code = each.ResCode })
	if err != nil || code != 200 { // as with sends
		r.ledger.Unanswered()
		return
	}
	r.ledger.Revoked(m.MessageKey, "", time.Now())
}
