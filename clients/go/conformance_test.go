package unsend_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	unsend "unsend/clients/go"
)

// object is a JSON object.
type object = map[string]any

// script is one of clients/conformance, whose README.md describes them.
type script struct {
	Name    string
	Options struct {
		Keep  int
		Accid string
	}
	Messages map[string]object
	Steps    []json.RawMessage
}

func TestConformance(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../conformance/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("there are no scripts: %v", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var scripts []script
		if err := json.Unmarshal(text, &scripts); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		for _, s := range scripts {
			t.Run(filepath.Base(file)+"/"+s.Name, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) { newPlay(t, s).run() })
			})
		}
	}
}

// moodyStore fails when it is told to.
type moodyStore struct {
	unsend.MemoryStore
	mood atomic.Value // works, full, refuses, or, in this client's own scripts, lists nothing
}

func (s *moodyStore) Keys(prefix string) ([]string, error) {
	if s.mood.Load() == "lists nothing" {
		return nil, errors.New("no such directory")
	}
	return s.MemoryStore.Keys(prefix)
}

func (s *moodyStore) Set(key string, value []byte) error {
	if mood := s.mood.Load(); mood == "full" || mood == "refuses" {
		return errors.New("no space left")
	}
	return s.MemoryStore.Set(key, value)
}

func (s *moodyStore) Delete(key string) error {
	if s.mood.Load() == "refuses" {
		return errors.New("read-only")
	}
	return s.MemoryStore.Delete(key)
}

func (s *moodyStore) all() (keys []string) {
	keys, _ = s.MemoryStore.Keys("") // never fails
	return keys
}

func (s *moodyStore) holds(text string) bool {
	return slices.ContainsFunc(s.all(), func(key string) bool {
		value, _, _ := s.Get(key) // never fails
		return bytes.Contains(value, []byte(text))
	})
}

// mortal is a store as one session has it: what the session does after it crashed reaches nobody.
type mortal struct {
	unsend.Store
	dead *atomic.Bool
}

func (m mortal) Set(key string, value []byte) error {
	if m.dead.Load() {
		return nil
	}
	return m.Store.Set(key, value)
}

func (m mortal) Delete(key string) error {
	if m.dead.Load() {
		return nil
	}
	return m.Store.Delete(key)
}

// rule says how the server answers frames that have all of To.
type rule struct {
	To     object
	Answer object
	Raw    *string
	Drop   bool
	Times  *int
}

func everyRule() []*rule {
	asked := object{"channels": "$asked"}
	return []*rule{
		{To: object{"action": "ping"}, Answer: object{"server_time": 1_767_225_600_000}},
		{To: object{"action": "sync"}, Answer: object{"updates": []any{}, "cursor": "now", "access": object{"c1": "stamp"}, "delivery": "all"}},
		{To: object{"action": "history"}, Answer: object{"messages": []any{}}},
		{To: object{"action": "subscribe"}, Answer: asked},
		{To: object{"action": "unsubscribe"}, Answer: asked},
	}
}

// result is what became of a call.
type result struct {
	settled bool
	value   any
	err     error
}

// play plays one script.
type play struct {
	t       *testing.T
	script  script
	network *network
	store   *moodyStore
	session *unsend.Session
	dead    *atomic.Bool
	jumped  atomic.Int64 // ns, of the wall clock
	ids     atomic.Int64

	mu        sync.Mutex
	rules     []*rule
	sockets   []*socket
	frames    []object
	token     string
	tokens    []any
	callbacks []any
	errors    []any
	closed    []any
	results   map[string]*result
	running   sync.WaitGroup
}

func newPlay(t *testing.T, s script) *play {
	p := &play{t: t, script: s, network: newNetwork(), store: &moodyStore{}, rules: everyRule(), token: "token", results: map[string]*result{}}
	p.store.mood.Store("works")
	p.network.dialed, p.network.received = p.dialed, p.received
	p.start(s.Options.Accid)
	return p
}

func (p *play) locked(work func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	work()
}

