package costs

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v4"

	"unsend/scripts/benchmark/operations"
	"unsend/shared/dynamo/dynamotest"
)

func bubble(t *testing.T) func(func()) {
	return func(f func()) { synctest.Test(t, func(*testing.T) { f() }) }
}

// The committed page is the one that the counts, the assumptions and the prices make.
func TestThePageIsCurrent(t *testing.T) {
	want, err := Page(bubble(t))
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile("../../../docs/costs.md")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("scripts/bench costs --docs docs makes another page (-made +committed):\n%s", diff)
	}
}

// What the page counts with is what the operations take.
func TestTheCountsAreCounted(t *testing.T) {
	client := func(options ...func(*dynamodb.Options)) *dynamodb.Client { return dynamotest.Client(t, options...) }
	scenes, err := operations.Run(t.Context(), client, operations.Options{Histories: []int{History}, Members: []int{Members}, Bubble: bubble(t)})
	if err != nil {
		t.Fatal(err)
	}
	committed, err := Counts()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(scenes[0], committed); diff != "" {
		t.Errorf("scripts/bench costs --recount counts otherwise (-counted +committed):\n%s", diff)
	}
}

// The functions' memory is that of the template.
func TestMemoryIsTheTemplates(t *testing.T) {
	m, err := newModel(bubble(t))
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("../../../template.yaml")
	if err != nil {
		t.Fatal(err)
	}
	memory := memories(t, text)
	for name, f := range m.Functions {
		function, _, _ := strings.Cut(name, "_")
		if want := memory[function]; f.MemoryMB != want {
			t.Errorf("%s: %v MB, the template says %v", name, f.MemoryMB, want)
		}
	}
	for _, name := range []string{"notify", "push"} { // as package fanout has them
		if memory[name] != 512 {
			t.Errorf("%s: the template says %v MB", name, memory[name])
		}
	}
}

// memories are the functions' MemorySize, by folder.
func memories(t *testing.T, text []byte) map[string]float64 {
	type properties struct {
		CodeURI string `yaml:"CodeUri"`
		Memory  string `yaml:"MemorySize"`
	}
	var template struct {
		Globals struct {
			Function properties `yaml:"Function"`
		} `yaml:"Globals"`
		Resources map[string]struct {
			Properties yaml.Node `yaml:"Properties"`
		} `yaml:"Resources"`
	}
	if err := yaml.Unmarshal(text, &template); err != nil {
		t.Fatal(err)
	}
	found := map[string]float64{}
	for _, resource := range template.Resources {
		var p properties
		// Properties of other resources need not fit.
		if err := resource.Properties.Decode(&p); err != nil || !strings.HasPrefix(p.CodeURI, "functions/") {
			continue
		}
		if p.Memory == "" {
			p.Memory = template.Globals.Function.Memory
		}
		n, err := strconv.ParseFloat(p.Memory, 64)
		if err != nil {
			t.Fatal(err)
		}
		found[filepath.Base(p.CodeURI)] = n
	}
	return found
}

func TestNumbers(t *testing.T) {
	for n, want := range map[float64]string{0: "0", 2.5: "2.5", 999: "999", 1234567: "1,234,567", 1000.04: "1,000"} {
		if got := number(n); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	if got := money(0.005) + " " + money(99.994) + " " + money(12345.6); got != "0.01 99.99 12,346" {
		t.Error(got)
	}
}
