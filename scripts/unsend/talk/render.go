package talk

import (
	"fmt"
	"strings"
	"time"
	"unicode"

	unsend "unsend/clients/go"
)

// Colours are terminal sequences, written only where Options.Colour is set.
const (
	dim   = "\x1b[2m"
	bold  = "\x1b[1m"
	cyan  = "\x1b[1;36m"
	red   = "\x1b[31m"
	plain = "\x1b[0m"
)

func (r *room) paint(colour, text string) string {
	if !r.Colour {
		return text
	}
	return colour + text + plain
}

// line shows a message: "  7 14:02 Alice: hello".
func (r *room) line(m unsend.Message) string {
	head := fmt.Sprintf("%3d %s ", r.numbers[m.MessageKey], r.clock(m.Timestamp))
	if m.Ended() {
		return r.paint(dim, head+ending(m))
	}
	colour := bold
	if m.FromAccount == r.Account {
		colour = cyan
	}
	return r.paint(dim, head) + r.paint(colour, clean(called(m.FromNick, m.FromAccount))+":") + " " + clean(text(m))
}

func ending(m unsend.Message) string {
	if m.Status == unsend.StatusDeleted || m.Operation == nil {
		return "— gone —"
	}
	by := "taken back by " + clean(called(m.Operation.OperatorNick, m.Operation.OperatorID))
	if m.Operation.OperatorID != m.FromAccount {
		by = clean(called(m.FromNick, m.FromAccount)) + "'s message " + by
	}
	if m.Operation.Postscript != "" {
		by += ": " + clean(m.Operation.Postscript)
	}
	return "— " + by + " —"
}

func text(m unsend.Message) string {
	if m.Body == "" && m.Attach != "" {
		return "[attachment]"
	}
	return m.Body
}

func called(nick, account string) string {
	if nick != "" {
		return nick
	}
	return account
}

// clock is the time of day, with the date unless that is today.
func (r *room) clock(ms int64) string {
	at, now := time.UnixMilli(ms).In(r.Zone), r.Now().In(r.Zone)
	if at.Year() == now.Year() && at.YearDay() == now.YearDay() {
		return at.Format("15:04")
	}
	return at.Format("2 Jan 15:04")
}

// clean makes somebody else's text harmless to a terminal: control characters
// could move the cursor or change what is shown, and the marks of direction could
// make one text look like another.
func clean(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n':
			return '⏎'
		case r == '\t' || r == '\r':
			return ' '
		case unicode.IsControl(r), unicode.Is(unicode.Bidi_Control, r), r == '\u2028', r == '\u2029':
			return unicode.ReplacementChar
		}
		return r
	}, text)
}
