package soak

import (
	"fmt"
	"io"
	"maps"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/plotutil"
	"gonum.org/v1/plot/vg"

	"unsend/scripts/benchmark/svg"
)

// Plot draws the report's curves as SVG.
func (r Report) Plot(out io.Writer) error {
	p := plot.New()
	p.Title.Text = "Resident memory of a process of each function, as long as it lived"
	p.X.Label.Text, p.Y.Label.Text = "minutes", "MB"
	p.Legend.Left, p.Legend.Top = true, true
	p.Add(plotter.NewGrid())
	highest := 0.0
	for i, name := range slices.Sorted(maps.Keys(r.Curves)) {
		points := make(plotter.XYs, 0, len(r.Curves[name]))
		for _, s := range r.Curves[name] {
			points = append(points, plotter.XY{X: s.At.Minutes(), Y: megabytes(s.Bytes)})
			highest = max(highest, megabytes(s.Bytes))
		}
		line, err := plotter.NewLine(points)
		if err != nil {
			return fmt.Errorf("plot: %w", err)
		}
		line.Color, line.Width, line.Dashes = plotutil.Color(i), vg.Points(1.2), plotutil.Dashes(i/7)
		p.Add(line)
		p.Legend.Add(name, line)
	}
	p.Y.Min, p.Y.Max = 0, highest*1.6 // room for the legend
	return svg.Write(out, p)
}
