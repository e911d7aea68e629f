package profiles

import (
	"os"
	"strings"

	"github.com/google/pprof/profile"
)

// Part is a kind of work that a profile is divided into.
type Part string

// The parts, in the order of the page.
const (
	Frames     Part = "frames"     // from events and into answers
	Rules      Part = "rules"      // package chat
	Rows       Part = "rows"       // between rows and what they mean
	Signing    Part = "signing"    // of requests
	JSON       Part = "JSON"       // of requests and answers
	Chain      Part = "SDK"        // the rest of it: its chain of handlers
	HTTP       Part = "HTTP"       // the client
	Garbage    Part = "garbage"    // its collection
	Stacks     Part = "stacks"     // that grow
	Scheduling Part = "scheduling" // of goroutines
	Other      Part = "other"      // of none of these, which should be next to nothing
)

// Parts are all, in the order of the page.
var Parts = []Part{Frames, Rules, Rows, Signing, JSON, Chain, HTTP, Garbage, Stacks, Scheduling, Other}

// owners say to whom the time of a function belongs, by how its name begins: the first that fits, from the innermost
// function outwards. What fits none belongs to whoever called it, and
// what nobody has called that fits to [Other].
var owners = []struct {
	prefix string
	part   Part
}{
	{"runtime.gcBgMarkWorker", Garbage}, {"runtime.gcAssistAlloc", Garbage}, {"runtime.bgsweep", Garbage}, {"runtime.bgscavenge", Garbage},
	{"runtime.newstack", Stacks},
	{"runtime.mcall", Scheduling}, {"runtime.mstart", Scheduling},
	{"unsend/shared/wire", Frames}, {"unsend/shared/edge", Frames}, {"unsend/shared/chat", Rules},
	{"unsend/shared/dynamo", Rows}, {"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue", Rows},
	{"github.com/aws/aws-sdk-go-v2/aws/signer", Signing}, {"github.com/aws/aws-sdk-go-v2/internal/auth", Signing},
	{"github.com/aws/smithy-go/transport/http/protocol", JSON}, {"github.com/aws/smithy-go.Read", JSON},
	{"github.com/aws/smithy-go/internal/serde", JSON}, {"github.com/aws/aws-sdk-go-v2/service/dynamodb/types", JSON},
	{"github.com/aws/aws-sdk-go-v2/service/dynamodb.deserialize", JSON}, {"github.com/aws/aws-sdk-go-v2/service/dynamodb.serialize", JSON},
	{"github.com/aws/", Chain}, {"unsend/shared/gateway", Chain}, {"net/http", HTTP},
	{"unsend/scripts/", outside}, {"testing.", outside},
}

// outside is what plays: the benchmark, its tape, and a server of its own.
const outside Part = ""

// ofBenchmark are functions below which all is of the benchmark, whatever it calls.
var ofBenchmark = []string{"net/http.(*conn).serve", "unsend/scripts/benchmark/operations.(*studio).keep", "unsend/scripts/benchmark/operations.benched",
	"unsend/scripts/benchmark/operations.(*tape).Do", "runtime/pprof."}

// Shares reads a profile and gives the share of each part in what is not the benchmark's. value names what is counted:
// "cpu" or "alloc_objects".
func Shares(file, value string) (map[Part]float64, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // it was only read
	p, err := profile.Parse(f)
	if err != nil {
		return nil, err
	}
	index, err := p.SampleIndexByName(value)
	if err != nil {
		return nil, err
	}
	sums, all := map[Part]float64{}, 0.0
	for _, sample := range p.Sample {
		if part := partOf(names(sample)); part != outside {
			sums[part] += float64(sample.Value[index])
			all += float64(sample.Value[index])
		}
	}
	for part := range sums {
		sums[part] /= all
	}
	return sums, nil
}

// names are the functions of a sample, the innermost first.
func names(sample *profile.Sample) []string {
	var list []string
	for _, location := range sample.Location {
		for _, line := range location.Line {
			list = append(list, line.Function.Name)
		}
	}
	return list
}

func partOf(functions []string) Part {
	for _, name := range functions {
		for _, prefix := range ofBenchmark {
			if strings.HasPrefix(name, prefix) {
				return outside
			}
		}
	}
	for _, name := range functions {
		for _, owner := range owners {
			if strings.HasPrefix(name, owner.prefix) {
				return owner.part
			}
		}
	}
	return Other
}
