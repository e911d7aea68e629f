package wire

import (
	"fmt"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"pgregory.net/rapid"

	"unsend/shared/chat"
)

// message draws one as large as a request can make it: every character of its
// fields may need an escape.
func message(t *rapid.T, i int) chat.Message {
	text := rapid.SampledFrom([]string{"a", `"`, "\x01", "é", "<"}).Draw(t, "text")
	id := strings.Repeat(rapid.SampledFrom([]string{"a", `"`, `\`}).Draw(t, "id"), 58) + fmt.Sprintf("%06d", i)
	body := strings.Repeat(text, rapid.IntRange(0, 4_500).Draw(t, "length"))
	m := chat.Message{
		MessageKey: chat.MessageKey{ServerID: id, ChannelID: id, Timestamp: int64(i), MsgServerID: id},
		MsgID:      id, From: chat.Actor{AccountID: id, Nick: id, Device: id},
		Content: chat.Content{Body: body},
	}
	if rapid.Bool().Draw(t, "revoked") {
		note := strings.Repeat(text, 512)
		m.Content, m.Status = chat.Content{}, chat.Revoked
		m.Revocation = &chat.Revocation{Operator: m.From, Info: chat.UpdateInfo{Postscript: note, Extension: note, PushContent: note, PushPayload: note}}
	}
	return m
}

func messages(t *rapid.T) []chat.Message {
	list := make([]chat.Message, rapid.IntRange(0, 60).Draw(t, "messages"))
	for i := range list {
		list[i] = message(t, i)
	}
	return list
}

// A walk over history by "next" meets every message once, in order, and never a
// frame that is too long.
func TestHistoryIsCutWithoutLoss(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		all := messages(t)
		end := &chat.MessageRef{Timestamp: chat.MaxTimestamp, MsgServerID: strings.Repeat(`"`, 64)}
		for met := 0; ; {
			frame, err := Answer(History, strings.Repeat(`"`, chat.MaxIDBytes), Result{Page: &chat.HistoryPage{Messages: all[met:], Next: end}})
			if err != nil || len(frame) > MaxFrame {
				t.Fatalf("%d bytes, %v", len(frame), err)
			}
			var answer struct {
				Messages []struct {
					Timestamp int `json:"timestamp"`
				} `json:"messages"`
				Next string `json:"next"`
			}
			if err := json.Unmarshal([]byte(frame), &answer); err != nil {
				t.Fatal(err)
			}
			for _, m := range answer.Messages {
				if m.Timestamp != met {
					t.Fatalf("message %d where %d was next", m.Timestamp, met)
				}
				met++
			}
			next, err := parseCursor("cursor", answer.Next)
			switch {
			case err != nil:
				t.Fatal(err)
			case *next == *end && met == len(all):
				return
			case len(answer.Messages) == 0 || next.MsgServerID != all[met-1].MsgServerID || next.Timestamp != all[met-1].Timestamp:
				t.Fatalf("after %d messages next is %v", met, next)
			}
		}
	})
}

func TestNoticesAreSplitWithoutLoss(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		all := messages(t)
		notices := make([]chat.Notice, len(all))
		for i, m := range all {
			notices[i] = chat.Notice{Event: chat.MessageReceived, Message: m}
			if m.Revocation != nil {
				notices[i].Event = chat.MessageUpdated
			}
		}
		frames, err := EncodeNotices(notices)
		if err != nil {
			t.Fatal(err)
		}
		met, last := 0, 0
		for i, frame := range frames {
			if len(frame) > MaxFrame {
				t.Fatalf("%d bytes", len(frame))
			}
			if i > 0 && last+len(frame) <= MaxFrame/2 {
				t.Fatalf("frames of %d and %d bytes could be one", last, len(frame))
			}
			last = len(frame)
			met = meet(t, frame, met)
		}
		if met != len(all) {
			t.Fatalf("%d of %d notices", met, len(all))
		}
	})
}

// meet checks that the frame's notices follow those met before.
func meet(t *rapid.T, frame []byte, met int) int {
	var list struct {
		Notices []struct {
			Message struct {
				Timestamp int `json:"timestamp"`
			} `json:"message"`
		} `json:"notices"`
	}
	if err := json.Unmarshal(frame, &list); err != nil {
		t.Fatal(err)
	}
	for _, n := range list.Notices {
		if n.Message.Timestamp != met {
			t.Fatalf("notice %d where %d was next", n.Message.Timestamp, met)
		}
		met++
	}
	return met
}

// The largest message that a request can carry fits alone, however it is escaped.
func TestLargestMessageFits(t *testing.T) {
	t.Parallel()
	frame := `{"action":"send","server_id":"s","channel_id":"c","msg_id":"m","msg_body":"` + strings.Repeat(`\u0001`, 5_400) + `"}`
	f, err := DecodeSend(frame)
	if err != nil {
		t.Fatal(err)
	}
	frames, err := EncodeNotices([]chat.Notice{{Event: chat.MessageReceived, Message: chat.Message{Content: f.Request.Content}}})
	if err != nil || len(frames) != 1 || len(frames[0]) > MaxRequest+2_048 {
		t.Errorf("%d frames of %d bytes, %v", len(frames), len(frames[0]), err)
	}
}

