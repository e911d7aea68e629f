package demo

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// printer writes the step list.
type printer struct {
	out    io.Writer
	colour bool
}

const (
	green = "\x1b[32m"
	red   = "\x1b[31m"
	dim   = "\x1b[2m"
	plain = "\x1b[0m"
)

func (p *printer) paint(colour, text string) string {
	if !p.colour {
		return text
	}
	return colour + text + plain
}

func (p *printer) line(format string, args ...any) {
	fmt.Fprintf(p.out, format+"\n", args...)
}

func (p *printer) step(n int, title string, took time.Duration, note string, err error) {
	mark := p.paint(green, "✓")
	if err != nil {
		mark = p.paint(red, "✗")
	}
	p.line("%s %2d %6d ms  %s", mark, n, took.Milliseconds(), title)
	if err != nil {
		for line := range strings.SplitSeq(err.Error(), "\n") {
			p.line("               %s", p.paint(red, line))
		}
	} else if note != "" {
		p.line("               %s", p.paint(dim, note))
	}
}

func (p *printer) verdict(good bool, took time.Duration) {
	if good {
		p.line("%s in %.1f s", p.paint(green, "Everything as it should be"), took.Seconds())
		return
	}
	p.line("%s after %.1f s", p.paint(red, "Not as it should be"), took.Seconds())
}
