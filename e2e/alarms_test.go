package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/smithy-go"

	unsend "unsend/clients/go"
	"unsend/shared/chat"
	"unsend/shared/cloudtest/cloudwatch"
	"unsend/shared/queue"
	"unsend/shared/queue/form"
)

// Each alarm goes off while its condition lasts, and ends when that is mended. The conditions are caused on the deployed stack, for all functions
// at once, so none of these tests may run beside another.

// A permission that is missing: devices are answered 500.
func TestAlarmWhenAPermissionIsMissing(t *testing.T) {
	w := watchAlarms(t, "RequestsFail")
	phone := w.connect("owner", "phone")
	permit := w.deny("ReadRole", "dynamodb:*")
	if _, err := phone.page("lobby"); code(err) != 500 {
		t.Errorf("history is answered: %v", err)
	}
	w.alarm(nil, "RequestsFail")
	permit()
	if _, err := phone.page("lobby"); err != nil {
		t.Error(err)
	}
	w.over()
}

// A version that cannot start. (Its last words are no lines of the local stack's log: on AWS RequestsFail goes off, too.)
func TestAlarmWhenAFunctionCannotStart(t *testing.T) {
	w := watchAlarms(t, "FunctionsFail")
	phone := w.connect("owner", "phone")
	rollBack := w.breakDown("Send")
	phone.refused()
	out, err := lambda.NewFromConfig(w.AWS()).Invoke(w.ctx(), &lambda.InvokeInput{FunctionName: aws.String(w.physical("Send")), Qualifier: aws.String(alias), Payload: []byte("{}")})
	w.must(nil, err)
	if aws.ToString(out.FunctionError) == "" {
		t.Errorf("it answers %s", out.Payload)
	}
	w.alarm(nil, "FunctionsFail")
	rollBack()
	phone.say("taken")
	w.over()
}

// refused sends a message that no function takes. The local stack does not answer its frame.
func (d *device) refused() {
	d.c.t.Helper()
	ctx, cancel := context.WithTimeout(d.c.ctx(), time.Second)
	defer cancel()
	if _, err := d.Send(ctx, unsend.SendRequest{ServerID: d.c.id, ChannelID: "lobby", Content: unsend.Content{Body: "lost"}}); err == nil {
		d.c.t.Error("a message was taken")
	}
}

// A key that is hotter than DynamoDB takes: reads, writes and an index are refused for some minutes. Devices are told to come again.
func TestAlarmWhenTablesAreThrottled(t *testing.T) {
	w := watchAlarms(t, "RequestsAreBusy", "TablesAreThrottled")
	w.join("alice")
	alice := w.connect("alice", "phone")
	m := alice.say("to be taken back")
	seen, err := alice.Sync(w.ctx(), w.id, "")
	w.must(nil, err)
	ways := []*tables{
		w.wayTo("Send", w.CommunityTable, false),
		w.wayTo("Revoke", w.MessagesTable, true),
		w.wayTo("Read", w.MessagesTable+"/updates", false),
	}
	requests := []func(d *device) error{
		func(d *device) error {
			_, err := d.Send(w.ctx(), unsend.SendRequest{ServerID: w.id, ChannelID: "lobby", Content: unsend.Content{Body: "later"}})
			return err
		},
		func(d *device) error { _, err := d.takeBack(m, ""); return err },
		func(d *device) error { _, err := d.Sync(w.ctx(), w.id, seen.Cursor); return err },
	}
	ask := w.askers(requests)
	wait := ask(503)
	w.alarm(func() {
		before := refusals(ways)
		eventually(t, "requests are refused on each way", func() bool {
			if wait() {
				wait = ask(503)
			}
			return !slices.ContainsFunc(ways, func(way *tables) bool { return refusals(ways)[way] == before[way] })
		})
	}, "RequestsAreBusy", "TablesAreThrottled")
	eventually(t, "the last answers", wait)
	for _, way := range ways {
		way.mend()
	}
	eventually(t, "answers", ask(200))
	w.over()
}

// refusals are those so far.
func refusals(ways []*tables) map[*tables]int {
	counts := map[*tables]int{}
	for _, way := range ways {
		_, counts[way] = way.counted()
	}
	return counts
}

