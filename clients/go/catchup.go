package unsend

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"slices"
	"time"
)

const (
	// lag: the server's index may be so far behind, and a later sync tells what it did not have.
	lag = 75 * time.Second
	// overlap: a message may be told so much later than ones with a later time, or not at all then: a notice is tried again for 15 minutes.
	overlap = 16 * time.Minute
	// mostAtOnce bounds the channels of one subscribe and the messages of a page.
	mostAtOnce = 100
	// mostPages: an answer of sync says more at most so often before the rest waits for the next one.
	mostPages = 1_000
)

// serverState is what is known of a server.
type serverState struct {
	id     string
	cursor string // empty: there was no sync yet
	// access are the stamps of the channels whose history was read, or of which nothing is kept.
	access   map[string]string
	delivery string
	channels map[string]*channel
	wanted   []string       // what the application subscribed to
	asked    map[string]int // what is subscribed to: on which connection, by its number

	run      *syncRun // under way; nil: none
	again    bool
	failures int
	soon     bool
	settles  time.Time // when the last sync is due that is to find what the server's index did not have

	// saving: it is kept in a second. dirty: cursor or stamps have changed.
	saving, dirty bool
}

// syncRun is a sync that is under way. When done is closed err holds.
type syncRun struct {
	done chan struct{}
	err  error
}

// server is what is known of a server; from now on it is synced.
func (s *Session) server(id string) *serverState {
	server := s.servers[id]
	if server == nil {
		server = &serverState{id: id, access: map[string]string{}, delivery: DeliveryAll, channels: map[string]*channel{}, asked: map[string]int{}}
		s.servers[id] = server
	}
	return server
}

func (server *serverState) channel(id string, keep int) *channel {
	c := server.channels[id]
	if c == nil {
		c = newChannel(server.id, id, keep)
		server.channels[id] = c
	}
	return c
}

func (server *serverState) hasStamp(channelID string) bool {
	_, ok := server.access[channelID]
	return ok
}

// unwant ends the wish to be told of channels.
func (server *serverState) unwant(channelIDs []string, connection int) {
	server.wanted = slices.DeleteFunc(server.wanted, func(id string) bool { return slices.Contains(channelIDs, id) })
	for _, id := range channelIDs {
		server.lapsed(id, connection)
	}
}

// lost: a connection has ended, and with it what kept the channels complete.
func (server *serverState) lost(connection int) {
	for _, c := range server.channels {
		c.leftBehind(connection)
	}
}

// syncOpened: a connection has opened.
func (s *Session) syncOpened(server *serverState) {
	clear(server.asked)
	server.settles = time.Time{} // those of the last connection do not come
	s.sync(server)
	s.syncAfterLag(server)
}

// syncAfterLag has a sync come that no lag hides anything from. One does for all of some seconds. It is called with the lock held.
func (s *Session) syncAfterLag(server *serverState) {
	due := time.Now().Add(lag)
	if due.Sub(server.settles) < 5*time.Second {
		return
	}
	server.settles = due
	s.syncLater(server, lag)
}

// syncAll: some heartbeats have passed, or something was not understood that may have been a revocation.
func (s *Session) syncAll() {
	for _, id := range sortedKeys(s.servers) {
		s.syncSoon(s.servers[id])
	}
}

func (s *Session) syncSoon(server *serverState) {
	if !server.soon {
		server.soon = true
		s.syncLater(server, time.Duration(float64(500*time.Millisecond)*(1+s.options.Chance())))
	}
}

// syncLater syncs after a while, unless the connection has ended: the next one syncs anyway.
func (s *Session) syncLater(server *serverState, d time.Duration) {
	number := s.link.number
	s.later(d, func() {
		s.locked(func() {
			server.soon = false
			if s.link.client != nil && s.link.number == number {
				s.sync(server)
			}
		})
	})
}

// sync syncs a server now, or once more after the sync that is under way. It is called with the lock held.
func (s *Session) sync(server *serverState) *syncRun {
	server.again = true
	if server.run != nil {
		return server.run
	}
	run := &syncRun{done: make(chan struct{})}
	if s.ctx == nil || s.closed {
		run.err = ErrNotConnected
		if s.closed {
			run.err = ErrClosed
		}
		close(run.done)
		return run
	}
	server.run = run
	ctx := s.ctx
	s.work.Go(func() {
		defer close(run.done)
		for goesOn := true; goesOn; {
			err := s.syncOnce(ctx, server)
			s.locked(func() { goesOn, run.err = s.synced(server, err) })
		}
	})
	return run
}

