package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"unsend/scripts/local/stack"
	"unsend/scripts/unsend/seed"
)

// runs gives exit code, output and errors of a command line.
func runs(t *testing.T, args ...string) (code int, out, errs string) {
	t.Helper()
	var o, e bytes.Buffer
	code = run(t.Context(), args, streams{in: strings.NewReader(""), out: &o, err: &e})
	return code, o.String(), e.String()
}

func TestCommandLines(t *testing.T) {
	t.Parallel()
	none := filepath.Join(t.TempDir(), "none.json")
	tests := []struct {
		args string
		code int
		says string // in the output where the code is 0, else in the errors
	}{
		{"--help", 0, "unsend demo"},
		{"seed --help", 0, "whitelist"},
		{"chat --help", 0, "/revoke N [reason]"},
		{"channel delete --help", 0, "for 30 days after that is done; afterwards the service answers 404"},
		{"server delete --help", 0, "for 30 days after that is done; afterwards the service answers 404"},
		{"token --help", 0, "Authorization: Bearer"},
		{"demo --help", 0, "unsend seed scripts/unsend/sample.yaml"},
		{"seed --check sample.yaml", 0, "is as it should be"},
		{"seed --check seed/testdata/wrong.yaml", 1, "31 problems"},
		{"seed", 1, "unsend seed scripts/unsend/sample.yaml"},
		{"seed nowhere.yaml", 1, "nowhere.yaml"},
		{"seed --check /dev/zero", 1, "larger than 1 MB"},
		{"token", 1, "unsend token alice"},
		{"token alice --client-type fax", 1, "known are android"},
		{"token alice --stack " + none, 1, "start one with scripts/dev"},
		{"demo --stack " + none, 1, "--stack-name"},
		{"demo --stack x --stack-name y", 1, "stack-name"},
		{"demo --patience 1", 1, "see unsend demo --help"},
		{"smoke --help", 0, "the rows go by a job"},
		{"smoke now", 1, "smoke takes no arguments"},
		{"smoke --stack " + none, 1, "--stack-name"},
		{"chat --as alice", 1, `"channel", "server" not set`},
		{"parameters --help", 0, "wherever that ran"},
		{"parameters now", 1, "parameters takes no arguments"},
		{"parameters --stack " + none, 1, "--stack-name"},
		{"redrive --help", 0, "which is harmless"},
		{"redrive now", 1, "redrive takes no arguments"},
		{"redrive --from everywhere", 1, "--from is bucket, queue or all"},
		{"redrive --limit -1", 1, "a limit is 0, for no limit, or more"},
		{"redrive --stack " + none, 1, "--stack-name"},
		{"restore --help", 0, "you pay for its size"},
		{"restore", 1, `"table" not set`},
		{"restore a#b --table copy", 1, "SERVER"},
		{"restore --table arn:aws:dynamodb:eu-central-1:1:table/live", 1, "is no name of a table"},
		{"restore --table copy --since 1", 1, "before the year 2000"},
		{"restore --table copy --since 9999999999999", 1, "--since is in the future"},
		{"restore --table copy --since 2h", 1, `"2h" is another time each time that this is run`},
		{"restore --table copy --pace 0", 1, "--pace is 1 to 10000"},
		{"restore --table copy --stack " + none, 1, "--stack-name"},
		{"dance", 1, "unknown command"},
	}
	for _, test := range tests {
		code, out, errs := runs(t, strings.Fields(test.args)...)
		text := out
		if test.code != 0 {
			text = errs
		}
		if code != test.code || !strings.Contains(text, test.says) {
			t.Errorf("unsend %s: code %d, want %d and %q in:\n%s%s", test.args, code, test.code, test.says, out, errs)
		}
	}
}

// A stack of an earlier release, and one that does not answer: each error says what to do next.
func TestRedriveSaysWhatItLacks(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "stack.json")
	for _, test := range []struct {
		stack.Description
		says string
	}{
		{stack.Description{Name: "old", FailureBucket: "b", AuditTable: "a"}, `"old" has no output PushDeadLettersUrl, PushQueueUrl: deploy`},
		{stack.Description{FailureBucket: "b", AuditTable: "a", PushQueueURL: "http://127.0.0.1:1/q", PushDeadLettersURL: "http://127.0.0.1:1/d"}, "run the command again for the rest"},
	} {
		test.Endpoint, test.Region = "http://127.0.0.1:1", "eu-central-1"
		if err := test.Save(file); err != nil {
			t.Fatal(err)
		}
		if code, out, errs := runs(t, "redrive", "--stack", file); code != 1 || !strings.Contains(errs, test.says) {
			t.Errorf("code %d, want 1 and %q in:\n%s%s", code, test.says, out, errs)
		}
	}
}

// Before it reads anything: the table that is served is no restored one, and neither are the others.
func TestRestoreRefusesTheTablesInUse(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "stack.json")
	d := stack.Description{
		Name: "prod", Endpoint: "http://127.0.0.1:1", Region: "eu-central-1",
		MessagesTable: "messages", CommunityTable: "community", SessionsTable: "sessions", AuditTable: "audit",
	}
	for args, says := range map[string]string{
		"messages": "say --live", "community": "holds no messages", "sessions": "holds no messages", "audit": "holds no messages",
		"messages --live": "is it restored", "copy": "is it restored", // and nobody answers
	} {
		if err := d.Save(file); err != nil {
			t.Fatal(err)
		}
		line := append(strings.Fields("restore --apply --table "+args), "--stack", file)
		if code, out, errs := runs(t, line...); code != 1 || !strings.Contains(errs, says) {
			t.Errorf("%s: code %d, want 1 and %q in:\n%s%s", args, code, says, out, errs)
		}
	}
	d.AuditTable = ""
	if err := d.Save(file); err != nil {
		t.Fatal(err)
	}
	if code, _, errs := runs(t, "restore", "--table", "copy", "--stack", file); code != 1 || !strings.Contains(errs, `"prod" has no output AuditTable`) {
		t.Errorf("without an audit: code %d, %s", code, errs)
	}
}

