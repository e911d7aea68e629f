// Package svg writes plots for documents.
package svg

import (
	"fmt"
	"io"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// Write writes the plot, as wide as a page.
func Write(out io.Writer, p *plot.Plot) error {
	canvas := vgsvg.New(9*vg.Inch, 5*vg.Inch)
	p.Draw(draw.New(canvas))
	if _, err := canvas.WriteTo(out); err != nil {
		return fmt.Errorf("plot: %w", err)
	}
	return nil
}
