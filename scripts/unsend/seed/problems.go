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

// maxProblems is where reading stops: nobody corrects more at once.
const maxProblems = 100

// Problems is what is wrong with a file: everything, unless it is maxProblems.
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
	if len(p.List) == maxProblems {
		count += ", and the rest of the file was not looked at"
	}
	fmt.Fprintf(&text, "%s; nothing was written. Correct the file and run the command again.", count)
	return text.String()
}

// report collects problems.
type report struct{ list []Problem }

// tooMany is the panic that ends the reading, as deep as it may be; [Parse] recovers it.
type tooMany struct{}

func (r *report) add(at place, format string, args ...any) {
	r.list = append(r.list, Problem{Line: at.line, Column: at.column, Text: fmt.Sprintf(format, args...)})
	if len(r.list) == maxProblems {
		panic(tooMany{})
	}
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
