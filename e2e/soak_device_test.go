package e2e

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	unsend "unsend/clients/go"
	"unsend/shared/cloudtest/history"
	"unsend/shared/token"
)

// soakWait bounds a request of the soak: it may have been carried out when that is over.
const soakWait = 40 * time.Second

// soaker is one device of the soak: a bare connection, or a session with a store that outlives it.
type soaker struct {
	r           *soakRun
	name        string // unique in the run
	account, id string
	isSession   bool
	stays       bool // as long as its connection does
	servers     []*soakServer
	random      *rand.Rand // for what it does
	life        *rand.Rand // for when it comes and goes
	store       *unsend.MemoryStore

	// Of act alone.
	n       int // messages
	cursors map[string]string
	unsure  []unsend.SendRequest // without an answer
	sent    []unsend.SendRequest

	mu     sync.Mutex
	client requests // nil: offline
	since  time.Time
}

// requests are what a connection and a session both do.
type requests interface {
	Send(context.Context, unsend.SendRequest) (unsend.Message, error)
	Revoke(context.Context, unsend.RevokeRequest) (unsend.Message, error)
	RevokeBatch(context.Context, unsend.RevokeBatchRequest) ([]unsend.RevokeOutcome, error)
	History(context.Context, unsend.HistoryRequest) (unsend.Page, error)
	Subscribe(context.Context, string, ...string) ([]unsend.Subscribed, error)
	Unsubscribe(context.Context, string, ...string) ([]unsend.Subscribed, error)
	Ping(context.Context) (time.Time, error)
}

func (r *soakRun) addDevice(account, id string, isSession, stays bool) {
	d := &soaker{
		r: r, name: account + "/" + id, account: account, id: id, isSession: isSession, stays: stays,
		random: r.random(uint64(100 + len(r.devices))), life: r.random(uint64(200 + len(r.devices))), store: &unsend.MemoryStore{}, cursors: map[string]string{},
	}
	for _, s := range r.servers {
		if slices.Contains(s.members, account) {
			d.servers = append(d.servers, s)
		}
	}
	r.devices = append(r.devices, d)
	r.ledger.AddDevice(d.name, account, isSession)
}

// live connects again and again, until the devices go.
func (d *soaker) live() {
	for d.r.running.Err() == nil {
		ctx, end := context.WithCancel(d.r.running)
		if !d.stays && d.r.quiet.Err() == nil { // else it stays
			time.AfterFunc(d.between(30*time.Second, 4*time.Minute), func() {
				if d.r.quiet.Err() == nil {
					end()
				}
			})
		}
		if d.isSession {
			d.session(ctx)
		} else {
			d.connection(ctx)
		}
		end()
		rest(d.r.running, d.between(200*time.Millisecond, 15*time.Second))
	}
}

func (d *soaker) between(least, most time.Duration) time.Duration {
	return least + time.Duration(d.life.Int64N(int64(most-least)))
}