// Whoever restores to undo a deletion, and has not said so, is asked before it is done again.
func TestRestoreAsks(t *testing.T) {
	t.Parallel()
	a := &app{streams: streams{in: strings.NewReader("harbour\n"), err: io.Discard}}
	cleared := 0
	asks := func(o restoreOptions, channels ...string) error {
		return a.removing(o, func() { cleared++ })(t.Context(), "harbour", channels, 30)
	}
	err := asks(restoreOptions{}, "crew", "doomed")
	if want := "removing 30 messages of deleted channels of harbour (crew, doomed; --keep has them stay) cannot be undone, and there is no terminal to ask on: confirm it with --yes"; err == nil || err.Error() != want || cleared != 1 {
		t.Errorf("%v, cleared %d times", err, cleared)
	}
	if err := asks(restoreOptions{}, strings.Fields("a b c d e f g h i j k l")...); err == nil || !strings.Contains(err.Error(), "i, j and 2 more; ") {
		t.Error(err)
	}
	if err := asks(restoreOptions{yes: true}, "doomed"); err != nil {
		t.Error(err)
	}
}

// What was taken back between the point in time and a later --since would not be looked at.
func TestSinceIsNotLaterThanThePoint(t *testing.T) {
	t.Parallel()
	const noon = 1_767_268_800_000
	for name, c := range map[string]struct {
		since, point, want int64
		says               string
	}{
		"nobody says":    {0, 0, 0, ""},
		"AWS says":       {0, noon, noon, ""},
		"the flag says":  {noon, 0, noon, ""},
		"both":           {noon, noon, noon, ""},
		"an earlier one": {noon - 1, noon, noon - 1, ""},
		"a later one":    {noon + 60_000, noon, 0, "--since is 2026-01-01T12:01:00Z, later than 2026-01-01T12:00:00Z"},
	} {
		got, err := sinceThePoint(c.since, c.point)
		if got != c.want || (err == nil) != (c.says == "") || (err != nil && !strings.Contains(err.Error(), c.says)) {
			t.Errorf("%s: %d, %v", name, got, err)
		}
	}
}

// The audit knows what it has kept for its retention.
func TestWhatTheAuditKnows(t *testing.T) {
	t.Parallel()
	now := time.UnixMilli(1_767_225_600_000)
	week := now.Add(-7 * 24 * time.Hour).UnixMilli()
	day := now.Add(-24 * time.Hour).UnixMilli()
	const keep = 7 * 24 * time.Hour
	for name, c := range map[string]struct {
		since     int64
		retention time.Duration
		created   int64
		want      int64
	}{
		"kept for ever":               {day, 0, day, 0},
		"kept for ever, but not then": {day - 1, 0, day, day},
		"all that there is":           {0, keep, 1, week},
		"just kept":                   {week, keep, 1, 0},
		"no more":                     {week - 1, keep, 1, week},
		"younger than its retention":  {week, keep, day, day}, // as a raised one's table can be
	} {
		if got := knownSince(c.since, c.retention, time.UnixMilli(c.created), now); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
}

// Before it writes anything.
func TestSeedSaysWhatItLacks(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "stack.json")
	d := stack.Description{Name: "old", Endpoint: "http://127.0.0.1:1", Region: "eu-central-1"}
	for _, test := range []struct{ table, says string }{{"", `"old" has no output AuditTable`}, {"a", "ask AWS whose credentials these are"}} {
		d.AuditTable = test.table
		if err := d.Save(file); err != nil {
			t.Fatal(err)
		}
		if code, out, errs := runs(t, "seed", "sample.yaml", "--stack", file); code != 1 || !strings.Contains(errs, test.says) {
			t.Errorf("code %d, want 1 and %q in:\n%s%s", code, test.says, out, errs)
		}
	}
}

func TestSummary(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	err := printSummary(&out, "demo", seed.Summary{seed.Servers: {Created: 1}, seed.Members: {Changed: 2, Unchanged: 30}})
	want := strings.Join([]string{
		"              demo   created   changed   unchanged",
		"           servers         1         0           0",
		"           members         0         2          30",
		"          channels         0         0           0",
		"   channel entries         0         0           0", "",
	}, "\n")
	if out.String() != want || err != nil {
		t.Errorf("%v\n%s", err, &out)
	}
	out.Reset()
	if err := printSummary(&out, "demo", seed.Summary{seed.Servers: {Unchanged: 1}}); err != nil || !strings.Contains(out.String(), "unchanged") {
		t.Errorf("%v\n%s", err, &out)
	}
}

func TestColourIsForTerminals(t *testing.T) {
	t.Parallel()
	file, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	if colour(file) || colour(&bytes.Buffer{}) {
		t.Error("colours in a file")
	}
}

// An error can hold what a server, or a file, says: it moves no cursor.
func TestErrorsAreHarmless(t *testing.T) {
	t.Parallel()
	if code, _, errs := runs(t, "seed", "no\x1b[2Jwhere.yaml"); code != 1 || strings.Contains(errs, "\x1b") || !strings.Contains(errs, "no�[2Jwhere.yaml") {
		t.Errorf("code %d, %q", code, errs)
	}
}
