package unsend_test

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"testing/synctest"

	unsend "unsend/clients/go"
)

// playSteps plays steps as clients/conformance has them, for what is this client's own. Messages m1, m2 and m3 say secret one, two and three.
func playSteps(t *testing.T, steps string) {
	t.Helper()
	messages := map[string]object{
		"m1": {"timestamp": 1000.0, "msg_body": "secret one"}, "m2": {"timestamp": 2000.0, "msg_body": "secret two"}, "m3": {"timestamp": 3000.0, "msg_body": "secret three"},
	}
	synctest.Test(t, func(t *testing.T) {
		newPlay(t, script{Messages: messages, Steps: as[[]json.RawMessage](json.RawMessage("[" + steps + "]"))}).run()
	})
}

// A draft quotes what the channel shows, and nothing that it does not.
func TestAQuoteIsWhatTheChannelShows(t *testing.T) {
	t.Parallel()
	const (
		quoting = `{"open": "c1"}, {"connect": true}, {"push": [{"$notice": "m1"}]},
			{"draft": {"msg_body": "what", "reply_to": {"$ref": "m1"}, "quote": "secret one"}},
			{"drafted": {"msg_body": "what", "reply_to": {"$ref": "m1"}, "quote": "secret one"}},`
		bare   = `{"drafted": {"msg_body": "what", "reply_to": {"$ref": "m1"}}}`
		quoted = `{"drafted": {"msg_body": "what", "reply_to": {"$ref": "m1"}, "quote": "secret one"}}`
	)
	for name, steps := range map[string]string{
		"before the first sync": `{"pass": 2000}, {"restart": true}, {"open": "c1"}, ` + bare + `, {"connect": true}, ` + quoted,
		"taken back meanwhile": `{"pass": 2000}, {"restart": true}, {"open": "c1"},
			{"server": [{"to": {"action": "sync"}, "answer": {"updates": [{"$update": "m1"}], "cursor": "later", "access": {"c1": "stamp"}, "delivery": "all"}}]},
			{"connect": true}, ` + bare,
		"reset": `{"server": [{"to": {"action": "sync"}, "answer": {"updates": [], "reset": true, "cursor": "later", "access": {"c1": "stamp"}, "delivery": "all"}}]},
			{"pass": 76000}, ` + bare + `, {"stored": "secret", "is": false}`,
		"sight lost": `{"server": [{"to": {"action": "sync"}, "answer": {"updates": [], "cursor": "later", "access": {}, "delivery": "all"}}]},
			{"pass": 76000}, ` + bare + `, {"stored": "secret", "is": false}`,
		"banned": `{"server": [{"to": {"action": "sync"}, "answer": {"res_code": 403, "reason": "no permission", "retryable": false}}]},
			{"pass": 76000}, ` + bare + `, {"stored": "secret", "is": false}`,
		"the store refuses": `{"pass": 2000}, {"store": "refuses"}, {"push": [{"$revocation": "m1"}]}, ` + bare + `, {"store": "works"}, {"crash": true}, ` + bare,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			playSteps(t, quoting+steps)
		})
	}
}