// askers has each of some devices make one of the requests when it is called, which must be answered so. What is given tells whether all are.
func (w *watch) askers(requests []func(*device) error) func(want int) (answered func() bool) {
	w.t.Helper()
	var devices []*device
	for i := range 4 * len(requests) {
		account := fmt.Sprint("asker", i%4) // the frames of one are limited
		if i < 4 {
			w.join(account, "mod")
		}
		devices = append(devices, w.connect(account, fmt.Sprint("device", i)))
	}
	return func(want int) func() bool {
		var all sync.WaitGroup
		over := make(chan struct{})
		for i, d := range devices {
			all.Go(func() {
				if err := requests[i%len(requests)](d); code(err) != want {
					w.t.Errorf("request %d: %v, want %d", i%len(requests), err, want)
				}
			})
		}
		go func() { all.Wait(); close(over) }()
		w.t.Cleanup(all.Wait)
		return func() bool {
			select {
			case <-over:
				return true
			default:
				return false
			}
		}
	}
}

// The readers of the stream fail from one deployment to the next. Everything waits, and is told and kept then.
func TestAlarmWhenTheStreamWaits(t *testing.T) {
	w := watchAlarms(t, "NoticesAreLate", "RecordsAreLate", "WorkersFail")
	w.join("alice")
	w.join("carol")
	alice, carol := w.connect("alice", "phone"), w.connect("carol", "phone")
	m := alice.say("to be taken back")
	carol.waitFor(unsend.EventMessage, m.MsgServerID)
	rollBackNotify, rollBackRecord := w.breakDown("Notify"), w.breakDown("Record")
	if _, err := alice.takeBack(m, "late"); err != nil {
		t.Fatal(err)
	}
	w.pass(1)
	w.alarm(func() { w.tried("notify") }, "NoticesAreLate", "WorkersFail")
	rollBackNotify()
	carol.waitFor(unsend.EventMessageUpdated, m.MsgServerID)
	w.pass(3)
	w.alarm(func() { w.tried("record") }, "RecordsAreLate")
	w.apart("NoticesAreLate", "RecordsAreLate")
	rollBackRecord()
	eventually(t, "the revocation is kept", func() bool { return w.kept(m) })
	w.over()
}

// tried waits for another invocation of the function.
func (w *watch) tried(function string) {
	w.t.Helper()
	group := w.LogGroups[function]
	before := len(invocations(w.logLines(group, w.began)))
	eventually(w.t, "another invocation of "+function, func() bool { return len(invocations(w.logLines(group, w.began))) > before })
}

// kept tells whether the audit has the message's revocation.
func (c *community) kept(m unsend.Message) bool {
	c.t.Helper()
	return slices.ContainsFunc(c.listAudit(100), func(e auditEntry) bool { return e.MsgServerID == m.MsgServerID })
}

