package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/plotutil"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"

	"unsend/scripts/benchmark/operations"
)

// drawn are the operations that the plots show; the tables have all.
var drawn = []string{"send", "revoke, own", "revokeBatch of 16", "history of 50", "sync page", "ping", "connect", "put member", "notify"}

// series is one line of a plot.
type series struct {
	name   string
	points plotter.XYs
}

// writePlots writes the three plots.
func (o operationsOutput) writePlots(folder string) error {
	byHistory, err := o.growthPlots("messages in the channel", history, o.grown(members))
	if err != nil {
		return err
	}
	byMembers, err := o.growthPlots("members of the server", members, o.grown(history))
	if err != nil {
		return err
	}
	audience, err := o.audiencePlot()
	if err != nil {
		return err
	}
	return errors.Join(
		writeSVG(filepath.Join(folder, "operations-history.svg"), byHistory...),
		writeSVG(filepath.Join(folder, "operations-members.svg"), byMembers...),
		writeSVG(filepath.Join(folder, "operations-audience.svg"), audience),
	)
}

// growthPlots are the units, and beside them the own times where any were taken.
func (o operationsOutput) growthPlots(x string, size func(operations.Scene) int, scenes []operations.Scene) ([]*plot.Plot, error) {
	var units, times []series
	for i, each := range o.base().Operations {
		if !slices.Contains(drawn, each.Name) {
			continue
		}
		u, t := series{name: each.Name}, series{name: each.Name}
		for _, scene := range scenes {
			at, n := scene.Operations[i], float64(size(scene))
			u.points = append(u.points, plotter.XY{X: n, Y: at.Reads + at.Writes})
			if at.Own != nil {
				t.points = append(t.points, plotter.XY{X: n, Y: at.Own.Median.Seconds() * 1000})
			}
		}
		units, times = append(units, u), append(times, t)
	}
	first, err := curvesOf("DynamoDB units of an operation", x, "read and write units", units, false)
	if err != nil || len(times[0].points) == 0 {
		return []*plot.Plot{first}, err
	}
	second, err := curvesOf("Time of the code itself, p50", x, "ms", times, false)
	return []*plot.Plot{first, second}, err
}

func (o operationsOutput) audiencePlot() (*plot.Plot, error) {
	posts, reads := series{name: "posts"}, series{name: "read units"}
	for _, each := range o.Audience {
		posts.points = append(posts.points, plotter.XY{X: float64(each.Devices), Y: float64(each.Posts)})
		reads.points = append(reads.points, plotter.XY{X: float64(each.Devices), Y: each.Reads})
	}
	return curvesOf("Telling the devices of one server of a message", "devices", "both axes are logarithmic", []series{posts, reads}, true)
}

// curvesOf draws series over a logarithmic x.
func curvesOf(title, x, y string, all []series, log bool) (*plot.Plot, error) {
	p := plot.New()
	p.Title.Text, p.X.Label.Text, p.Y.Label.Text = title, x, y
	p.X.Scale, p.X.Tick.Marker = plot.LogScale{}, plot.LogTicks{Prec: -1}
	if log {
		p.Y.Scale, p.Y.Tick.Marker = plot.LogScale{}, plot.LogTicks{Prec: -1}
	}
	p.Legend.Left, p.Legend.Top = true, true
	p.Add(plotter.NewGrid())
	highest := 0.0
	for i, s := range all {
		line, points, err := plotter.NewLinePoints(s.points)
		if err != nil {
			return nil, fmt.Errorf("plot: %w", err)
		}
		line.Color, line.Width, line.Dashes = plotutil.Color(i), vg.Points(1.5), plotutil.Dashes(i/7)
		points.Color, points.Shape = plotutil.Color(i), plotutil.Shape(i)
		p.Add(line, points)
		p.Legend.Add(s.name, line, points)
		for _, point := range s.points {
			highest = max(highest, point.Y)
		}
	}
	if !log {
		p.Y.Min, p.Y.Max = 0, highest*1.8 // room for the legend
	}
	return p, nil
}

// writeSVG writes plots side by side.
func writeSVG(name string, plots ...*plot.Plot) (err error) {
	canvas := vgsvg.New(vg.Length(len(plots))*6*vg.Inch, 5*vg.Inch)
	tiles := draw.Tiles{Rows: 1, Cols: len(plots), PadX: vg.Points(12), PadTop: vg.Points(6), PadRight: vg.Points(12)}
	for i, c := range plot.Align([][]*plot.Plot{plots}, tiles, draw.New(canvas))[0] {
		plots[i].Draw(c)
	}
	file, err := os.Create(name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	_, err = canvas.WriteTo(file)
	return err
}
