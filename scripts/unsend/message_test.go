package main

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"unsend/scripts/unsend/serverapi"
)

func TestSend(t *testing.T) {
	t.Parallel()
	const sent = `{"server_id":"harbour","timestamp":1767225600123,"msg_server_id":"01KD","msg_body":"hi","later":1}`
	newBackend(t, `POST /servers/harbour/channels/general/messages {"from":"olga","msg_id":"n1","msg_type":0,"msg_body":"hi there"}`, "201 "+sent).
		play("send harbour general 'hi there' --as olga --id n1", 0, "1767225600123/01KD\n", "")
	b := newBackend(t, `POST /servers/harbour/channels/general/messages?acting_as=olga {"from":"olga","msg_id":"n1","msg_type":0,"msg_body":"from\na file","mention_all":true,"mention_accids":["bob"],"reply_to":{"timestamp":1767225600000,"msg_server_id":"01KC"}}`, "200 "+sent)
	code, out, errs := b.run("from\na file\n", "send harbour general - --as olga --acting-as olga --id n1 --mention bob --mention-all --reply-to 1767225600000/01KC --json")
	if code != 0 || out != sent+"\n" || errs != "" { // all that the service gave, also what this tool does not know
		t.Errorf("code %d\n%s%s", code, out, errs)
	}
	newBackend(t, `POST /servers/harbour/channels/general/messages {"from":"x","msg_id":"n1","msg_type":0,"msg_body":"secret"}`, "409 from is no member").
		play("send harbour general secret --as x --id n1", 1, "", "unsend: from is no member (HTTP 409)\n")
}

func TestRevoke(t *testing.T) {
	t.Parallel()
	path := "POST /servers/harbour/channels/general/messages/revoke"
	newBackend(t, path+` {"operator":"olga","messages":[{"timestamp":17,"msg_server_id":"a"},{"timestamp":18,"msg_server_id":"b"}],"update_info":{"postscript":"spam"}}`,
		`200 {"results":[{"timestamp":17,"msg_server_id":"a","res_code":200,"message":{"timestamp":17}},{"timestamp":18,"msg_server_id":"b","res_code":404,"reason":"no such message"}]}`).
		play("revoke harbour general 17/a b@18 a@17 --operator olga --reason spam", 1, "17/a   taken back\n18/b   no such message (404)\n", "1 of 2 were not done: their reasons are listed")
	b := newBackend(t, path+`?acting_as=bob {"messages":[{"timestamp":17,"msg_server_id":"a"},{"timestamp":18,"msg_server_id":"b"}],"update_info":{}}`,
		`200 {"results":[{"timestamp":17,"msg_server_id":"a","res_code":503},{"timestamp":18,"msg_server_id":"b","res_code":200}]}`,
		path+`?acting_as=bob {"messages":[{"timestamp":17,"msg_server_id":"a"}],"update_info":{}}`, `200 {"results":[{"timestamp":17,"msg_server_id":"a","res_code":200}]}`)
	code, out, errs := b.run("17/a\n"+`{"timestamp":18,"msg_server_id":"b","msg_body":"x"}`+"\n", "revoke harbour general --acting-as bob")
	if code != 0 || out != "18/b   taken back\n17/a   taken back\n" || errs != "" {
		t.Errorf("code %d\n%s%s", code, out, errs)
	}
	if code, _, errs := newBackend(t).run("17/a\n\n18\n", "revoke harbour general --operator o"); code != 1 || !strings.Contains(errs, `line 3 of the input: "18" is no message`) {
		t.Errorf("code %d\n%s", code, errs)
	}
	// A line that holds a message's text is not quoted.
	if code, _, errs := newBackend(t).run(`{"timestamp":"x","msg_body":"secret"}`, "revoke harbour general --operator o"); code != 1 || strings.Contains(errs, "secret") {
		t.Errorf("code %d\n%s", code, errs)
	}
}

