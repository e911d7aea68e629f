package e2e

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams"
	streamtypes "github.com/aws/aws-sdk-go-v2/service/dynamodbstreams/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"unsend/shared/cloudtest/cloudwatch"
)

// The metrics of a watch are made of what the local stack shows, in the way that AWS documents theirs:
//
//	Errors, Throttles        the local stack's own CloudWatch has them of functions that are called. For those that read a stream or a queue
//	                         it has throttles only: an error is an invocation after which their mapping's last result is a failure, of
//	                         a function that was not throttled (Lambda developer guide, "Types of metrics for Lambda functions", of all four)
//	IteratorAge              how old the last record of a batch is when an invocation ends ("Monitoring with CloudWatch Logs", of DynamoDB)
//	OnFailureDestination…    the records that were put into the bucket, and the times that this was refused: the test does what
//	DestinationDelivery…     Lambda does, with the function's role
//	…NumberOfMessagesVisible, …AgeOfOldestMessage
//	                         the queue's attribute, and since when its first message has been there (SQS developer guide,
//	                         "Available CloudWatch metrics for Amazon SQS")
//	Read-, WriteThrottleEvents
//	                         the requests that were refused on their way to a table or index (DynamoDB developer guide, "DynamoDB
//	                         metrics and dimensions")
//	FailedRequests, BusyRequests
//	                         lines in the log groups that match the template's filters

// observed is what a watch has seen so far.
type observed struct {
	totals  map[counter]float64
	stream  []*string // iterators, of each shard
	created []time.Time
	started map[string]int       // invocations, by function
	oldest  map[string]time.Time // when a queue's first message came, by the queue's name
	events  map[cloudwatch.Metric]float64

	throttled map[string]bool // functions that ever were
	ways      []*tables
}

// counter is a metric, and what it is counted by.
type counter struct {
	metric cloudwatch.Metric
	by     string
}

// mappings are the functions that read a stream or a queue, and their mappings.
var mappings = map[string]string{"Notify": "NotifyStored", "Record": "RecordStored", "Push": "PushTasks", "Sweep": "SweepJobs"}

func (w *watch) newObserved() observed {
	o := observed{totals: map[counter]float64{}, started: map[string]int{}, oldest: map[string]time.Time{}, throttled: map[string]bool{}, events: map[cloudwatch.Metric]float64{}}
	client := dynamodbstreams.NewFromConfig(w.AWS())
	stream, err := client.DescribeStream(w.ctx(), &dynamodbstreams.DescribeStreamInput{StreamArn: &w.StreamARN})
	w.must(nil, err)
	for _, shard := range stream.StreamDescription.Shards {
		at, err := client.GetShardIterator(w.ctx(), &dynamodbstreams.GetShardIteratorInput{
			StreamArn: &w.StreamARN, ShardId: shard.ShardId, ShardIteratorType: streamtypes.ShardIteratorTypeLatest})
		w.must(nil, err)
		o.stream = append(o.stream, at.ShardIterator)
	}
	return o
}

// observe puts what has happened since the last time.
func (w *watch) observe() {
	w.t.Helper()
	w.observeQueues()
	w.observeStream()
	lines := map[string][]logLine{}
	for _, group := range w.LogGroups {
		lines[group] = w.logLines(group, w.began)
	}
	w.observeFilters(lines)
	failed := w.observeMappings(lines)
	w.observeLambda() // of what has failed it knows by now whether that was a throttle
	for _, function := range failed {
		if !w.throttled[function] {
			w.data.Put(cloudwatch.NewMetric("AWS/Lambda", "Errors", "FunctionName", function), w.clock.now(), 1)
		}
	}
	for metric, n := range w.events {
		w.total(counter{metric, "the test"}, n)
	}
	for _, way := range w.ways {
		metric, n := way.counted()
		w.total(counter{metric, "the way to the table"}, float64(n))
	}
}

// happened counts an event that the test has seen.
func (w *watch) happened(metric cloudwatch.Metric) { w.events[metric]++ }

// total puts by how much a count has grown, and tells whether it has.
func (w *watch) total(c counter, n float64) bool {
	grown := n - w.totals[c]
	w.totals[c] = n
	if grown > 0 {
		w.data.Put(c.metric, w.clock.now(), grown)
	}
	return grown > 0
}

// watched are the metrics of a namespace that an alarm looks at.
func (w *watch) watched(namespace string) (list []cloudwatch.Metric) {
	for _, alarm := range w.alarms {
		for _, metric := range alarm.Metrics() {
			if metric.Namespace == namespace && !slices.Contains(list, metric) {
				list = append(list, metric)
			}
		}
	}
	return list
}

