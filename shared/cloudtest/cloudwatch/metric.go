// Package cloudwatch models what CloudWatch makes of what happens in a deployment: metrics of lines of its logs,
// statistics of a period, and states of alarms. Metrics, patterns and alarms are read from the template, so that no
// threshold stands in a test.
//
// It knows what the template uses. Anything else is an error, so that a new property of an alarm cannot be
// overlooked.
package cloudwatch

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Metric names one: a namespace, a name, and each dimension with its value.
type Metric struct {
	Namespace, Name string
	dimensions      string // "Name=Value", sorted: a metric can be compared
}

// NewMetric names a metric. The dimensions are pairs of a name and its value.
func NewMetric(namespace, name string, dimensions ...string) Metric {
	var pairs []string
	for i := 0; i+1 < len(dimensions); i += 2 {
		pairs = append(pairs, dimensions[i]+"="+dimensions[i+1])
	}
	slices.Sort(pairs)
	return Metric{Namespace: namespace, Name: name, dimensions: strings.Join(pairs, ",")}
}

// Dimension is the value of one of its dimensions, empty where it has none of that name.
func (m Metric) Dimension(name string) string {
	for pair := range strings.SplitSeq(m.dimensions, ",") {
		if key, value, _ := strings.Cut(pair, "="); key == name {
			return value
		}
	}
	return ""
}

func (m Metric) String() string { return fmt.Sprintf("%s %s {%s}", m.Namespace, m.Name, m.dimensions) }

// Data are values of metrics, as AWS's services or a log put them. The zero value has none.
type Data struct {
	points map[Metric][]point
}

type point struct {
	at    time.Time
	value float64
}

// Put adds a value of that time.
func (d *Data) Put(m Metric, at time.Time, value float64) {
	if d.points == nil {
		d.points = map[Metric][]point{}
	}
	d.points[m] = append(d.points[m], point{at, value})
}

// statistics are those that the template uses (CloudWatch user guide, "CloudWatch statistics definitions").
var statistics = map[string]func([]float64) float64{
	"Sum": func(values []float64) (sum float64) {
		for _, v := range values {
			sum += v
		}
		return sum
	},
	"Maximum": slices.Max[[]float64],
	"Minimum": slices.Min[[]float64],
}

// statistic is that of the values from the one time to before the other; false where there are none.
func (d *Data) statistic(m Metric, name string, from, until time.Time) (float64, bool) {
	var values []float64
	for _, p := range d.points[m] {
		if !p.at.Before(from) && p.at.Before(until) {
			values = append(values, p.value)
		}
	}
	if len(values) == 0 {
		return 0, false
	}
	return statistics[name](values), true
}
