package main

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"unsend/scripts/unsend/terminal"
)

// grid is a table with a head, for a terminal or for a page.
type grid struct {
	title string
	head  []string
	rows  [][]string
}

// print aligns it for a terminal: the first column to the left, numbers to the right.
func (g grid) print(out io.Writer, colour bool) error {
	var text bytes.Buffer
	table := tabwriter.NewWriter(&text, 0, 0, 2, ' ', tabwriter.AlignRight)
	width := 0
	for _, row := range append([][]string{g.head}, g.rows...) {
		width = max(width, len(row[0]))
	}
	for _, row := range append([][]string{g.head}, g.rows...) {
		fmt.Fprintf(table, "%-*s\t%s\t\n", width, row[0], strings.Join(row[1:], "\t"))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	head, rest, _ := strings.Cut(text.String(), "\n")
	_, err := fmt.Fprintf(out, "%s\n%s\n%s\n", g.title, terminal.Paint(colour, terminal.Bold, head), rest)
	return err
}

// markdown is it for a page, numbers to the right.
func (g grid) markdown() string {
	var text strings.Builder
	fmt.Fprintf(&text, "| %s |\n|---|%s\n", strings.Join(g.head, " | "), strings.Repeat("---:|", len(g.head)-1))
	for _, row := range g.rows {
		fmt.Fprintf(&text, "| %s |\n", strings.Join(row, " | "))
	}
	return text.String()
}
