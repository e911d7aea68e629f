package unsend_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
)

// cause is what gives an alarm its value.
type cause struct {
	metric    string // namespace and name
	threshold string // and above
	by        string // the test that causes the condition
}

// causes are those of all alarms. Their tests are in e2e/alarms_test.go; what they make of the metrics that the local stack has not is
// in e2e/observe_test.go.
var causes = map[string]cause{
	"RequestsFail":          {"Unsend/${AWS::StackName} FailedRequests", "1", "TestAlarmWhenAPermissionIsMissing"},
	"RequestsAreBusy":       {"Unsend/${AWS::StackName} BusyRequests", "10", "TestAlarmWhenTablesAreThrottled"},
	"NoticesAreLate":        {"AWS/Lambda IteratorAge", "60000", "TestAlarmWhenTheStreamWaits"},
	"NoticesWereGivenUp":    {"AWS/Lambda OnFailureDestinationDeliveredEventCount", "1", "TestAlarmWhenSomethingIsGivenUp"},
	"NoticesWereLost":       {"AWS/Lambda DestinationDeliveryFailures", "1", "TestAlarmWhenSomethingIsGivenUp"},
	"RecordsAreLate":        {"AWS/Lambda IteratorAge", "300000", "TestAlarmWhenTheStreamWaits"},
	"RecordsWereGivenUp":    {"AWS/Lambda OnFailureDestinationDeliveredEventCount", "1", "TestAlarmWhenSomethingIsGivenUp"},
	"RecordsWereLost":       {"AWS/Lambda DestinationDeliveryFailures", "1", "TestAlarmWhenSomethingIsGivenUp"},
	"TasksAreDeadLetters":   {"AWS/SQS ApproximateNumberOfMessagesVisible", "1", "TestAlarmWhenSomethingBecomesADeadLetter"},
	"JobsAreDeadLetters":    {"AWS/SQS ApproximateNumberOfMessagesVisible", "1", "TestAlarmWhenSomethingBecomesADeadLetter"},
	"JobsWait":              {"AWS/SQS ApproximateAgeOfOldestMessage", "900", "TestAlarmWhenAQueueWaits"},
	"TasksWait":             {"AWS/SQS ApproximateAgeOfOldestMessage, AWS/SQS ApproximateNumberOfMessagesVisible", "1", "TestAlarmWhenAQueueWaits"},
	"FunctionsFail":         {"AWS/Lambda Errors", "1", "TestAlarmWhenAFunctionCannotStart"},
	"WorkersFail":           {"AWS/Lambda Errors", "1", "TestAlarmWhenTheStreamWaits"},
	"FunctionsAreThrottled": {"AWS/Lambda Throttles", "1", "TestAlarmWhenFunctionsAreThrottled"},
	"WorkersAreThrottled":   {"AWS/Lambda Throttles", "1", "TestAlarmWhenFunctionsAreThrottled"},
	"TablesAreThrottled":    {"AWS/DynamoDB ReadThrottleEvents, AWS/DynamoDB WriteThrottleEvents", "1", "TestAlarmWhenTablesAreThrottled"},
}

// expecting are the alarms that each test of e2e/alarms_test.go wants to go off: it fails without them, and with any other.
var expecting = regexp.MustCompile(`(?m)^func (Test\w+)\(t \*testing\.T\) \{\n\tw := watchAlarms\(t, ("\w+"(?:, "\w+")*)\)$`)

// Every alarm is in the table with the metric and the threshold that it has, and its test wants it to go off.
func TestEachAlarmHasACause(t *testing.T) {
	t.Parallel()
	alarms, wanted := resources(loadTemplate(t), "AWS::CloudWatch::Alarm"), map[string]string{}
	for _, test := range expecting.FindAllStringSubmatch(text(t, "e2e/alarms_test.go"), -1) {
		wanted[test[1]] = test[2]
	}
	for name, alarm := range alarms {
		want, ok := causes[name]
		if got := metricOf(alarm); !ok || got != want.metric || fmt.Sprint(alarm["Threshold"]) != want.threshold || alarm["ComparisonOperator"] != "GreaterThanOrEqualToThreshold" {
			t.Errorf("%s is about %s from %v on; the table says %+v", name, got, alarm["Threshold"], want)
		}
	}
	for name, c := range causes {
		if alarms[name] == nil {
			t.Errorf("there is no alarm %s", name)
		}
		if !strings.Contains(wanted[c.by], `"`+name+`"`) {
			t.Errorf("%s: %s wants %s", name, c.by, wanted[c.by])
		}
	}
}

// metricOf are the metrics of an alarm, each once, in their order.
func metricOf(alarm object) string {
	if alarm["MetricName"] != nil {
		return namespace(alarm["Namespace"]) + " " + fmt.Sprint(alarm["MetricName"])
	}
	var names []string
	metrics, _ := alarm["Metrics"].([]any)
	for _, each := range metrics {
		metric := at(each.(object), "MetricStat", "Metric")
		if metric == nil {
			continue
		}
		if name := namespace(metric["Namespace"]) + " " + fmt.Sprint(metric["MetricName"]); !strings.Contains(strings.Join(names, ", "), name) {
			names = append(names, name)
		}
	}
	return strings.Join(names, ", ")
}

func namespace(value any) string {
	if text, ok := value.(string); ok {
		return text
	}
	text, _ := value.(object)["Fn::Sub"].(string)
	return text
}
