package edgetest

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"unicode"

	"unsend/shared/chat"
	"unsend/shared/cloudtest/cfn"
	"unsend/shared/cloudtest/cloudwatch"
)

// CheckEmbedded checks the line's member _aws, where it has one, by the rules of CloudWatch's "Specification: Embedded metric format", and by
// our own: no dimensions, and nothing but numbers. The names of its metrics are given.
func CheckEmbedded(t *testing.T, line map[string]any, nowMS int64) (names []string) {
	t.Helper()
	if line["_aws"] == nil {
		return nil
	}
	text, err := json.Marshal(line["_aws"])
	if err != nil {
		t.Fatal(err)
	}
	var aws struct {
		Timestamp         *int64
		CloudWatchMetrics []struct {
			Namespace  string
			Dimensions [][]string
			Metrics    []struct{ Name, Unit string }
		}
	}
	// What the specification does not know is not to be there.
	d := json.NewDecoder(strings.NewReader(string(text)))
	d.DisallowUnknownFields()
	if err := d.Decode(&aws); err != nil || aws.Timestamp == nil || *aws.Timestamp != nowMS || len(aws.CloudWatchMetrics) != 1 {
		t.Fatalf("_aws is %s at %d: %v", text, nowMS, err)
	}
	directive := aws.CloudWatchMetrics[0]
	if directive.Namespace != Namespace || len(directive.Dimensions) != 1 || len(directive.Dimensions[0]) != 0 {
		t.Errorf("namespace and dimensions: %s", text)
	}
	if n := len(directive.Metrics); n == 0 || n > 100 {
		t.Errorf("%d metrics", n)
	}
	for _, m := range directive.Metrics {
		names = append(names, m.Name)
		if want := map[bool]string{true: "Milliseconds", false: "Count"}[strings.HasSuffix(m.Name, "_ms")]; m.Unit != want || !isMetricValue(line[m.Name]) {
			t.Errorf("%s in %s is %v", m.Name, m.Unit, line[m.Name])
		}
	}
	if sorted := slices.Sorted(slices.Values(names)); len(slices.Compact(sorted)) != len(names) {
		t.Errorf("a metric is named twice: %v", names)
	}
	return names
}

// isMetricValue: a number that is not 0, which would cost and say nothing, or 1 to 100 of any.
func isMetricValue(value any) bool {
	if list, ok := value.([]any); ok {
		return len(list) > 0 && len(list) <= 100 && !slices.ContainsFunc(list, func(each any) bool { _, ok := each.(float64); return !ok })
	}
	n, ok := value.(float64)
	return ok && n != 0
}

// filters are template.yaml's of the function whose tests these are; none for other packages.
var filters = sync.OnceValues(func() ([]cloudwatch.Filter, error) {
	folder, err := os.Getwd()
	if err != nil || filepath.Base(filepath.Dir(folder)) != "functions" {
		return nil, err
	}
	template, err := cfn.Read(filepath.Join(folder, "..", "..", "template.yaml"))
	if err != nil {
		return nil, err
	}
	list, err := cloudwatch.Filters(template, func(value any) (string, error) { return fmt.Sprint(value), nil })
	if err != nil {
		return nil, err
	}
	name := []rune(filepath.Base(folder))
	name[0] = unicode.ToUpper(name[0])
	list = slices.DeleteFunc(list, func(f cloudwatch.Filter) bool { return f.LogGroup != string(name)+"Logs" })
	if len(list) == 0 {
		return nil, fmt.Errorf("template.yaml has no metric filter for the log of %s", string(name))
	}
	return list, nil
})

// counted are the alarms' metrics that a line of these tests has made, by how often.
var counted struct {
	sync.Mutex
	lines map[string]int
}

// wanted is the alarms' metric that a line must make, by its code.
var wanted = map[float64]string{float64(chat.Internal): "FailedRequests", float64(chat.Busy): "BusyRequests"}

// countAlarms checks that the line makes the metric of its alarm, and of no other.
func countAlarms(t *testing.T, line map[string]any) {
	t.Helper()
	list, err := filters()
	if err != nil {
		t.Fatal(err)
	}
	code, _ := line["code"].(float64)
	for _, f := range list {
		made, err := f.Matches(line)
		if err != nil {
			t.Fatal(err)
		}
		if made != (f.Metric.Name == wanted[code]) {
			t.Errorf("the metric %s: %t by the line %v", f.Metric.Name, made, line)
		}
		if made {
			counted.Lock()
			if counted.lines == nil {
				counted.lines = map[string]int{}
			}
			counted.lines[f.Metric.Name]++
			counted.Unlock()
		}
	}
}

// Main runs a function's tests, and asks after all of them whether its log has given the alarms RequestsFail and RequestsAreBusy the lines
// that they are about. These tests wait more than they compute, so that more of them go side by side than there are processors, unless
// -parallel says how many. It gives the exit code.
func Main(m *testing.M) int {
	if err := flag.Set("test.parallel", "32"); err != nil { // the command line is read later, and goes before
		panic(err)
	}
	code := m.Run()
	for _, name := range []string{"test.run", "test.skip", "test.list", "test.fuzz"} {
		if flag.Lookup(name).Value.String() != "" {
			return code // not all of them
		}
	}
	for _, metric := range wanted {
		if code == 0 && counted.lines[metric] == 0 {
			fmt.Printf("no test has this function log what the alarms' metric %s counts\n", metric)
			code = 1
		}
	}
	return code
}

// Measured are the metrics of a line and their values, in the order of their names.
func Measured(line map[string]any) string {
	aws, _ := line["_aws"].(map[string]any)
	directives, _ := aws["CloudWatchMetrics"].([]any)
	var list []string
	for _, directive := range directives {
		metrics, _ := directive.(map[string]any)["Metrics"].([]any)
		for _, metric := range metrics {
			name, _ := metric.(map[string]any)["Name"].(string)
			list = append(list, fmt.Sprintf("%s %v", name, line[name]))
		}
	}
	slices.Sort(list)
	return strings.Join(list, ", ")
}