func rest(ctx context.Context, length time.Duration) {
	timer := time.NewTimer(length)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

func (d *soaker) token() (string, error) {
	return token.Mint(d.r.secret, token.Grant{AccountID: d.account, Audience: d.r.TokenAudience, Issuer: d.r.TokenIssuer, IssuedAt: time.Now(), TTL: 2 * time.Hour})
}

// connection is a bare one, until ctx ends or it does.
func (d *soaker) connection(ctx context.Context) {
	pings := time.Minute
	if d.stays {
		pings = 5 * time.Minute // one that was killed at ends the connection, and silence only after 10 minutes
	}
	client, err := unsend.Dial(ctx, unsend.Options{
		URL: d.r.WebSocketURL, DeviceID: d.id, ClientType: web, NoticeBuffer: 8192, PingEvery: pings,
		Token: func(context.Context) (string, error) { return d.token() },
	})
	if err != nil {
		return // a function was killed, most likely; the next attempt follows
	}
	d.r.ledger.Online(d.name, time.Now())
	d.use(client)
	defer d.use(nil)
	heard := make(chan struct{})
	go func() {
		defer close(heard)
		for n := range client.Notices() {
			d.hear(n)
		}
		d.r.ledger.Offline(d.name, time.Now())
	}()
	d.subscribeAll(ctx, client)
	select {
	case <-ctx.Done():
		_ = client.Close() // it is given up either way
	case <-client.Done():
	}
	<-heard
}

func (d *soaker) hear(n unsend.Notice) {
	event := history.Received
	if n.Event == unsend.EventMessageUpdated {
		event = history.Updated
	}
	d.r.ledger.Told(d.name, event, n.Message, time.Now())
}

func (d *soaker) subscribeAll(ctx context.Context, client requests) {
	for _, s := range d.servers {
		if s.large {
			for i := range soakStable {
				d.subscribe(ctx, client, s, fmt.Sprint("c", i+1))
			}
		}
	}
}

func (d *soaker) subscribe(ctx context.Context, client requests, s *soakServer, channel string) {
	ctx, cancel := context.WithTimeout(ctx, soakWait)
	defer cancel()
	answers, err := client.Subscribe(ctx, s.id, channel)
	if err == nil && len(answers) == 1 && answers[0].Code == 200 && !d.isSession {
		d.r.ledger.Subscribed(d.name, history.Channel{ServerID: s.id, ChannelID: channel}, time.Now())
	}
}

// session is one that goes on with what the one before left in the store.
func (d *soaker) session(ctx context.Context) {
	o := unsend.SessionOptions{
		URL: d.r.WebSocketURL, Account: d.account, DeviceID: d.id, ClientType: web, Store: d.store, Keep: soakKeep, PingEvery: 20 * time.Second,
		Token: func(context.Context, bool) (string, error) { return d.token() },
	}
	for _, s := range d.servers {
		o.Servers = append(o.Servers, s.id)
	}
	session, err := unsend.NewSession(o)
	if err != nil {
		d.r.t.Error(err)
		return
	}
	for _, s := range d.servers {
		for i := range soakStable {
			session.OpenChannel(s.id, fmt.Sprint("c", i+1))
		}
	}
	heard := make(chan struct{})
	go func() {
		defer close(heard)
		d.follow(session)
	}()
	d.use(session)
	_ = session.Run(ctx) // until ctx ends
	d.use(nil)
	<-heard
	d.r.ledger.Offline(d.name, time.Now())
}

// soakKeep is how many messages a session keeps of a channel: so few that its memory soon stops growing.
const soakKeep = 60

func (d *soaker) follow(session *unsend.Session) {
	for event := range session.Events() {
		switch e := event.(type) {
		case unsend.StateChanged:
			if e.State == unsend.StateOpen {
				d.r.ledger.Online(d.name, time.Now())
			} else {
				d.r.ledger.Offline(d.name, time.Now())
			}
		case unsend.MessageReceived:
			d.r.ledger.Told(d.name, history.Received, e.Message, time.Now())
		case unsend.MessageUpdated:
			d.r.ledger.Told(d.name, history.Updated, e.Message, time.Now())
		}
	}
}

// use makes the client the device's, which is offline without.
func (d *soaker) use(client requests) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.client, d.since = client, time.Now()
}

// stayed tells whether it is a bare connection that has been there since then: what it was owed it is owed still.
func (d *soaker) stayed(since time.Time) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return !d.isSession && d.client != nil && d.since.Before(since)
}

func (d *soaker) online() requests {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.client
}

// outcome is what became of a try.
type outcome int

const (
	done    outcome = iota
	refused         // it was not carried out
	unknown         // it may have been
)

// outcomeOf tells what became of it, and counts what has no answer. A session repeats by itself: what it is refused in the end
// may have been carried out before.
func (d *soaker) outcomeOf(err error) outcome {
	switch unsend.CodeOf(err) {
	case 200:
		return done
	case 0, unsend.CodeInternal, unsend.CodeBusy: // also where a function was killed
		d.r.ledger.Unanswered()
		return unknown
	}
	if d.isSession {
		return unknown
	}
	return refused
}

// act does one thing that people do, each time that it is the device's turn.
func (d *soaker) act() {
	for d.r.pace.Wait(d.r.quiet) {
		client := d.online()
		if client == nil {
			rest(d.r.quiet, 100*time.Millisecond)
			continue
		}
		ctx, cancel := context.WithTimeout(d.r.running, soakWait)
		d.something(ctx, client)
		cancel()
	}
}

func (d *soaker) something(ctx context.Context, client requests) {
	s := d.servers[d.random.IntN(len(d.servers))]
	channel, recent := s.pick(d.random)
	switch n := d.random.IntN(100); {
	case n < 45:
		d.n++
		id := fmt.Sprintf("%s-%s-%05d", d.account, d.id, d.n)
		d.send(ctx, client, s, unsend.SendRequest{ServerID: s.id, ChannelID: channel, MsgID: id, Content: unsend.Content{Body: history.Text(id)}})
	case n < 52:
		d.resend(ctx, client, s)
	case n < 72:
		d.revokeOne(ctx, client, recent)
	case n < 76:
		d.revokeSome(ctx, client, s, channel, recent)
	case n < 84:
		d.read(ctx, client, s, channel)
	case n < 91:
		d.sync(ctx, client, s)
	case n < 95:
		d.changeSubscription(ctx, client, s)
	default:
		_, _ = client.Ping(ctx) // it changes nothing
	}
}

func (d *soaker) send(ctx context.Context, client requests, s *soakServer, request unsend.SendRequest) {
	d.r.ledger.Sending(d.name, d.account, request.MsgID, history.Channel{ServerID: request.ServerID, ChannelID: request.ChannelID}, time.Now())
	m, err := client.Send(ctx, request)
	switch d.outcomeOf(err) {
	case done:
		d.r.ledger.Sent(m, time.Now())
		s.lately(m)
		d.sent = append(d.sent[max(0, len(d.sent)-8):], request)
	case refused:
		d.r.ledger.SendRefused(request.MsgID)
	case unknown:
		d.unsure = append(d.unsure[max(0, len(d.unsure)-8):], request)
	}
}

