package edge

import (
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"time"

	"unsend/shared/chat"
)

// The numbers of the one log line are CloudWatch metrics where the line says so in its member _aws, by the embedded metric format
// ("Specification: Embedded metric format", CloudWatch's user guide). CloudWatch reads it from the log by itself: no call is made,
// and a log level above INFO, at which most lines are not written, makes most metrics empty.
//
// There are no dimensions: each value of one would make another metric of each name, and each costs as much as an alarm. Codes are parts of
// names instead. A metric that is 0 is left out, since one that never occurs costs nothing.

// The keys that are metrics; those of codes are revokes_200 and so on.
const (
	sendsKey     = "sends"      // messages that were sent, or sent again
	revokesKey   = "revokes_"   // messages of which a revoke was answered with the code behind
	postsKey     = "posts"      // frames that devices took
	goneKey      = "gone"       // connections that had ended
	retriedKey   = "retried"    // posts that were repeated
	droppedKey   = "dropped"    // new messages that were too old to be told
	audienceKey  = "audience"   // connections that were gone through, each once
	pushMSKey    = "push_ms"    // from the write of a revocation until all of an audience, or of a part of it, was told
	coldStartKey = "cold_start" // 1: the first invocation of this environment
)

const (
	countUnit = "Count"
	timeUnit  = "Milliseconds"

	// mostValues is how many values of one metric a line may hold, by the specification.
	mostValues = 100
)

// embedded is the member _aws.
type embedded struct {
	Timestamp         int64       `json:"Timestamp"` // ms
	CloudWatchMetrics []directive `json:"CloudWatchMetrics"`
}

type directive struct {
	Namespace  string       `json:"Namespace"`
	Dimensions [][]string   `json:"Dimensions"`
	Metrics    []definition `json:"Metrics"`
}

// definition says that the line's member of that name is a metric.
type definition struct {
	Name string `json:"Name"`
	Unit string `json:"Unit"`
}

// isMetric tells whether the key is one.
func isMetric(key string) bool {
	return strings.HasPrefix(key, revokesKey) ||
		slices.Contains([]string{sendsKey, postsKey, goneKey, retriedKey, droppedKey, audienceKey, coldStartKey}, key)
}

// metric notes that a member of the line is a metric.
func (inv *Invocation) metric(key, unit string) {
	inv.metrics = append(inv.metrics, definition{Name: key, Unit: unit})
}

// Sent counts a message that was sent.
func (inv *Invocation) Sent() { inv.Count(sendsKey, 1) }

// Revoked counts what became of messages that were to be taken back; nil is a success.
func (inv *Invocation) Revoked(errs ...error) {
	byCode := map[chat.Code]int{}
	var codes []chat.Code // as they came
	for _, err := range errs {
		code := chat.CodeOf(err)
		if byCode[code]++; byCode[code] == 1 {
			codes = append(codes, code)
		}
	}
	for _, code := range codes {
		inv.Count(revokesKey+strconv.Itoa(int(code)), byCode[code])
	}
}

// pushed adds how long pushes of revocations took, in ms.
func (inv *Invocation) pushed(took []int64) {
	if len(took) == 0 {
		return
	}
	inv.attrs = append(inv.attrs, slog.Any(pushMSKey, took[:min(len(took), mostValues)]))
	inv.metric(pushMSKey, timeUnit)
}

// embedded is the member that makes metrics of others, where there are any.
func (inv *Invocation) embedded(now time.Time) []slog.Attr {
	if inv.edge.Metrics == "" || len(inv.metrics) == 0 {
		return nil
	}
	return []slog.Attr{slog.Any("_aws", embedded{
		Timestamp: now.UnixMilli(),
		CloudWatchMetrics: []directive{{
			Namespace: inv.edge.Metrics, Dimensions: [][]string{{}}, Metrics: inv.metrics,
		}},
	})}
}
