package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"
)

// Progress shows steps as they run: on a terminal the running ones with a clock
// below what has ended, elsewhere one plain line at each start and end.
type Progress struct {
	out    io.Writer
	live   bool // redraw the running steps
	colour bool

	mu      sync.Mutex
	running []*Step
	ended   []*Step
	drawn   int // lines of running steps on the screen
	frame   int
	stop    chan struct{}
	done    sync.WaitGroup
}

// Step is one line of the list.
type Step struct {
	Name  string
	Took  time.Duration
	Err   error
	Note  string // "kept", "skipped: ..."
	start time.Time
}

// newProgress shows steps on f, until Close.
func newProgress(f *os.File) *Progress {
	info, err := f.Stat()
	terminal := err == nil && info.Mode()&os.ModeCharDevice != 0 && os.Getenv("TERM") != "dumb"
	p := &Progress{out: f, live: terminal, colour: terminal && os.Getenv("NO_COLOR") == "", stop: make(chan struct{})}
	if p.live {
		p.done.Go(p.tick)
	}
	return p
}

// Close ends the clock and leaves the screen tidy.
func (p *Progress) Close() {
	close(p.stop)
	p.done.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.erase()
}

// Run shows name while work runs. Work may return a note for its line.
func (p *Progress) Run(name string, work func() (note string, err error)) error {
	step := &Step{Name: name, start: time.Now()}
	p.begin(step)
	note, err := work()
	step.Took, step.Note, step.Err = time.Since(step.start), note, err
	p.end(step)
	return err
}

// Skip lists a step that could not run, and why.
func (p *Progress) Skip(name, why string) {
	p.end(&Step{Name: name, Note: "skipped: " + why, Err: errSkipped})
}

// Print writes text above the running steps.
func (p *Progress) Print(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.erase()
	_, _ = fmt.Fprintf(p.out, format, args...)
	p.draw()
}

// Steps are those that have ended, in that order.
func (p *Progress) Steps() []*Step {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]*Step(nil), p.ended...)
}

func (p *Progress) begin(step *Step) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.erase()
	p.running = append(p.running, step)
	if !p.live {
		_, _ = fmt.Fprintf(p.out, "  ..   %s\n", step.Name)
	}
	p.draw()
}

func (p *Progress) end(step *Step) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.erase()
	for i, s := range p.running {
		if s == step {
			p.running = append(p.running[:i], p.running[i+1:]...)
			break
		}
	}
	p.ended = append(p.ended, step)
	_, _ = fmt.Fprintln(p.out, p.line(step))
	p.draw()
}

func (p *Progress) tick() {
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for {
		select {
		case <-p.stop:
			return
		case <-ticker.C:
		}
		p.mu.Lock()
		p.frame++
		p.erase()
		p.draw()
		p.mu.Unlock()
	}
}

// erase takes the running steps off the screen, so that something else can be
// written where they were.
func (p *Progress) erase() {
	if p.drawn > 0 {
		_, _ = fmt.Fprintf(p.out, "\x1b[%dA\x1b[J", p.drawn)
		p.drawn = 0
	}
}

func (p *Progress) draw() {
	if !p.live {
		return
	}
	const frames = `|/-\`
	for _, s := range p.running {
		_, _ = fmt.Fprintf(p.out, "  %s    %-52s %7s\n", p.paint(cyan, frames[p.frame%len(frames):][:1]), s.Name, seconds(time.Since(s.start)))
	}
	p.drawn = len(p.running)
}

// line is how a step that has ended is listed.
func (p *Progress) line(s *Step) string {
	mark := p.paint(green, "ok  ")
	switch {
	case errors.Is(s.Err, context.Canceled):
		mark = p.paint(yellow, "stop")
	case s.Err == errSkipped:
		mark = p.paint(yellow, "skip")
	case s.Err != nil:
		mark = p.paint(red, "FAIL")
	}
	text := fmt.Sprintf("  %s %-52s %7s", mark, s.Name, seconds(s.Took))
	if s.Note != "" {
		text += "  " + p.paint(grey, s.Note)
	}
	return strings.TrimRight(text, " ")
}

const (
	red    = "31"
	green  = "32"
	yellow = "33"
	cyan   = "36"
	grey   = "90"
	bold   = "1"
)

func (p *Progress) paint(style, text string) string {
	if !p.colour {
		return text
	}
	return "\x1b[" + style + "m" + text + "\x1b[0m"
}

func seconds(d time.Duration) string {
	if d == 0 {
		return ""
	}
	return fmt.Sprintf("%.1f s", d.Seconds())
}