func (p *play) start(account string) {
	dead := new(atomic.Bool)
	session, err := unsend.NewSession(unsend.SessionOptions{
		URL: "ws://unsend.invalid/live", Account: cmp.Or(account, "alice"), Servers: []string{"s1"}, Token: p.giveToken, Keep: p.script.Options.Keep,
		Store: mortal{p.store, dead}, HTTPClient: p.network.client, Chance: func() float64 { return 0.5 },
		Now: func() time.Time { return time.Now().Add(time.Duration(p.jumped.Load())) }, NewID: func() string { return fmt.Sprint("id", p.ids.Add(1)) },
	})
	if err != nil {
		p.t.Fatal(err)
	}
	p.session, p.dead = session, dead
	p.running.Go(func() {
		for e := range session.Events() {
			p.locked(func() {
				if !dead.Load() {
					p.happened(e)
				}
			})
		}
	})
}

func (p *play) happened(e unsend.Event) {
	switch e := e.(type) {
	case unsend.MessageReceived:
		p.callbacks = append(p.callbacks, []any{"received", p.nameOf(e.Message.MessageKey)})
	case unsend.MessageUpdated:
		p.callbacks = append(p.callbacks, []any{"updated", p.nameOf(e.Message.MessageKey)})
	case unsend.MessageEnded:
		p.closed = append(p.closed, p.nameOf(e.MessageKey))
	case unsend.Failed:
		p.errors = append(p.errors, kindOf(e.Err))
	}
}

func (p *play) nameOf(key unsend.MessageKey) string { return key.MsgServerID }

// kindOf is an error in the words of the scripts.
func kindOf(err error) string {
	for _, kind := range []struct {
		name string
		is   error
	}{
		{"closed", unsend.ErrClosed}, {"disconnected", unsend.ErrNotConnected}, {"timeout", unsend.ErrNoAnswer}, {"unanswered", unsend.ErrUnanswered},
		{"full", unsend.ErrFull}, {"frame", unsend.ErrUnreadable},
	} {
		if errors.Is(err, kind.is) {
			return kind.name
		}
	}
	switch {
	case isA[*unsend.Error](err):
		return "refused"
	case isA[*unsend.TokenError](err):
		return "token"
	case isA[*unsend.DialError](err):
		return "connect"
	case isA[*unsend.StoreError](err):
		return "store"
	}
	return fmt.Sprint(err)
}

func isA[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}

func (p *play) giveToken(ctx context.Context, refused bool) (string, error) {
	var token string
	p.locked(func() { p.tokens, token = append(p.tokens, refused), p.token })
	switch token {
	case "fails":
		return "", errors.New("SECRET")
	case "hangs":
		<-ctx.Done()
		return "", ctx.Err()
	}
	return token, nil
}

func (p *play) dialed(s *socket) {
	p.locked(func() {
		for _, other := range p.sockets {
			other.drop()
		}
		p.sockets = append(p.sockets, s)
	})
}

func (p *play) received(s *socket, text []byte) {
	var frame object
	if err := json.Unmarshal(text, &frame); err != nil {
		p.t.Error(err)
	}
	var answer []byte
	p.locked(func() { answer = p.answer(s, frame) })
	if answer != nil {
		s.deliver(answer)
	}
}

func (p *play) answer(s *socket, frame object) []byte {
	p.frames = append(p.frames, frame)
	i := slices.IndexFunc(p.rules, func(r *rule) bool { return (r.Times == nil || *r.Times > 0) && matches(r.To, frame) })
	if i < 0 {
		p.t.Errorf("no rule answers %v", frame)
		return nil
	}
	r := p.rules[i]
	if r.Times != nil {
		*r.Times--
	}
	switch {
	case r.Drop:
		s.drop()
		return nil
	case r.Raw != nil:
		return []byte(*r.Raw)
	case r.Answer == nil:
		return nil
	}
	answer := object{"type": "response", "action": frame["action"], "request_id": frame["request_id"], "res_code": 200}
	maps.Copy(answer, r.Answer)
	if answer["channels"] == "$asked" {
		var channels []any
		for _, id := range frame["channel_ids"].([]any) {
			channels = append(channels, object{"channel_id": id, "res_code": 200})
		}
		answer["channels"] = channels
	}
	return text(answer)
}