// What the readers of the stream cannot finish before it is too old is given up: into the bucket, and lost where the bucket refuses it. The local
// stack's mapping gives up by age as AWS's does, and tells a queue. It puts nothing into a bucket: the test does, as the function.
func TestAlarmWhenSomethingIsGivenUp(t *testing.T) {
	w := watchAlarms(t, "NoticesWereGivenUp", "NoticesWereLost", "RecordsWereGivenUp", "RecordsWereLost", "WorkersFail")
	w.join("alice")
	w.join("carol")
	alice, carol := w.connect("alice", "phone"), w.connect("carol", "phone")
	lost, given := alice.say("never told"), alice.say("told after all")
	carol.waitFor(unsend.EventMessage, given.MsgServerID)
	told := w.destination()
	readers, mend := w.failingReaders(told)

	permitNotify, permitRecord := w.deny("NotifyRole", "s3:PutObject"), w.deny("RecordRole", "s3:PutObject")
	w.giveUpAll(alice, lost, told, readers, func(r reader, err error) {
		if refusal, ok := errors.AsType[smithy.APIError](err); !ok || refusal.ErrorCode() != "AccessDenied" {
			t.Fatalf("the bucket takes what %s gives up: %v", r.function, err)
		}
		w.happened(cloudwatch.NewMetric("AWS/Lambda", "DestinationDeliveryFailures", "FunctionName", w.physical(r.function)))
		w.alarm(nil, r.lost)
	})
	permitNotify()
	permitRecord()
	w.end()

	w.giveUpAll(alice, given, told, readers, func(r reader, err error) {
		w.must(nil, err)
		w.happened(cloudwatch.NewMetric("AWS/Lambda", "OnFailureDestinationDeliveredEventCount", "EventSourceMappingUUID", w.physical(mappings[r.function])))
		w.alarm(nil, r.givenUp)
	})
	mend()
	if n := carol.count(given.MsgServerID); n != 1 || w.kept(given) {
		t.Errorf("before anything is replayed carol was told %d times, and it is kept: %t", n, w.kept(given))
	}
	if items := w.redrive(true); len(items) != len(readers) {
		t.Errorf("there is %+v", items)
	}
	carol.waitFor(unsend.EventMessageUpdated, given.MsgServerID)
	if !w.kept(given) || w.kept(lost) {
		t.Errorf("kept is what was given up: %t, and what was lost: %t", w.kept(given), w.kept(lost))
	}
	w.over()
}

// reader is a function that reads the stream, and its alarms.
type reader struct {
	function, lost, givenUp string
	role                    aws.Config
}

// failingReaders are those of the stream, which fail and soon give up, telling the queue.
func (w *watch) failingReaders(told string) (readers []reader, mend func()) {
	w.t.Helper()
	readers = []reader{
		{function: "Notify", lost: "NoticesWereLost", givenUp: "NoticesWereGivenUp"},
		{function: "Record", lost: "RecordsWereLost", givenUp: "RecordsWereGivenUp"},
	}
	var mends []func()
	for i, r := range readers {
		readers[i].role = w.roleOf(r.function)
		mends = append(mends, w.impatient(mappings[r.function], told), w.breakDown(r.function))
	}
	return readers, func() {
		for _, mend := range mends {
			mend()
		}
	}
}

// giveUpAll revokes a message, which the readers give up, and does for each of them what Lambda does then.
func (w *watch) giveUpAll(by *device, m unsend.Message, told string, readers []reader, each func(reader, error)) {
	w.t.Helper()
	if _, err := by.takeBack(m, ""); err != nil {
		w.t.Fatal(err)
	}
	w.givenUp(told, readers)
	for _, r := range readers {
		_, err := w.giveUpAs(r.role, m)
		each(r, err)
	}
}

// destination makes a queue that mappings tell of what they give up.
func (c *community) destination() (url string) {
	c.t.Helper()
	client := sqs.NewFromConfig(c.AWS())
	out, err := client.CreateQueue(c.ctx(), &sqs.CreateQueueInput{QueueName: aws.String("given-up-" + c.id)})
	c.must(nil, err)
	c.t.Cleanup(func() { _, _ = client.DeleteQueue(c.finally(), &sqs.DeleteQueueInput{QueueUrl: out.QueueUrl}) })
	return *out.QueueUrl
}

// impatient has a mapping give up after a second, and tell the queue of it. (AWS takes no less than a minute.)
func (c *community) impatient(mapping, url string) (calm func()) {
	c.t.Helper()
	const arn = sqstypes.QueueAttributeNameQueueArn
	out, err := sqs.NewFromConfig(c.AWS()).GetQueueAttributes(c.ctx(), &sqs.GetQueueAttributesInput{QueueUrl: &url, AttributeNames: []sqstypes.QueueAttributeName{arn}})
	c.must(nil, err)
	client, is := lambda.NewFromConfig(c.AWS()), c.mapping(mapping)
	set := func(age *int32, to *lambdatypes.DestinationConfig) {
		_, err := client.UpdateEventSourceMapping(c.finally(), &lambda.UpdateEventSourceMappingInput{UUID: is.UUID, MaximumRecordAgeInSeconds: age, DestinationConfig: to})
		c.must(nil, err)
	}
	set(aws.Int32(1), &lambdatypes.DestinationConfig{OnFailure: &lambdatypes.OnFailure{Destination: aws.String(out.Attributes[string(arn)])}})
	return c.mending(func() { set(is.MaximumRecordAgeInSeconds, is.DestinationConfig) })
}

