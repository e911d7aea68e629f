// Package fanout plays how a message, and then its revoke, reaches the devices of one
// server: the real [chat.Notifier] of notify and of push, over a connection service, a queue and
// its mapping that have AWS's quotas and latencies.
//
// Everything waits with timers, so that in a bubble of testing/synctest a hundred thousand devices take
// seconds of a processor, and a run says the same on any machine. What is random comes from the seed, but for the
// jitter of the notifier's own pauses.
//
// # What is as on AWS, and what is not
//
// A post takes [Service.Latency] (median; log-normal) and counts against the account's token bucket, which refuses with 429
// (API Gateway: 10,000 requests a second, burst 5,000). The stream's records come after [streamDelay], the queue's after [deliveryDelay] and whole
// seconds of delay; each invocation is one of a fixed number of warm environments, which keeps its limiter and its
// memory of strain; a batch is up to ten of the tasks that wait. A reading of the tables takes [readDelay]. Left out: cold starts and the climb
// of the mapping's pollers, throttling by DynamoDB, and everybody else's traffic.
package fanout

import (
	"time"

	"unsend/shared/chat"
)

// Options are what is played.
type Options struct {
	Connections int        `json:"-"`       // devices online in the server, but for the author's
	Members     int        `json:"members"` // of the server who are not online
	Changes     int        `json:"changes"` // members whose rights changed since everybody connected
	Fast        bool       `json:"fast"`    // FastRevocations: a revoke goes to the queue at once, too
	Seed        uint64     `json:"seed"`
	Deployment  Deployment `json:"deployment"`
	Service     Service    `json:"service"`
}

// Deployment has the parameters of template.yaml that matter here.
type Deployment struct {
	PostsPerSecond  int `json:"posts_per_second"`
	PushInvocations int `json:"push_invocations"`
	PushConcurrency int `json:"push_concurrency"`
	DirectPushLimit int `json:"direct_push_limit"`
	// LargeServerMembers is from how many members on only the subscribers of a channel are told: here everybody
	// who is online is one of them. 0: all servers are small.
	LargeServerMembers int           `json:"large_server_members"`
	ServerBudget       time.Duration `json:"server_push_budget_ns"`
	TaskBudget         time.Duration `json:"task_push_budget_ns"`
}

// Service is how the connection service and its clients behave.
type Service struct {
	Quota   int           `json:"quota"` // requests of the account in a second; more are answered by 429
	Burst   int           `json:"burst"`
	Latency time.Duration `json:"latency_ns"` // of a post: the median
	Spread  float64       `json:"spread"`     // of the latency: the standard deviation of its logarithm
	Storm   time.Duration `json:"storm_ns"`   // for so long after each write others use the whole quota up
	// The shares of connections that have gone (410), whose buffer is full (429), and that do not answer until
	// the post's time is up.
	Gone    float64 `json:"gone"`
	Full    float64 `json:"full"`
	Hanging float64 `json:"hanging"`
}

// Defaults are those of template.yaml, and of a service with a few clients in trouble.
func Defaults() Options {
	return Options{
		Connections: 1_000, Seed: 1,
		Deployment: Deployment{PostsPerSecond: 5_000, PushInvocations: 8, PushConcurrency: 32, DirectPushLimit: 500, LargeServerMembers: chat.DefaultLargeServer,
			ServerBudget: 3 * time.Second, TaskBudget: 20 * time.Second},
		Service: Service{Quota: 10_000, Burst: 5_000, Latency: 10 * time.Millisecond, Spread: 0.5, Gone: 0.01, Full: 0.002, Hanging: 0.01},
	}
}

// Times of AWS.
const (
	streamDelay   = 300 * time.Millisecond // from a write to notify: the mapping asks each shard about four times a second
	deliveryDelay = 20 * time.Millisecond  // from SendMessage to push
	sendDelay     = 5 * time.Millisecond   // SendMessage
	readDelay     = 5 * time.Millisecond   // a request to DynamoDB
	pushTimeout   = 58 * time.Second       // push's Timeout but for the margin of package edge
	batchSize     = 10                     // of the mapping
	visibility    = 6 * time.Minute        // of the queue
	maxReceives   = 5                      // of the queue
)

// Result is what one run came to.
type Result struct {
	Connections int    `json:"connections"`
	Large       bool   `json:"large"` // the subscribers are told, in all invocations at the same time
	Passes      []Pass `json:"passes"`
}

// Pass is the telling of one write: of the message, or of its revoke.
type Pass struct {
	Event chat.Event `json:"event"`
	// From the write until the first, the median and the last of the devices that were told.
	First  time.Duration `json:"first_ns"`
	Median time.Duration `json:"median_ns"`
	Last   time.Duration `json:"last_ns"`
	// Told are devices; Untold are those of them that were well and never told.
	Told   int `json:"told"`
	Untold int `json:"untold"`

	Posts     int `json:"posts"`       // frames that were taken
	PerSecond int `json:"peak_second"` // the most posts of push that began within any second
	Refused   int `json:"quota_429"`   // by the account's quota
	Full      int `json:"full_429"`    // by a connection whose buffer is full
	TimedOut  int `json:"timeouts"`
	Retried   int `json:"retried"`
	Gone      int `json:"gone"`
	Closed    int `json:"closed"`
	Dropped   int `json:"dropped"` // notices too old to be told
	Tasks     int `json:"tasks"`   // that the queue took
	Dead      int `json:"dead"`    // of them, dead letters

	Invocations int           `json:"invocations"` // of notify and push
	Ran         time.Duration `json:"ran_ns"`      // all of them together
	PeakRows    int           `json:"peak_rows"`   // of the audience that push held at a time
	PeakHeap    int           `json:"peak_heap"`   // bytes that were live beyond what the play itself holds

	Reads  float64 `json:"read_units"`
	Writes float64 `json:"write_units"`
	// Requests of the queue: for each task that it took one, for each invocation two.
	Requests int     `json:"queue_requests"`
	Frames   int     `json:"frames"` // messages as API Gateway counts them, by 32 KB
	Dollars  float64 `json:"dollars"`

	// Curve is when each device that was told had been, from the write on, in order.
	Curve []time.Duration `json:"-"`
}
