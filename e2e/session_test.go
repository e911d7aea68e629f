package e2e

import (
	"context"
	"slices"
	"sync"
	"testing"

	unsend "unsend/clients/go"
)

// session runs a device that reconnects and catches up by itself, until end.
func (c *community) session(name string, store unsend.Store) (s *unsend.Session, end func()) {
	c.t.Helper()
	s, err := unsend.NewSession(unsend.SessionOptions{
		URL: c.WebSocketURL, Account: c.account(name), Servers: []string{c.id}, ClientType: web, Store: store,
		Token: func(context.Context, bool) (string, error) { return c.token(name, ""), nil },
	})
	c.must(nil, err)
	var running sync.WaitGroup
	running.Go(func() { _ = s.Run(context.Background()) }) // until end
	running.Go(func() {
		for range s.Events() {
		}
	})
	end = sync.OnceFunc(func() { s.Close(); running.Wait() })
	c.t.Cleanup(end)
	return s, end
}

// shows waits until the lobby shows these texts, "" for what was taken back.
func (c *community) shows(s *unsend.Session, want ...string) {
	c.t.Helper()
	eventually(c.t, "the lobby shows what it should", func() bool {
		var texts []string
		for _, m := range s.Messages(c.id, "lobby") {
			texts = append(texts, m.Body)
		}
		return slices.Equal(texts, want)
	})
}

// What was taken back while a device was away, in a file that it left behind, too.
func TestASession(t *testing.T) {
	t.Parallel()
	c := newCommunity(t)
	c.join("alice")
	c.join("bob")
	store, err := unsend.NewFileStore(t.TempDir())
	c.must(nil, err)
	t.Cleanup(func() { _ = store.Close() }) // after the sessions
	alice, _ := c.session("alice", nil)
	bob, leave := c.session("bob", store)
	bob.OpenChannel(c.id, "lobby")
	say := func(text string) unsend.Message {
		m, err := alice.Send(c.ctx(), unsend.SendRequest{ServerID: c.id, ChannelID: "lobby", MsgID: text, Content: unsend.Content{Body: text}})
		c.must(nil, err)
		return m
	}
	first, second := say("one"), say("two")
	c.shows(bob, "one", "two")
	c.must(alice.Revoke(c.ctx(), unsend.RevokeRequest{MessageKey: first.MessageKey}))
	c.shows(bob, "", "two")

	leave()
	c.must(alice.RevokeBatch(c.ctx(), unsend.RevokeBatchRequest{ServerID: c.id, ChannelID: "lobby",
		Messages: []unsend.MessageRef{{Timestamp: second.Timestamp, MsgServerID: second.MsgServerID}}}))
	bob, _ = c.session("bob", store)
	bob.OpenChannel(c.id, "lobby")
	if shown := bob.Messages(c.id, "lobby"); len(shown) > 0 && shown[len(shown)-1].Body == "two" {
		t.Error("what is stored is shown before the first sync")
	}
	c.shows(bob, "", "")
	c.must(bob.Subscribe(c.ctx(), c.id, "lobby"))
	c.must(bob.Ping(c.ctx()))
}
