package terminal

import (
	"io"
	"strings"

	"github.com/charmbracelet/x/ansi"
)

// held is how many rows a table holds before it writes them, to know how wide its columns are.
const held = 1000

// Table writes rows in columns. Cells may be coloured, and are otherwise made harmless with [Clean] by whoever adds them.
// Beyond the first thousand rows a column may grow wider than above.
type Table struct {
	Out    io.Writer
	Colour bool
	// BeforeWriting, where set, is called before each writing, to clear what else stands on the terminal.
	BeforeWriting func()

	widths []int
	rows   [][]string
	err    error
}

// Head adds the names of the columns.
func (t *Table) Head(names ...string) {
	cells := make([]string, len(names))
	for i, name := range names {
		cells[i] = Paint(t.Colour, Dim, name)
	}
	t.Add(cells...)
}

// Add adds a row. An empty cell is shown as a dash.
func (t *Table) Add(cells ...string) {
	for i, cell := range cells {
		if cell == "" {
			cells[i] = "-"
		}
		if i == len(t.widths) {
			t.widths = append(t.widths, 0)
		}
		t.widths[i] = max(t.widths[i], ansi.StringWidth(cells[i]))
	}
	t.rows = append(t.rows, cells)
	if len(t.rows) == held {
		t.write()
	}
}

// End writes what is left, and gives the first error.
func (t *Table) End() error {
	t.write()
	return t.err
}

func (t *Table) write() {
	var text strings.Builder
	for _, row := range t.rows {
		for i, cell := range row {
			text.WriteString(cell)
			if i < len(row)-1 {
				text.WriteString(strings.Repeat(" ", t.widths[i]-ansi.StringWidth(cell)+3))
			}
		}
		text.WriteByte('\n')
	}
	t.rows = nil
	if t.err != nil || text.Len() == 0 {
		return
	}
	if t.BeforeWriting != nil {
		t.BeforeWriting()
	}
	_, t.err = io.WriteString(t.Out, text.String())
}