// matches tells whether everything in want is in got.
func matches(want, got any) bool {
	switch want := want.(type) {
	case object:
		got, ok := got.(object)
		if !ok {
			return false
		}
		for name, each := range want {
			if !matches(each, got[name]) {
				return false
			}
		}
		return true
	case []any:
		got, ok := got.([]any)
		return ok && slices.EqualFunc(want, got, matches)
	}
	return reflect.DeepEqual(want, got)
}

// run plays the steps, each at rest before the next.
func (p *play) run() {
	defer func() {
		p.session.Close()
		p.running.Wait()
		p.network.close(p.t)
	}()
	for i, raw := range p.script.Steps {
		synctest.Wait()
		verb := firstName(p.t, raw)
		var step object
		if err := json.Unmarshal(raw, &step); err != nil {
			p.t.Fatal(err)
		}
		step = p.filled(step).(object)
		if err := p.step(verb, step[verb], step); err != nil {
			p.t.Fatalf("step %d, %s: %v", i+1, raw, err)
		}
	}
}

func firstName(t *testing.T, raw []byte) string {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	for range 2 {
		token, err := decoder.Token()
		if err != nil {
			t.Fatal(err)
		}
		if name, ok := token.(string); ok {
			return name
		}
	}
	t.Fatalf("%s is no step", raw)
	return ""
}