// givenUp waits until the mappings of all readers have given up.
func (w *watch) givenUp(url string, readers []reader) {
	w.t.Helper()
	var gave []string
	client := sqs.NewFromConfig(w.AWS())
	eventually(w.t, "the mappings give up", func() bool {
		out, err := client.ReceiveMessage(w.ctx(), &sqs.ReceiveMessageInput{QueueUrl: &url, MaxNumberOfMessages: 10})
		w.must(nil, err)
		for _, m := range out.Messages {
			var told struct {
				RequestContext struct{ FunctionArn, Condition string }
			}
			w.must(nil, json.Unmarshal([]byte(*m.Body), &told))
			for _, r := range readers {
				if told.RequestContext.Condition == "MaxRecordAgeExceeded" && w.isOf(told.RequestContext.FunctionArn, r.function) && !slices.Contains(gave, r.function) {
					gave = append(gave, r.function)
				}
			}
			_, err = client.DeleteMessage(w.ctx(), &sqs.DeleteMessageInput{QueueUrl: &url, ReceiptHandle: m.ReceiptHandle})
			w.must(nil, err)
		}
		return len(gave) == len(readers)
	})
}

// isOf tells whether the ARN is one of the function or of a version of it.
func (w *watch) isOf(arn, function string) bool {
	return slices.Contains(strings.Split(arn, ":"), w.physical(function))
}

// A task that push fails on five times and a sweep that fails twenty times end with the dead letters. The one is told when it is redriven, the other
// goes on when it is put back, as operating.md says. (The sweep counts only, since one that revokes takes its time.)
func TestAlarmWhenSomethingBecomesADeadLetter(t *testing.T) {
	w := watchAlarms(t, "JobsAreDeadLetters", "RequestsFail", "TasksAreDeadLetters", "WorkersFail")
	w.join("alice")
	w.join("carol")
	alice, carol := w.connect("alice", "phone"), w.connect("carol", "phone")
	m := alice.say("to be told again, and counted")
	carol.waitFor(unsend.EventMessage, m.MsgServerID)
	w.hurry("PushQueue", time.Second)
	w.hurry("SweepQueue", 0)
	rollBack, permit := w.breakDown("Push"), w.deny("SweepRole", "dynamodb:*")
	task := chat.Task{ServerID: w.id, Records: []chat.Stored{{Key: chat.MessageKey(m.MessageKey), Kind: chat.Inserted}}}
	w.must(nil, queue.New(w.AWS(), w.PushQueueURL).Enqueue(w.ctx(), task))
	w.countAll("fails")
	tasks, jobs := w.physical("PushDeadLetters"), w.physical("SweepDeadLetters")
	eventually(t, "both are dead letters", func() bool { return w.visible(tasks) == 1 && w.visible(jobs) == 1 })
	w.alarm(nil, "JobsAreDeadLetters", "TasksAreDeadLetters")

	rollBack()
	if items := w.redrive(true); len(items) != 1 {
		t.Errorf("there is %+v", items)
	}
	eventually(t, "carol is told after all", func() bool { return carol.count(m.MsgServerID) > 1 })
	w.apart("TasksAreDeadLetters", "JobsAreDeadLetters")
	permit()
	w.moveBack(jobs, w.physical("SweepQueue"))
	if job := w.done("sweep", "fails"); job.Found != 1 {
		t.Errorf("%+v", job)
	}
	w.over()
}

// countAll asks for a sweep that counts what alice has sent.
func (c *community) countAll(name string) {
	c.t.Helper()
	c.api(201, "PUT servers/"+c.id+"/sweeps/"+name, fmt.Sprintf(`{"accid":%q,"operator":%q,"dry_run":true}`, c.account("alice"), c.account("owner")))
}

