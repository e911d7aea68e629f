package prices

import (
	"math"
	"strings"
	"testing"
)

func TestAUseIsPriced(t *testing.T) {
	l, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	// A million of each request and unit, a million GB-seconds, a GiB of logs.
	got := l.Bill(Use{Messages: 1e6, Minutes: 1e6, Requests: 1e6, GBSeconds: 1e6, Reads: 1e6, Writes: 1e6, SQS: 1e6, LogBytes: 1 << 30})
	want := Bill{Gateway: 1.25, Lambda: 0.20 + 13.3334, DynamoDB: 0.75, SQS: 0.40, Logs: 0.50}
	if math.Abs(got.Total()-want.Total()) > 1e-9 || math.Abs(got.Gateway-want.Gateway) > 1e-9 || math.Abs(got.DynamoDB-want.DynamoDB) > 1e-9 {
		t.Errorf("%+v, want %+v", got, want)
	}
	twice := Use{Messages: 1, Minutes: 2, Requests: 3, GBSeconds: 4, Reads: 5, Writes: 6, SQS: 7, LogBytes: 8}
	if twice.Plus(twice) != twice.Times(2) {
		t.Errorf("%+v, %+v", twice.Plus(twice), twice.Times(2))
	}
}

func TestABadFileIsRefused(t *testing.T) {
	for name, text := range map[string]string{
		"without a price": strings.Replace(string(file), "  sqs_request:", "  sqs_requests:", 1),
		"free":            strings.Replace(string(file), "dollars: 0.40", "dollars: 0", 1),
		"of nothing":      strings.Replace(string(file), "per: 1000000", "per: 0", 1),
		"no YAML":         "prices: [",
		"with another":    string(file) + "  nothing:\n    usage: x\n",
	} {
		if _, err := parse([]byte(text)); err == nil {
			t.Errorf("%s: not refused", name)
		}
	}
}
