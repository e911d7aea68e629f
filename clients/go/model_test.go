package unsend_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	unsend "unsend/clients/go"
)

const (
	modelOverlap  = time.Minute
	modelIndexLag = 30 * time.Second
	modelPage     = 3
)

// flight is something on its way to a client.
type flight struct {
	socket     *socket
	frame      object
	messages   []unsend.Message // in the frame
	revocation bool
}

// model is what a deployment does with one channel, as plainly as it can be said: the truth is a list of messages, an index of updates
// lags behind it, and what is on its way is delivered when and in which order the test says.
type model struct {
	mu      sync.Mutex
	truth   []unsend.Message
	flights []flight
	told    map[string]bool // what a client was told has ended, by tag
	named   map[string]bool // and with its msg_id, which a sync does not tell
	landed  []landed        // since told was noted
	socket  *socket

	large      bool // it tells its subscribers alone
	subscribed bool
	sees       bool
	everHidden bool // at some time the account did not see the channel, or the application did not show it
	slow       bool // answers are on their way for a while
	losing     bool // the next answers to sends and revokes are lost with their connection
	stamp      int
}

func newModel(large bool) *model {
	return &model{large: large, told: map[string]bool{}, named: map[string]bool{}, sees: true}
}

// do does something with the model, and then delivers what does not wait.
func (m *model) do(work func() []flight) {
	m.mu.Lock()
	landing := work()
	for _, f := range landing {
		if !f.socket.gone.Load() {
			m.landed = append(m.landed, landed{f, time.Now().UnixNano()})
		}
	}
	m.mu.Unlock()
	for _, f := range landing {
		if !f.socket.gone.Load() {
			f.socket.deliver(text(f.frame))
		}
	}
}

// landed is something that was delivered, and when.
type landed struct {
	flight
	at int64
}

// noteTold notes what clients were told has ended. What came in the moment in which its connection ended may not have been read. It is
// called at rest, with the lock held.
func (m *model) noteTold() {
	for _, f := range m.landed {
		for _, each := range f.messages {
			if each.Ended() && (!f.socket.gone.Load() || f.socket.goneAt.Load() > f.at) {
				m.told[each.Tag()] = true
				m.named[each.Tag()] = m.named[each.Tag()] || each.MsgID != ""
			}
		}
	}
	m.landed = nil
}

func (m *model) dialed(s *socket) {
	m.drop()
	m.do(func() []flight { m.socket = s; return nil })
}

func (m *model) drop() {
	m.do(func() []flight {
		m.flights = nil
		if m.socket != nil {
			m.socket.drop()
		}
		m.socket, m.subscribed = nil, false
		return nil
	})
}

func (m *model) received(s *socket, asked []byte) {
	var frame object
	if json.Unmarshal(asked, &frame) != nil {
		panic("the client sent no JSON")
	}
	lost := false
	m.do(func() []flight {
		answer, messages := m.answer(frame)
		if lost = m.losing && (frame["action"] == "send" || frame["action"] == "revoke"); lost {
			return nil
		}
		full := object{"type": "response", "action": frame["action"], "request_id": frame["request_id"], "res_code": 200}
		for name, value := range answer {
			full[name] = value
		}
		f := flight{socket: s, frame: full, messages: messages}
		if m.slow {
			m.flights = append(m.flights, f)
			return nil
		}
		return []flight{f}
	})
	if lost {
		m.drop()
	}
}

// send: somebody else sends.
func (m *model) send(text string) {
	m.do(func() []flight {
		m.push(m.store(unsend.Message{MsgID: fmt.Sprint("other", len(m.truth)), FromAccount: "bob", Content: unsend.Content{Body: text}}))
		return nil
	})
}

// revoke: somebody else takes a message back.
func (m *model) revoke(n int) {
	m.do(func() []flight {
		if len(m.truth) > 0 && !m.truth[n%len(m.truth)].Ended() {
			m.push(m.end(n%len(m.truth), "carol"))
		}
		return nil
	})
}

// look: the account loses sight of the channel, or regains it.
func (m *model) look(sees bool) {
	m.do(func() []flight {
		if sees != m.sees {
			m.stamp++
		}
		m.sees, m.everHidden = sees, m.everHidden || !sees
		return nil
	})
}

// deliver: one of those on their way arrives, and stays on its way where it is to come twice.
func (m *model) deliver(n int, twice bool) {
	m.do(func() []flight {
		if len(m.flights) == 0 {
			return nil
		}
		i := n % len(m.flights)
		f := m.flights[i]
		if !twice {
			m.flights = slices.Delete(m.flights, i, i+1)
		}
		return []flight{f}
	})
}

// lose: a revocation that is on its way does not arrive.
func (m *model) lose(n int) {
	m.do(func() []flight {
		if len(m.flights) > 0 && m.flights[n%len(m.flights)].revocation {
			m.flights = slices.Delete(m.flights, n%len(m.flights), n%len(m.flights)+1)
		}
		return nil
	})
}

func (m *model) deliverAll() {
	m.do(func() []flight {
		all := m.flights
		m.flights = nil
		return all
	})
}

