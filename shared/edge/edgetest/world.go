// Package edgetest holds what the tests of the functions share: the sample
// events, a community to play them in, and what every handler must withstand.
package edgetest

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"unsend/shared/chat"
	"unsend/shared/chat/chattest"
	"unsend/shared/edge"
)

// What the sample events are made with. The secret has signed their tokens and
// nothing else.
const (
	TokenSecret   = "a secret of the sample events, no other"
	TokenAudience = "unsend"

	// Namespace is that of the metrics.
	Namespace = "Unsend/test"
)

// Now is when the sample events happened.
var Now = time.UnixMilli(1_767_225_600_000)

// World is a store, a gateway and a log, at a time that the test sets.
type World struct {
	Store   *chattest.Store
	Gateway *chattest.Gateway
	Now     time.Time
	log     bytes.Buffer
}

// NewWorld makes one with two servers of one channel each. alice, who sent the
// sample events, is a member of s1 only; bob may revoke in it; in its channel "hidden" are neither.
func NewWorld(t *testing.T) *World {
	t.Helper()
	w := &World{Store: chattest.NewStore(), Gateway: chattest.NewGateway(), Now: Now}
	for server, channel := range map[string]string{"s1": "c1", "s2": "c2"} {
		w.addServer(t, server)
		w.addChannel(t, server, channel, chat.Public)
	}
	w.addChannel(t, "s1", "hidden", chat.Private)
	w.AddMember(t, "s1", "alice")
	w.AddMember(t, "s1", "bob", "mod")
	w.AddMember(t, "s2", "carol")
	return w
}

// act is one of the back end's, now.
func (w *World) act(action chat.Action) chat.Act {
	return chat.Act{At: w.Now, Action: action, Door: chat.APIDoor}
}

func (w *World) addServer(t *testing.T, id string) {
	t.Helper()
	check(t)(w.Store.ChangeServer(t.Context(), id, w.act(chat.ActionPutServer), func(s *chat.Server) error {
		s.OwnerID = "owner"
		s.Roles = []chat.Role{
			{ID: chat.Everyone, Grant: chat.Grant{Allow: chat.MaskOf(chat.SendMessage)}},
			{ID: "mod", Priority: 1, Grant: chat.Grant{Allow: chat.MaskOf(chat.RevokeMemberMessage)}},
		}
		return nil
	}))
}

func (w *World) addChannel(t *testing.T, server, id string, mode chat.ViewMode) {
	t.Helper()
	check(t)(w.Store.ChangeChannel(t.Context(), server, id, w.act(chat.ActionPutChannel), func(c *chat.Channel) error {
		c.ViewMode = mode
		return nil
	}))
}

// AddMember makes the account a member with the roles.
func (w *World) AddMember(t *testing.T, server, account string, roles ...string) {
	t.Helper()
	check(t)(w.Store.ChangeMember(t.Context(), server, account, w.act(chat.ActionPutMember), func(m *chat.Member) error {
		m.Join(w.Now)
		m.Roles = roles
		return nil
	}))
}

// PutMessage stores a message of the account, sent at w.Now.
func (w *World) PutMessage(t *testing.T, account, server, channel, id, body string) chat.Message {
	t.Helper()
	sent, err := w.Store.PutMessage(t.Context(), chat.Message{
		MessageKey: chat.MessageKey{ServerID: server, ChannelID: channel, Timestamp: w.Now.UnixMilli(), MsgServerID: id},
		MsgID:      id, From: chat.Actor{AccountID: account, Device: account + "-device"},
		Version: 1, UpdatedAt: w.Now.UnixMilli(), Content: chat.Content{Body: body},
	}, w.Now)
	check(t)(sent, err)
	return sent.Message
}

// check ends the test on an error; its first argument is a result that does not matter.
func check(t *testing.T) func(any, error) {
	return func(_ any, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
}

// Clock is the world's time.
func (w *World) Clock() time.Time { return w.Now }

// Edge logs into the world.
func (w *World) Edge() edge.Edge {
	return edge.Edge{Log: edge.NewLogger(&w.log, func(string) string { return "" }), Clock: w.Clock, Metrics: Namespace}
}

// keys are those that package edge documents.
var keys = []string{"timestamp", "level", "msg", "request", "route", "connection", "account", "server", "channel", "message",
	"code", "duration_ms", "error", "stack", "reason", "records", "unparsable", "unfinished", "notices", "dropped", "posts", "gone",
	"young", "retried", "closed", "queued", "audited", "published",
	"kind", "job", "channels", "found", "revoked", "refused", "removed", "sends", "audience", "push_ms", "fast_failed", "cold_start", "_aws"}

// revokesOfACode are the keys of messages that were to be taken back.
var revokesOfACode = regexp.MustCompile(`^revokes_(200|4\d\d|50[038])$`)

// Line is the one line that was logged since the last call. It is checked by what every line has in common.
func (w *World) Line(t *testing.T) map[string]any {
	t.Helper()
	text := w.log.String()
	w.log.Reset()
	var line map[string]any
	if bytes.Count([]byte(text), []byte("\n")) != 1 || json.Unmarshal([]byte(text), &line) != nil {
		t.Fatalf("not one line of JSON: %q", text)
	}
	for key := range line {
		if !slices.Contains(keys, key) && !revokesOfACode.MatchString(key) {
			t.Errorf("the key %q is none of package edge's", key)
		}
	}
	CheckEmbedded(t, line, w.Now.UnixMilli())
	countAlarms(t, line)
	return line
}

// Load reads a sample event, by its name without ".json". It must be called from
// a package two folders below the repository's root.
func Load[E any](t *testing.T, name string) E {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "..", "events", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	var event E
	if err := json.Unmarshal(data, &event); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return event
}

// Event is a sample event of the WebSocket API.
func Event(t *testing.T, name string) events.APIGatewayWebsocketProxyRequest {
	t.Helper()
	return Load[events.APIGatewayWebsocketProxyRequest](t, name)
}

// From makes the event that of another account's device.
func From(event events.APIGatewayWebsocketProxyRequest, account string) events.APIGatewayWebsocketProxyRequest {
	event.RequestContext.Authorizer = edge.Authorized(chat.Connection{
		AccountID: account, ClientType: chat.Web, TokenExpiresAt: Now.Add(time.Hour).UnixMilli(),
	})
	event.RequestContext.ConnectionID = account + "="
	return event
}
