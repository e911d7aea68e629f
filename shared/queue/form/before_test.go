package form_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"unsend/shared/chat"
	"unsend/shared/queue/form"
	"unsend/shared/releasetest"
)

// A message waits for as long as functions of both releases are at work, and for 14 days with the dead letters.
type body struct {
	written func() (string, error)
	want    any
	read    func(string) (any, error)
}

func bodies() map[string]body {
	walk, few, shard := task("s ❤ 👋"), task("s2"), task("s3")
	walk.Part = &chat.Part{After: "L0SM9cOFvHcCIhw="}
	few.Part, few.Attempt = &chat.Part{Only: []string{"a=", "b="}}, 7
	shard.Part = &chat.Part{ChannelID: "c1", Shard: 15, After: "x"}
	all := map[string]body{}
	for name, each := range map[string]chat.Task{"task": task("s1"), "task at a place": walk, "task of some": few, "task of a shard": shard} {
		all[name] = body{func() (string, error) { return form.EncodeTask(each) }, each, func(text string) (any, error) { return form.DecodeTask(text) }}
	}
	for _, kind := range chat.JobKinds() {
		job := chat.JobRef{ServerID: "s ❤", Kind: kind, ID: "j1"}
		all["job "+string(kind)] = body{func() (string, error) { return form.EncodeJob(job) }, job, func(text string) (any, error) { return form.DecodeJob(text) }}
	}
	return all
}

func TestMessagesOfTheReleaseBefore(t *testing.T) {
	t.Parallel()
	now := map[string]any{}
	for name, each := range bodies() {
		text, err := each.written()
		if err != nil {
			t.Fatal(err)
		}
		now[name] = json.RawMessage(text)
	}
	before := releasetest.Before(t, now)
	for name, each := range bodies() {
		text, err := json.Marshal(before[name])
		if err != nil {
			t.Fatal(err)
		}
		got, err := each.read(string(text))
		if d := cmp.Diff(each.want, got); err != nil || d != "" {
			t.Errorf("%s of the release before: %v\n%s", name, err, d)
		}
		var is any
		if err := json.Unmarshal(now[name].(json.RawMessage), &is); err != nil {
			t.Fatal(err)
		}
		for _, place := range releasetest.Lost(before[name], is) {
			t.Errorf("%s: the release before does not find %s", name, place)
		}
	}
}