// More than a hundred go with several requests, and what was done before a failure is told.
func TestRevokeOfMany(t *testing.T) {
	t.Parallel()
	request := func(from, to int) (asked, answered string) {
		var refs, results []string
		for i := from; i <= to; i++ {
			refs = append(refs, fmt.Sprintf(`{"timestamp":%d,"msg_server_id":"m"}`, i))
			results = append(results, fmt.Sprintf(`{"timestamp":%d,"msg_server_id":"m","res_code":200}`, i))
		}
		return `POST /servers/s/channels/c/messages/revoke {"operator":"o","messages":[` + strings.Join(refs, ",") + `],"update_info":{}}`,
			`200 {"results":[` + strings.Join(results, ",") + `]}`
	}
	var input strings.Builder
	for i := 1; i <= 150; i++ {
		fmt.Fprintf(&input, "%d/m\n", i)
	}
	first, firstAnswer := request(1, 100)
	second, _ := request(101, 150)
	refused := strings.Replace(firstAnswer, `"res_code":200`, `"res_code":404,"reason":"no such message"`, 1)
	code, out, errs := newBackend(t, first, firstAnswer, second, "404 no such channel").run(input.String(), "revoke s c --operator o")
	if code != 1 || strings.Count(out, "taken back") != 100 || !strings.Contains(errs, "no such channel (HTTP 404) (100 were done before: run") {
		t.Errorf("code %d\n%s%s", code, out, errs)
	}
	// Those that were refused were not done.
	code, out, errs = newBackend(t, first, refused, second, "404 no such channel").run(input.String(), "revoke s c --operator o")
	if code != 1 || strings.Count(out, "taken back") != 99 || !strings.Contains(errs, "no such channel (HTTP 404) (99 were done before, 1 was refused: run") {
		t.Errorf("code %d\n%s%s", code, out, errs)
	}
}

func sweepJob(state string, finished, found, revoked, refused int64) string {
	return fmt.Sprintf(`{"server_id":"harbour","kind":"sweep","job_id":"spam-1","state":%q,"sweep":{"accid":"mallory","since":1767225600000,"until":1767232800000,"dry_run":false,"operator":"olga","update_info":{"postscript":"spam"}},`+
		`"created_at":1767232800000,"updated_at":1767232800000,"finished_at":%d,"channels":2,"found":%d,"revoked":%d,"refused":%d,"removed":0}`, state, finished, found, revoked, refused)
}

func TestSweep(t *testing.T) {
	t.Parallel()
	put := `PUT /servers/harbour/sweeps/spam-1 {"accid":"mallory","since":1767225600000,"operator":"olga","update_info":{"postscript":"spam"},"dry_run":false}`
	look := "GET /servers/harbour/jobs/sweep/spam-1"
	const done = `
job        sweep spam-1
server     harbour
state      done
begun      2026-01-01T02:00:00Z
done       2026-01-01T02:00:05Z
account    mallory
channel    all
since      2026-01-01T00:00:00Z
until      2026-01-01T02:00:00Z
operator   olga
reason     spam
channels   2
messages   7 of 7 taken back
`
	line := "sweep harbour mallory --since 2026-01-01 --operator olga --reason spam --id spam-1"
	newBackend(t, put, "201 "+sweepJob("running", 0, 3, 1, 0), look, "200 "+sweepJob("running", 0, 7, 5, 0), look, "200 "+sweepJob("done", 1767232805000, 7, 7, 0)).
		play(line+" --wait", 0, done, "")
	newBackend(t, put, "201 "+sweepJob("running", 0, 3, 1, 0)).play(line+" --json", 0, sweepJob("running", 0, 3, 1, 0)+"\n", "")
	newBackend(t, put, "409 another sweep has this id").play(line, 1, "", "a sweep with the id spam-1 may be there with other flags: see unsend job show harbour sweep spam-1")
	newBackend(t, put, "201 "+sweepJob("done", 1767232805000, 7, 5, 2)).
		play(line, 1, strings.Replace(done, "7 of 7 taken back", "5 of 7 taken back, 2 refused", 1), "2 messages could not be taken back")
	// Two hours ago is another time now: the sweep of that id goes on from where it began.
	newBackend(t, look, "200 "+sweepJob("running", 0, 3, 1, 0), put, "200 "+sweepJob("done", 1767232805000, 7, 7, 0)).
		play("sweep harbour mallory --since 2h --operator olga --reason spam --id spam-1", 0, done, "")
}

