package e2e

import (
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"unsend/shared/chat"
	"unsend/shared/cloudtest/cfn"
	"unsend/shared/cloudtest/cloudwatch"
)

// minutesVariable asks for minutes that pass by themselves, with any value: an alarm that wants a quarter of an hour takes that.
const minutesVariable = "UNSEND_MINUTES"

// mostMinutes bounds the wait for an alarm. The slowest, JobsWait, takes some 18.
const mostMinutes = 30

// clock is that of the alarms: the machine's, which goes on to the end of a minute at once where nobody wants to wait. What happens between
// those steps happens on the stack, when it does.
type clock struct {
	steps []step // in the order of time
}

type step struct {
	at    time.Time // on the machine's clock
	ahead time.Duration
}

// of is what the clock showed when the machine's showed t.
func (k *clock) of(t time.Time) time.Time {
	var ahead time.Duration
	for _, s := range k.steps {
		if !s.at.After(t) {
			ahead = s.ahead
		}
	}
	return t.Add(ahead)
}

func (k *clock) now() time.Time { return k.of(time.Now()) }

// goOn moves the clock to t.
func (k *clock) goOn(t time.Time) {
	now := time.Now()
	k.steps = append(k.steps, step{at: now, ahead: t.Sub(now)})
}

// watch sees the deployment as CloudWatch does: it makes metrics of what happens, and asks each alarm of template.yaml at the end of each
// minute. What the metrics are made of is in observe_test.go.
type watch struct {
	*community
	clock    clock
	began    time.Time // on the machine's clock
	names    map[string]string
	alarms   map[string]cloudwatch.Alarm
	filters  []cloudwatch.Filter
	data     cloudwatch.Data
	expected []string        // the alarms that the test is about
	rang     map[string]bool // those that were in alarm
	observed
}

// watchAlarms begins to watch, with all alarms in the state OK. The test is to cause those that are named, and no other; see over. Nothing may run
// beside it.
func watchAlarms(t *testing.T, expected ...string) *watch {
	t.Helper()
	w := &watch{community: whereProcessesEnd(t), began: time.Now(), rang: map[string]bool{}, expected: expected}
	template, err := cfn.Read("../template.yaml")
	w.must(nil, err)
	w.names, err = resourceNames()
	w.must(nil, err)
	w.alarms, err = cloudwatch.Alarms(template, w.resolve)
	w.must(nil, err)
	w.filters, err = cloudwatch.Filters(template, w.resolve)
	w.must(nil, err)
	for _, name := range []string{"PushQueue", "PushDeadLetters", "SweepQueue", "SweepDeadLetters"} {
		_, err := sqs.NewFromConfig(w.AWS()).PurgeQueue(w.ctx(), &sqs.PurgeQueueInput{QueueUrl: aws.String(w.physical(name))})
		w.must(nil, err) // what tests before this one left there
	}
	noLimit := chat.NoLimit
	w.changeChannel("lobby", func(ch *chat.Channel) { ch.Windows = chat.Windows{Own: &noLimit, Moderator: &noLimit} }) // minutes pass
	w.observed = w.newObserved()
	w.minute()
	if len(w.rang) > 0 {
		t.Fatalf("before anything was done there is alarm: %v", slices.Sorted(maps.Keys(w.rang)))
	}
	return w
}

// resourceNames are the stack's resources by their names in the template.
var resourceNames = sync.OnceValues(func() (map[string]string, error) {
	d, err := found()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	out, err := cloudformation.NewFromConfig(d.AWS()).DescribeStackResources(ctx, &cloudformation.DescribeStackResourcesInput{StackName: &d.Name})
	if err != nil {
		return nil, err
	}
	names := map[string]string{}
	for _, r := range out.StackResources {
		names[aws.ToString(r.LogicalResourceId)] = aws.ToString(r.PhysicalResourceId)
	}
	return names, nil
})

// physical is the resource of that name in the template.
func (c *community) physical(name string) string {
	c.t.Helper()
	names, err := resourceNames()
	c.must(nil, err)
	if names[name] == "" {
		c.t.Fatalf("the stack has no %s", name)
	}
	return names[name]
}

// resolve gives the value of what the template says of a metric. See [cloudwatch.Resolve].
func (w *watch) resolve(value any) (string, error) {
	if text, ok := value.(string); ok {
		return text, nil
	}
	function, _ := value.(cfn.Object)
	if text, ok := function["Fn::Sub"].(string); ok {
		return strings.ReplaceAll(text, "${AWS::StackName}", w.Name), nil
	}
	name, ok := function["Ref"].(string)
	if path, is := function["Fn::GetAtt"].(string); is {
		name, ok = strings.CutSuffix(path, ".QueueName")
	}
	if !ok || w.names[name] == "" {
		return "", fmt.Errorf("%v is nothing of the stack", value)
	}
	return w.names[name][strings.LastIndexByte(w.names[name], '/')+1:], nil // a queue's is its URL
}

// minute lets the minute end, and asks the alarms.
func (w *watch) minute() {
	w.t.Helper()
	w.pass(1)
	for _, name := range w.on() {
		w.rang[name] = true
	}
}

// pass lets so many minutes end.
func (w *watch) pass(minutes int) {
	w.t.Helper()
	end := w.clock.now().Truncate(time.Minute).Add(time.Duration(minutes) * time.Minute)
	w.observe()
	if os.Getenv(minutesVariable) == "" {
		w.clock.goOn(end)
	}
	for left := end.Sub(w.clock.now()); left > 0; left = end.Sub(w.clock.now()) {
		time.Sleep(min(left, 10*time.Second))
		w.observe()
	}
}

// on are the alarms that are on now, in the order of their names.
func (w *watch) on() (names []string) {
	for name, alarm := range w.alarms {
		if alarm.State(&w.data, w.clock.now()) == cloudwatch.Triggered {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// apart lets minutes pass until the one alarm is over, and wants the other to be on then: each is about its own.
func (w *watch) apart(over, on string) {
	w.t.Helper()
	for minutes := 0; slices.Contains(w.on(), over) && minutes < mostMinutes; minutes++ {
		w.minute()
	}
	if all := w.on(); slices.Contains(all, over) || !slices.Contains(all, on) {
		w.t.Errorf("there is alarm %v, want %s and not %s", all, on, over)
	}
}

// alarm lets minutes pass until each of the alarms has gone off. In each minute it does what keeps the condition, where that is given.
func (w *watch) alarm(keep func(), names ...string) {
	w.t.Helper()
	missing := slices.Clone(names)
	for range mostMinutes {
		if keep != nil {
			keep()
		}
		w.minute()
		on := w.on()
		missing = slices.DeleteFunc(missing, func(name string) bool { return slices.Contains(on, name) })
		if len(missing) == 0 {
			return
		}
	}
	w.t.Fatalf("no alarm %v within %d minutes", missing, mostMinutes)
}

// end lets minutes pass until no alarm is left, the condition being mended.
func (w *watch) end() {
	w.t.Helper()
	for range mostMinutes {
		if w.minute(); len(w.on()) == 0 {
			return
		}
	}
	w.t.Fatalf("there is still alarm %v after %d minutes", w.on(), mostMinutes)
}

// over wants that every alarm ends, and that those went off which the test is about, and no other.
func (w *watch) over() {
	w.t.Helper()
	w.end()
	slices.Sort(w.expected)
	if got := slices.Sorted(maps.Keys(w.rang)); !slices.Equal(got, w.expected) {
		w.t.Errorf("there was alarm %v, want %v", got, w.expected)
	}
}
