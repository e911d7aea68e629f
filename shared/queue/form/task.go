// Package form is how the messages of the queues are written: ids, times and cursors, and never a message's text.
package form

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf16"

	"unsend/shared/chat"
)

// taskVersion is the form of the messages below. A release that writes another
// one must still read this: tasks wait in the queue while functions are replaced, and for 14 days with the dead letters.
const taskVersion = 1

// taskJSON is a task as the queue holds it: ids, times and cursors.
type taskJSON struct {
	Version int          `json:"v"`
	Server  string       `json:"server"`
	Records []recordJSON `json:"records"`
	Part    *partJSON    `json:"part,omitempty"`
	Attempt int          `json:"attempt,omitempty"`
}

type recordJSON struct {
	Kind    string `json:"kind"` // as the stream calls it
	Channel string `json:"channel"`
	Time    int64  `json:"time"` // ms
	ID      string `json:"id"`
}

type partJSON struct {
	Channel string   `json:"channel,omitempty"`
	Shard   int      `json:"shard,omitempty"`
	After   string   `json:"after,omitempty"`
	Only    []string `json:"only,omitempty"`
}

// EncodeTask is the body of the task's message.
func EncodeTask(t chat.Task) (string, error) {
	encoded := taskJSON{Version: taskVersion, Server: t.ServerID, Attempt: t.Attempt}
	for _, r := range t.Records {
		encoded.Records = append(encoded.Records, recordJSON{r.Kind.Name(), r.Key.ChannelID, r.Key.Timestamp, r.Key.MsgServerID})
	}
	if t.Part != nil {
		encoded.Part = &partJSON{t.Part.ChannelID, t.Part.Shard, t.Part.After, t.Part.Only}
	}
	body, err := json.Marshal(encoded)
	if err != nil {
		return "", fmt.Errorf("encode a task: %w", err)
	}
	return escaped(body), nil
}

// escaped writes what is no ASCII as JSON's escapes, all of which stand within texts: SQS refuses some characters that an
// id may hold (SQS API Reference, SendMessage).
func escaped(body []byte) string {
	var ascii strings.Builder
	for _, r := range string(body) {
		switch {
		case r < 0x80:
			ascii.WriteRune(r)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(&ascii, `\u%04x\u%04x`, high, low)
		default:
			fmt.Fprintf(&ascii, `\u%04x`, r)
		}
	}
	return ascii.String()
}

var errNoTask = errors.New("not a task of the push queue")

// DecodeTask reads the body of a message. Whoever may write to the queue may write
// anything, so each id is checked. The error holds nothing of the body.
func DecodeTask(body string) (chat.Task, error) {
	var encoded taskJSON
	if err := json.Unmarshal([]byte(body), &encoded); err != nil || encoded.Version != taskVersion || len(encoded.Records) == 0 {
		return chat.Task{}, errNoTask
	}
	t := chat.Task{ServerID: encoded.Server, Attempt: encoded.Attempt}
	ok := t.Attempt >= 0 && chat.CheckID("server", t.ServerID) == nil
	for _, r := range encoded.Records {
		record, known := record(t.ServerID, r)
		ok = ok && known
		t.Records = append(t.Records, record)
	}
	if p := encoded.Part; p != nil {
		t.Part = &chat.Part{ChannelID: p.Channel, Shard: p.Shard, After: p.After, Only: p.Only}
		ok = ok && !slices.Contains(p.Only, "") && p.Shard >= 0 && p.Shard < chat.SubscriberShards &&
			(p.Channel == "" || chat.CheckID("channel", p.Channel) == nil)
	}
	if !ok {
		return chat.Task{}, errNoTask
	}
	return t, nil
}

func record(server string, r recordJSON) (chat.Stored, bool) {
	key := chat.MessageKey{ServerID: server, ChannelID: r.Channel, Timestamp: r.Time, MsgServerID: r.ID}
	ok := chat.CheckID("channel", r.Channel) == nil && chat.CheckTimestamp("time", r.Time) == nil && chat.CheckID("id", r.ID) == nil
	kind, known := chat.ParseStoredKind(r.Kind)
	return chat.Stored{Key: key, Kind: kind}, ok && known
}
