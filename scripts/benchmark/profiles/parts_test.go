package profiles

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/pprof/profile"
)

func TestPartOf(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		want      Part
		functions []string // the innermost first
	}{
		{Frames, []string{"runtime.mallocgc", "github.com/go-json-experiment/json.Marshal", "unsend/shared/wire.encode", "unsend/shared/edge.Frames"}},
		{Rules, []string{"runtime.mallocgc", "unsend/shared/chat.(*page).post"}},
		{Rows, []string{"reflect.Value.Field", "github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue.UnmarshalMap", "unsend/shared/dynamo.decode"}},
		{Signing, []string{"crypto/sha256.block", "github.com/aws/aws-sdk-go-v2/aws/signer/v4.Signer.SignHTTP", "github.com/aws/smithy-go/middleware.decoratedHandler.Handle"}},
		{JSON, []string{"github.com/aws/smithy-go.ReadMap", "github.com/aws/aws-sdk-go-v2/service/dynamodb.deserializeItemList"}},
		{Chain, []string{"context.WithValue", "github.com/aws/smithy-go/middleware.(*Stack).HandleMiddleware", "unsend/shared/dynamo.(*Store).History"}},
		{HTTP, []string{"syscall.Write", "net/http.(*persistConn).writeLoop"}},
		{Garbage, []string{"runtime.scanObject", "runtime.gcBgMarkWorker"}},
		{Stacks, []string{"runtime.adjustframe", "runtime.newstack", "github.com/aws/smithy-go/middleware.decoratedHandler.Handle"}},
		{Scheduling, []string{"runtime.futex", "runtime.schedule", "runtime.mcall"}},
		{Other, []string{"runtime.unknown"}},
		{outside, []string{"runtime.mallocgc", "unsend/scripts/benchmark/operations.(*tape).play", "unsend/scripts/benchmark/operations.(*tape).Do", "github.com/aws/smithy-go/transport/http.ClientHandler.Handle"}},
		{outside, []string{"unsend/shared/dynamo.encodeMessage", "unsend/scripts/benchmark/operations.benched"}},
		{outside, []string{"syscall.Read", "net/http.(*conn).serve"}},
	} {
		if got := partOf(c.functions); got != c.want {
			t.Errorf("%v: %q, want %q", c.functions, got, c.want)
		}
	}
}

func TestShares(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "cpu")
	write(t, file, map[string]int64{"unsend/shared/chat.first": 1, "unsend/shared/wire.encode": 3, "testing.(*B).Loop": 100})
	shares, err := Shares(file, "cpu")
	if err != nil || len(shares) != 2 || shares[Rules] != 0.25 || shares[Frames] != 0.75 {
		t.Errorf("%v, %v", shares, err)
	}
	if _, err := Shares(file, "alloc_objects"); err == nil {
		t.Error("it has no allocations")
	}
	if _, err := Shares(file+"s", "cpu"); err == nil {
		t.Error("it is not there")
	}
}

// write makes a profile of functions that call nothing.
func write(t *testing.T, file string, values map[string]int64) {
	t.Helper()
	p := &profile.Profile{SampleType: []*profile.ValueType{{Type: "cpu", Unit: "nanoseconds"}}}
	for name, value := range values {
		id := uint64(len(p.Function) + 1)
		f := &profile.Function{ID: id, Name: name}
		l := &profile.Location{ID: id, Line: []profile.Line{{Function: f}}}
		p.Function, p.Location = append(p.Function, f), append(p.Location, l)
		p.Sample = append(p.Sample, &profile.Sample{Location: []*profile.Location{l}, Value: []int64{value}})
	}
	out, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Write(out); err != nil {
		t.Fatal(err)
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
}