// synced tells whether the sync goes on, or how it ended. It is called with the lock held.
func (s *Session) synced(server *serverState, err error) (goesOn bool, result error) {
	refusal, _ := errors.AsType[*Error](err)
	switch {
	case err == nil:
		server.failures = 0
		if server.again {
			return true, nil
		}
	case CodeOf(err) == CodeForbidden:
		s.leave(server)
	case refusal != nil && refusal.Field == "cursor" && server.cursor != "":
		s.reset(server) // another release's, perhaps: what it stood for is not known any more
		server.cursor, server.dirty = "", true
		return true, nil
	default:
		s.syncLater(server, s.backoff(server.failures))
		server.failures++
	}
	server.run = nil
	return false, err
}

// syncOnce learns what was taken back and what is to be seen, and reads what is not sure any more.
func (s *Session) syncOnce(ctx context.Context, server *serverState) error {
	var number int
	s.locked(func() { number, server.again = s.link.number, false })
	access, err := s.pages(ctx, server)
	if err != nil {
		return err
	}
	if err := s.subscribeMissing(ctx, server, access); err != nil {
		return err
	}
	var stale []*channel
	s.locked(func() { stale = s.judge(server, access, number) })
	for _, c := range stale {
		if err := s.read(ctx, server, c, access[c.view.channelID], number); err != nil {
			return err
		}
	}
	return nil
}

// pages reads what was taken back, to the end, and gives the stamps.
func (s *Session) pages(ctx context.Context, server *serverState) (access map[string]string, err error) {
	for range mostPages {
		var more bool
		var cursor string
		s.locked(func() { cursor = server.cursor })
		_, asked := s.askPaced(ctx, "sync", syncRequest{server.id, cursor}, func(a answer) { access, more, err = s.takeUpdates(server, a) })
		if asked != nil {
			return nil, asked
		}
		if err != nil || !more {
			return access, err
		}
	}
	return nil, ErrUnreadable // it does not end
}

// takeUpdates takes a page of a sync. What in it cannot be read may be of any text that is kept.
func (s *Session) takeUpdates(server *serverState, a answer) (access map[string]string, more bool, err error) {
	updates, none, ok := messagesOf(a.fields["updates"])
	if !ok {
		none++
	}
	cursor, ok := stringOf(a.fields["cursor"])
	more = isTrue(a.fields["more"])
	if !more {
		access = map[string]string{}
		ok = ok && len(a.fields["access"]) > 0 && a.fields["access"][0] == '{' && json.Unmarshal(a.fields["access"], &access) == nil
	}
	if !ok || more && cursor == server.cursor {
		s.failed(ErrUnreadable)
		return nil, false, ErrUnreadable
	}
	for _, u := range updates {
		if u.ServerID == server.id && u.Ended() {
			s.takeUpdate(u, fromSync)
		} else {
			none++
		}
	}
	if none > 0 {
		s.failed(ErrUnreadable)
	}
	if none > 0 || isTrue(a.fields["reset"]) {
		s.reset(server)
	}
	server.cursor, server.dirty = cursor, true
	if delivery, ok := stringOf(a.fields["delivery"]); ok {
		server.delivery = delivery
	}
	s.save(server, false)
	return access, more, nil
}

// reset: nothing that is kept is sure.
func (s *Session) reset(server *serverState) {
	clear(server.access)
	for _, id := range sortedKeys(server.channels) {
		s.alter(server, server.channels[id], (*channel).drop)
	}
	server.dirty = true
	s.save(server, true)
}

// leave: the account is no member any more, or banned.
func (s *Session) leave(server *serverState) {
	clear(server.access)
	for _, id := range sortedKeys(server.channels) {
		s.alter(server, server.channels[id], (*channel).hide)
	}
	server.dirty = true
	s.save(server, true)
}

// subscribeMissing subscribes to what is to be told on this connection. What was taken back before may have been missed: a sync follows.
func (s *Session) subscribeMissing(ctx context.Context, server *serverState, access map[string]string) error {
	var missing []string
	s.locked(func() {
		missing = slices.Clone(server.wanted)
		for _, id := range sortedKeys(server.channels) {
			_, isSeen := access[id]
			if server.delivery != DeliveryAll && server.channels[id].opened && isSeen && !slices.Contains(missing, id) {
				missing = append(missing, id)
			}
		}
		missing = slices.DeleteFunc(missing, func(id string) bool { return server.asked[id] == s.link.number })
	})
	if len(missing) == 0 {
		return nil
	}
	results, err := s.subscribe(ctx, server, missing, s.askPaced)
	if err != nil {
		return err
	}
	for _, r := range results {
		if r.Code != http.StatusOK {
			s.failed(&Error{Code: r.Code, Reason: r.Reason})
		}
	}
	if slices.ContainsFunc(results, func(r Subscribed) bool { return r.Code == http.StatusOK }) {
		s.locked(func() { server.again = true })
	}
	return nil
}

