package unsend_test

import (
	"fmt"
	"strings"
	"testing"
)

// cause is what gives an alarm its value.
type cause struct {
	metric    string // namespace and name
	threshold string // and above
	// by is the test that plays the condition as far as our side of it goes, or why there is none.
	by string
}

// causes are those of all alarms. AWS makes the metrics of its own namespaces, which nothing here can produce: their tests show that the
// condition comes about. What our log makes are metrics of lines that really are logged: see edgetest.Main.
var causes = map[string]cause{
	"RequestsFail":          {"Unsend/${AWS::StackName} FailedRequests", "1", "TestSendWithstands"},
	"RequestsAreBusy":       {"Unsend/${AWS::StackName} BusyRequests", "10", "TestSendWithstands"},
	"NoticesAreLate":        {"AWS/Lambda IteratorAge", "60000", "TestNotifyWhenNothingCanBeRead"},
	"NoticesWereGivenUp":    {"AWS/Lambda OnFailureDestinationDeliveredEventCount", "1", "TestTheStreamsMapping"},
	"NoticesWereLost":       {"AWS/Lambda DestinationDeliveryFailures", "1", "AWS alone: the failure bucket refuses what Lambda writes"},
	"RecordsAreLate":        {"AWS/Lambda IteratorAge", "300000", "TestWhenTheTableIsBusyEverythingComesAgain"},
	"RecordsWereGivenUp":    {"AWS/Lambda OnFailureDestinationDeliveredEventCount", "1", "TestTheStreamsMapping"},
	"RecordsWereLost":       {"AWS/Lambda DestinationDeliveryFailures", "1", "AWS alone: the failure bucket refuses what Lambda writes"},
	"TasksAreDeadLetters":   {"AWS/SQS ApproximateNumberOfMessagesVisible", "1", "TestWhatNeverWorksEndsWithTheDeadLetters"},
	"JobsAreDeadLetters":    {"AWS/SQS ApproximateNumberOfMessagesVisible", "1", "TestWhatBecomesOfAJob"},
	"JobsWait":              {"AWS/SQS ApproximateAgeOfOldestMessage", "900", "TestWhatBecomesOfAJob"},
	"TasksWait":             {"AWS/SQS ApproximateAgeOfOldestMessage, AWS/SQS ApproximateNumberOfMessagesVisible", "1", "TestPushOfWhatWaits"},
	"FunctionsFail":         {"AWS/Lambda Errors", "1", "AWS alone: a function ended without an answer; what a handler can see is answered, TestGuard"},
	"WorkersFail":           {"AWS/Lambda Errors", "1", "TestNotifyPanics"},
	"FunctionsAreThrottled": {"AWS/Lambda Throttles", "1", "AWS alone: the account's concurrency is used up"},
	"WorkersAreThrottled":   {"AWS/Lambda Throttles", "1", "AWS alone: the account's concurrency is used up"},
	"TablesAreThrottled":    {"AWS/DynamoDB ReadThrottleEvents, AWS/DynamoDB WriteThrottleEvents", "1", "TestWhatFailsIsBusyOrInternal"},
}

// Every alarm is in the table with the metric and the threshold that it has, and every test of the table is there.
func TestEachAlarmHasACause(t *testing.T) {
	t.Parallel()
	alarms, tests := resources(loadTemplate(t), "AWS::CloudWatch::Alarm"), declaredTests(t)
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
		if strings.HasPrefix(c.by, "Test") && !tests[c.by] {
			t.Errorf("%s: there is no test %s", name, c.by)
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
