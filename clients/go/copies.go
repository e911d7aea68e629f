package unsend

import (
	"net/http"
	"slices"
	"strings"
	"time"
)

// source is where a message was learned of.
type source int

const (
	fromNotice source = iota
	fromSync
	fromHistory
	fromAnswer
)

// take takes a message into its channel, ends the copies of its text where it has ended, tells what that did, and keeps it. It gives
// the message as it is known then, and is called with the lock held.
func (s *Session) take(m Message, from source, n *Notice) Message {
	server := s.server(m.ServerID)
	c := server.channel(m.ChannelID, s.options.Keep)
	known, _ := c.view.Message(m.MessageKey)
	if m.Ended() {
		m.Content = Content{}
	}
	change, visible := c.apply(m)
	if m.Ended() {
		s.endCopies(m)
		if !known.Ended() || from == fromNotice || from == fromSync {
			s.events.put(MessageEnded{m.MessageKey})
		}
	}
	if visible {
		s.events.put(ChannelChanged{m.ServerID, m.ChannelID})
	}
	if now, isKept := c.view.Message(m.MessageKey); isKept && now.beats(m) {
		m.Content, m.Status, m.Version, m.UpdateTimestamp, m.Operation = now.Content, now.Status, now.Version, now.UpdateTimestamp, now.Operation
	}
	if change == Unchanged {
		return m
	}
	s.save(server, m.Ended())
	isNews := from == fromNotice || from == fromSync || from == fromHistory && known.MsgServerID != "" && m.Ended()
	if isNews && !known.Ended() {
		s.tell(m, n, change)
	}
	return m
}

func (s *Session) tell(m Message, n *Notice, change Change) {
	told := Notice{Event: EventMessageUpdated, Code: http.StatusOK}
	if m.Operation != nil {
		info := m.Operation.UpdateInfo
		told.Info = &info
	}
	if n != nil {
		told = *n
	}
	told.Message = m
	if change == Added && !m.Ended() {
		s.events.put(MessageReceived{told})
	} else {
		s.events.put(MessageUpdated{told})
	}
}

// takeUpdate takes what is known of a message by its ids alone.
func (s *Session) takeUpdate(u Message, from source) {
	m, known := s.server(u.ServerID).channel(u.ChannelID, s.options.Keep).view.Message(u.MessageKey)
	if !known {
		m = u
	}
	m.Status, m.Version, m.UpdateTimestamp = u.Status, u.Version, u.UpdateTimestamp
	if u.Operation != nil {
		m.Operation = u.Operation
	}
	s.take(m, from, nil)
}

// endCopies deletes the copies of a message's text that are in no channel.
func (s *Session) endCopies(m Message) {
	if m.FromAccount == s.options.Account {
		s.sendEnded(m)
	}
}

// Draft is a reply, or a message, that is not sent yet.
type Draft struct {
	Body    string      `json:"msg_body"`
	ReplyTo *MessageRef `json:"reply_to,omitempty"`
	// Quote is the text that it replies to, as the channel has it now: empty where that was taken back, is not known, or not sure. It
	// is not kept, and [Session.SetDraft] takes none.
	Quote string `json:"quote,omitempty"`
}

// draftRow is a draft as it is kept: without a copy of another message's text.
type draftRow struct {
	Body    string      `json:"msg_body"`
	ReplyTo *MessageRef `json:"reply_to,omitempty"`
}

func draftKey(serverID, channelID string) string { return "draft#" + serverID + "#" + channelID }

// SetDraft keeps what is being written in a channel; nil: nothing any more.
func (s *Session) SetDraft(serverID, channelID string, d *Draft) {
	s.locked(func() {
		if d == nil {
			s.shelf.delete(draftKey(serverID, channelID))
		} else {
			s.shelf.set(draftKey(serverID, channelID), draftRow{d.Body, d.ReplyTo})
		}
	})
}

// Draft is what is being written in a channel, and whether there is anything.
func (s *Session) Draft(serverID, channelID string) (d Draft, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var row draftRow
	if !s.shelf.get(draftKey(serverID, channelID), &row) {
		return Draft{}, false
	}
	d = Draft{Body: row.Body, ReplyTo: row.ReplyTo}
	if server := s.servers[serverID]; d.ReplyTo != nil && server != nil && server.channels[channelID] != nil {
		d.Quote = server.channels[channelID].quote(*d.ReplyTo)
	}
	return d, true
}