// Who names no id is told it, to go on with.
func TestASweepWithoutAnID(t *testing.T) {
	t.Parallel()
	id := newSweepID(time.UnixMilli(1767225600123))
	if !strings.HasPrefix(id, "20260101t000000-") || len(id) != 22 || id == newSweepID(time.UnixMilli(1767225600123)) {
		t.Errorf("id %q", id)
	}
	b := newBackend(t, `PUT /servers/harbour/sweeps/`+anID+` {"accid":"mallory","operator":"olga","update_info":{},"dry_run":false}`, "201 "+sweepJob("running", 0, 3, 1, 0))
	code, _, errs := b.run("", "sweep harbour mallory --operator olga")
	if want := fmt.Sprintf("The sweep is %s: with --id %s it is taken up where it stopped.\n", b.id, b.id); code != 0 || len(b.id) != len(id) || !strings.HasPrefix(errs, want) {
		t.Errorf("code %d, want %q in:\n%s", code, want, errs)
	}
	// Also where it has failed.
	b = newBackend(t, `PUT /servers/harbour/sweeps/`+anID+` {"accid":"mallory","operator":"olga","update_info":{},"dry_run":false}`, "404 no such server")
	if code, _, errs := b.run("", "sweep harbour mallory --operator olga"); code != 1 || len(b.id) != len(id) || !strings.Contains(errs, "with --id "+b.id) {
		t.Errorf("code %d, id %q\n%s", code, b.id, errs)
	}
}

