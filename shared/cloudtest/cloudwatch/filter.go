package cloudwatch

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"unsend/shared/cloudtest/cfn"
)

// Filter makes a metric of lines of a log group: 1 for each line that matches.
type Filter struct {
	LogGroup string // its name in the template
	Pattern  string
	Metric   Metric
}

// Filters are the metric filters of the template, whatever their conditions.
func Filters(template cfn.Object, resolve Resolve) ([]Filter, error) {
	var list []Filter
	for name, properties := range cfn.Resources(template, "AWS::Logs::MetricFilter") {
		f, err := newFilter(properties, resolve)
		if err != nil {
			return nil, fmt.Errorf("the metric filter %s: %w", name, err)
		}
		list = append(list, f)
	}
	return list, nil
}

func newFilter(properties cfn.Object, resolve Resolve) (Filter, error) {
	made, _ := properties["MetricTransformations"].([]any)
	if len(made) != 1 {
		return Filter{}, fmt.Errorf("it makes %d metrics", len(made))
	}
	of, _ := made[0].(cfn.Object)
	if of["MetricValue"] != "1" || of["DefaultValue"] != nil || of["Dimensions"] != nil {
		return Filter{}, errors.New("its metric is no count of lines")
	}
	group, _ := cfn.At(properties, "LogGroupName")["Ref"].(string)
	pattern, _ := properties["FilterPattern"].(string)
	metric, err := metricOf(cfn.Object{"Namespace": of["MetricNamespace"], "MetricName": of["MetricName"]}, resolve)
	return Filter{LogGroup: group, Pattern: pattern, Metric: metric}, err
}

var term = regexp.MustCompile(`^\$\.(\w+) = ("?)([^"]*)("?)$`)

// Matches tells whether a line of JSON matches, by the few forms of patterns that the template has (CloudWatch Logs user guide, "Filter pattern
// syntax"). An error says that the pattern has another form.
func (f Filter) Matches(line map[string]any) (bool, error) {
	inner, opened := strings.CutPrefix(f.Pattern, "{ ")
	inner, closed := strings.CutSuffix(inner, " }")
	if !opened || !closed {
		return false, fmt.Errorf("the pattern %s is none of JSON", f.Pattern)
	}
	for part := range strings.SplitSeq(inner, " && ") {
		m := term.FindStringSubmatch(part)
		if m == nil || m[2] != m[4] {
			return false, fmt.Errorf("the pattern %s has a part of an unknown form", f.Pattern)
		}
		value := line[m[1]]
		if text, isText := value.(string); m[2] == `"` && (!isText || text != m[3]) || m[2] == "" && (isText || fmt.Sprint(value) != m[3]) {
			return false, nil
		}
	}
	return true, nil
}
