package main

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strconv"

	"github.com/spf13/cobra"

	"unsend/scripts/unsend/serverapi"
	"unsend/scripts/unsend/terminal"
)

// limit is the value of a flag that says how many there may be; 0 is no limit.
type limit int

func (l *limit) add(command *cobra.Command, otherwise limit, usage string) {
	*l = otherwise
	command.Flags().Var(l, "limit", usage)
}

// String is the flag's text.
func (l *limit) String() string { return strconv.Itoa(int(*l)) }

// Set takes 0 or more.
func (l *limit) Set(text string) error {
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return errors.New("a limit is 0, for no limit, or more")
	}
	*l = limit(n)
	return nil
}

// Type is what help shows in the value's place, where the usage names nothing else.
func (l *limit) Type() string { return "int" }

// listing is how a list is printed.
type listing[T any] struct {
	columns []string
	row     func(T) []string
	line    func(T) any // as JSON; nil: as it is
	none    string      // what is said where there is none; empty: nothing
}

// print goes through a list that is read page by page, as far as the limit goes.
func (l listing[T]) print(ctx context.Context, a *app, o *options, pages *serverapi.Pages[T]) error {
	return l.printSome(a, o, pages.All(ctx, int(o.limit)), pages.More)
}

// printAll prints a list that is there already.
func (l listing[T]) printAll(a *app, o *options, list []T) error {
	all := func(yield func(T, error) bool) {
		for _, item := range list {
			if !yield(item, nil) {
				return
			}
		}
	}
	return l.printSome(a, &options{json: o.json}, all, func() bool { return false })
}

// printSome goes through the list as far as the limit goes; more then tells whether there may be more. An error ends it.
func (l listing[T]) printSome(a *app, o *options, list iter.Seq2[T, error], more func() bool) error {
	progress := a.progress(o.json)
	defer progress.Clear()
	t := a.table()
	t.BeforeWriting = progress.Clear
	n := 0
	for item, err := range list {
		if err != nil {
			return errors.Join(err, t.End())
		}
		if n++; n == 1 && !o.json {
			t.Head(l.columns...)
		}
		if err := l.one(a, o, t, item); err != nil {
			return err
		}
		progress.Say("%d so far", n)
		if n == int(o.limit) {
			break
		}
	}
	if err := t.End(); err != nil {
		return err
	}
	progress.Clear()
	switch {
	case n == 0 && !o.json && l.none != "":
		fmt.Fprintln(a.err, terminal.Clean(l.none))
	case more():
		fmt.Fprintf(a.err, "There may be more than these %d: raise --limit, or 0 for all.\n", n)
	}
	return nil
}

func (l listing[T]) one(a *app, o *options, t *terminal.Table, item T) error {
	if o.json {
		if l.line != nil {
			return a.line(l.line(item))
		}
		return a.line(item)
	}
	cells := l.row(item)
	for i, cell := range cells {
		cells[i] = terminal.Clean(cell)
	}
	t.Add(cells...)
	return nil
}
