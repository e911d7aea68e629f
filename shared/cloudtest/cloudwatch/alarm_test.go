package cloudwatch_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"unsend/shared/cloudtest/cfn"
	"unsend/shared/cloudtest/cloudwatch"
)

// template reads one of these resources, indented by two.
func template(t *testing.T, resources string) cfn.Object {
	t.Helper()
	path := filepath.Join(t.TempDir(), "template.yaml")
	if err := os.WriteFile(path, []byte("Resources:\n"+resources), 0o600); err != nil {
		t.Fatal(err)
	}
	read, err := cfn.Read(path)
	if err != nil {
		t.Fatal(err)
	}
	return read
}

// asItStands resolves nothing.
func asItStands(value any) (string, error) { return fmt.Sprint(value), nil }

const one = `
  Late:
    Type: AWS::CloudWatch::Alarm
    Properties:
      Namespace: AWS/Lambda
      MetricName: IteratorAge
      Dimensions: [{Name: FunctionName, Value: notify}]
      Statistic: Maximum
      Period: 60
      EvaluationPeriods: 3
      Threshold: 60000
      ComparisonOperator: GreaterThanOrEqualToThreshold
      TreatMissingData: notBreaching
`

const several = `
  Waits:
    Type: AWS::CloudWatch::Alarm
    Properties:
      Metrics:
        - {Id: waits, Expression: 'IF(age >= 300 OR tasks >= 1000, 1, 0)', ReturnData: true}
        - {Id: age, ReturnData: false, MetricStat: {Stat: Maximum, Period: 60, Metric: {Namespace: Q, MetricName: Age}}}
        - {Id: tasks, ReturnData: false, MetricStat: {Stat: Minimum, Period: 60, Metric: {Namespace: Q, MetricName: Tasks}}}
      EvaluationPeriods: 2
      Threshold: 1
      ComparisonOperator: GreaterThanOrEqualToThreshold
      TreatMissingData: notBreaching
`

const total = `
  Busy:
    Type: AWS::CloudWatch::Alarm
    Properties:
      Metrics:
        - {Id: all, Expression: SUM(METRICS())}
        - {Id: reads, ReturnData: false, MetricStat: {Stat: Sum, Period: 60, Metric: {Namespace: T, MetricName: Reads}}}
        - {Id: writes, ReturnData: false, MetricStat: {Stat: Sum, Period: 60, Metric: {Namespace: T, MetricName: Writes}}}
      EvaluationPeriods: 5
      DatapointsToAlarm: 3
      Threshold: 2
      ComparisonOperator: GreaterThanOrEqualToThreshold
      TreatMissingData: notBreaching
`

// minutes are the values of one metric, those of a minute apart by spaces, minutes by commas: "1 2,,3" has none in the second.
type minutes map[cloudwatch.Metric]string

func (m minutes) data(t *testing.T, from time.Time) *cloudwatch.Data {
	t.Helper()
	var data cloudwatch.Data
	for metric, text := range m {
		for i, minute := range strings.Split(text, ",") {
			for j, each := range strings.Fields(minute) {
				var value float64
				if _, err := fmt.Sscan(each, &value); err != nil {
					t.Fatal(err)
				}
				data.Put(metric, from.Add(time.Duration(i)*time.Minute+time.Duration(j)*time.Second), value)
			}
		}
	}
	return &data
}

func TestStates(t *testing.T) {
	t.Parallel()
	age := cloudwatch.NewMetric("AWS/Lambda", "IteratorAge", "FunctionName", "notify")
	waited, tasks := cloudwatch.NewMetric("Q", "Age"), cloudwatch.NewMetric("Q", "Tasks")
	reads, writes := cloudwatch.NewMetric("T", "Reads"), cloudwatch.NewMetric("T", "Writes")
	for name, x := range map[string]struct {
		template string
		series   minutes
		want     cloudwatch.State
	}{
		"no data":                          {one, nil, cloudwatch.OK},
		"all periods at the threshold":     {one, minutes{age: "60000,60000,60000"}, cloudwatch.Triggered},
		"one below":                        {one, minutes{age: "60000,59999,60000"}, cloudwatch.OK},
		"one missing":                      {one, minutes{age: "60000,,60000"}, cloudwatch.OK},
		"the last is missing":              {one, minutes{age: "60000,60000,"}, cloudwatch.OK},
		"the largest of a minute counts":   {one, minutes{age: "1 60000,60000 1,2 60000 3"}, cloudwatch.Triggered},
		"long ago":                         {one, minutes{age: "60000,60000,60000,1"}, cloudwatch.OK},
		"another function's":               {one, minutes{cloudwatch.NewMetric("AWS/Lambda", "IteratorAge", "FunctionName", "record"): "60000,60000,60000"}, cloudwatch.OK},
		"another metric's":                 {one, minutes{cloudwatch.NewMetric("AWS/Lambda", "Errors", "FunctionName", "notify"): "60000,60000,60000"}, cloudwatch.OK},
		"old":                              {several, minutes{waited: "300,300", tasks: "0,0"}, cloudwatch.Triggered},
		"many":                             {several, minutes{waited: "0,0", tasks: "1000,1000"}, cloudwatch.Triggered},
		"old, then many":                   {several, minutes{waited: "300,0", tasks: "0,1000"}, cloudwatch.Triggered},
		"many but not for the minute":      {several, minutes{waited: "0,0", tasks: "1000 999,1000"}, cloudwatch.OK},
		"neither":                          {several, minutes{waited: "299,299", tasks: "999,999"}, cloudwatch.OK},
		"an expression without one part":   {several, minutes{waited: "300,300", tasks: "0,"}, cloudwatch.OK},
		"three of five, one after another": {total, minutes{reads: "2,2,2,0,0"}, cloudwatch.Triggered},
		"three of five, apart":             {total, minutes{reads: "2,,2,,2"}, cloudwatch.Triggered},
		"two of five":                      {total, minutes{reads: "2,0,0,0,2"}, cloudwatch.OK},
		"the sum of both":                  {total, minutes{reads: "1,1,1,0,0", writes: "1,1,1"}, cloudwatch.Triggered},
		"the sum of what is there":         {total, minutes{reads: "1 1,,,,", writes: ",1 1,1 1,,"}, cloudwatch.Triggered},
		"three of six":                     {total, minutes{reads: "2,0,0,0,2,2"}, cloudwatch.OK},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			alarms, err := cloudwatch.Alarms(template(t, x.template), asItStands)
			if err != nil || len(alarms) != 1 {
				t.Fatalf("%d alarms: %v", len(alarms), err)
			}
			from := time.Date(2026, 1, 2, 3, 4, 0, 0, time.UTC)
			last := 0
			for _, text := range x.series {
				last = max(last, strings.Count(text, ",")+1)
			}
			for _, alarm := range alarms {
				// In the middle of a minute that is not looked at yet.
				if got := alarm.State(x.series.data(t, from), from.Add(time.Duration(last)*time.Minute+30*time.Second)); got != x.want {
					t.Errorf("%s, want %s", got, x.want)
				}
			}
		})
	}
}

