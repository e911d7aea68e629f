package main

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"unsend/scripts/benchmark/binaries"
	"unsend/scripts/benchmark/operations"
	"unsend/shared/dynamo/dynamotest"
)

// An endpoint gives tables, JSON, a page and plots.
func TestOperationsAtAnEndpoint(t *testing.T) {
	endpoint, docs := os.Getenv(dynamotest.EndpointVariable), t.TempDir()
	if endpoint == "" {
		t.Skipf("no DynamoDB endpoint in %s: scripts/test starts one and runs this", dynamotest.EndpointVariable)
	}
	code, out, errs := runs(t, "operations --history 100 --members 10,25 --audience 10,20 --times 1 --json --docs "+docs+" --endpoint "+endpoint)
	var got operationsOutput
	if err := json.Unmarshal([]byte(out), &got); err != nil || code != 0 {
		t.Fatalf("code %d, %v: %s%s", code, err, out, errs)
	}
	if len(got.Scenes) != 2 || len(got.Audience) != 2 || got.Audience[1].Posts != 20 || got.Scenes[0].Operations[0].Reads == 0 {
		t.Errorf("%s", out)
	}
	page, err := os.ReadFile(filepath.Join(docs, "operations.md"))
	if err != nil || !strings.Contains(string(page), "| revokeBatch of 100 |") {
		t.Errorf("the page: %v\n%s", err, page)
	}
}

