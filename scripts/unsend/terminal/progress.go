package terminal

import (
	"fmt"
	"io"
	"time"
)

const (
	patience = 2 * time.Second        // what ends sooner needs no progress
	fresh    = 200 * time.Millisecond // between two changes of a terminal's line
	seldom   = 10 * time.Second       // between two lines elsewhere, which stay
)

// Progress tells how far something is that lasts: on a terminal in one line that changes, elsewhere in a
// line now and then. Nothing is written in the first two seconds.
type Progress struct {
	out      io.Writer
	terminal bool
	now      func() time.Time
	due      time.Time
	shown    bool
}

// NewProgress begins now. out nil writes nothing.
func NewProgress(out io.Writer, terminal bool, now func() time.Time) *Progress {
	return &Progress{out: out, terminal: terminal, now: now, due: now().Add(patience)}
}

// Say tells how far it is.
func (p *Progress) Say(format string, args ...any) {
	now := p.now()
	if p.out == nil || now.Before(p.due) {
		return
	}
	text := Clean(fmt.Sprintf(format, args...))
	if !p.terminal {
		p.due = now.Add(seldom)
		fmt.Fprintln(p.out, text)
		return
	}
	p.due, p.shown = now.Add(fresh), true
	fmt.Fprint(p.out, "\r\x1b[K"+text)
}

// Clear takes the line away, before something else is written.
func (p *Progress) Clear() {
	if p.shown {
		fmt.Fprint(p.out, "\r\x1b[K")
		p.shown = false
	}
}
