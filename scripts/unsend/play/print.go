package play

import (
	"fmt"
	"io"
	"strings"
	"time"

	"unsend/scripts/unsend/terminal"
)

// printer writes the step list.
type printer struct {
	out    io.Writer
	colour bool
}

func (p *printer) paint(colour, text string) string {
	return terminal.Paint(p.colour, colour, text)
}

func (p *printer) line(format string, args ...any) {
	fmt.Fprintf(p.out, format+"\n", args...)
}

func (p *printer) step(n int, title string, took time.Duration, note string, err error) {
	mark := p.paint(terminal.Green, "✓")
	if err != nil {
		mark = p.paint(terminal.Red, "✗")
	}
	p.line("%s %2d %6d ms  %s", mark, n, took.Milliseconds(), title)
	if err != nil {
		for line := range strings.SplitSeq(err.Error(), "\n") {
			p.line("               %s", p.paint(terminal.Red, terminal.Clean(line)))
		}
	} else if note != "" {
		p.line("               %s", p.paint(terminal.Dim, note))
	}
}

// advice says what to do.
func (p *printer) advice(text string) {
	if text == "" {
		return
	}
	for line := range strings.SplitSeq(text, "\n") {
		p.line("               %s", terminal.Clean(line))
	}
}

func (p *printer) verdict(good bool, took time.Duration) {
	if good {
		p.line("%s in %.1f s", p.paint(terminal.Green, "Everything as it should be"), took.Seconds())
		return
	}
	p.line("%s after %.1f s", p.paint(terminal.Red, "Not as it should be"), took.Seconds())
}