func (w *watch) observeLambda() {
	w.t.Helper()
	metrics := slices.DeleteFunc(w.watched("AWS/Lambda"), func(m cloudwatch.Metric) bool { return m.Name != "Errors" && m.Name != "Throttles" })
	form := url.Values{"Action": {"GetMetricData"}, "StartTime": {microseconds(w.began)}, "EndTime": {microseconds(time.Now().Add(time.Minute))}}
	for i, m := range metrics {
		query := fmt.Sprintf("MetricDataQueries.member.%d.", i+1)
		form.Set(query+"Id", fmt.Sprint("m", i))
		for key, value := range map[string]string{"Stat": "Sum", "Period": "60", "Metric.Namespace": m.Namespace, "Metric.MetricName": m.Name,
			"Metric.Dimensions.member.1.Name": "FunctionName", "Metric.Dimensions.member.1.Value": m.Dimension("FunctionName")} {
			form.Set(query+"MetricStat."+key, value)
		}
	}
	text, err := w.form(w.ctx(), "monitoring", "2010-08-01", form)
	w.must(nil, err)
	var answer struct {
		Results []struct {
			Values []float64 `xml:"Values>member"`
		} `xml:"GetMetricDataResult>MetricDataResults>member"`
	}
	w.must(nil, xml.Unmarshal(text, &answer))
	if len(answer.Results) != len(metrics) {
		w.t.Fatalf("of %d metrics there are %d", len(metrics), len(answer.Results))
	}
	for i, result := range answer.Results { // in the order of the queries
		var sum float64
		for _, value := range result.Values {
			sum += value
		}
		if w.total(counter{metrics[i], "its own CloudWatch"}, sum) && metrics[i].Name == "Throttles" {
			w.throttled[metrics[i].Dimension("FunctionName")] = true
		}
	}
}