// An answer that is older than a revocation hands no text to whoever asked.
func TestAnswersHandNoEndedTextOn(t *testing.T) {
	t.Parallel()
	for name, steps := range map[string]string{
		"history": `{"connect": true}, {"open": "c1"}, {"server": [{"to": {"action": "history"}}]},
			{"call": "history", "with": [{"server_id": "s1", "channel_id": "c1", "limit": 7}]}, {"push": [{"$revocation": "m1"}]},
			{"answer": {"action": "history", "limit": 7}, "with": {"messages": [{"$sent": "m1"}, {"$sent": "m2"}]}},
			{"handed": "history", "secret one": false, "secret two": true}`,
		"history, after a sync": `{"connect": true}, {"open": "c1"}, {"server": [{"to": {"action": "history"}}]},
			{"call": "history", "with": [{"server_id": "s1", "channel_id": "c1", "limit": 7}]},
			{"server": [{"to": {"action": "sync"}, "answer": {"updates": [{"$update": "m1"}], "cursor": "later", "access": {"c1": "stamp"}, "delivery": "all"}}]},
			{"raw": "none"}, {"pass": 2000},
			{"answer": {"action": "history", "limit": 7}, "with": {"messages": [{"$sent": "m1"}, {"$sent": "m2"}]}},
			{"handed": "history", "secret one": false, "secret two": true}`,
		"send": `{"connect": true}, {"open": "c1"}, {"server": [{"to": {"action": "send"}}]},
			{"call": "send", "with": [{"server_id": "s1", "channel_id": "c1", "msg_id": "m1", "msg_body": "secret one"}]}, {"push": [{"$revocation": "m1"}]},
			{"answer": {"action": "send"}, "with": {"message": {"$sent": "m1"}}},
			{"handed": "send", "secret one": false}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			playSteps(t, steps)
		})
	}
}

const largeServer = `{"server": [{"to": {"action": "sync"}, "answer": {"updates": [], "cursor": "now", "access": {"c1": "stamp"}, "delivery": "subscribers"}}]},`

// Where a subscription is refused nothing is told: each sync reads the history and asks again, until it is granted.
func TestASubscriptionThatIsRefused(t *testing.T) {
	t.Parallel()
	playSteps(t, largeServer+`
		{"server": [{"to": {"action": "subscribe"}, "answer": {"channels": [{"channel_id": "c1", "res_code": 429, "reason": "busy"}]}, "times": 2}]},
		{"open": "c1"}, {"connect": true}, {"sent": {"action": "subscribe"}}, {"sent": {"action": "history"}}, {"sent": {"action": "sync"}}, {"errors": ["refused"]},
		{"server": [{"to": {"action": "history"}, "answer": {"messages": [{"$sent": "m1"}]}}]},
		{"pass": 76000}, {"sent": {"action": "subscribe"}}, {"sent": {"action": "history"}}, {"view": ["secret one"]}, {"errors": ["refused"]},
		{"server": [{"to": {"action": "history"}, "answer": {"messages": [{"$sent": "m2"}, {"$sent": "m1"}]}}]},
		{"pass": 720000}, {"sent": {"action": "subscribe"}}, {"sent": {"action": "history"}}, {"view": ["secret one", "secret two"]},
		{"pass": 720000}, {"sent": {"action": "subscribe"}, "times": 0}, {"sent": {"action": "history"}, "times": 0}, {"errors": []}`)
}

// A channel that is not shown any more is not told of, and what was missed is read when it is shown again.
func TestClosingAChannelUnsubscribes(t *testing.T) {
	t.Parallel()
	playSteps(t, largeServer+`
		{"open": "c1"}, {"connect": true}, {"sent": {"action": "subscribe"}}, {"sent": {"action": "history"}},
		{"leave": "c1"}, {"sent": {"action": "unsubscribe", "channel_ids": ["c1"]}},
		{"server": [{"to": {"action": "history"}, "answer": {"messages": [{"$sent": "m1"}]}}]},
		{"open": "c1"}, {"sent": {"action": "subscribe", "channel_ids": ["c1"]}}, {"sent": {"action": "history"}}, {"view": ["secret one"]},
		{"call": "subscribe", "with": ["s1", ["c1"]]}, {"leave": "c1"}, {"sent": {"action": "unsubscribe"}, "times": 0}`)
}

// What a store could not list is not taken for current later on.
func TestAStoreThatListsNothing(t *testing.T) {
	t.Parallel()
	const unlisted = `{"open": "c1"}, {"connect": true}, {"push": [{"$notice": "m1"}]}, {"pass": 2000}, {"sent": {"action": "sync"}},
		{"store": "lists nothing"}, {"restart": true},
		{"server": [{"to": {"action": "sync"}, "answer": {"updates": [], "cursor": "later", "access": {"c1": "stamp"}, "delivery": "all"}}]},
		{"connect": true}, {"pass": 2000}, {"sent": {"action": "sync", "cursor": "now"}, "times": 0}, {"store": "works"},`
	t.Run("the next session", func(t *testing.T) {
		t.Parallel()
		playSteps(t, unlisted+`{"restart": true}, {"connect": true}, {"sent": {"action": "sync", "cursor": "now"}}`)
	})
	t.Run("a heartbeat later", func(t *testing.T) {
		t.Parallel()
		playSteps(t, unlisted+`{"stored": "secret", "is": true}, {"pass": 240000}, {"stored": "secret", "is": false}, {"stored": "later", "is": true}`)
	})
}

// After a history that was refused the channel is read as one that was never known: what was dropped does not count as there.
func TestAHistoryThatWasRefused(t *testing.T) {
	t.Parallel()
	const refused = `{"server": [{"to": {"action": "history"}, "answer": {"messages": [{"$sent": "m2", "timestamp": 200000}, {"$sent": "m1", "timestamp": 100000}]}}]},
		{"open": "c1"}, {"connect": true}, {"view": ["secret one", "secret two"]},
		{"server": [{"to": {"action": "history"}, "answer": {"res_code": 403, "reason": "no permission"}, "times": 1}]},
		{"drop": true}, {"pass": 31000}, {"view": []}, {"stored": "secret", "is": false}, {"stored": "stamp", "is": false},
		{"server": [{"to": {"action": "history"}, "answer": {"messages": [{"$sent": "m3", "timestamp": 300000}, {"$sent": "m1", "timestamp": 100000}], "next": "n"}}]},`
	const regained = `{"view": ["secret one", "secret three"]}, {"push": [{"$revocation": "m2"}]}, {"view": ["secret one", "secret three"]}`
	for name, steps := range map[string]string{
		"the next sync": `{"pass": 76000}, `, "the next session": `{"crash": true}, {"open": "c1"}, {"connect": true}, `,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			playSteps(t, refused+steps+regained)
		})
	}
}

// Sends of one moment keep their order over a restart.
func TestSendsOfOneMomentKeepTheirOrder(t *testing.T) {
	t.Parallel()
	const send = `{"call": "send", "as": "%[1]s", "with": [{"server_id": "s1", "channel_id": "c1", "msg_id": "%[1]s", "msg_body": "text"}]},`
	steps := ""
	for _, id := range []string{"c", "a", "b"} {
		steps += fmt.Sprintf(send, id)
	}
	steps += `{"pending": ["c", "a", "b"]}, {"restart": true}, {"pending": ["c", "a", "b"]},`
	steps += fmt.Sprintf(send, "0") + `{"restart": true}, {"pending": ["c", "a", "b", "0"]}`
	playSteps(t, steps)
}

// What is stored in the outbox and is no request goes.
func TestAnOutboxWithSomethingElse(t *testing.T) {
	t.Parallel()
	store := &unsend.MemoryStore{}
	key := "unsend#alice#out#m1"
	if err := store.Set(key, []byte(`{"other":{"msg_body":"secret"},"created":1}`)); err != nil {
		t.Fatal(err)
	}
	s, err := unsend.NewSession(unsend.SessionOptions{URL: "ws://unsend.invalid", Account: "alice", Store: store,
		Token: func(context.Context, bool) (string, error) { return "token", nil }})
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
	if _, found, err := store.Get(key); found || err != nil {
		t.Errorf("it is there: %v, %v", found, err)
	}
}
