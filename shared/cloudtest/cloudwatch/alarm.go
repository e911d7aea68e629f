package cloudwatch

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"unsend/shared/cloudtest/cfn"
)

// State is that of an alarm.
type State string

// The states. There is no INSUFFICIENT_DATA where missing data do not breach.
const (
	OK        State = "OK"
	Triggered State = "ALARM"
)

// Resolve gives the value of something in the template: a text, or an intrinsic function such as {"Ref": "Notify"}.
type Resolve func(value any) (string, error)

// Alarm is a metric alarm.
type Alarm struct {
	Name      string
	period    time.Duration
	last      int // how many periods are looked at
	toAlarm   int // how many of them must breach
	threshold float64
	inputs    map[string]input // by their ids
	result    expression
}

type input struct {
	metric    Metric
	statistic string
}

// only is the id of the metric of an alarm that has one.
const only = "only"

// Alarms are those of the template, whatever their conditions, by name.
func Alarms(template cfn.Object, resolve Resolve) (map[string]Alarm, error) {
	alarms := map[string]Alarm{}
	for name, properties := range cfn.Resources(template, "AWS::CloudWatch::Alarm") {
		alarm, err := newAlarm(name, properties, resolve)
		if err != nil {
			return nil, fmt.Errorf("the alarm %s: %w", name, err)
		}
		alarms[name] = alarm
	}
	return alarms, nil
}

// known are the properties of an alarm that are read here, or change no state.
var known = []string{"Namespace", "MetricName", "Dimensions", "Statistic", "Period", "Metrics", "EvaluationPeriods", "DatapointsToAlarm",
	"Threshold", "ComparisonOperator", "TreatMissingData", "AlarmDescription", "AlarmActions", "OKActions"}

func newAlarm(name string, properties cfn.Object, resolve Resolve) (Alarm, error) {
	a := Alarm{Name: name, inputs: map[string]input{}}
	for key := range properties {
		if !slices.Contains(known, key) {
			return a, fmt.Errorf("the property %s is unknown", key)
		}
	}
	if properties["ComparisonOperator"] != "GreaterThanOrEqualToThreshold" || properties["TreatMissingData"] != "notBreaching" {
		return a, errors.New("only values from the threshold on breach, and missing ones do not")
	}
	last, ok1 := properties["EvaluationPeriods"].(int)
	threshold, ok2 := number(properties["Threshold"])
	toAlarm, some := properties["DatapointsToAlarm"].(int)
	if !some {
		toAlarm = last
	}
	if !ok1 || !ok2 || toAlarm < 1 || toAlarm > last {
		return a, fmt.Errorf("%d of %d periods from %v on", toAlarm, last, properties["Threshold"])
	}
	a.last, a.toAlarm, a.threshold = last, toAlarm, threshold
	return a, a.read(properties, resolve)
}

// read takes what the alarm is about: one metric, or several and an expression.
func (a *Alarm) read(properties cfn.Object, resolve Resolve) error {
	entries, several := properties["Metrics"].([]any)
	if !several {
		a.result = variable(only)
		return a.input(only, properties, properties["Statistic"], properties["Period"], resolve)
	}
	for _, each := range entries {
		entry, _ := each.(cfn.Object)
		id, _ := entry["Id"].(string)
		if text, is := entry["Expression"].(string); is {
			result, err := parse(text)
			if err != nil || a.result != nil {
				return fmt.Errorf("the expression %s is not the only one, or: %w", text, err)
			}
			a.result = result
			continue
		}
		stat := cfn.At(entry, "MetricStat")
		if entry["ReturnData"] != false {
			return fmt.Errorf("%s is a result, too", id)
		}
		if err := a.input(id, cfn.At(stat, "Metric"), stat["Stat"], stat["Period"], resolve); err != nil {
			return err
		}
	}
	return a.complete()
}

// complete tells whether each part of the expression is there.
func (a *Alarm) complete() error {
	if a.result == nil {
		return errors.New("there is no expression")
	}
	for _, id := range a.result.names() {
		if _, ok := a.inputs[id]; !ok {
			return fmt.Errorf("the expression names %s, which is not there", id)
		}
	}
	return nil
}

func (a *Alarm) input(id string, metric cfn.Object, statistic, period any, resolve Resolve) error {
	name, _ := statistic.(string)
	seconds, ok := period.(int)
	if statistics[name] == nil || !ok || a.period != 0 && a.period != time.Duration(seconds)*time.Second {
		return fmt.Errorf("%s is the %v of %v s, and other metrics are of %v", id, statistic, period, a.period)
	}
	a.period = time.Duration(seconds) * time.Second
	m, err := metricOf(metric, resolve)
	a.inputs[id] = input{metric: m, statistic: name}
	return err
}

// metricOf reads Namespace, MetricName and Dimensions.
func metricOf(properties cfn.Object, resolve Resolve) (Metric, error) {
	namespace, err := resolve(properties["Namespace"])
	if err != nil {
		return Metric{}, err
	}
	var pairs []string
	dimensions, _ := properties["Dimensions"].([]any)
	for _, each := range dimensions {
		dimension, _ := each.(cfn.Object)
		value, err := resolve(dimension["Value"])
		if err != nil {
			return Metric{}, err
		}
		pairs = append(pairs, fmt.Sprint(dimension["Name"]), value)
	}
	return NewMetric(namespace, fmt.Sprint(properties["MetricName"]), pairs...), nil
}

// number is that of the template, which YAML reads as an int or a float.
func number(value any) (float64, bool) {
	switch n := value.(type) {
	case int:
		return float64(n), true
	case float64:
		return n, true
	}
	return 0, false
}

// Metrics are those that the alarm looks at.
func (a Alarm) Metrics() (list []Metric) {
	for _, id := range slices.Sorted(maps.Keys(a.inputs)) {
		list = append(list, a.inputs[id].metric)
	}
	return list
}

// State is what the alarm says at that time, of the last periods that are over. Periods begin at whole multiples of their length.
// CloudWatch may look further back where values are missing, and so be in alarm for longer, but not without values that breach (its
// user guide, "Configuring how CloudWatch alarms treat missing data").
func (a Alarm) State(data *Data, now time.Time) State {
	breaching, end := 0, now.Truncate(a.period)
	for range a.last {
		if value, ok := a.value(data, end.Add(-a.period), end); ok && value >= a.threshold {
			breaching++
		}
		end = end.Add(-a.period)
	}
	if breaching >= a.toAlarm {
		return Triggered
	}
	return OK
}

func (a Alarm) value(data *Data, from, until time.Time) (float64, bool) {
	values := values{}
	for id, in := range a.inputs {
		if v, ok := data.statistic(in.metric, in.statistic, from, until); ok {
			values[id] = v
		}
	}
	return a.result.value(values)
}
