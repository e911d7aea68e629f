package redrive

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"unsend/shared/chat"
	"unsend/shared/dynamo"
)

// recordsPerTask is what notify puts into a task at most: a batch of the stream.
const recordsPerTask = 100

// invocation is what Lambda writes about a batch that it gave up (Lambda developer guide, "Retain discarded
// records for a DynamoDB event source").
type invocation struct {
	RequestContext struct {
		Condition              string `json:"condition"`
		ApproximateInvokeCount int    `json:"approximateInvokeCount"`
	} `json:"requestContext"`
	Timestamp string `json:"timestamp"`
	Batch     *struct {
		ShardID             string `json:"shardId"`
		StartSequenceNumber string `json:"startSequenceNumber"`
		EndSequenceNumber   string `json:"endSequenceNumber"`
		FirstRecord         string `json:"approximateArrivalOfFirstRecord"`
		LastRecord          string `json:"approximateArrivalOfLastRecord"`
		BatchSize           int    `json:"batchSize"`
	} `json:"DDBStreamBatchInfo"`
	// Payload is the event that the function got: the guide shows it as a text. An object is read, too.
	Payload json.RawMessage `json:"payload"`
}

// event is as much of the function's event as matters. A record that is of another form
// must not keep the others from being read.
type event struct {
	Records []json.RawMessage `json:"Records"`
}

type record struct {
	EventName string `json:"eventName"`
	Change    struct {
		Keys struct {
			PK, SK struct{ S string }
		}
	} `json:"dynamodb"`
}

// ParseObject reads an object of the failure bucket. What cannot be replayed is [Unusable], and says why.
func ParseObject(object Object, body []byte) Item {
	item := Item{From: Bucket, ID: object.Key, At: object.At}
	var i invocation
	if err := json.Unmarshal(body, &i); err != nil {
		return item.unusable("it is not what Lambda writes, or only a part of that")
	}
	if at, err := time.Parse(time.RFC3339, i.Timestamp); err == nil {
		item.At = at.UTC()
	}
	item.Reason, item.Attempts = i.RequestContext.Condition, max(i.RequestContext.ApproximateInvokeCount, 0)
	payload, err := i.payload()
	switch {
	case err != nil:
		return item.unusable("its payload is not the event of a function, or only a part of one")
	case len(payload.Records) == 0 && i.Batch == nil:
		return item.unusable("it is not what Lambda writes about a batch of a stream")
	case len(payload.Records) == 0:
		return item.unusable("it does not hold its records, " + i.span() + ": devices that were not told learn of them by sync")
	}
	return item.read(payload.Records)
}

// payload is empty where there is none.
func (i invocation) payload() (e event, err error) {
	text := []byte(i.Payload)
	if bytes.HasPrefix(text, []byte(`"`)) {
		var inner string
		if err := json.Unmarshal(text, &inner); err != nil {
			return event{}, err
		}
		text = []byte(inner)
	}
	if len(bytes.TrimSpace(text)) == 0 {
		return event{}, nil
	}
	err = json.Unmarshal(text, &e)
	return e, err
}

// span is where in the stream the batch was.
func (i invocation) span() string {
	b := i.Batch
	if b.FirstRecord != "" && b.LastRecord != "" {
		return fmt.Sprintf("%d of %s to %s", b.BatchSize, b.FirstRecord, b.LastRecord)
	}
	return fmt.Sprintf("%d of the shard %s, sequence numbers %s to %s", b.BatchSize, b.ShardID, b.StartSequenceNumber, b.EndSequenceNumber)
}

func (i Item) unusable(problem string) Item {
	i.State, i.Problem = Unusable, problem
	return i
}

// read makes tasks of the records, some for each server, in the order in which they came.
func (i Item) read(records []json.RawMessage) Item {
	byServer := map[string][]chat.Stored{}
	var servers []string
	removals := 0
	for _, raw := range records {
		var r record
		err := json.Unmarshal(raw, &r)
		if err == nil && r.EventName == "REMOVE" {
			removals++
			continue
		}
		stored, ok := r.stored()
		if err != nil || !ok {
			i.Skipped++
			continue
		}
		server := stored.Key.ServerID
		if byServer[server] == nil {
			servers = append(servers, server)
		}
		byServer[server] = append(byServer[server], stored)
	}
	if len(servers) == 0 && i.Skipped > 0 {
		return i.unusable(fmt.Sprintf("none of its %d records is of a message", len(records)))
	}
	i.Skipped += removals
	i.State = Empty
	for _, server := range servers {
		i.State = Replayable
		i.Shares = append(i.Shares, Share{server, len(byServer[server])})
		for part := range slices.Chunk(byServer[server], recordsPerTask) {
			i.tasks = append(i.tasks, chat.Task{ServerID: server, Records: part})
		}
	}
	return i
}

// stored checks each id, as the push queue's readers do: a task that they refuse would be a dead letter again.
func (r record) stored() (chat.Stored, bool) {
	kind, known := chat.ParseStoredKind(r.EventName)
	key, err := dynamo.ParseMessageKey(r.Change.Keys.PK.S, r.Change.Keys.SK.S)
	for field, id := range map[string]string{"server": key.ServerID, "channel": key.ChannelID, "id": key.MsgServerID} {
		if err == nil {
			err = chat.CheckID(field, id)
		}
	}
	return chat.Stored{Key: key, Kind: kind}, known && err == nil
}
