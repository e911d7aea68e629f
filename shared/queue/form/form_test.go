package form_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"unsend/shared/chat"
	"unsend/shared/queue/form"
)

func task(server string) chat.Task {
	key := chat.MessageKey{ServerID: server, ChannelID: "c1", Timestamp: 1_767_225_600_000, MsgServerID: "m1"}
	return chat.Task{ServerID: server, Records: []chat.Stored{{Key: key, Kind: chat.Inserted}, {Key: key, Kind: chat.Modified}}}
}

func TestTasksAreReadAsTheyWereWritten(t *testing.T) {
	t.Parallel()
	walk, few := task("s1"), task("s2")
	walk.Part = &chat.Part{After: "L0SM9cOFvHcCIhw="}
	few.Part, few.Attempt = &chat.Part{Only: []string{"a=", "b="}}, 7
	shard := task("s1")
	shard.Part = &chat.Part{ChannelID: "c1", Shard: 15, After: "x"}
	for _, want := range []chat.Task{task("s ❤ \ufffe 👋"), walk, few, shard} {
		body, err := form.EncodeTask(want)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range body {
			if r < ' ' || r > '~' {
				t.Errorf("%q is in a message: SQS may refuse it", r)
			}
		}
		got, err := form.DecodeTask(body)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%v\n%s", err, diff)
		}
	}
}

// What waits in a queue while functions are replaced, and for 14 days with the dead letters.
func TestTasksOfEarlierReleasesAreRead(t *testing.T) {
	t.Parallel()
	got, err := form.DecodeTask(`{"v":1,"server":"s1","records":[{"kind":"MODIFY","channel":"c1","time":5,"id":"m1"}],"part":{"only":["a="]},"attempt":2}`)
	want := chat.Task{ServerID: "s1", Attempt: 2, Part: &chat.Part{Only: []string{"a="}},
		Records: []chat.Stored{{Kind: chat.Modified, Key: chat.MessageKey{ServerID: "s1", ChannelID: "c1", Timestamp: 5, MsgServerID: "m1"}}}}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}
}

func TestWhatIsNoTaskIsRefused(t *testing.T) {
	t.Parallel()
	const record = `{"kind":"INSERT","channel":"c1","time":5,"id":"m1"}`
	for _, body := range []string{
		``, `SECRET`, `null`, `[]`, `{}`,
		`{"v":2,"server":"s1","records":[` + record + `]}`,
		`{"v":1,"server":"s1","records":[]}`,
		`{"v":1,"server":"SECRET#","records":[` + record + `]}`,
		`{"v":1,"server":"s1","records":[` + strings.Replace(record, "INSERT", "REMOVE", 1) + `]}`,
		`{"v":1,"server":"s1","records":[` + strings.Replace(record, "m1", "", 1) + `]}`,
		`{"v":1,"server":"s1","records":[` + strings.Replace(record, "5", "-5", 1) + `]}`,
		`{"v":1,"server":"s1","records":[` + record + `],"attempt":-1}`,
		`{"v":1,"server":"s1","records":[` + record + `],"part":{"only":[""]}}`,
		`{"v":1,"server":"s1","records":[` + record + `],"part":{"channel":"c#"}}`,
		`{"v":1,"server":"s1","records":[` + record + `],"part":{"channel":"c","shard":16}}`,
	} {
		if got, err := form.DecodeTask(body); err == nil || strings.Contains(err.Error(), "SECRET") {
			t.Errorf("%s: %+v, %v", body, got, err)
		}
	}
}

func FuzzDecodeTask(f *testing.F) {
	body, err := form.EncodeTask(task("s1"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(body)
	f.Add(`{"v":1,"server":"s1","records":[{"kind":"MODIFY","channel":"c1","time":5,"id":"m1"}],"part":{"after":"x"}}`)
	f.Fuzz(func(t *testing.T, body string) {
		decoded, err := form.DecodeTask(body)
		if err != nil {
			return
		}
		again, err := form.EncodeTask(decoded)
		if err != nil {
			t.Fatal(err)
		}
		if twice, err := form.DecodeTask(again); err != nil || !cmp.Equal(decoded, twice) {
			t.Errorf("%+v became %+v, %v", decoded, twice, err)
		}
	})
}