// A batch's answer is never cut, so it must fit with every id at its longest; what was revoked is one frame of notices
// for a device, unless the operator wrote a lot.
func TestTheLargestBatchFits(t *testing.T) {
	t.Parallel()
	outcomes := make([]chat.RevokeOutcome, chat.MaxMessagesPerFrame)
	notices := make([]chat.Notice, len(outcomes))
	for i := range outcomes {
		outcomes[i].MessageRef = chat.MessageRef{Timestamp: chat.MaxTimestamp, MsgServerID: strings.Repeat(`"`, chat.MaxIDBytes)}
		outcomes[i].Err = &chat.Error{Code: chat.Codes[1+i%(len(chat.Codes)-1)]}
		notices[i] = chat.Notice{Event: chat.MessageUpdated, Message: revoked(sample())}
		notices[i].Message.MsgServerID, notices[i].Message.MsgID = fmt.Sprintf("01KDVDNQ3VC6X8J3QW2Z1N%04d", i), fmt.Sprintf("2f1c6a3e-9b1d-4c56-8f0a-5d7e8b9c%04d", i)
	}
	frame, err := Answer(RevokeBatch, strings.Repeat(`"`, chat.MaxIDBytes), Result{Revoked: outcomes})
	if err != nil || len(frame) > MaxFrame/2 {
		t.Errorf("%d bytes, %v", len(frame), err)
	}
	if frames, err := EncodeNotices(notices); err != nil || len(frames) != 1 {
		t.Errorf("%d frames tell of 100 revocations, %v", len(frames), err)
	}
	request := batchWith(`"messages":[` + strings.TrimSuffix(strings.Repeat(`{"timestamp":999999999999999,"msg_server_id":"`+strings.Repeat(`\"`, chat.MaxIDBytes)+`"},`, len(outcomes)), ",") +
		`],"update_info":{"postscript":"` + strings.Repeat("é", chat.MaxPostscriptChars) + `"}`)
	if f, err := DecodeRevokeBatch(request); err != nil || len(f.Request.Messages) != len(outcomes) {
		t.Errorf("a request of %d bytes: %v", len(request), err)
	}
}

// A walk over sync by "cursor" meets every update once, in order, never in a
// frame that is too long, and gets the stamps at its end.
func TestSyncIsCutWithoutLoss(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var all []chat.Update
		for i, m := range messages(t) {
			revocation := chat.Revocation{Operator: m.From}
			if m.Revocation != nil {
				revocation = *m.Revocation
			}
			all = append(all, chat.Update{MessageKey: m.MessageKey, Version: 2, UpdatedAt: int64(1000 + i), Revocation: revocation})
		}
		page := chat.SyncPage{Next: chat.UpdateRef{UpdatedAt: 5}, Access: map[string]string{}}
		for i := range rapid.IntRange(0, chat.MaxChannelsPerServer).Draw(t, "channels") {
			page.Access[strings.Repeat(`"`, 60)+fmt.Sprint(i)] = "123456789012"
		}
		for met := 0; ; {
			page.Updates = all[met:]
			frame, err := Answer(Sync, strings.Repeat(`"`, chat.MaxIDBytes), Result{Sync: &page})
			if err != nil || len(frame) > MaxFrame {
				t.Fatalf("%d bytes, %v", len(frame), err)
			}
			var answer struct {
				Updates []struct {
					UpdateTimestamp int64 `json:"update_timestamp"`
				} `json:"updates"`
				Cursor string            `json:"cursor"`
				More   bool              `json:"more"`
				Access map[string]string `json:"access"`
			}
			if err := json.Unmarshal([]byte(frame), &answer); err != nil {
				t.Fatal(err)
			}
			for _, u := range answer.Updates {
				if u.UpdateTimestamp != int64(1000+met) {
					t.Fatalf("update %d where %d was due", u.UpdateTimestamp, 1000+met)
				}
				met++
			}
			next, err := parseUpdateCursor("cursor", answer.Cursor)
			if err != nil {
				t.Fatal(err)
			}
			if answer.More {
				if answer.Access != nil || len(answer.Updates) == 0 || next.UpdatedAt != int64(1000+met-1) {
					t.Fatalf("a page in the middle ends at %+v with %d stamps", next, len(answer.Access))
				}
				continue
			}
			if met != len(all) || *next != page.Next || len(answer.Access) != len(page.Access) {
				t.Fatalf("the end: %d of %d met, cursor %+v, %d stamps", met, len(all), next, len(answer.Access))
			}
			return
		}
	})
}
