package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"unsend/scripts/unsend/terminal"
)

// input is the input until the command is interrupted: a read of a terminal would otherwise last until a line is typed.
func (a *app) input(ctx context.Context) io.Reader { return &interruptible{ctx, a.in} }

type interruptible struct {
	ctx context.Context
	in  io.Reader
}

// Read ends when the context does. The read that it leaves behind ends with the process.
func (r *interruptible) Read(into []byte) (int, error) {
	type result struct {
		n   int
		err error
	}
	done, buffer := make(chan result, 1), make([]byte, len(into))
	go func() {
		n, err := r.in.Read(buffer)
		done <- result{n, err}
	}()
	select {
	case <-r.ctx.Done():
		return 0, r.ctx.Err()
	case got := <-done:
		return copy(into, buffer[:got.n]), got.err
	}
}

// confirm asks whether to do what cannot be undone.
func (a *app) confirm(ctx context.Context, o *options, id, what string) error {
	if o.yes {
		return nil
	}
	if !isTerminal(a.in) {
		return fmt.Errorf("%s cannot be undone, and there is no terminal to ask on: confirm it with --yes", what)
	}
	return a.ask(ctx, id, what)
}

// ask wants the id typed: a y would be typed before the sentence is read.
func (a *app) ask(ctx context.Context, id, what string) error {
	fmt.Fprintf(a.err, "%s%s cannot be undone. Type %s to confirm: ", terminal.Clean(strings.ToUpper(what[:1])), terminal.Clean(what[1:]), terminal.Clean(id))
	answer, err := bufio.NewReader(a.input(ctx)).ReadString('\n')
	if err != nil && answer == "" {
		fmt.Fprintln(a.err)
		return fmt.Errorf("not confirmed, nothing was deleted: %w", err)
	}
	if strings.TrimSpace(answer) != id {
		return errors.New("not confirmed: nothing was deleted")
	}
	return nil
}

// maxInput bounds what is read of a file of lines: half a million members are some 20 MB.
const maxInput = 64 << 20

// inputLine is a line of a file, or an argument in its place.
type inputLine struct {
	file   string
	number int // 0: it is an argument
	text   string
}

// wrong says where the error is.
func (l inputLine) wrong(err error) error {
	if l.number == 0 {
		return err
	}
	return fmt.Errorf("line %d of %s: %w", l.number, l.file, err)
}

func asLines(args []string) []inputLine {
	list := make([]inputLine, len(args))
	for i, arg := range args {
		list[i].text = arg
	}
	return list
}

// lines reads a file's lines that are not empty; "-" is the input.
func (a *app) lines(ctx context.Context, name string) ([]inputLine, error) {
	if name == "-" {
		return linesOf(a.input(ctx), "the input")
	}
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }() // it was read only
	return linesOf(file, name)
}

func linesOf(in io.Reader, name string) (list []inputLine, err error) {
	bounded := &io.LimitedReader{R: in, N: maxInput + 1}
	scanner := bufio.NewScanner(bounded)
	for n := 1; scanner.Scan(); n++ {
		if text := strings.TrimSuffix(scanner.Text(), "\r"); strings.TrimSpace(text) != "" {
			list = append(list, inputLine{name, n, text})
		}
	}
	if err := scanner.Err(); err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	if bounded.N == 0 {
		return nil, fmt.Errorf("%s is longer than %d MB: split it", name, maxInput>>20)
	}
	return list, nil
}
