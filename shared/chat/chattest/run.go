package chattest

import (
	"cmp"
	"crypto/rand"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"unsend/shared/chat"

	diff "github.com/google/go-cmp/cmp"
)

// Dumper is a store that can show everything it has stored as text. [Run] then
// also looks for content where no operation would return it.
type Dumper interface{ Dump() string }

// Run is the contract of [chat.Store] as tests: every sentence that ports.go says
// of it. Its subtests share one store, and keep apart by ids of their own.
func Run(t *testing.T, newStore func(t *testing.T) chat.Store) {
	t.Helper()
	store := newStore(t)
	for _, suite := range []struct {
		name  string
		tests map[string]func(*suite)
	}{
		{"PutMessage", putTests}, {"RevokeMessage", revokeTests}, {"History", historyTests},
		{"Sessions", sessionTests}, {"Community", communityTests}, {"Changes", changeTests}, {"Sync", syncTests},
		{"Audit", auditTests}, {"Audit of policies", policyTests}, {"Limits", limitTests}, {"Pages", pageTests}, {"Jobs", jobTests},
		{"Restore", restoreTests},
	} {
		t.Run(suite.name, func(t *testing.T) { runAll(t, store, suite.tests) })
	}
}

func runAll(t *testing.T, store chat.Store, tests map[string]func(*suite)) {
	for name, test := range tests {
		t.Run(name, func(t *testing.T) { test(newSuite(t, store)) })
	}
}

// suite is what one test of the contract has: a server and a channel that no other test
// knows, and a time that stands still.
type suite struct {
	*testing.T
	store           chat.Store
	server, channel string
	now             time.Time
	ids             atomic.Int64
}

func newSuite(t *testing.T, store chat.Store) *suite {
	unique := strings.ToLower(rand.Text()[:10])
	return &suite{T: t, store: store, server: "s-" + unique, channel: "c-" + unique, now: time.UnixMilli(1_767_225_600_123)}
}

// account is an account id of this test's own.
func (s *suite) account(name string) string { return name + s.server }

// newID is unique, and later ones sort later.
func (s *suite) newID() string { return fmt.Sprintf("m%06d%s", s.ids.Add(1), s.server) }

// message is a new message of the account, sent at s.now, with every field set.
func (s *suite) message(account string) chat.Message {
	id := s.newID()
	return chat.Message{
		MessageKey: chat.MessageKey{ServerID: s.server, ChannelID: s.channel, Timestamp: s.now.UnixMilli(), MsgServerID: id},
		Type:       100, MsgID: "client-" + id, Status: chat.Normal, Version: 1, UpdatedAt: s.now.UnixMilli(),
		From:    chat.Actor{AccountID: s.account(account), Nick: "Nick ❤", ClientType: chat.Web, Device: "device"},
		ReplyTo: &chat.MessageRef{Timestamp: 5, MsgServerID: "quoted"},
		Content: chat.Content{
			Body: "body-" + id, Attach: "attach-" + id, Ext: "ext-" + id, MentionAll: true, MentionAccounts: []string{"mentioned-" + id},
			MentionRoles: []string{"role-" + id}, PushContent: "pushed-" + id, PushPayload: "payload-" + id,
		},
	}
}

// put stores a message of the account; alterations come first.
func (s *suite) put(account string, alter ...func(*chat.Message)) chat.Message {
	s.Helper()
	m := s.message(account)
	for _, a := range alter {
		a(&m)
	}
	sent, err := s.store.PutMessage(s.Context(), m, s.now)
	if err != nil || sent.Repeat {
		s.Fatalf("PutMessage: repeat %v, %v", sent.Repeat, err)
	}
	return sent.Message
}

// read is the row as it is stored.
func (s *suite) read(key chat.MessageKey) chat.Message {
	s.Helper()
	rows := got(s.store.Messages(s.Context(), []chat.MessageKey{key}))(s)
	if len(rows) != 1 {
		s.Fatalf("%d rows, want 1", len(rows))
	}
	return rows[0]
}

// got is the value of a call that must succeed.
func got[T any](value T, err error) func(*suite) T {
	return func(s *suite) T {
		s.Helper()
		if err != nil {
			s.Fatal(err)
		}
		return value
	}
}

func (s *suite) ok(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

func (s *suite) code(err error, want chat.Code) {
	s.Helper()
	if got := chat.CodeOf(err); got != want {
		s.Errorf("code %d (%v), want %d", got, err, want)
	}
}

func same[T any](s *suite, got, want T) {
	s.Helper()
	if d := diff.Diff(want, got); d != "" {
		s.Errorf("-want +got\n%s", d)
	}
}

// sorted is a copy of the list in the order of the ids.
func sorted[T any](list []T, id func(T) string) []T {
	list = slices.Clone(list)
	slices.SortFunc(list, func(a, b T) int { return cmp.Compare(id(a), id(b)) })
	return list
}

// atOnce calls f n times at the same moment and returns the results by call.
func atOnce[T any](n int, f func(i int) T) []T {
	results := make([]T, n)
	start := make(chan struct{})
	var running sync.WaitGroup
	for i := range n {
		running.Go(func() {
			<-start
			results[i] = f(i)
		})
	}
	close(start)
	running.Wait()
	return results
}