// resend repeats a send: mostly one that has no answer, as clients do.
func (d *soaker) resend(ctx context.Context, client requests, s *soakServer) {
	list := &d.sent
	if len(d.unsure) > 0 {
		list = &d.unsure
	}
	if len(*list) == 0 {
		return
	}
	i := d.random.IntN(len(*list))
	request := (*list)[i]
	*list = slices.Delete(*list, i, i+1)
	for _, other := range d.servers {
		if other.id == request.ServerID {
			s = other
		}
	}
	d.send(ctx, client, s, request)
}

// revokeOne takes a message back, rather one of the account's own.
func (d *soaker) revokeOne(ctx context.Context, client requests, recent []unsend.Message) {
	if own := d.own(recent); len(own) > 0 && d.random.IntN(10) < 6 {
		recent = own
	}
	if len(recent) == 0 {
		return
	}
	m := recent[d.random.IntN(len(recent))]
	d.r.ledger.Revoking(d.name, d.account, m.MessageKey, time.Now())
	now, err := client.Revoke(ctx, unsend.RevokeRequest{MessageKey: m.MessageKey, Info: unsend.UpdateInfo{Postscript: "soak"}})
	switch d.outcomeOf(err) {
	case done:
		d.r.ledger.Revoked(m.MessageKey, history.OperatorOf(now), time.Now())
		d.r.ledger.Read(d.name, now, time.Now(), time.Now())
	case refused:
		d.r.ledger.RevokeRefused(d.account, m.MessageKey)
	}
}

func (d *soaker) own(list []unsend.Message) (own []unsend.Message) {
	for _, m := range list {
		if m.FromAccount == d.account {
			own = append(own, m)
		}
	}
	return own
}

func (d *soaker) revokeSome(ctx context.Context, client requests, s *soakServer, channel string, recent []unsend.Message) {
	d.random.Shuffle(len(recent), func(i, j int) { recent[i], recent[j] = recent[j], recent[i] })
	some := recent[:min(len(recent), 1+d.random.IntN(5))]
	if len(some) == 0 {
		return
	}
	request := unsend.RevokeBatchRequest{ServerID: s.id, ChannelID: channel, Info: unsend.UpdateInfo{Postscript: "soak"}}
	for _, m := range some {
		d.r.ledger.Revoking(d.name, d.account, m.MessageKey, time.Now())
		request.Messages = append(request.Messages, unsend.MessageRef{Timestamp: m.Timestamp, MsgServerID: m.MsgServerID})
	}
	outcomes, err := client.RevokeBatch(ctx, request)
	for i, m := range some {
		each := err
		if err == nil {
			each = outcomes[i].Err()
		}
		switch d.outcomeOf(each) {
		case done:
			d.r.ledger.Revoked(m.MessageKey, "", time.Now())
		case refused:
			d.r.ledger.RevokeRefused(d.account, m.MessageKey)
		}
	}
}

func (d *soaker) read(ctx context.Context, client requests, s *soakServer, channel string) {
	asked := time.Now()
	page, err := client.History(ctx, unsend.HistoryRequest{ServerID: s.id, ChannelID: channel, Limit: 20})
	if err != nil {
		return // it changes nothing
	}
	for _, m := range page.Messages {
		d.r.ledger.Read(d.name, m, asked, time.Now())
	}
}

func (d *soaker) sync(ctx context.Context, client requests, s *soakServer) {
	if session, ok := client.(*unsend.Session); ok {
		_ = session.Sync(ctx, s.id) // it comes by itself, too
		d.lookAt(session)
		return
	}
	asked := time.Now()
	page, err := client.(*unsend.Client).Sync(ctx, s.id, d.cursors[s.id])
	if err != nil {
		return
	}
	d.cursors[s.id] = page.Cursor
	for _, u := range page.Updates {
		d.r.ledger.Read(d.name, unsend.Message{MessageKey: u.MessageKey, Status: u.Status, UpdateTimestamp: u.UpdateTimestamp}, asked, time.Now())
	}
}

// lookAt holds what a session shows against what it was told.
func (d *soaker) lookAt(session *unsend.Session) {
	for _, s := range d.servers {
		for _, channel := range s.there() {
			asked := time.Now()
			d.r.ledger.Shown(d.name, session.Messages(s.id, channel), asked)
		}
	}
}

func (d *soaker) changeSubscription(ctx context.Context, client requests, s *soakServer) {
	channel := fmt.Sprint("c", 1+d.random.IntN(soakStable))
	if !s.large || d.isSession || d.random.IntN(2) == 0 {
		d.subscribe(ctx, client, s, channel)
		return
	}
	d.r.ledger.Unsubscribing(d.name, history.Channel{ServerID: s.id, ChannelID: channel}, time.Now())
	_, _ = client.Unsubscribe(ctx, s.id, channel) // it need not be told either way
}
