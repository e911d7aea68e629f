package restore

import (
	"bytes"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"unsend/shared/chat"
)

var (
	harbour = chat.RestoredServer{ServerID: "harbour\x1b[2J", Rows: 90, Channels: 3, Entries: 9, Already: 2, Absent: 3, Due: 4, Revoked: 4, GoneChannels: 1, GoneRows: 30, Removed: 30}
	quiet   = chat.RestoredServer{ServerID: "quiet", Rows: 10, Channels: 1, Entries: 1, Already: 1}
	gone    = chat.RestoredServer{ServerID: "gone", Rows: 5, Channels: 2, GoneServer: true, GoneChannels: 2, GoneRows: 5, Removed: 5}
)

func told(t *testing.T, r Report, s Summary, servers ...chat.RestoredServer) {
	t.Helper()
	for _, server := range servers {
		if err := r.Add(server); err != nil {
			t.Fatal(err)
		}
		s.Add(server)
	}
	if err := r.End(s); err != nil {
		t.Fatal(err)
	}
}

func TestWhatPeopleSee(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	told(t, &Table{Out: &out, Name: "copy"}, Summary{Apply: true, Known: 1_767_225_600_000}, harbour, quiet, gone)
	want := `server           messages   to revoke   revoked   of deleted channels   removed
harbour�[2J      90         4           4         30                    30
gone (deleted)   5          0           0         5                     5

copy: 105 messages in 6 channels of 3 servers
10 revocations in the audit: 4 to do, 4 done by this run, 3 had been done, 3 of messages that the table does not have or that go with their channel
35 messages of 3 deleted channels: 35 removed by this run
The audit knows nothing of before 2026-01-01T00:00:00Z: what was taken back until then, and after the point in time, stays readable. AuditRetentionDays that was raised does not reach back.
All that the audit knows is done. Run it once more when nothing is taken back any longer, and then serve the table.
`
	if diff := gocmp.Diff(out.String(), want); diff != "" {
		t.Error(diff)
	}
}

const others = "Of the servers named only; the others were not looked at: run it without names before the table is served."

// Each end of a run says what comes next.
func TestAdvice(t *testing.T) {
	t.Parallel()
	due := chat.RestoredServer{ServerID: "s", Due: 1}
	for name, c := range map[string]struct {
		s      Summary
		server chat.RestoredServer
		says   string
	}{
		"a dry run":             {Summary{}, due, "with --apply does it"},
		"nothing to do":         {Summary{}, quiet, "there is nothing to do"},
		"somebody else was too": {Summary{Apply: true}, due, "by somebody else"},
		"stopped":               {Summary{Apply: true, Stopped: true}, due, "Run it again: what is done"},
		"stopped while dry":     {Summary{Stopped: true}, due, "Run it again: what is done"},
		"done":                  {Summary{Apply: true}, quiet, "and then serve the table"},
		"kept":                  {Summary{Apply: true}, chat.RestoredServer{ServerID: "s", KeptChannels: 1, KeptRows: 7}, "7 messages of 1 deleted channels are kept\n"},
		"named, done":           {Summary{Apply: true, Named: []string{"quiet"}}, quiet, "of them is done.\n" + others},
		"named, dry":            {Summary{Named: []string{"s"}}, due, "with --apply does it.\n" + others},
		"named, nothing to do":  {Summary{Named: []string{"quiet"}}, quiet, "there is nothing to do.\n" + others},
		"named, left":           {Summary{Apply: true, Named: []string{"s"}}, due, "find nothing to do.\n" + others},
		"named, stopped":        {Summary{Apply: true, Stopped: true, Named: []string{"s"}}, due, "is found done.\n" + others},
	} {
		var out bytes.Buffer
		told(t, &Table{Out: &out, Name: "copy"}, c.s, c.server)
		if !strings.Contains(out.String(), c.says) || strings.Contains(out.String(), "audit knows nothing") {
			t.Errorf("%s: want %q in\n%s", name, c.says, &out)
		}
		if named := len(c.s.Named) > 0; strings.Contains(out.String(), others) != named || (named && strings.Contains(out.String(), "then serve")) {
			t.Errorf("%s: a table of which some servers were looked at is not to be served:\n%s", name, &out)
		}
	}
}

func TestWhatProgramsSee(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	told(t, Lines{Out: &out}, Summary{Apply: true, Stopped: true, Known: 1_767_225_600_000}, gone)
	want := `{"type":"server","server":"gone","deleted":true,"channels":2,"rows":5,"revocations":0,"already_revoked":0,"absent":0,"due":0,"revoked":0,"deleted_channels":2,"deleted_rows":5,"removed":5,"kept_channels":0,"kept_rows":0}
{"type":"summary","apply":true,"complete":false,"known_since":"2026-01-01T00:00:00Z","servers":1,"channels":2,"rows":5,"revocations":0,"already_revoked":0,"absent":0,"due":0,"revoked":0,"deleted_channels":2,"deleted_rows":5,"removed":5,"kept_channels":0,"kept_rows":0}
`
	if diff := gocmp.Diff(out.String(), want); diff != "" {
		t.Error(diff)
	}
}

// complete is what a script would serve the table upon: nothing is left in any server.
func TestComplete(t *testing.T) {
	t.Parallel()
	due := chat.RestoredServer{ServerID: "s", Due: 1}
	for name, c := range map[string]struct {
		s        Summary
		server   chat.RestoredServer
		complete bool
		left     string
	}{
		"done":                {Summary{Apply: true}, harbour, true, ""},
		"nothing to do":       {Summary{}, quiet, true, ""},
		"a dry run":           {Summary{}, due, false, ""},
		"something was left":  {Summary{Apply: true}, due, false, "1 messages were left as they are: run it again"},
		"stopped":             {Summary{Apply: true, Stopped: true}, quiet, false, ""},
		"some servers":        {Summary{Apply: true, Named: []string{"quiet"}}, quiet, false, ""},
		"some servers, a dry": {Summary{Named: []string{"quiet"}}, quiet, false, ""},
	} {
		var out bytes.Buffer
		told(t, Lines{Out: &out}, c.s, c.server)
		if got := strings.Contains(out.String(), `"complete":true`); got != c.complete {
			t.Errorf("%s: complete is %v in\n%s", name, got, &out)
		}
		if got := strings.Contains(out.String(), `"named":["quiet"]`); got != (len(c.s.Named) > 0) {
			t.Errorf("%s: the servers that were named are not said in\n%s", name, &out)
		}
		c.s.Add(c.server)
		if err := c.s.Left(); (err == nil) != (c.left == "") || (err != nil && err.Error() != c.left) {
			t.Errorf("%s: %v, want %q", name, err, c.left)
		}
	}
}