func (s *Session) subscribe(ctx context.Context, server *serverState, channelIDs []string, ask asker) ([]Subscribed, error) {
	var results []Subscribed
	for some := range slices.Chunk(channelIDs, mostAtOnce) {
		var answered []Subscribed
		var unread error
		number := s.connection()
		_, err := ask(ctx, "subscribe", subscription{server.id, some}, func(a answer) {
			if unread = a.read(part{"channels", &answered}); unread == nil {
				s.subscribed(server, answered, number)
			}
		})
		if err = cmp.Or(err, unread); err != nil {
			return nil, err
		}
		results = append(results, answered...)
	}
	return results, nil
}

// subscribed takes an answer to subscribe, of a connection. What came before the subscription was not told. It is called with the lock held.
func (s *Session) subscribed(server *serverState, results []Subscribed, connection int) {
	granted := false
	for _, r := range results {
		if r.Code == http.StatusOK {
			granted = true
			server.lapsed(r.ChannelID, connection)
			server.asked[r.ChannelID] = connection
			if c := server.channels[r.ChannelID]; c != nil && !c.opened {
				s.unsubscribe(server, r.ChannelID) // it was closed meanwhile
			}
		}
	}
	if granted {
		s.syncAfterLag(server) // the sync that follows at once may not have yet what was taken back just before
	}
}

// lapsed: a channel has no subscription any more, or had none until now, and notices do not keep it complete where that takes one.
func (server *serverState) lapsed(channelID string, connection int) {
	delete(server.asked, channelID)
	c := server.channels[channelID]
	if c != nil && server.delivery != DeliveryAll {
		c.leftBehind(connection)
	}
}

// unsubscribe ends a subscription that nobody needs any more. It is called with the lock held.
func (s *Session) unsubscribe(server *serverState, channelID string) {
	number := s.link.number
	if server.asked[channelID] != number || s.link.client == nil || s.closed || slices.Contains(server.wanted, channelID) {
		return
	}
	delete(server.asked, channelID)
	ctx, ids := s.ctx, []string{channelID}
	s.work.Go(func() {
		_, _ = s.ask(ctx, "unsubscribe", subscription{server.id, ids}, nil) // else it ends with the connection
		s.locked(func() { s.unsubscribed(server, ids, number) })
	})
}

// unsubscribed: subscriptions of a connection have ended. One that is needed after all is made again: the service may have seen either
// first. It is called with the lock held.
func (s *Session) unsubscribed(server *serverState, channelIDs []string, connection int) {
	if s.link.number != connection {
		return
	}
	for _, id := range channelIDs {
		if c := server.channels[id]; c != nil && c.opened || slices.Contains(server.wanted, id) {
			server.lapsed(id, connection)
			s.sync(server)
		}
	}
}

// isTold tells whether notices keep a channel complete.
func (server *serverState) isTold(channelID string, connection int) bool {
	return server.delivery == DeliveryAll || server.asked[channelID] == connection
}

// want subscribes for the application, on this connection and each later one, and syncs then.
func (s *Session) want(ctx context.Context, serverID string, channelIDs []string) ([]Subscribed, error) {
	var server *serverState
	s.locked(func() {
		server = s.server(serverID)
		for _, id := range channelIDs {
			if !slices.Contains(server.wanted, id) {
				server.wanted = append(server.wanted, id)
			}
		}
	})
	results, err := s.subscribe(ctx, server, channelIDs, s.ask)
	if err != nil {
		return nil, err
	}
	s.locked(func() {
		for _, r := range results {
			if r.Code != http.StatusOK {
				server.wanted = slices.DeleteFunc(server.wanted, func(id string) bool { return id == r.ChannelID })
			}
		}
		s.sync(server)
	})
	return results, nil
}

// judge holds what is kept to the stamps: hides, doubts or trusts it, and gives what is to be read again.
func (s *Session) judge(server *serverState, access map[string]string, number int) (stale []*channel) {
	now := maps.Clone(access)
	for _, id := range sortedKeys(server.channels) {
		c := server.channels[id]
		stamp, isSeen := access[id]
		same := isSeen && server.hasStamp(id) && stamp == server.access[id]
		s.alter(server, c, func(c *channel) { c.judge(isSeen, same, number) })
		if isSeen && c.opened && !(same && c.caughtUp == number && server.isTold(id, number)) {
			stale = append(stale, c)
			if !same {
				delete(now, id) // it holds when the channel is read
			}
		}
	}
	server.dirty = server.dirty || !maps.Equal(server.access, now)
	server.access = now
	s.save(server, true)
	return stale
}

// judge takes what a sync says of the channel: whether it is seen, and with the same stamp as before.
func (c *channel) judge(isSeen, same bool, number int) {
	switch {
	case !isSeen:
		c.hide()
	case same && (!c.opened || c.knownTo != never || c.caughtUp == number):
		c.hidden = false
		c.trust()
	case c.opened:
		c.hidden = false
		c.doubt()
	default:
		c.hidden = false
		c.drop()
	}
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
