package seed

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// place is where something stands in the file.
type place struct{ line, column int }

// Problem is one thing that is wrong with a file.
type Problem struct {
	Line, Column int
	Text         string // what is wrong, and what to do
}

// Problems is everything that is wrong with a file.
type Problems struct {
	File string
	List []Problem
}

// Error lists the problems by line.
func (p *Problems) Error() string {
	var text strings.Builder
	for _, problem := range p.List {
		fmt.Fprintf(&text, "%s:%d:%d: %s\n", p.File, problem.Line, problem.Column, problem.Text)
	}
	count := "1 problem"
	if len(p.List) != 1 {
		count = fmt.Sprintf("%d problems", len(p.List))
	}
	fmt.Fprintf(&text, "%s; nothing was written. Correct the file and run the command again.", count)
	return text.String()
}

// report collects problems.
type report struct{ list []Problem }

func (r *report) add(at place, format string, args ...any) {
	r.list = append(r.list, Problem{Line: at.line, Column: at.column, Text: fmt.Sprintf(format, args...)})
}

// err is nil when nothing was wrong.
func (r *report) err(file string) error {
	if len(r.list) == 0 {
		return nil
	}
	slices.SortStableFunc(r.list, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return &Problems{File: file, List: r.list}
}