// At an endpoint an operation is profiled: there are tables, a page, profiles, and what takes most.
func TestAProfileAtAnEndpoint(t *testing.T) {
	endpoint, folder := os.Getenv(dynamotest.EndpointVariable), t.TempDir()
	switch {
	case endpoint == "":
		t.Skipf("no DynamoDB endpoint in %s: scripts/test starts one and runs this", dynamotest.EndpointVariable)
	case testing.Short():
		t.Skip("compiles the benchmarks: not with -short")
	}
	code, out, errs := runs(t, "profile --only send --time 2000x --top 5 --out "+folder+" --docs "+folder+" --endpoint "+endpoint)
	if code != 0 || !strings.Contains(out, "Processor time") || !strings.Contains(out, "alloc_objects") {
		t.Fatalf("code %d: %s%s", code, out, errs)
	}
	page, err := os.ReadFile(filepath.Join(folder, "profiles.md"))
	found := regexp.MustCompile(`(?m)^\| send \| ([1-9][0-9]{2}|[1-9],[0-9]{3}) \|.* ([1-9][0-9]) \|`).FindString(string(page))
	if err != nil || found == "" {
		t.Errorf("no allocations of send (%v):\n%s", err, page)
	}
	others := regexp.MustCompile(`(?m)^\| send \|.* ([0-9]+) \|$`).FindAllStringSubmatch(string(page), -1)
	if len(others) != 2 || len(others[0][1]) > 1 || others[1][1] != "0" { // of the time, of which there are few samples, and of the allocations
		t.Errorf("of what nobody owns: %q of the time and the allocations; package profiles lacks an owner", others)
	}
	for _, name := range []string{"send.cpu", "send.allocations"} {
		if info, err := os.Stat(filepath.Join(folder, name)); err != nil || info.Size() == 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What is here does not differ from itself, and a revision that is none is told of.
func TestARevisionIsComparedAtAnEndpoint(t *testing.T) {
	endpoint := os.Getenv(dynamotest.EndpointVariable)
	switch {
	case endpoint == "":
		t.Skipf("no DynamoDB endpoint in %s: scripts/test starts one and runs this", dynamotest.EndpointVariable)
	case testing.Short():
		t.Skip("compiles the benchmarks of a revision: not with -short")
	}
	if text, err := exec.CommandContext(t.Context(), "git", "rev-parse", "--verify", "HEAD").CombinedOutput(); err != nil {
		t.Skipf("no revision to compare with: %s", text)
	}
	code, out, errs := runs(t, "compare HEAD --bench ^BenchmarkOperations$/^ping$ --time 20x --rounds 1 --endpoint "+endpoint)
	if code != 0 || !strings.Contains(out, "Operations/ping") || !strings.Contains(out, "allocs/op") || !strings.Contains(out, "before") {
		t.Errorf("code %d: %s%s", code, out, errs)
	}
	if code, _, errs := runs(t, "compare nowhere --endpoint "+endpoint); code != 1 || !strings.Contains(errs, "nowhere") {
		t.Errorf("code %d: %s", code, errs)
	}
}

// measured is as if two scenes with one operation were measured.
func measured() operationsOutput {
	send := operations.Operation{Name: "send", RoundTrips: 2, Requests: 3, Reads: 4, Writes: 4.5, Own: &operations.Own{
		Median: 250 * time.Microsecond, P99: time.Millisecond, Allocations: 4321, Allocated: 130 << 10,
	}, Whole: &operations.Whole{Median: 2 * time.Millisecond, P99: 3 * time.Millisecond, PerSecond: 1234.5}}
	one := []operations.Operation{send}
	return operationsOutput{
		Machine:  "a machine",
		Scenes:   []operations.Scene{{History: 100, Members: 10, Operations: one}, {History: 1000, Members: 10, Operations: one}, {History: 100, Members: 500, Operations: one}},
		Audience: []operationAudience{{10, 10, 7}, {100, 100, 9}},
	}
}

func TestTheTablesOfOperations(t *testing.T) {
	tables := measured().tables()
	for i, want := range [][]string{
		{"send", "2", "3", "4", "4.5", "0.25", "1.00", "4,321", "130", "2.00", "3.00", "1,234"},
		{"send", "2 / 4 / 4.5, 0.25", "2 / 4 / 4.5, 0.25"},
		{"send", "2 / 4 / 4.5, 0.25", "2 / 4 / 4.5, 0.25"},
		{"10", "10", "7", "0.700"},
	} {
		if got := strings.Join(tables[i].rows[0], "|"); got != strings.Join(want, "|") {
			t.Errorf("table %d: %s, want %v", i, got, want)
		}
	}
	if got := strings.Join(tables[2].head, "|"); got != "members|10|500" {
		t.Error(got)
	}
	var text bytes.Buffer
	if err := tables[0].print(&text, true); err != nil || strings.Count(text.String(), "\x1b[1m") != 1 {
		t.Errorf("%v, want a bold head: %q", err, text.String())
	}
	if page := measured().page(); !strings.Contains(page, "on a machine.") || !strings.Contains(page, "|---|---:|---:|\n| send | 2 / 4 / 4.5, 0.25 |") {
		t.Errorf("the page:\n%s", page)
	}
}

func TestThePlotsOfOperations(t *testing.T) {
	folder := t.TempDir()
	if err := measured().writePlots(folder); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"operations-history.svg": "messages in the channel", "operations-members.svg": "members of the server", "operations-audience.svg": "read units"} {
		text, err := os.ReadFile(filepath.Join(folder, name))
		decoder := xml.NewDecoder(bytes.NewReader(text))
		for err == nil {
			_, err = decoder.Token()
		}
		if err != io.EOF || !bytes.Contains(text, []byte(want)) {
			t.Errorf("%s: %v, %d bytes without %q", name, err, len(text), want)
		}
	}
	if err := measured().writePlots(filepath.Join(folder, "nowhere")); err == nil {
		t.Error("written to nowhere")
	}
}

func TestTheTableOfBinaries(t *testing.T) {
	list := []binaries.Binary{{Function: "send", Route: true, Bytes: 8 << 20, Fastest: 4 * time.Millisecond, Median: 5 * time.Millisecond}, {Function: "push", Bytes: 9 << 20}}
	g := binariesGrid(list)
	if got := strings.Join(g.rows[0], "|") + " " + strings.Join(g.rows[1], "|"); got != "send|8.00|8.50|5.00|4.00 push|9.00|11.00|0.00|0.00" {
		t.Error(got)
	}
	if page := binariesPage(list, 15); !strings.Contains(page, "15 times each; 25 ms is the target") {
		t.Error(page)
	}
}