// alter changes a channel, and tells where it shows something else then.
func (s *Session) alter(server *serverState, c *channel, work func(*channel)) {
	before := c.shown()
	work(c)
	same := slices.EqualFunc(before, c.shown(), func(a, b Message) bool {
		return a.MessageKey == b.MessageKey && a.Status == b.Status && a.Version == b.Version
	})
	if !same {
		s.events.put(ChannelChanged{server.id, c.view.channelID})
	}
}

// saveEvery: what is not urgent is kept so soon.
const saveEvery = time.Second

// save has the store take what has changed: at once, or in a second. It is called with the lock held.
func (s *Session) save(server *serverState, now bool) {
	if now && !slices.Contains(s.urgent, server) {
		s.urgent = append(s.urgent, server)
	}
	if server.saving || now {
		return
	}
	server.saving = true
	s.later(saveEvery, func() {
		s.locked(func() {
			if server.saving {
				s.keep(server)
			}
		})
	})
}

// serverRow is how far a server is known.
type serverRow struct {
	Cursor string            `json:"cursor"`
	Access map[string]string `json:"access"`
}

func channelKey(serverID, channelID string) string { return "channel#" + serverID + "#" + channelID }

// keep stores what has changed. How far a server is known is stored after what is known, and only when the store took all of that:
// whoever reads the store learns from there what it does not have.
func (s *Session) keep(server *serverState) {
	server.saving = false
	if server.cursor == "" {
		s.forget(server)
		return
	}
	for _, id := range sortedKeys(server.channels) {
		if c := server.channels[id]; c.dirty {
			c.dirty = false
			s.shelf.set(channelKey(server.id, id), c.row(s.link.number))
		}
	}
	if server.dirty && !s.unlisted && !s.shelf.lacks(channelKey(server.id, "")) {
		server.dirty = false
		s.shelf.set("server#"+server.id, serverRow{server.cursor, server.access})
	}
}

// forget: without a cursor nothing that is stored is of use.
func (s *Session) forget(server *serverState) {
	ids, ok := s.shelf.keys(channelKey(server.id, ""))
	s.unlisted = s.unlisted || !ok
	for _, id := range ids {
		s.shelf.delete(channelKey(server.id, id))
	}
	for _, c := range server.channels {
		c.dirty = true
	}
	s.shelf.delete("server#" + server.id)
}

// loadServers reads what an earlier session kept. None of it is shown before the first sync: it may have been taken back.
func (s *Session) loadServers() {
	channels, ok := s.shelf.keys("channel#")
	if !ok {
		s.unlisted = true
		return
	}
	ids, _ := s.shelf.keys("server#")
	for _, id := range ids {
		var row serverRow
		server := s.server(id)
		if s.shelf.get("server#"+id, &row) && row.Cursor != "" {
			server.cursor = row.Cursor
			if row.Access != nil {
				server.access = row.Access
			}
		}
	}
	for _, key := range channels {
		s.loadChannel(key)
	}
}

// list deletes the channels that the store could not name before: nobody knows how far they are known.
func (s *Session) list() {
	if !s.unlisted {
		return
	}
	keys, ok := s.shelf.keys("channel#")
	if !ok {
		return
	}
	s.unlisted = false
	for _, key := range keys {
		s.shelf.delete("channel#" + key)
	}
	for _, server := range s.servers {
		server.dirty = true
		for _, c := range server.channels {
			c.dirty = true
		}
	}
}

func (s *Session) loadChannel(key string) {
	serverID, channelID, _ := strings.Cut(key, "#")
	var row channelRow
	server := s.servers[serverID]
	if server == nil || server.cursor == "" {
		s.shelf.delete("channel#" + key)
		return
	}
	if s.shelf.get("channel#"+key, &row) {
		server.channel(channelID, s.options.Keep).load(row)
	} else {
		s.shelf.delete("channel#" + key) // where it could not be read it is not to be read later on
	}
}
