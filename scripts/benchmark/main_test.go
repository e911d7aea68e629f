package main

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"unsend/scripts/benchmark/fanout"
	"unsend/shared/chat"
)

// runs gives exit code, output and errors of a command line.
func runs(t *testing.T, args string) (code int, out, errs string) {
	t.Helper()
	var o, e bytes.Buffer
	a := &app{out: &o, err: &e, bubble: func(f func()) { synctest.Test(t, func(*testing.T) { f() }) }}
	code = a.run(strings.Fields(args))
	return code, o.String(), e.String()
}

func TestCommandLines(t *testing.T) {
	for _, test := range []struct {
		args string
		code int
		says string // in the output where the code is 0, else in the errors
	}{
		{"--help", 0, "scripts/bench fanout --plot fanout.svg"},
		{"fanout --help", 0, "How to read it"},
		{"fanout --connections 3,7", 0, "5,000 changes"},
		{"fanout --connections 20 --in-time", 0, "devices told"},
		{"fanout --connections 0", 1, "1 to 1,000,000"},
		{"fanout --connections x", 1, "see scripts/bench fanout --help"},
		{"fanout --connections 10 --hanging 1.1", 1, "from 0 to 1 together"},
		{"fanout --quota 0", 1, "must be more than 0"},
		{"fanout --push-invocations 0", 1, "must be more than 0"},
		{"fanout --connections 3 --plot " + filepath.Join(t.TempDir(), "no", "where.svg"), 1, "where.svg"},
		{"fanout here", 1, "unknown command"},
		{"fanouts", 1, "unknown command"},
		{"operations --help", 0, "It needs an endpoint"},
		{"operations --history 99", 1, "100 to 1,000,000 messages"},
		{"operations --members 9", 1, "10 to 100,000"},
		{"operations --members x", 1, "see scripts/bench operations --help"},
		{"operations --audience 0", 1, "1 to 1,000,000 devices"},
		{"operations --times -1", 1, "0 to 10,000"},
		{"operations --endpoint 127.0.0.1", 1, "is no URL"},
		{"operations --stack nowhere.json", 1, "start one with scripts/dev"},
		{"profile --help", 0, "How to read it"},
		{"profile --only sending --endpoint http://127.0.0.1:1", 1, "no operation is called"},
		{"profile --top -1", 1, "0 to 1,000"},
		{"compare", 1, "accepts 1 arg"},
		{"compare HEAD --rounds 0", 1, "1 to 100"},
		{"compare HEAD --stack nowhere.json", 1, "start one with scripts/dev"},
		{"binaries --help", 0, "a stub of Lambda's runtime API"},
		{"binaries --times 0", 1, "1 to 1,000"},
		{"costs", 0, "## A million of each"},
		{"costs --docs " + filepath.Join(t.TempDir(), "nowhere"), 1, "costs.md"},
	} {
		code, out, errs := runs(t, test.args)
		text := out
		if test.code != 0 {
			text = errs
		}
		if code != test.code || !strings.Contains(text, test.says) {
			t.Errorf("scripts/bench %s: code %d, want %d and %q in:\n%s%s", test.args, code, test.code, test.says, out, errs)
		}
	}
}

func TestJSONAndPlot(t *testing.T) {
	plot := filepath.Join(t.TempDir(), "curves.svg")
	code, out, errs := runs(t, "fanout --connections 10,1000 --json --plot "+plot)
	var got output
	if err := json.Unmarshal([]byte(out), &got); err != nil || code != 0 {
		t.Fatalf("code %d, %v: %s%s", code, err, out, errs)
	}
	if len(got.Sizes) != 2 || len(got.Rights) != 3 || got.Sizes[1].Connections != 1_000 || got.Sizes[1].Passes[0].Told < 900 || got.Options.Deployment.PostsPerSecond != 5_000 {
		t.Errorf("%s", out)
	}
	text, err := os.ReadFile(plot)
	if err != nil {
		t.Fatal(err)
	}
	decoder := xml.NewDecoder(bytes.NewReader(text))
	for err == nil {
		_, err = decoder.Token()
	}
	if err != io.EOF || !bytes.Contains(text, []byte("1,000 devices, revoke")) {
		t.Errorf("the plot: %v, %d bytes", err, len(text))
	}
}

func TestTable(t *testing.T) {
	pass := fanout.Pass{Event: chat.MessageReceived, First: 310 * time.Millisecond, Median: time.Second, Last: 164500 * time.Millisecond,
		Told: 97_839, Posts: 1_234_567, PeakHeap: 3 << 20, Dollars: 0.1012}
	revoke := pass
	revoke.Event = chat.MessageUpdated
	for _, colour := range []bool{false, true} {
		var out bytes.Buffer
		if err := printSizes(&out, []fanout.Result{{Connections: 100_000, Passes: []fanout.Pass{pass, revoke}}}, colour); err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(out.String(), "\n")
		if strings.Contains(out.String(), "\x1b") != colour || strings.Contains(strings.Join(lines[2:], ""), "\x1b") {
			t.Errorf("colours: want %v, in the head alone:\n%s", colour, &out)
		}
		for _, want := range []string{"100,000", "1,234,567", "164.50 s", "3.0 MB", "0.101200", "revoke"} {
			if !strings.Contains(out.String(), want) {
				t.Errorf("no %s in\n%s", want, &out)
			}
		}
		if !colour && len(lines[0]) != len(lines[5]) {
			t.Errorf("not aligned:\n%s", &out)
		}
	}
}

func TestWhole(t *testing.T) {
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567", -100: "-100", -1000: "-1,000"} {
		if got := whole(n); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

func TestAFewPointsAreACurve(t *testing.T) {
	for _, n := range []int{1, 2, pointsPerCurve, 10 * pointsPerCurve} {
		pass := fanout.Pass{Curve: make([]time.Duration, n)}
		for i := range pass.Curve {
			pass.Curve[i] = time.Duration(i+1) * time.Second
		}
		points := curve(pass)
		last := points[len(points)-1]
		if len(points) != min(n, pointsPerCurve) || points[0].X != 1 || last.X != float64(n) || last.Y != 100 {
			t.Errorf("%d devices: %d points, the last %v", n, len(points), last)
		}
	}
}
