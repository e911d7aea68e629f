package unsend

import (
	"context"
	"math"
)

// read reads the history that is kept, or what came while nobody was told, or the newest page.
func (s *Session) read(ctx context.Context, server *serverState, c *channel, stamp string, number int) error {
	var same, wasTold bool
	var until int64 = math.MaxInt64 // the newest page will do
	s.locked(func() {
		same = server.hasStamp(c.view.channelID) && stamp == server.access[c.view.channelID]
		wasTold = server.isTold(c.view.channelID, number)
		switch {
		case c.knownTo == never:
		case same:
			until = c.knownTo - overlap.Milliseconds()
		default:
			until = c.oldest()
		}
	})
	read, err := s.walk(ctx, c, until)
	if CodeOf(err) == CodeForbidden {
		s.locked(func() {
			s.alter(server, c, (*channel).hide)
			delete(server.access, c.view.channelID)
			server.dirty = true
			s.save(server, true)
		})
		return nil
	}
	if err != nil {
		return err
	}
	s.locked(func() {
		s.alter(server, c, func(c *channel) {
			c.settle()
			c.reads("")
			from := read.oldest
			if same && read.whole { // it adjoins what was known
				from = min(from, c.from)
			}
			c.reach(from)
		})
		server.access[c.view.channelID], server.dirty = stamp, true
		c.caughtUp, c.knownTo, c.dirty = 0, read.newest, true
		if wasTold && server.isTold(c.view.channelID, number) {
			c.caughtUp = number
		}
		s.save(server, true)
	})
	return nil
}

// walked is what was read of a channel, from the newest message on.
type walked struct {
	// oldest is the tag of the oldest message; empty: of the channel's first.
	oldest string
	// newest is the time of the newest message; 0: there is none.
	newest int64
	// whole: it adjoins what was known before.
	whole bool
}

// walk reads back to some time, or the first message, or as much as is kept. Pages may be short: a server cuts them by bytes, too.
func (s *Session) walk(ctx context.Context, c *channel, until int64) (w walked, err error) {
	request := HistoryRequest{ServerID: c.view.serverID, ChannelID: c.view.channelID, Limit: mostAtOnce}
	for read := 0; read < s.options.Keep; {
		page, err := s.readPage(ctx, request, s.askPaced, (*channel).readDownTo)
		if err != nil {
			return walked{}, err
		}
		if request.Cursor == "" && len(page.Messages) > 0 {
			w.newest = page.Messages[0].Timestamp
		}
		request.Cursor = page.Next
		if page.Next == "" || len(page.Messages) == 0 {
			return walked{newest: w.newest, whole: true}, nil
		}
		read += len(page.Messages)
		last := page.Messages[len(page.Messages)-1]
		if w.oldest = last.Tag(); last.Timestamp < until {
			w.whole = until != math.MaxInt64
			return w, nil
		}
	}
	return w, nil
}

// readDownTo: a page of a walk was taken.
func (c *channel) readDownTo(page Page) {
	to := ""
	if n := len(page.Messages); n > 0 && page.Next != "" && page.Messages[n-1].Timestamp > c.knownTo {
		to = page.Messages[n-1].Tag()
	}
	c.reads(to)
}

// readPage reads a page, takes its messages that can be read, and then does what else there is to do with the channel.
func (s *Session) readPage(ctx context.Context, r HistoryRequest, ask asker, then func(*channel, Page)) (page Page, err error) {
	_, asked := ask(ctx, "history", r, func(a answer) {
		messages, none, ok := messagesOf(a.fields["messages"])
		if !ok || none > 0 {
			s.failed(ErrUnreadable)
		}
		if !ok {
			err = ErrUnreadable
			return
		}
		page.Next, _ = stringOf(a.fields["next"])
		server := s.server(r.ServerID)
		c := server.channel(r.ChannelID, s.options.Keep)
		for _, m := range messages {
			if m.ServerID == r.ServerID && m.ChannelID == r.ChannelID {
				page.Messages = append(page.Messages, s.take(m, fromHistory, nil))
			}
		}
		if then != nil {
			s.alter(server, c, func(c *channel) { then(c, page) })
			s.save(server, false)
		}
	})
	if asked != nil {
		return Page{}, asked
	}
	return page, err
}
