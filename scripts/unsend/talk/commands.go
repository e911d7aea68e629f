package talk

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	unsend "unsend/clients/go"
	"unsend/scripts/unsend/terminal"
)

// action is something that a line of input asks for. Running it takes time and
// touches no state.
type action func(ctx context.Context) outcome

// outcome is what became of an action.
type outcome struct {
	message *unsend.Message // sent or taken back
	page    *unsend.Page
	failed  *unsend.SendRequest // a send that may be repeated
	note    string              // for the user
}

// command is a line of input, understood.
type command struct {
	action action // nil: nothing to do but to show the note
	note   string
	quit   bool
}

// understand reads a line of input.
func (r *room) understand(line string) command {
	line = strings.TrimRight(line, "\r\n")
	switch {
	case strings.TrimSpace(line) == "":
		return command{}
	case strings.HasPrefix(line, "//"):
		return r.sending(line[1:])
	case !strings.HasPrefix(line, "/"):
		return r.sending(line)
	}
	name, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
	switch rest = strings.TrimSpace(rest); name {
	case "/revoke", "/r":
		return r.revoking(rest)
	case "/history":
		return r.reading()
	case "/again":
		return r.again()
	case "/help", "/?":
		return command{note: Help}
	case "/quit", "/q":
		return command{quit: true}
	}
	return command{note: fmt.Sprintf("there is no command %s; /help shows what there is, and // sends a line that begins with /", terminal.Clean(name))}
}

func (r *room) sending(text string) command {
	return r.post(unsend.SendRequest{
		ServerID: r.Server, ChannelID: r.Channel, MsgID: r.NewID(), Content: unsend.Content{Body: text},
	})
}

func (r *room) post(request unsend.SendRequest) command {
	session := r.Session
	return command{action: func(ctx context.Context) outcome {
		ctx, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		m, err := session.Send(ctx, request)
		switch {
		case errors.Is(err, context.DeadlineExceeded):
			return outcome{note: "no answer yet: it is sent when one can be had, within the hour"}
		case err != nil:
			return outcome{failed: &request, note: "not sent: " + explain(err) + " (/again tries once more)"}
		}
		return outcome{message: &m}
	}}
}

func (r *room) again() command {
	if r.failed == nil {
		return command{note: "nothing failed that could be sent again"}
	}
	return r.post(*r.failed)
}

func (r *room) revoking(rest string) command {
	number, reason, _ := strings.Cut(rest, " ")
	n, err := strconv.Atoi(number)
	if err != nil || n < 1 || n > len(r.keys) {
		return command{note: "which one? /revoke N [reason], where N is the number in front of the message"}
	}
	session, key := r.Session, r.keys[n-1]
	return command{action: func(ctx context.Context) outcome {
		ctx, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		m, err := session.Revoke(ctx, unsend.RevokeRequest{MessageKey: key, Info: unsend.UpdateInfo{Postscript: strings.TrimSpace(reason)}})
		switch {
		case errors.Is(err, context.DeadlineExceeded):
			return outcome{note: fmt.Sprintf("no answer yet: %d is taken back when one can be had, within the hour", n)}
		case err != nil:
			return outcome{note: fmt.Sprintf("%d was not taken back: %s", n, explain(err))}
		}
		return outcome{message: &m}
	}}
}

func (r *room) reading() command {
	if r.atStart {
		return command{note: "there is nothing older"}
	}
	return command{action: r.page(r.older)}
}

// open reads the channel. Its newest page is read once more, for the cursor of what is older, and as a refusal is the history's to show.
func (r *room) open() action {
	session, server, page := r.Session, r.Server, r.page("")
	return func(ctx context.Context) outcome {
		within, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		if err := session.Sync(within, server); err != nil && unsend.CodeOf(err) != unsend.CodeForbidden {
			return outcome{note: "no history: " + explain(err)}
		}
		return page(ctx)
	}
}

// mostPages are read for one that has something that is not shown yet.
const mostPages = 10

// page reads history, from the cursor on, until there is something that is not shown yet; with no cursor the newest page.
func (r *room) page(cursor string) action {
	session, oldest := r.Session, ""
	if messages := r.messages(); len(messages) > 0 {
		oldest = messages[0].Tag()
	}
	request := unsend.HistoryRequest{ServerID: r.Server, ChannelID: r.Channel, Cursor: cursor, Limit: pageSize}
	return func(ctx context.Context) outcome {
		ctx, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		for n := 1; ; n++ {
			page, err := session.History(ctx, request)
			if err != nil {
				return outcome{note: "no history: " + explain(err)}
			}
			isNews := cursor == "" || len(page.Messages) > 0 && page.Messages[len(page.Messages)-1].Tag() < oldest
			if isNews || page.Next == "" || n == mostPages {
				return outcome{page: &page}
			}
			request.Cursor = page.Next
		}
	}
}

// settle notes what an outcome means for /again.
func (r *room) settle(o outcome) {
	switch {
	case o.failed != nil:
		r.failed = o.failed
	case o.message != nil && r.failed != nil && o.message.MsgID == r.failed.MsgID:
		r.failed = nil
	}
}

// explain says what failed and, where it helps, what to do.
func explain(err error) string {
	refusal, ok := errors.AsType[*unsend.Error](err)
	if !ok {
		return terminal.Clean(err.Error())
	}
	text := fmt.Sprintf("%d %s", refusal.Code, terminal.Clean(refusal.Reason))
	switch {
	case refusal.Code == unsend.CodeForbidden:
		text += " (not a member, banned, or not permitted in this channel)"
	case refusal.Retryable:
		text += ", try again"
	}
	return text
}
