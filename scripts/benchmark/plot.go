package main

import (
	"fmt"
	"io"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/plotutil"
	"gonum.org/v1/plot/vg"

	"unsend/scripts/benchmark/fanout"
	"unsend/scripts/benchmark/svg"
)

// pointsPerCurve is what a reader can tell apart.
const pointsPerCurve = 300

// plotCurves writes the plot as SVG.
func plotCurves(out io.Writer, sizes []fanout.Result) error {
	p, err := curves(sizes)
	if err != nil {
		return fmt.Errorf("plot: %w", err)
	}
	return svg.Write(out, p)
}

// curves draws which share of the devices had been told by when.
func curves(sizes []fanout.Result) (*plot.Plot, error) {
	p := plot.New()
	p.Title.Text = "Devices told of a message and of its revoke"
	p.X.Label.Text, p.Y.Label.Text = "seconds since the write", "% of the devices that are told"
	p.X.Scale, p.X.Tick.Marker = plot.LogScale{}, plot.LogTicks{Prec: -1}
	p.X.Min = 0.05 // room for the legend, before anybody can be told
	p.Y.Min, p.Y.Max = 0, 100
	p.Legend.Left, p.Legend.Top = true, true
	p.Add(plotter.NewGrid())
	for i, size := range sizes {
		for j, pass := range size.Passes {
			if len(pass.Curve) == 0 {
				continue
			}
			line, err := plotter.NewLine(curve(pass))
			if err != nil {
				return nil, err
			}
			line.Color, line.Width, line.Dashes = plotutil.Color(i), vg.Points(1.5), plotutil.Dashes(j)
			p.Add(line)
			p.Legend.Add(fmt.Sprintf("%s devices, %s", whole(size.Connections), events[pass.Event]), line)
		}
	}
	return p, nil
}

// curve is the pass as points, the first and the last device among them.
func curve(pass fanout.Pass) plotter.XYs {
	n := len(pass.Curve)
	points := make(plotter.XYs, 0, pointsPerCurve+1)
	for k := range min(n, pointsPerCurve) {
		i := k * (n - 1) / max(1, min(n, pointsPerCurve)-1)
		points = append(points, plotter.XY{X: pass.Curve[i].Seconds(), Y: 100 * float64(i+1) / float64(n)})
	}
	return points
}