func (p *play) step(verb string, value any, step object) error {
	if happens := p.happens(verb, value, step); happens != nil {
		return happens()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	switch verb {
	case "sent":
		return p.sent(value, times(step))
	case "view":
		return p.view(value, step)
	case "callbacks":
		return same(value, take(&p.callbacks))
	case "errors":
		return same(value, take(&p.errors))
	case "tokens":
		return same(value, take(&p.tokens))
	case "closed":
		return same(value, take(&p.closed))
	case "dials":
		bounds, n := value.([]any), float64(len(take(&p.tokens)))
		if n < bounds[0].(float64) || n > bounds[1].(float64) {
			return fmt.Errorf("%v attempts", n)
		}
		return nil
	case "state":
		return same(value, string(p.session.State()))
	case "stored":
		return same(step["is"], p.store.holds(value.(string)))
	case "drafted":
		d, ok := p.session.Draft("s1", "c1")
		if !ok {
			return same(value, nil)
		}
		return same(value, asJSON(d))
	case "pending":
		ids := []any{}
		for _, r := range p.session.Pending("s1", "c1") {
			ids = append(ids, r.MsgID)
		}
		return same(value, ids)
	case "result":
		return p.result(value.(string), step)
	case "handed":
		return p.handed(value.(string), step)
	}
	return errors.New("there is no such step")
}

// happens is what a step does, to the client or in the application; nil: it only looks.
func (p *play) happens(verb string, value any, step object) func() error {
	do := map[string]func(){
		"server":  func() { p.locked(func() { p.rules = append(as[[]*rule](value), p.rules...) }) },
		"accept":  func() { p.network.accepts.Store(value.(bool)) },
		"token":   func() { p.locked(func() { p.token = value.(string) }) },
		"store":   func() { p.store.mood.Store(value) },
		"corrupt": func() { p.corrupt(value.(string)) },
		"push":    func() { p.last().deliver(text(object{"type": "notices", "notices": value})) },
		"answer":  func() { p.answerLate(value, step["with"].(object)) },
		"raw":     func() { p.last().deliver([]byte(value.(string))) },
		"drop":    func() { p.last().drop() },
		"pass":    func() { time.Sleep(time.Duration(value.(float64)) * time.Millisecond) },
		"sleep":   func() { p.jumped.Add(int64(value.(float64)) * int64(time.Millisecond)) },
		"connect": func() { session := p.session; p.running.Go(func() { _ = session.Run(context.Background()) }) },
		"wake":    func() { p.session.Wake() },
		"restart": func() { p.session.Close(); p.start("") },
		"account": func() { p.session.Close(); p.start(value.(string)) },
		"crash":   p.crash,
		"open":    func() { p.session.OpenChannel("s1", value.(string)) },
		"leave":   func() { p.session.CloseChannel("s1", value.(string)) },
		"draft":   func() { p.session.SetDraft("s1", "c1", as[*unsend.Draft](value)) },
		"call":    func() { p.call(value.(string), step) },
	}[verb]
	if do == nil {
		return nil
	}
	return func() error { do(); return nil }
}

func (p *play) last() *socket {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.sockets[len(p.sockets)-1]
}

// answerLate answers the last frame that has all of to. It is a step of this client's own scripts, as handed is.
func (p *play) answerLate(to any, with object) {
	var id any
	p.locked(func() {
		for _, frame := range p.frames {
			if matches(to, frame) {
				id = frame["request_id"]
			}
		}
	})
	answer := object{"type": "response", "request_id": id, "res_code": 200}
	maps.Copy(answer, with)
	p.last().deliver(text(answer))
}

// handed tells which texts a call gave.
func (p *play) handed(name string, step object) error {
	r := p.results[name]
	if !r.settled || r.err != nil {
		return fmt.Errorf("it has ended: %v, %w", r.settled, r.err)
	}
	for said, want := range step {
		if is, ok := want.(bool); ok && strings.Contains(string(text(r.value)), said) != is {
			return fmt.Errorf("%q is given: %v", said, !is)
		}
	}
	return nil
}

func (p *play) corrupt(text string) {
	for _, key := range p.store.all() {
		_ = p.store.MemoryStore.Set(key, []byte(text)) // never fails
	}
}

func (p *play) crash() {
	p.dead.Store(true)
	p.session.Close()
	p.start("")
}

func (p *play) call(method string, step object) {
	r, arguments, session := &result{}, args(step), p.session
	name, ok := step["as"].(string)
	if !ok {
		name = method
	}
	p.locked(func() { p.results[name] = r })
	p.running.Go(func() {
		value, err := call(session, method, arguments)
		p.locked(func() { *r = result{true, value, err} })
	})
}

func args(step object) []any {
	list, _ := step["with"].([]any)
	return list
}

func call(s *unsend.Session, method string, with []any) (any, error) {
	ctx := context.Background()
	switch method {
	case "send":
		return s.Send(ctx, as[unsend.SendRequest](with[0]))
	case "revoke":
		return s.Revoke(ctx, as[unsend.RevokeRequest](with[0]))
	case "revokeBatch":
		return s.RevokeBatch(ctx, as[unsend.RevokeBatchRequest](with[0]))
	case "history":
		return s.History(ctx, as[unsend.HistoryRequest](with[0]))
	case "subscribe":
		return s.Subscribe(ctx, with[0].(string), as[[]string](with[1])...)
	case "unsubscribe":
		return s.Unsubscribe(ctx, with[0].(string), as[[]string](with[1])...)
	case "ping":
		at, err := s.Ping(ctx)
		return at.UnixMilli(), err
	}
	return nil, fmt.Errorf("there is no call %s", method)
}

func times(step object) int {
	if n, ok := step["times"].(float64); ok {
		return int(n)
	}
	return 1
}

func take(list *[]any) []any {
	taken := append([]any{}, *list...)
	*list = nil
	return taken
}

func same(want, got any) error {
	if diff := gocmp.Diff(want, got); diff != "" {
		return fmt.Errorf("(-want +got)\n%s", diff)
	}
	return nil
}

func (p *play) sent(want any, times int) error {
	fits := func(frame object) bool { return matches(want, frame) }
	rest := slices.DeleteFunc(slices.Clone(p.frames), fits)
	if n := len(p.frames) - len(rest); n != times {
		return fmt.Errorf("%d of %v", n, p.frames)
	}
	p.frames = rest
	return nil
}

func (p *play) view(want any, step object) error {
	id, ok := step["channel"].(string)
	if !ok {
		id = "c1"
	}
	texts := []any{}
	for _, m := range p.session.Messages("s1", id) {
		switch {
		case !m.Ended():
			texts = append(texts, m.Body)
		case !m.IsEmpty():
			return errors.New("a text is left")
		default:
			texts = append(texts, nil)
		}
	}
	return same(want, texts)
}

func (p *play) result(name string, step object) error {
	r := p.results[name]
	if step["pending"] == true {
		return same(false, r.settled)
	}
	if !r.settled {
		return errors.New("it has not ended")
	}
	if want, ok := step["error"]; ok {
		got := object{"kind": kindOf(r.err), "retryable": unsend.IsRetryable(r.err)}
		if refusal, ok := errors.AsType[*unsend.Error](r.err); ok {
			got["code"], got["field"] = float64(refusal.Code), refusal.Field
		}
		if !matches(want, got) {
			return fmt.Errorf("it is %v: %w", got, r.err)
		}
		return nil
	}
	if r.err != nil || !matches(step["is"], asJSON(r.value)) {
		return fmt.Errorf("it is %v, %w", r.value, r.err)
	}
	return nil
}

func text(value any) []byte {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err) // a fault of the test's own
	}
	return text
}

