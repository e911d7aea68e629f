package chat_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"unsend/shared/chat"
	"unsend/shared/chat/chattest"
)

// asking is what each kind of frame does, by name, with the limit.
func asking(s *scene, limit chat.FrameLimit, message chat.Message, n *int) map[string]func(chat.Connection) error {
	ctx := s.t.Context()
	return map[string]func(chat.Connection) error{
		"send": func(c chat.Connection) error {
			*n++
			sender := chat.Sender{Standings: s.store, Messages: s.store, Clock: time.Now, Limit: limit, NewID: func(time.Time) string { return fmt.Sprint("f", *n) }}
			_, err := sender.Send(ctx, c, chat.SendRequest{ServerID: "s1", ChannelID: "c1", MsgID: fmt.Sprint("f", *n), Content: chat.Content{Body: "x"}})
			return err
		},
		"revoke": func(c chat.Connection) error {
			revocations := chat.Revocations{Standings: s.store, Messages: s.store, Clock: time.Now, Limit: limit, Windows: chat.Windows{Own: window(-1), Moderator: window(-1)}}
			_, err := revocations.Revoke(ctx, c, chat.RevokeRequest{Key: message.MessageKey})
			return err
		},
		"revokeBatch": func(c chat.Connection) error {
			revocations := chat.Revocations{Standings: s.store, Messages: s.store, Clock: time.Now, Limit: limit, Windows: chat.Windows{Own: window(-1), Moderator: window(-1)}}
			_, err := revocations.RevokeBatch(ctx, c, chat.RevokeBatchRequest{ServerID: "s1", ChannelID: "c1", Messages: []chat.MessageRef{ref(message)}})
			return err
		},
		"history": func(c chat.Connection) error {
			histories := chat.Histories{Standings: s.store, Messages: s.store, Clock: time.Now, Limit: limit}
			_, err := histories.History(ctx, c, chat.HistoryRequest{ServerID: "s1", ChannelID: "c1"})
			return err
		},
		"sync": func(c chat.Connection) error {
			syncs := chat.Syncs{Updates: s.store, Sights: s.store, Clock: time.Now, Limit: limit}
			_, err := syncs.Sync(ctx, c, chat.SyncRequest{ServerID: "s1"})
			return err
		},
		"subscribe": func(c chat.Connection) error {
			subscriptions := chat.Subscriptions{Sights: s.store, Store: s.store, Clock: time.Now, Limit: limit, Most: 10}
			_, err := subscriptions.Subscribe(ctx, c, chat.SubscribeRequest{ServerID: "s1", ChannelIDs: []string{"c1"}})
			return err
		},
		"unsubscribe": func(c chat.Connection) error {
			subscriptions := chat.Subscriptions{Sights: s.store, Store: s.store, Clock: time.Now, Limit: limit, Most: 10}
			_, err := subscriptions.Unsubscribe(ctx, c, chat.SubscribeRequest{ServerID: "s1", ChannelIDs: []string{"c1"}})
			return err
		},
		"ping": func(c chat.Connection) error {
			sessions := chat.Sessions{Store: s.store, Gateway: s.gateway, Clock: time.Now, Limit: limit}
			_, err := sessions.Ping(ctx, c)
			return err
		},
	}
}

func TestFramesOfAnAccountAreLimited(t *testing.T) {
	for _, kind := range []string{"send", "revoke", "revokeBatch", "history", "sync", "subscribe", "unsubscribe", "ping"} {
		t.Run(kind, func(t *testing.T) {
			play(t, func(t *testing.T, s *scene) {
				n := 0
				phone, tablet, bob := s.online("alice", "phone"), s.online("alice", "tablet"), s.online("bob", "desk")
				m := s.send(phone)
				ask := asking(s, chat.FrameLimit{Counter: s.store, Most: 20}, m, &n)[kind]
				for i := range 25 {
					by, want := []chat.Connection{phone, tablet}[i%2], chat.OK
					if i >= 20 {
						want = chat.RateLimited
					}
					if code := chat.CodeOf(ask(by)); code != want {
						t.Fatalf("frame %d: %d, want %d", i+1, code, want)
					}
				}
				if err := ask(bob); err != nil {
					t.Errorf("another account: %v", err)
				}
				time.Sleep(chat.FrameWindow)
				if err := ask(phone); err != nil {
					t.Errorf("in the next window: %v", err)
				}
				if s.gateway.Closings(phone.ID)+s.gateway.Closings(tablet.ID) > 0 {
					t.Error("a connection was closed")
				}
			})
		})
	}
}

// What is refused for its number leaves nothing.
func TestALimitedFrameStoresNothing(t *testing.T) {
	play(t, func(t *testing.T, s *scene) {
		n := 0
		phone := s.online("alice", "phone")
		m := s.send(phone)
		for kind, ask := range asking(s, chat.FrameLimit{Counter: always{1_000}, Most: 20}, m, &n) {
			if code := chat.CodeOf(ask(phone)); code != chat.RateLimited || !code.Retryable() {
				t.Errorf("%s: %d", kind, code)
			}
		}
		if s.store.Calls("PutMessage") != 1 || s.store.Calls("RevokeMessage") != 0 {
			t.Errorf("stored %d messages, revoked %d", s.store.Calls("PutMessage"), s.store.Calls("RevokeMessage"))
		}
	})
}

