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