// as is a value of a script as the type that the client takes.
func as[T any](value any) (typed T) {
	if err := json.Unmarshal(text(value), &typed); err != nil {
		panic(err) // a fault of the script's
	}
	return typed
}

// asJSON is a value of the client as scripts have it.
func asJSON(value any) any { return as[any](value) }

var contentFields = []string{"msg_body", "msg_attach", "msg_ext", "mention_all", "mention_accids", "mention_role_ids", "push_content", "push_payload"}

// message is a message of the script as it was sent.
func (p *play) message(name string) object {
	said, ok := p.script.Messages[name]
	if !ok {
		p.t.Fatalf("there is no message %s", name)
	}
	m := object{"server_id": "s1", "channel_id": "c1", "msg_id": name, "msg_server_id": name, "msg_type": 0.0, "from_accid": "bob", "from_client_type": 16.0,
		"status": 0.0, "version": 1.0, "update_timestamp": said["timestamp"]}
	maps.Copy(m, said)
	return m
}

// template is the message that a template stands for; nil: it is none.
func (p *play) template(kind, name string) object {
	only := func(names ...string) object {
		all := p.message(name)
		maps.DeleteFunc(all, func(name string, _ any) bool { return !slices.Contains(names, name) })
		return all
	}
	end := func(m object) object {
		maps.DeleteFunc(m, func(name string, _ any) bool { return slices.Contains(contentFields, name) })
		maps.Copy(m, object{"status": 1.0, "version": 2.0, "update_timestamp": p.message(name)["timestamp"].(float64) + 1,
			"update_ope_info": object{"operator_id": "carol", "operator_client_type": 16.0}})
		return m
	}
	noted := func(m object) object { m["notify_reason"] = 1.0; return m }
	switch kind {
	case "$sent":
		return p.message(name)
	case "$revoked":
		return end(p.message(name))
	case "$update":
		return end(only("server_id", "channel_id", "timestamp", "msg_server_id"))
	case "$notice":
		return object{"event": "message", "res_code": 200.0, "message": noted(p.message(name))}
	case "$revocation":
		return object{"event": "message_updated", "res_code": 200.0, "update_info": object{}, "message": noted(end(p.message(name)))}
	case "$key":
		return only("server_id", "channel_id", "timestamp", "msg_server_id")
	case "$ref":
		return only("timestamp", "msg_server_id")
	}
	return nil
}

// filled is the value with the messages that its templates stand for.
func (p *play) filled(value any) any {
	switch value := value.(type) {
	case []any:
		for i := range value {
			value[i] = p.filled(value[i])
		}
	case object:
		filled := object{}
		for name, each := range value {
			if strings.HasPrefix(name, "$") {
				maps.Copy(filled, p.template(name, each.(string)))
			}
		}
		for name, each := range value {
			if !strings.HasPrefix(name, "$") {
				filled[name] = p.filled(each)
			}
		}
		return filled
	}
	return value
}