type always struct{ n int }

func (a always) CountFrame(context.Context, string, time.Time) (int, error) { return a.n, nil }

// A count takes as long as what is read beside it, and both go on at the same time;
// where none can be made requests go on.
func TestFramesAreCountedBesideTheReading(t *testing.T) {
	play(t, func(t *testing.T, s *scene) {
		n := 0
		phone := s.online("alice", "phone")
		asks := asking(s, chat.FrameLimit{Counter: slowCounter{s.store}, Most: 20}, s.send(phone), &n)
		s.store.Before = func(op string) error {
			if isReading(op) {
				time.Sleep(time.Second)
			}
			return nil
		}
		for kind, ask := range asks {
			began := time.Now()
			if err := ask(phone); err != nil || time.Since(began) != time.Second {
				t.Errorf("%s took %v, %v", kind, time.Since(began), err)
			}
		}
		s.store.Before = func(op string) error {
			if op == "CountFrame" {
				return &chat.Error{Code: chat.Busy}
			}
			return nil
		}
		for kind, ask := range asks {
			if err := ask(phone); err != nil {
				t.Errorf("%s without a count: %v", kind, err)
			}
		}
		synctest.Wait()
	})
}

// isReading: each kind of frame begins with one of these.
func isReading(op string) bool {
	return slices.Contains([]string{"Standing", "Sights", "Connections", "Subscriptions"}, op)
}

type slowCounter struct{ *chattest.Store }

func (c slowCounter) CountFrame(ctx context.Context, account string, now time.Time) (int, error) {
	time.Sleep(time.Second)
	return c.Store.CountFrame(ctx, account, now)
}

// The first version waited for the count as long as the request had time: a table Sessions that hung stopped revocations, which need
// nothing of it. The next one waited for 2 s: so old was what the frame may do when it was done. Whoever keeps the limit hears of it.
func TestAFrameThatCannotBeCountedGoesOn(t *testing.T) {
	play(t, func(t *testing.T, s *scene) {
		var (
			n         int
			uncounted []error
			reading   time.Duration
			phone     = s.online("alice", "phone")
			limit     = chat.FrameLimit{Counter: hangingCounter{}, Most: 20, Uncounted: func(_ context.Context, err error) { uncounted = append(uncounted, err) }}
			asks      = asking(s, limit, s.send(phone), &n)
		)
		s.store.Before = func(op string) error {
			if isReading(op) {
				time.Sleep(reading)
			}
			return nil
		}
		for _, reading = range []time.Duration{0, time.Second, 3 * time.Second} {
			for kind, ask := range asks {
				began := time.Now()
				if err := ask(phone); err != nil || time.Since(began) != reading+chat.CountGrace {
					t.Errorf("%s took %v with a reading of %v, %v", kind, time.Since(began), reading, err)
				}
				if len(uncounted) != 1 || !errors.Is(uncounted[0], context.Canceled) {
					t.Errorf("%s: told of %v", kind, uncounted)
				}
				uncounted = nil
			}
		}
	})
}

// Whoever sends so much that the count itself is refused had no limit at all. Nobody may be kept from taking back, or from being told.
func TestAFloodThatCannotBeCountedIsOverTheLimit(t *testing.T) {
	play(t, func(t *testing.T, s *scene) {
		var (
			n         int
			uncounted []error
			phone     = s.online("alice", "phone")
			limit     = chat.FrameLimit{Counter: flooded{}, Most: 20, Uncounted: func(_ context.Context, err error) { uncounted = append(uncounted, err) }}
			open      = []string{"revoke", "revokeBatch", "ping"}
		)
		for kind, ask := range asking(s, limit, s.send(phone), &n) {
			uncounted = nil
			want, told := chat.RateLimited, 0
			if slices.Contains(open, kind) {
				want, told = chat.OK, 1
			}
			if code := chat.CodeOf(ask(phone)); code != want || len(uncounted) != told {
				t.Errorf("%s: %d, told of %v; want %d", kind, code, uncounted, want)
			}
		}
		if n := s.store.Calls("PutMessage"); n != 1 {
			t.Errorf("stored %d messages, want the one of before", n)
		}
	})
}

type flooded struct{}

func (flooded) CountFrame(context.Context, string, time.Time) (int, error) {
	return 0, &chat.Error{Code: chat.RateLimited, Err: errors.New("the key is hot")}
}

// A count that is made in its grace counts, and the grace of a frame ends with it: nothing is left to go on.
func TestACountMayBeALittleLater(t *testing.T) {
	play(t, func(t *testing.T, s *scene) {
		n := 0
		phone := s.online("alice", "phone")
		for kind, ask := range asking(s, chat.FrameLimit{Counter: late{chat.CountGrace - 1}, Most: 20}, s.send(phone), &n) {
			if code := chat.CodeOf(ask(phone)); code != chat.RateLimited {
				t.Errorf("%s: %d", kind, code)
			}
		}
	})
}

// late counts too many frames after a time.
type late struct{ after time.Duration }

func (l late) CountFrame(ctx context.Context, _ string, _ time.Time) (int, error) {
	select {
	case <-time.After(l.after):
		return 1_000, nil
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

type hangingCounter struct{}

func (hangingCounter) CountFrame(ctx context.Context, _ string, _ time.Time) (int, error) {
	<-ctx.Done()
	return 0, ctx.Err()
}
