package unsend_test

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// widget is a widget of the dashboard.
type widget struct {
	Type                string
	X, Y, Width, Height int
	Properties          struct {
		Title, Region, View, Query string
		Metrics                    [][]any
	}
}

// dashboard gives the widgets, with the template's references as they are written.
func dashboard(t *testing.T, template object) []widget {
	t.Helper()
	text, _ := at(template, "Resources", "Dashboard", "Properties", "DashboardBody")["Fn::Sub"].(string)
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.DisallowUnknownFields()
	var body struct{ Widgets []json.RawMessage }
	if err := decoder.Decode(&body); err != nil || len(body.Widgets) == 0 {
		t.Fatalf("the dashboard's body: %v, %d widgets", err, len(body.Widgets))
	}
	widgets := make([]widget, len(body.Widgets))
	for i, raw := range body.Widgets {
		if err := json.Unmarshal(raw, &widgets[i]); err != nil {
			t.Fatal(err)
		}
	}
	return widgets
}

// dashboardMetrics are those that AWS documents, by the namespace and the names of the dimensions.
var dashboardMetrics = map[string][]string{
	"AWS/ApiGateway ApiId Stage":                      {"ConnectCount", "MessageCount", "ClientError", "IntegrationError", "ExecutionError"},
	"AWS/Lambda FunctionName":                         {"Invocations", "Errors", "Throttles", "Duration", "ConcurrentExecutions", "IteratorAge"},
	"AWS/Lambda":                                      {"ConcurrentExecutions"},
	"AWS/Lambda EventSourceMappingUUID":               {"OnFailureDestinationDeliveredEventCount"},
	"AWS/SQS QueueName":                               {"ApproximateAgeOfOldestMessage", "ApproximateNumberOfMessagesVisible", "ApproximateNumberOfMessagesNotVisible"},
	"AWS/DynamoDB TableName":                          {"ConsumedReadCapacityUnits", "ConsumedWriteCapacityUnits", "ReadThrottleEvents", "WriteThrottleEvents"},
	"AWS/DynamoDB TableName GlobalSecondaryIndexName": {"ConsumedReadCapacityUnits", "ConsumedWriteCapacityUnits", "ReadThrottleEvents", "WriteThrottleEvents"},
	"Unsend/${AWS::StackName}":                        nil, // those that the template's filters make
}

// A metric of something that is not there is an empty line, and nothing else would tell.
func TestTheDashboardShowsWhatIsThere(t *testing.T) {
	t.Parallel()
	template := loadTemplate(t)
	known := knownValues(t, template)
	own := map[string]bool{}
	for _, filter := range resources(template, "AWS::Logs::MetricFilter") {
		own[filter["MetricTransformations"].([]any)[0].(object)["MetricName"].(string)] = true
	}
	for _, w := range dashboard(t, template) {
		if w.Properties.Region != "${AWS::Region}" || w.Properties.Title == "" {
			t.Errorf("the widget %q is of the Region %q", w.Properties.Title, w.Properties.Region)
		}
		for _, metric := range w.Properties.Metrics {
			kind, name, values := widgetMetric(t, metric)
			names, ok := dashboardMetrics[kind]
			if names == nil && !own[name] || names != nil && !slices.Contains(names, name) || !ok {
				t.Errorf("%s: there is no metric %s of %s", w.Properties.Title, name, kind)
			}
			for dimension, value := range values {
				if !slices.Contains(known[dimension], value) {
					t.Errorf("%s: %s: the template has no %s %s", w.Properties.Title, name, dimension, value)
				}
			}
		}
		groups := source.FindAllString(w.Properties.Query, -1)
		if missing := func(group string) bool { return !slices.Contains(known["log"], group) }; w.Type == "log" && (len(groups) == 0 || slices.ContainsFunc(groups, missing)) {
			t.Errorf("%s: the template has no log group of %s", w.Properties.Title, w.Properties.Query)
		}
		if (w.Type == "log") != (len(w.Properties.Metrics) == 0) {
			t.Errorf("%s: a %s widget with %d metrics", w.Properties.Title, w.Type, len(w.Properties.Metrics))
		}
	}
}

var source = regexp.MustCompile(`\$\{\w+\}`)

// widgetMetric reads [namespace, name, dimension, value, …, {options}].
func widgetMetric(t *testing.T, metric []any) (kind, name string, values map[string]string) {
	t.Helper()
	if _, options := metric[len(metric)-1].(map[string]any); options {
		metric = metric[:len(metric)-1]
	}
	if len(metric)%2 != 0 || len(metric) < 2 {
		t.Fatalf("not a metric: %v", metric)
	}
	kind, name, values = metric[0].(string), metric[1].(string), map[string]string{}
	for i := 2; i < len(metric); i += 2 {
		kind += " " + metric[i].(string)
		values[metric[i].(string)] = metric[i+1].(string)
	}
	return kind, name, values
}

