package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"

	"golang.org/x/sync/errgroup"

	"unsend/scripts/unsend/serverapi"
	"unsend/scripts/unsend/terminal"
)

const (
	// several is how many requests are under way at a time: a new AWS account runs ten functions at once, and devices need some.
	several = 4
	// groupSize is after how many the results are told.
	groupSize = 100
)

// results tells what became of each of several.
type results struct {
	a        *app
	o        *options
	table    *terminal.Table
	progress *terminal.Progress

	told, failed int
	failure      string // the first
	unwritten    error  // the first, of the output
}

func (a *app) results(o *options) *results {
	progress := a.progress(o.json)
	table := a.table()
	table.BeforeWriting = progress.Clear
	return &results{a: a, o: o, table: table, progress: progress}
}

// add takes one result: as JSON, and as a name and what became of it.
func (r *results) add(line any, good bool, name, text string) {
	r.told++
	colour := terminal.Green
	if !good {
		colour = terminal.Red
		if r.failed++; r.failed == 1 {
			r.failure = name + ": " + text
		}
	}
	if r.o.json {
		r.unwritten = cmp.Or(r.unwritten, r.a.line(line))
	} else {
		r.table.Add(terminal.Clean(name), terminal.Paint(r.table.Colour, colour, terminal.Clean(text)))
	}
	r.progress.Say("%d so far", r.told)
}

// end writes what is left. err is what kept it from its end; what was told before holds.
func (r *results) end(err error) error {
	r.progress.Clear()
	if r.told == 1 && r.failed == 1 && err == nil && !r.o.json {
		return errors.New(r.failure) // which says all
	}
	if unwritten := cmp.Or(r.unwritten, r.table.End()); unwritten != nil {
		return errors.Join(err, fmt.Errorf("write the results: %w", unwritten))
	}
	switch {
	case err != nil && r.told > 0:
		return fmt.Errorf("%w (%s: run the command again for the rest)", err, r.before())
	case err != nil:
		return err
	case r.failed > 0:
		return fmt.Errorf("%d of %d were not done: their reasons are listed", r.failed, r.told)
	}
	return nil
}

// before is what was done of it before an error ended it.
func (r *results) before() string {
	done := r.told - r.failed
	text := fmt.Sprintf("%d %s done before", done, were(done))
	if r.failed > 0 {
		text += fmt.Sprintf(", %d %s refused", r.failed, were(r.failed))
	}
	return text
}

func were(n int) string {
	if n == 1 {
		return "was"
	}
	return "were"
}

// outcomes are results for accounts.
type outcomes struct {
	*results
	texts map[int]string // by HTTP status
	held  map[int]bool   // statuses other than 2xx that are as wanted
}

func (a *app) outcomes(o *options, texts map[int]string) *outcomes {
	return &outcomes{results: a.results(o), texts: texts, held: map[int]bool{}}
}

func (r *outcomes) add(e serverapi.Entry) {
	text, known := r.texts[e.Status]
	good := e.Status/100 == 2 || r.held[e.Status]
	if !known || !good && e.Detail != "" {
		text = e.Detail
	}
	r.results.add(e, good, e.Accid, text)
}

// each does something for every account, several at a time, and tells the results in their order.
// An error that is no refusal ends it.
func each[T any](ctx context.Context, list []T, tell func(serverapi.Entry), do func(context.Context, T) (serverapi.Entry, error)) error {
	for len(list) > 0 {
		part := list[:min(len(list), groupSize)]
		list = list[len(part):]
		entries := make([]serverapi.Entry, len(part))
		group, ctx := errgroup.WithContext(ctx)
		group.SetLimit(several)
		for i, one := range part {
			group.Go(func() (err error) {
				if err := ctx.Err(); err != nil {
					return err
				}
				entries[i], err = do(ctx, one)
				return err
			})
		}
		err := group.Wait()
		for _, e := range entries {
			if e.Status != 0 {
				tell(e)
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// entryOf is the result for an account, unless the error says nothing of it.
func entryOf(account string, created bool, err error) (serverapi.Entry, error) {
	p, refused := errors.AsType[*serverapi.Problem](err)
	switch {
	case refused && p.AWS: // which holds for all of them
		return serverapi.Entry{}, err
	case refused:
		return serverapi.Entry{Accid: account, Status: p.Status, Detail: advised(p).Error()}, nil
	case err != nil:
		return serverapi.Entry{}, err
	case created:
		return serverapi.Entry{Accid: account, Status: http.StatusCreated}, nil
	}
	return serverapi.Entry{Accid: account, Status: http.StatusOK}, nil
}
