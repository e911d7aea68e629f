package e2e

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	unsend "unsend/clients/go"
	"unsend/scripts/unsend/redrive"
	"unsend/shared/chat"
	"unsend/shared/dynamo"
	"unsend/shared/queue"
)

// What notify gave up is told after all, and so is what push gave up. Others' objects and letters
// may be there, too: they are replayed with these, which changes nothing for their tests.
func TestRedriveTellsWhatWasGivenUp(t *testing.T) {
	t.Parallel()
	c := newCommunity(t)
	c.join("alice")
	c.join("carol")
	alice, carol := c.connect("alice", "phone"), c.connect("carol", "phone")
	var gone []unsend.Message
	for range 2 {
		m := alice.say("taken back")
		if _, err := alice.takeBack(m, ""); err != nil {
			t.Fatal(err)
		}
		carol.waitFor(unsend.EventMessageUpdated, m.MsgServerID)
		gone = append(gone, m)
	}
	key := c.giveUp(gone[0])
	c.must(nil, queue.New(c.AWS(), c.PushDeadLettersURL).Enqueue(c.ctx(), chat.Task{
		ServerID: c.id, Attempt: chat.MaxTaskAttempts, Records: []chat.Stored{{Key: chat.MessageKey(gone[1].MessageKey), Kind: chat.Modified}},
	}))
	before := []int{carol.count(gone[0].MsgServerID), carol.count(gone[1].MsgServerID)}

	items := c.redrive(false)
	c.sources(items, redrive.Replayable)
	if !c.inBucket(key) {
		t.Error("a dry run deleted the object")
	}
	items = c.redrive(false) // so the letter was not taken by the first one
	c.sources(items, redrive.Replayable)

	c.sources(c.redrive(true), redrive.Replayed)
	for i, m := range gone {
		eventually(t, fmt.Sprintf("carol is told of message %d", i), func() bool { return carol.count(m.MsgServerID) > before[i] })
	}
	if got := alice.told(gone[0].MsgServerID); len(got) > 0 {
		t.Errorf("the device that did it was told %q", got)
	}
	if c.inBucket(key) {
		t.Error("the object is still there")
	}
	if items := c.redrive(true); len(items) > 0 {
		t.Errorf("again there is %+v", items)
	}
}

// giveUp puts into the bucket what Lambda would, and gives its key.
func (c *community) giveUp(m unsend.Message) string {
	c.t.Helper()
	key, err := c.giveUpAs(c.AWS(), m)
	c.must(nil, err)
	return key
}

// giveUpAs does it with those credentials, as Lambda does with the function's.
func (c *community) giveUpAs(cfg aws.Config, m unsend.Message) (key string, err error) {
	c.t.Helper()
	row, err := dynamo.MessageRowKey(chat.MessageKey(m.MessageKey))
	c.must(nil, err)
	keys := map[string]any{}
	for name, value := range row {
		keys[name] = map[string]string{"S": value.(*types.AttributeValueMemberS).Value}
	}
	payload, err := json.Marshal(map[string]any{"Records": []any{map[string]any{"eventName": "MODIFY", "dynamodb": map[string]any{"Keys": keys}}}})
	c.must(nil, err)
	now := time.Now().UTC()
	body, err := json.Marshal(map[string]any{
		"requestContext": map[string]any{"condition": "RetryAttemptsExhausted", "approximateInvokeCount": 3}, "version": "1.0", "timestamp": now,
		"DDBStreamBatchInfo": map[string]any{"shardId": "shardId-1", "batchSize": 1, "streamArn": c.StreamARN}, "payload": string(payload),
	})
	c.must(nil, err)
	key = "aws/lambda/4f2c0000-0000-4000-8000-000000000000/shardId-1/" + now.Format("2006/01/02/2006-01-02T15.04.05") + "-" + random()
	_, err = c.failures(cfg).PutObject(c.ctx(), &s3.PutObjectInput{Bucket: &c.FailureBucket, Key: &key, Body: strings.NewReader(string(body))})
	return key, err
}

func (c *community) failures(cfg aws.Config) *s3.Client {
	return s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = c.Local() })
}

func (c *community) inBucket(key string) bool {
	c.t.Helper()
	out, err := c.failures(c.AWS()).ListObjectsV2(c.ctx(), &s3.ListObjectsV2Input{Bucket: &c.FailureBucket, Prefix: aws.String(key)})
	c.must(nil, err)
	return len(out.Contents) > 0
}

// redrive gives the items of the test's own server.
func (c *community) redrive(replay bool) (own []redrive.Item) {
	c.t.Helper()
	r := redrive.Redriver{
		Objects: redrive.NewS3(c.AWS(), c.FailureBucket, c.Local()), Letters: redrive.NewSQS(c.AWS(), c.PushDeadLettersURL),
		Queue:    redrive.Bounded(queue.New(c.AWS(), c.PushQueueURL)),
		Recorder: &chat.Recorder{Messages: c.store, Audit: c.store, Clock: time.Now, Retention: 24 * time.Hour},
	}
	_, err := r.Run(c.ctx(), redrive.Options{Replay: replay}, func(i redrive.Item) {
		if slices.ContainsFunc(i.Shares, func(s redrive.Share) bool { return s.Server == c.id }) {
			own = append(own, i)
		}
	})
	c.must(nil, err)
	return own
}

// sources wants one item of each source, in this state.
func (c *community) sources(items []redrive.Item, state redrive.State) {
	c.t.Helper()
	var got []string
	for _, item := range items {
		got = append(got, fmt.Sprint(item.From, " ", item.State, " ", item.Records(), " ", item.Attempts, " ", item.At.IsZero()))
	}
	want := []string{fmt.Sprint(redrive.Bucket, " ", state, " 1 3 false"), fmt.Sprint(redrive.Queue, " ", state, " 1 ", chat.MaxTaskAttempts, " false")}
	if !slices.Equal(got, want) {
		c.t.Errorf("there is %q, want %q", got, want)
	}
}