func microseconds(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000000Z") }

func (w *watch) observeQueues() {
	w.t.Helper()
	urls := map[string]string{}
	for _, name := range w.names {
		if i := strings.LastIndexByte(name, '/'); strings.HasPrefix(name, "http://") {
			urls[name[i+1:]] = name
		}
	}
	for _, m := range w.watched("AWS/SQS") {
		queue := m.Dimension("QueueName")
		visible := w.visible(urls[queue])
		since, known := w.oldest[queue]
		switch {
		case m.Name == "ApproximateNumberOfMessagesVisible":
			w.data.Put(m, w.clock.now(), float64(visible))
		case visible == 0:
			delete(w.oldest, queue)
		case known:
			w.data.Put(m, w.clock.now(), w.clock.now().Sub(w.clock.of(since)).Seconds())
		}
	}
}

func (c *community) visible(url string) int {
	c.t.Helper()
	const name = sqstypes.QueueAttributeNameApproximateNumberOfMessages
	out, err := sqs.NewFromConfig(c.AWS()).GetQueueAttributes(c.ctx(), &sqs.GetQueueAttributesInput{QueueUrl: &url, AttributeNames: []sqstypes.QueueAttributeName{name}})
	c.must(nil, err)
	n, err := strconv.Atoi(out.Attributes[string(name)])
	c.must(nil, err)
	return n
}

// lookInto notes since when the queue's first message has been there. It receives, which counts for the dead letters, so only where a test asks.
func (w *watch) lookInto(resource string) {
	w.t.Helper()
	url := w.physical(resource)
	client := sqs.NewFromConfig(w.AWS())
	out, err := client.ReceiveMessage(w.ctx(), &sqs.ReceiveMessageInput{QueueUrl: &url, MaxNumberOfMessages: 10,
		MessageSystemAttributeNames: []sqstypes.MessageSystemAttributeName{sqstypes.MessageSystemAttributeNameSentTimestamp}})
	w.must(nil, err)
	queue := url[strings.LastIndexByte(url, '/')+1:]
	for _, m := range out.Messages {
		ms, err := strconv.ParseInt(m.Attributes["SentTimestamp"], 10, 64)
		w.must(nil, err)
		if sent := time.UnixMilli(ms); w.oldest[queue].IsZero() || sent.Before(w.oldest[queue]) {
			w.oldest[queue] = sent
		}
		_, err = client.ChangeMessageVisibility(w.ctx(), &sqs.ChangeMessageVisibilityInput{QueueUrl: &url, ReceiptHandle: m.ReceiptHandle, VisibilityTimeout: 0})
		w.must(nil, err)
	}
	if w.oldest[queue].IsZero() {
		w.t.Fatalf("%s is empty", resource)
	}
}

// observeStream notes when records came into the stream.
func (w *watch) observeStream() {
	w.t.Helper()
	client := dynamodbstreams.NewFromConfig(w.AWS())
	for i, next := range w.stream {
		for next != nil {
			out, err := client.GetRecords(w.ctx(), &dynamodbstreams.GetRecordsInput{ShardIterator: next})
			w.must(nil, err)
			next, w.stream[i] = out.NextShardIterator, out.NextShardIterator
			for _, record := range out.Records {
				w.created = append(w.created, aws.ToTime(record.Dynamodb.ApproximateCreationDateTime))
			}
			if len(out.Records) == 0 {
				break
			}
		}
	}
}

type logLine struct {
	at   time.Time
	text string
}

// textOf is the lines' text.
func textOf(lines []logLine) string {
	var all strings.Builder
	for _, line := range lines {
		all.WriteString(line.text + "\n")
	}
	return all.String()
}

// logLines are those of a log group since a time, of every stream.
func (c *community) logLines(group string, since time.Time) (lines []logLine) {
	c.t.Helper()
	in := &cloudwatchlogs.FilterLogEventsInput{LogGroupName: &group, StartTime: aws.Int64(since.UnixMilli())}
	pages := cloudwatchlogs.NewFilterLogEventsPaginator(cloudwatchlogs.NewFromConfig(c.AWS()), in)
	for pages.HasMorePages() {
		page, err := pages.NextPage(c.ctx())
		c.must(nil, err)
		for _, event := range page.Events {
			lines = append(lines, logLine{time.UnixMilli(aws.ToInt64(event.Timestamp)), aws.ToString(event.Message)})
		}
	}
	return lines
}

// observeFilters matches the lines itself: the local stack keeps metric filters, and makes no metrics of them.
func (w *watch) observeFilters(lines map[string][]logLine) {
	w.t.Helper()
	for _, f := range w.filters {
		n := 0
		for _, line := range lines[w.physical(f.LogGroup)] {
			var fields map[string]any
			if json.Unmarshal([]byte(line.text), &fields) != nil {
				continue // one of Lambda's own
			}
			matches, err := f.Matches(fields)
			w.must(nil, err)
			if matches {
				n++
			}
		}
		w.total(counter{f.Metric, f.LogGroup}, float64(n))
	}
}

// observeMappings makes metrics of the invocations by mappings, and gives the functions whose last one failed.
func (w *watch) observeMappings(lines map[string][]logLine) (failed []string) {
	w.t.Helper()
	for function, mapping := range mappings {
		ended := invocations(lines[w.physical(function+"Logs")])
		fresh := ended[w.started[function]:]
		w.started[function] = len(ended)
		if len(fresh) == 0 {
			continue
		}
		out := w.mapping(mapping)
		if aws.ToString(out.LastProcessingResult) == "FAILED" {
			failed = append(failed, w.physical(function))
		}
		if strings.Contains(aws.ToString(out.EventSourceArn), ":dynamodb:") {
			w.ages(function, fresh)
		}
	}
	return failed
}

// mapping is what Lambda knows of a mapping. The local stack keeps a parameter's text, which the SDK does not read as a number, until it gets
// one: the same again.
func (c *community) mapping(name string) *lambda.GetEventSourceMappingOutput {
	c.t.Helper()
	client, id := lambda.NewFromConfig(c.AWS()), aws.String(c.physical(name))
	out, err := client.GetEventSourceMapping(c.ctx(), &lambda.GetEventSourceMappingInput{UUID: id})
	if err != nil {
		_, err := client.UpdateEventSourceMapping(c.ctx(), &lambda.UpdateEventSourceMappingInput{UUID: id, ParallelizationFactor: aws.Int32(4)})
		c.must(nil, err)
		out, err = client.GetEventSourceMapping(c.ctx(), &lambda.GetEventSourceMappingInput{UUID: id})
		c.must(nil, err)
	}
	return out
}

// invocations are the times at which one ended: the local stack writes all lines then.
func invocations(lines []logLine) (ended []time.Time) {
	for _, line := range lines {
		if strings.HasPrefix(line.text, "END RequestId: ") {
			ended = append(ended, line.at)
		}
	}
	return ended
}

// ages puts the iterator ages of a stream's reader. The last record of a batch is the last that there was, as all of a test's fit into a batch.
func (w *watch) ages(function string, ended []time.Time) {
	for _, at := range ended {
		var last time.Time
		for _, created := range w.created {
			if created.After(last) && !created.After(at) {
				last = created
			}
		}
		if !last.IsZero() {
			age := w.clock.of(at).Sub(w.clock.of(last))
			w.data.Put(cloudwatch.NewMetric("AWS/Lambda", "IteratorAge", "FunctionName", w.physical(function)), w.clock.of(at), float64(age.Milliseconds()))
		}
	}
}
