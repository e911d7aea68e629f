package talk

import (
	"fmt"
	"strings"
	"time"

	"charm.land/lipgloss/v2"

	unsend "unsend/clients/go"
	"unsend/scripts/unsend/terminal"
)

func (r *room) paint(colour, text string) string { return terminal.Paint(r.Colour, colour, text) }

// line shows a message: "  7 14:02 Alice: hello". A line that is wider than width
// goes on below its text, with a mark in front: what somebody writes never stands where
// numbers and times do, so that no message can look like two. Width 0 wraps nothing.
func (r *room) line(m unsend.Message, width int) string {
	head := fmt.Sprintf("%3d %s ", r.shown[m.MessageKey].number, r.clock(m.Timestamp))
	colour := terminal.Bold
	if m.FromAccount == r.Account {
		colour = terminal.Cyan
	}
	said := r.paint(colour, r.called(m.FromNick, m.FromAccount)+":") + " " + terminal.Clean(text(m))
	if m.Ended() {
		said = r.paint(terminal.Dim, r.ending(m))
	}
	return r.hang(head, said, width)
}

// narrowest is how little room for texts is left beside a head.
const narrowest = 16

func (r *room) hang(head, said string, width int) string {
	painted := r.paint(terminal.Dim, head)
	if width == 0 {
		return painted + said
	}
	const mark = "│ "
	indent := lipgloss.Width(head)
	if width-indent < narrowest { // the text begins on a line of its own
		painted, indent = painted+"\n"+r.paint(terminal.Dim, mark), lipgloss.Width(mark)
	}
	next := "\n" + r.paint(terminal.Dim, strings.Repeat(" ", indent-lipgloss.Width(mark))+mark)
	return painted + strings.ReplaceAll(lipgloss.Wrap(said, width-indent, ""), "\n", next)
}

func (r *room) ending(m unsend.Message) string {
	if m.Status == unsend.StatusDeleted || m.Operation == nil {
		return "— gone —"
	}
	by := "taken back by " + r.called(m.Operation.OperatorNick, m.Operation.OperatorID)
	if m.FromAccount != "" && m.Operation.OperatorID != m.FromAccount {
		by = r.called(m.FromNick, m.FromAccount) + "'s message " + by
	}
	if m.Operation.Postscript != "" {
		by += ": " + terminal.Clean(m.Operation.Postscript)
	}
	return "— " + by + " —"
}

func text(m unsend.Message) string {
	if m.Body == "" && m.Attach != "" {
		return "[attachment]"
	}
	return m.Body
}

// clock is the time of day, with the date unless that is today.
func (r *room) clock(ms int64) string {
	at, now := time.UnixMilli(ms).In(r.Zone), r.Now().In(r.Zone)
	if at.Year() == now.Year() && at.YearDay() == now.YearDay() {
		return at.Format("15:04")
	}
	return at.Format("2 Jan 15:04")
}