// moveBack does what StartMessageMoveTask does, which the local stack does not know.
func (c *community) moveBack(from, to string) {
	c.t.Helper()
	client := sqs.NewFromConfig(c.AWS())
	out, err := client.ReceiveMessage(c.ctx(), &sqs.ReceiveMessageInput{QueueUrl: &from, MaxNumberOfMessages: 10})
	c.must(nil, err)
	for _, m := range out.Messages {
		_, err := client.SendMessage(c.ctx(), &sqs.SendMessageInput{QueueUrl: &to, MessageBody: m.Body})
		c.must(nil, err)
		_, err = client.DeleteMessage(c.ctx(), &sqs.DeleteMessageInput{QueueUrl: &from, ReceiptHandle: m.ReceiptHandle})
		c.must(nil, err)
	}
}

// Tasks and a job that nobody works on: an old task, then many.
func TestAlarmWhenAQueueWaits(t *testing.T) {
	w := watchAlarms(t, "JobsWait", "TasksWait")
	w.join("alice")
	w.connect("alice", "phone").say("to be counted")
	work, push := w.pause("SweepJobs"), w.pause("PushTasks")
	w.countAll("waits")
	w.enqueue(1)
	w.lookInto("SweepQueue")
	w.lookInto("PushQueue")
	w.pass(15)
	w.alarm(nil, "JobsWait", "TasksWait")
	work()
	if job := w.done("sweep", "waits"); job.Found != 1 {
		t.Errorf("%+v", job)
	}
	w.apart("JobsWait", "TasksWait")
	push()
	w.empty("PushQueue")
	w.end()

	push = w.pause("PushTasks")
	w.enqueue(100)
	w.lookInto("PushQueue")
	began := w.clock.now()
	w.alarm(func() {
		if n := w.visible(w.PushQueueURL); n < 1_000 { // a request that was sent again has more
			t.Errorf("only %d tasks wait", n)
		}
	}, "TasksWait")
	if took := w.clock.now().Sub(began); took > 8*time.Minute {
		t.Errorf("it took %v, by which time they are old, too", took)
	}
	push()
	w.empty("PushQueue")
	w.over()
}

// enqueue puts tens of tasks into the push queue, about a message that is not there.
func (w *watch) enqueue(tens int) {
	w.t.Helper()
	gone := chat.MessageKey{ServerID: w.id, ChannelID: "lobby", Timestamp: 1, MsgServerID: "gone"}
	body, err := form.EncodeTask(chat.Task{ServerID: w.id, Records: []chat.Stored{{Key: gone, Kind: chat.Modified}}})
	w.must(nil, err)
	var ten []sqstypes.SendMessageBatchRequestEntry
	for i := range 10 {
		ten = append(ten, sqstypes.SendMessageBatchRequestEntry{Id: aws.String(fmt.Sprint(i)), MessageBody: &body})
	}
	for range tens {
		_, err := sqs.NewFromConfig(w.AWS()).SendMessageBatch(w.ctx(), &sqs.SendMessageBatchInput{QueueUrl: &w.PushQueueURL, Entries: ten})
		w.must(nil, err)
	}
}

// empty waits until nothing waits in the queue.
func (w *watch) empty(resource string) {
	w.t.Helper()
	eventually(w.t, resource+" is empty", func() bool { return w.visible(w.physical(resource)) == 0 })
}

// Lambda starts no function: devices' frames are refused, and what works behind them waits and loses nothing.
func TestAlarmWhenFunctionsAreThrottled(t *testing.T) {
	w := watchAlarms(t, "FunctionsAreThrottled", "WorkersAreThrottled")
	w.join("alice")
	w.join("carol")
	alice, carol := w.connect("alice", "phone"), w.connect("carol", "phone")
	m := alice.say("to be taken back")
	carol.waitFor(unsend.EventMessage, m.MsgServerID)
	feed := w.starve("Send")
	alice.refused()
	w.alarm(nil, "FunctionsAreThrottled")
	feed()
	alice.say("taken")
	w.end()
	feed = w.starve("Notify")
	if _, err := alice.takeBack(m, ""); err != nil {
		t.Error(err)
	}
	w.alarm(nil, "WorkersAreThrottled")
	feed()
	carol.waitFor(unsend.EventMessageUpdated, m.MsgServerID)
	w.over()
}