func (m *model) push(message unsend.Message) {
	if m.socket == nil || !m.sees || m.large && !m.subscribed {
		return
	}
	n := unsend.Notice{Event: unsend.EventMessage, Code: 200, Message: message}
	if message.Ended() {
		n.Event = unsend.EventMessageUpdated
	}
	m.flights = append(m.flights, flight{m.socket, object{"type": "notices", "notices": []unsend.Notice{n}}, []unsend.Message{message}, message.Ended()})
}

func (m *model) store(sent unsend.Message) unsend.Message {
	for _, row := range m.truth {
		if row.MsgID == sent.MsgID {
			return row
		}
	}
	now := time.Now().UnixMilli()
	sent.MessageKey = unsend.MessageKey{ServerID: "s1", ChannelID: "c1", Timestamp: now, MsgServerID: fmt.Sprintf("%03d", len(m.truth))}
	sent.Version, sent.UpdateTimestamp = 1, now
	m.truth = append(m.truth, sent)
	return sent
}

func (m *model) end(i int, operator string) unsend.Message {
	if row := &m.truth[i]; !row.Ended() {
		row.Status, row.Version, row.UpdateTimestamp, row.Content = unsend.StatusRevoked, 2, time.Now().UnixMilli(), unsend.Content{}
		row.Operation = &unsend.Operation{OperatorID: operator, OperatorClientType: 4}
	}
	return m.truth[i]
}

func (m *model) answer(frame object) (object, []unsend.Message) {
	switch {
	case frame["action"] == "ping":
		return object{"server_time": time.Now().UnixMilli()}, nil
	case frame["action"] == "sync":
		return m.sync(frame["cursor"])
	case frame["action"] == "subscribe":
		m.subscribed = m.sees
		return object{"channels": []object{{"channel_id": "c1", "res_code": m.code()}}}, nil
	case frame["action"] == "unsubscribe":
		m.subscribed = false
		return object{"channels": []object{{"channel_id": "c1", "res_code": 200}}}, nil
	case !m.sees:
		return object{"res_code": 403, "reason": "no permission"}, nil
	case frame["action"] == "history":
		return m.history(frame["cursor"])
	case frame["action"] == "send":
		row := m.store(unsend.Message{MsgID: frame["msg_id"].(string), FromAccount: "alice", Content: unsend.Content{Body: frame["msg_body"].(string)}})
		return object{"message": row}, []unsend.Message{row}
	}
	i := slices.IndexFunc(m.truth, func(row unsend.Message) bool { return row.MsgServerID == frame["msg_server_id"] })
	row := m.end(i, "alice")
	return object{"message": row}, []unsend.Message{row}
}

func (m *model) code() int {
	if m.sees {
		return 200
	}
	return 403
}

func (m *model) history(cursor any) (object, []unsend.Message) {
	older := slices.Clone(m.truth)
	slices.Reverse(older)
	from := 0
	if cursor != nil {
		from = 1 + slices.IndexFunc(older, func(row unsend.Message) bool { return row.MsgServerID == cursor })
	}
	page := append([]unsend.Message{}, older[from:min(from+modelPage, len(older))]...)
	answer := object{"messages": page}
	if from+modelPage < len(older) {
		answer["next"] = page[len(page)-1].MsgServerID
	}
	return answer, page
}

func (m *model) sync(cursor any) (object, []unsend.Message) {
	now := time.Now()
	since, skip := now.UnixMilli(), 0
	if text, ok := cursor.(string); ok {
		a, b, _ := strings.Cut(text, ".")
		since, _ = strconv.ParseInt(a, 10, 64) // its own
		skip, _ = strconv.Atoi(b)
	}
	var updates []unsend.Message
	for _, row := range m.truth {
		if row.Ended() && row.UpdateTimestamp >= since && row.UpdateTimestamp <= now.Add(-modelIndexLag).UnixMilli() {
			row.MsgID, row.FromAccount = "", ""
			updates = append(updates, row)
		}
	}
	updates = updates[min(skip, len(updates)):]
	more := len(updates) > modelPage
	updates = append([]unsend.Message{}, updates[:min(modelPage, len(updates))]...)
	access := object{"c1": fmt.Sprint("stamp", m.stamp)}
	if !m.sees {
		updates, access = []unsend.Message{}, object{}
	}
	if more {
		return object{"updates": updates, "cursor": fmt.Sprintf("%d.%d", since, skip+modelPage), "more": true}, updates
	}
	return object{"updates": updates, "cursor": fmt.Sprintf("%d.0", now.Add(-modelOverlap).UnixMilli()), "access": access, "delivery": m.delivery()}, updates
}

func (m *model) delivery() string {
	if m.large {
		return "subscribers"
	}
	return "all"
}

// mayBeForgotten: a session forgets with the sight of the channel, what nobody shows when a stamp is new, and what is older than the page that
// it reads. It may tell of that again.
func (m *model) mayBeForgotten(message unsend.Message) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	newest := m.truth[max(0, len(m.truth)-modelPage):]
	return m.everHidden || !slices.ContainsFunc(newest, func(row unsend.Message) bool { return row.MessageKey == message.MessageKey })
}

// endedAfter tells whether a message was taken back after a moment.
func (m *model) endedAfter(message unsend.Message, t time.Time) bool {
	return slices.ContainsFunc(m.truth, func(row unsend.Message) bool {
		return row.MessageKey == message.MessageKey && row.Ended() && row.UpdateTimestamp >= t.UnixMilli()
	})
}
