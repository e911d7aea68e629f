package talk

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"

	unsend "unsend/clients/go"
	"unsend/scripts/unsend/terminal"
)

// maxLine bounds a line of input; a message's text is at most 16 KB.
const maxLine = 64 << 10

// Lines talks line by line: it prints the newest messages, then what happens as it
// happens, and does what each line of in says. At the end of in, or after /quit, it ends with nil, or with an error where
// what was sent has no answer; when ctx or the session ends, with nil.
func Lines(ctx context.Context, o Options, in io.Reader, out io.Writer) error {
	l := &lines{room: newRoom(o), out: out}
	if err := l.open(ctx); err != nil {
		return err
	}
	input := readLines(ctx, in)
	for {
		select {
		case <-ctx.Done():
			return nil
		case e, ok := <-o.Session.Events():
			if !ok {
				return nil
			}
			l.happened(e)
		case line, ok := <-input:
			if !ok || l.do(ctx, line) {
				return l.leave()
			}
		}
	}
}

// leave says what is lost with the session.
func (l *lines) leave() error {
	if n := len(l.Session.Pending(l.Server, l.Channel)); n > 0 {
		return fmt.Errorf("%d messages have no answer: they may not have been sent", n)
	}
	return nil
}

type lines struct {
	*room
	out io.Writer
}

// width is asked for each line: a terminal can be made wider.
func (l *lines) width() int {
	if l.Width == nil {
		return 0
	}
	return max(l.Width(), minWidth)
}

func (l *lines) print(text string) { fmt.Fprintln(l.out, text) }

func (l *lines) open(ctx context.Context) error {
	l.Session.OpenChannel(l.Server, l.Channel)
	if err := l.connect(ctx); err != nil {
		return err
	}
	l.print(l.paint(terminal.Dim, fmt.Sprintf("#%s of %s, as %s; /help shows the commands", terminal.Clean(l.Channel), terminal.Clean(l.Server), terminal.Clean(l.Account))))
	o := l.room.open()(ctx)
	if o.page == nil {
		return errors.New(o.note)
	}
	l.show(o)
	return nil
}

// do tells whether the conversation is over.
func (l *lines) do(ctx context.Context, line string) (over bool) {
	c := l.understand(line)
	if c.note != "" {
		l.print(c.note)
	}
	if c.action != nil {
		l.show(c.action(ctx))
	}
	return c.quit
}

func (l *lines) show(o outcome) {
	l.settle(o)
	if o.page != nil {
		l.turned(*o.page)
	}
	if o.note != "" {
		l.print(l.paint(terminal.Red, o.note))
	}
	l.printNews()
}

func (l *lines) happened(e unsend.Event) {
	if text := heard(e); text != "" {
		l.print(l.paint(terminal.Dim, "— "+text+" —"))
	}
	l.printNews()
}

// printNews prints the messages that are new or have changed.
func (l *lines) printNews() {
	for _, m := range l.news() {
		l.print(l.line(m, l.width()))
	}
}

// readLines gives the lines of in, until its end or ctx's. A reader that never
// ends keeps its goroutine until the process does.
func readLines(ctx context.Context, in io.Reader) <-chan string {
	lines := make(chan string)
	go func() {
		defer close(lines)
		scanner := bufio.NewScanner(in)
		scanner.Buffer(nil, maxLine)
		for scanner.Scan() {
			select {
			case lines <- scanner.Text():
			case <-ctx.Done():
				return
			}
		}
	}()
	return lines
}