// Whoever stops waiting is told how to go on; the job does.
func TestWaitingEnds(t *testing.T) {
	t.Parallel()
	var errs bytes.Buffer
	a := &app{streams: streams{in: strings.NewReader(""), out: &errs, err: &errs}}
	job := serverapi.Job{ServerID: "harbour", Kind: "sweep", JobID: "spam-1", State: "running", UpdatedAt: time.Now().UnixMilli()}
	_, err := a.await(t.Context(), nil, &options{timeout: time.Millisecond}, job, "unsend job show x")
	if err == nil || err.Error() != "it was not done within 1ms; it goes on, follow it with unsend job show x" {
		t.Error(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	job.UpdatedAt = 1
	if _, err := a.await(ctx, nil, &options{timeout: time.Hour}, job, "unsend job show x"); err == nil ||
		errs.String() != "Stopped waiting: it has told nothing for a while: unsend job resume harbour sweep spam-1 has it go on from where it is\n" {
		t.Errorf("%v\n%s", err, &errs)
	}
}

func TestDeletions(t *testing.T) {
	t.Parallel()
	job := `{"server_id":"harbour","kind":"channel","job_id":"crew","state":%q,"created_at":1767232800000,"finished_at":%d,"channels":1,"removed":12}`
	newBackend(t, `DELETE /servers/harbour/channels/crew If-Match:"v2"`, "202 "+fmt.Sprintf(job, "running", 0),
		"GET /servers/harbour/jobs/channel/crew", "200 "+fmt.Sprintf(job, "done", 1767232801000)).
		play("channel delete harbour crew --yes --wait --if-match v2", 0, `
job        channel crew
server     harbour
state      done
begun      2026-01-01T02:00:00Z
done       2026-01-01T02:00:01Z
channels   1
removed    12 rows
`, "")
	newBackend(t, "DELETE /servers/harbour", "202 "+fmt.Sprintf(strings.ReplaceAll(strings.ReplaceAll(job, "crew", "harbour"), `"channel"`, `"server"`), "running", 0)).
		play("server delete harbour -y", 0, `
job        server harbour
server     harbour
state      running
begun      2026-01-01T02:00:00Z
channels   1
removed    12 rows
`, "It goes on. Follow it with unsend job show harbour server harbour --wait\n")
}

func TestJobs(t *testing.T) {
	t.Parallel()
	newBackend(t, "GET /servers/harbour/jobs?limit=100", `200 {"jobs":[`+sweepJob("running", 0, 3, 1, 1)+`,{"server_id":"harbour","kind":"channel","job_id":"crew","state":"done","created_at":1767232800000,"finished_at":1767232801000,"removed":1}]}`).
		play("job list harbour", 0, `
kind      job      of        begun                  done                   so far
sweep     spam-1   mallory   2026-01-01T02:00:00Z   -                      1 of 3 taken back, 1 refused
channel   crew     -         2026-01-01T02:00:00Z   2026-01-01T02:00:01Z   1 row removed
`, "")
	newBackend(t, "GET /servers/harbour/jobs?limit=100", `200 {"jobs":[{"kind":"sweep","job_id":"spam-1","state":"running","sweep":{"accid":"mallory","channel_id":"general","dry_run":true},"found":3}]}`).
		play("job list harbour", 0, `
kind    job      of                   begun   done   so far
sweep   spam-1   mallory in general   -       -      3 found
`, "")
	newBackend(t, "GET /servers/harbour/jobs/sweep/spam-1", "200 "+sweepJob("running", 0, 3, 1, 0)).
		play("job show harbour sweep spam-1 --json", 0, sweepJob("running", 0, 3, 1, 0)+"\n", "")
	newBackend(t, "POST /servers/harbour/jobs/sweep/spam-1/resume", "202 "+sweepJob("running", 0, 3, 1, 0)).
		play("job resume harbour sweep spam-1 --json", 0, sweepJob("running", 0, 3, 1, 0)+"\n", "")
}

func TestAudit(t *testing.T) {
	t.Parallel()
	const revoked = `{"at":1767225603456,"kind":"revoke","operator":"olga","device_id":"","client_type":0,"door":"api","channel_id":"general","timestamp":1767225600123,"msg_server_id":"01KD","author":"mallory","reason":"spam"}`
	const changed = `{"at":1767225604000,"kind":"policy","action":"put_role","operator":"","principal":"arn:aws:sts::1:assumed-role/backend/i-1","door":"api","role_id":"mod","version":3,"changes":["role mod: allow +RevokeMemberMessage","priority 1"]}`
	request := "GET /servers/harbour/audit?from=1767225600000&limit=2&until=1767312000000"
	line := "audit harbour --from 2026-01-01 --until 2026-01-02T00:00:00Z --limit 2"
	newBackend(t, request, `200 {"entries":[`+revoked+","+changed+`]}`).play(line, 0, `
when                   who    door   what       of                                       why
2026-01-01T00:00:03Z   olga   api    revoke     mallory in general, 1767225600123/01KD   spam
2026-01-01T00:00:04Z   i-1    api    put_role   role mod                                 role mod: allow +RevokeMemberMessage; priority 1
`, "")
	newBackend(t, request, `200 {"entries":[`+revoked+","+changed+`],"next":"a"}`).play(line+" --json", 0, revoked+"\n"+changed+"\n", "raise --limit")
}

func TestTimes(t *testing.T) {
	t.Parallel()
	now := time.UnixMilli(1767225600123)
	for text, want := range map[string]int64{
		"2h": 1767225600123 - 7200000, "7d": 1767225600123 - 7*86400000, "2026-01-01": 1767225600000, "2026-01-01T01:00:00+01:00": 1767225600000,
		"1767225600123": 1767225600123, "": 0, "never": 0, "-5": 0, "1767225600": 0, "tomorrow": 0,
	} {
		got, relative, err := parseTime(text, now)
		if got != want || (err == nil) != (want != 0) || relative != (strings.HasSuffix(text, "h") || strings.HasSuffix(text, "d")) {
			t.Errorf("%q: %d %v %v, want %d", text, got, relative, err, want)
		}
	}
}

// What show prints, set takes.
func TestWindowTexts(t *testing.T) {
	t.Parallel()
	for ms, want := range map[int64]string{-1: "unlimited", 0: "never", 1: "1ms", 90_000: "1m30s", 120_000: "2m", 3_600_000: "1h", 3_660_000: "1h1m", 604_800_000: "7d", 1500: "1.5s"} {
		got := windowText(&ms)
		var flag windowFlag
		if err := flag.Set(got); got != want || err != nil || *flag.value != ms {
			t.Errorf("%d: %q, want %q; %v, %v", ms, got, want, err, flag.value)
		}
	}
	if far := int64(1 << 60); windowText(&far) != "1152921504606846976ms" {
		t.Error(windowText(&far))
	}
}