// A period counts when it is over, and begins at a multiple of its length.
func TestAPeriodCountsWhenItIsOver(t *testing.T) {
	t.Parallel()
	alarms, err := cloudwatch.Alarms(template(t, strings.NewReplacer("Period: 60", "Period: 300", "EvaluationPeriods: 3", "EvaluationPeriods: 1").Replace(one)), asItStands)
	if err != nil {
		t.Fatal(err)
	}
	var data cloudwatch.Data
	at := time.Date(2026, 1, 2, 3, 7, 0, 0, time.UTC)
	data.Put(alarms["Late"].Metrics()[0], at, 60000)
	for minute, want := range map[int]cloudwatch.State{0: cloudwatch.OK, 2: cloudwatch.OK, 3: cloudwatch.Triggered, 7: cloudwatch.Triggered, 8: cloudwatch.OK} {
		if got := alarms["Late"].State(&data, at.Add(time.Duration(minute)*time.Minute)); got != want {
			t.Errorf("%d minutes later: %s, want %s", minute, got, want)
		}
	}
}

// What is not modelled is refused, and not left out.
func TestWhatIsUnknownIsRefused(t *testing.T) {
	t.Parallel()
	for name, change := range map[string][2]string{
		"a comparison":              {"GreaterThanOrEqualToThreshold", "LessThanThreshold"},
		"missing data":              {"notBreaching", "breaching"},
		"a statistic":               {"Maximum", "p99"},
		"a property":                {"Period: 60", "Period: 60\n      ExtendedStatistic: p99"},
		"no threshold":              {"Threshold: 60000", "Threshold: high"},
		"more datapoints":           {"EvaluationPeriods: 3", "EvaluationPeriods: 3\n      DatapointsToAlarm: 4"},
		"a function of metric math": {"SUM(METRICS())", "AVG(METRICS())"},
		"other arguments":           {"SUM(METRICS())", "'SUM([reads, writes])'"},
		"an operator":               {"age >= 300", "age > 300"},
		"another id":                {"age >= 300", "oldest >= 300"},
		"no expression":             {"IF(age >= 300 OR tasks >= 1000, 1, 0)", "IF("},
		"two results":               {"{Id: age, ReturnData: false", "{Id: age, ReturnData: true"},
		"two periods":               {"{Stat: Minimum, Period: 60", "{Stat: Minimum, Period: 300"},
	} {
		refused := false
		for _, text := range []string{one, several, total} {
			if changed := strings.Replace(text, change[0], change[1], 1); changed != text {
				_, err := cloudwatch.Alarms(template(t, changed), asItStands)
				refused = err != nil
				break
			}
		}
		if !refused {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestLinesThatAFilterMatches(t *testing.T) {
	t.Parallel()
	resource := `
  BusyLines:
    Type: AWS::Logs::MetricFilter
    Properties:
      LogGroupName: !Ref SendLogs
      FilterPattern: '{ $.level = "WARN" && $.code = 503 }'
      MetricTransformations: [{MetricNamespace: N, MetricName: Busy, MetricValue: '1'}]
`
	filters, err := cloudwatch.Filters(template(t, resource), asItStands)
	if err != nil || len(filters) != 1 || filters[0].LogGroup != "SendLogs" || filters[0].Metric != cloudwatch.NewMetric("N", "Busy") {
		t.Fatalf("%+v: %v", filters, err)
	}
	for _, x := range []struct {
		line map[string]any
		want bool
	}{
		{map[string]any{"level": "WARN", "code": 503.0}, true},
		{map[string]any{"level": "WARN", "code": "503"}, false},
		{map[string]any{"level": "INFO", "code": 503.0}, false},
		{map[string]any{"level": "WARN"}, false},
	} {
		if got, err := filters[0].Matches(x.line); err != nil || got != x.want {
			t.Errorf("%v: %t, %v", x.line, got, err)
		}
	}
	for _, pattern := range []string{`{ $.level != "WARN" }`, `[level]`, `{ $.level = "WARN }`} {
		if _, err := (cloudwatch.Filter{Pattern: pattern}).Matches(map[string]any{"level": "INFO"}); err == nil {
			t.Errorf("%s: no error", pattern)
		}
	}
	if _, err := cloudwatch.Filters(template(t, strings.Replace(resource, "MetricValue: '1'", "MetricValue: $.n", 1)), asItStands); err == nil {
		t.Error("a metric that is no count: no error")
	}
}