// knownValues are what a dimension can be, as !Sub writes it.
func knownValues(t *testing.T, template object) map[string][]string {
	t.Helper()
	known := map[string][]string{"ApiId": {"${Api}"}, "Stage": {"${Stage}"}}
	if at(template, "Resources", "Api") == nil || at(template, "Parameters", "Stage") == nil {
		t.Fatal("the reader of this test is wrong")
	}
	for name, f := range functions(t, template) {
		known["FunctionName"] = append(known["FunctionName"], "${"+name+"}")
		for event, e := range at(f, "Events") {
			if e.(object)["Type"] == "DynamoDB" { // SAM names the mapping so
				known["EventSourceMappingUUID"] = append(known["EventSourceMappingUUID"], "${"+name+event+"}")
			}
		}
	}
	for name, table := range resources(template, "AWS::DynamoDB::Table") {
		known["TableName"] = append(known["TableName"], "${"+name+"}")
		indexes, _ := table["GlobalSecondaryIndexes"].([]any)
		for _, index := range indexes {
			known["GlobalSecondaryIndexName"] = append(known["GlobalSecondaryIndexName"], index.(object)["IndexName"].(string))
		}
	}
	for name := range resources(template, "AWS::SQS::Queue") {
		known["QueueName"] = append(known["QueueName"], "${"+name+".QueueName}")
	}
	for name := range resources(template, "AWS::Logs::LogGroup") {
		known["log"] = append(known["log"], "${"+name+"}")
	}
	return known
}

// Whatever is added to the template is to be seen.
func TestTheDashboardShowsEverything(t *testing.T) {
	t.Parallel()
	template := loadTemplate(t)
	shown := map[string]map[string]bool{} // by metric, the values of its last dimension
	for _, w := range dashboard(t, template) {
		for _, metric := range w.Properties.Metrics {
			_, name, _ := widgetMetric(t, metric)
			if shown[name] == nil {
				shown[name] = map[string]bool{}
			}
			for _, part := range metric[2:] {
				if value, ok := part.(string); ok {
					shown[name][value] = true
				}
			}
		}
	}
	known := knownValues(t, template)
	for dimension, names := range map[string][]string{
		"FunctionName": {"Errors", "Throttles", "Duration", "ConcurrentExecutions"},
		"TableName":    {"ConsumedReadCapacityUnits", "ConsumedWriteCapacityUnits", "ReadThrottleEvents", "WriteThrottleEvents"},
		"QueueName":    {"ApproximateNumberOfMessagesVisible"},

		"GlobalSecondaryIndexName": {"ConsumedReadCapacityUnits", "ConsumedWriteCapacityUnits", "ReadThrottleEvents", "WriteThrottleEvents"},
		"EventSourceMappingUUID":   {"OnFailureDestinationDeliveredEventCount"},
	} {
		for _, name := range names {
			for _, value := range known[dimension] {
				if !shown[name][value] {
					t.Errorf("%s of %s is not shown", name, value)
				}
			}
		}
	}
}

// Revocations that the fast path always fails to tell are answered and told as without it, and raise no alarm: the dashboard and the page show them.
func TestRevocationsThatTheQueueDidNotTakeAreSeen(t *testing.T) {
	t.Parallel()
	template := loadTemplate(t)
	const filter = "filter ispresent(fast_failed)"
	shown := ""
	for _, w := range dashboard(t, template) {
		if strings.Contains(w.Properties.Query, filter) {
			shown += w.Properties.Query
		}
	}
	_, section, _ := strings.Cut(operatingPage(t), "\n## Fast revocations\n")
	if section, _, _ = strings.Cut(section, "\n## "); !strings.Contains(section, filter) {
		t.Errorf("the page has no %q", filter)
	}
	for name, f := range functions(t, template) {
		if branch, _ := at(f, "Environment", "Variables", "PUSH_QUEUE_URL")["Fn::If"].([]any); branch == nil || branch[0] != "RevokesFast" {
			continue
		}
		if source := "SOURCE '${" + name + "Logs}'"; !strings.Contains(shown, source) {
			t.Errorf("of %s the dashboard shows %q", name, shown)
		}
		if !strings.Contains(section, "/aws/lambda/NAME/"+strings.ToLower(name)) {
			t.Errorf("the page does not ask the log of %s", name)
		}
	}
}

// Widgets stand in rows of 24, and none on another.
func TestTheDashboardsWidgetsHaveTheirPlaces(t *testing.T) {
	t.Parallel()
	taken := map[string]string{}
	for _, w := range dashboard(t, loadTemplate(t)) {
		if w.X < 0 || w.X+w.Width > 24 || w.Width*w.Height == 0 {
			t.Errorf("%s is from %d on %d wide", w.Properties.Title, w.X, w.Width)
		}
		for x := range w.Width {
			for y := range w.Height {
				place := fmt.Sprint(w.X+x, " ", w.Y+y)
				if other, ok := taken[place]; ok {
					t.Fatalf("%s and %s are both at %s", w.Properties.Title, other, place)
				}
				taken[place] = w.Properties.Title
			}
		}
	}
	if len(taken) == 0 || len(taken)%24 != 0 {
		t.Errorf("%d places are taken: a row is not full", len(taken))
	}
}
