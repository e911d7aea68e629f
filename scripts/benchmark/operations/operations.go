// Package operations measures what one invocation of each operation takes, over a real DynamoDB endpoint, as the history of a
// channel and the members of a server grow.
//
// # What is counted, and what is timed
//
// Round trips and units are counted by package meter, in a bubble, with a clock that stands still: they are the same on any
// machine. "Own" are the processor time and the allocations of invocations whose requests are answered from memory, as the endpoint
// answered them once: what the code takes, the SDK's included, the HTTP client's not. "Whole" times are with the endpoint, in the
// first scene only.
//
// Frames go through [edge.Frames], the decoders and encoders of package wire, the services of package chat and the store, wired as
// in the function's main. Operations of the Server API begin at [chat.Administration], behind its HTTP layer; notify and record
// take records of the stream, and devices that take every frame at once.
//
// # The scenes
//
// Each size is a server of its own. Its rows are those that the store makes, but a history comes in batches: see carrier.
// Everybody who is not named in a scene is offline.
package operations

import (
	"context"
	"crypto/rand"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"unsend/shared/dynamo"
	"unsend/shared/dynamo/dynamotest"
)

// Options are what is measured.
type Options struct {
	Histories []int // messages in the channel, each with the fewest members
	Members   []int // of the server, each with the shortest history
	Times     int   // how often each operation is timed with the endpoint, heavy ones less often, and ten times as often without; 0: not at all
	// Bubble runs f where time passes when everybody waits for it. See [testing/synctest].
	Bubble func(f func())
	// Tell says what is under way; nil: nobody is told.
	Tell func(what string)
}

// Scene is a size that was measured.
type Scene struct {
	History    int         `json:"history"`
	Members    int         `json:"members"`
	Online     int         `json:"-"` // of them, besides those who act; 0: 20, or as many as there are
	Operations []Operation `json:"operations"`
}

func (s Scene) online() int {
	n := s.Online
	if n == 0 {
		n = online
	}
	return max(0, min(n, s.Members-named))
}

// Operation is what one invocation takes.
type Operation struct {
	Name       string  `json:"name"`
	RoundTrips int     `json:"round_trips"` // one after the other
	Requests   int     `json:"requests"`    // all, those at the same time included
	Reads      float64 `json:"read_units"`
	Writes     float64 `json:"write_units"`
	LogBytes   int     `json:"log_bytes"`
	Answer     int     `json:"answer_bytes"` // 0: it has no frame
	// Own and Whole are nil where nothing was timed.
	Own   *Own   `json:"own,omitempty"`
	Whole *Whole `json:"whole,omitempty"`
}

// Own is what the code takes when the endpoint answers at once: see tape. Times are the processor's.
type Own struct {
	Times       int           `json:"times"`
	Median      time.Duration `json:"p50_ns"`
	P99         time.Duration `json:"p99_ns"`
	Allocations int           `json:"allocations"`
	Allocated   int           `json:"allocated_bytes"`
}

// Whole is what an invocation takes with the endpoint.
type Whole struct {
	Times  int           `json:"times"`
	Median time.Duration `json:"p50_ns"`
	P99    time.Duration `json:"p99_ns"`
	// PerSecond is how many end in a second when [Lanes] of them are under way at a time.
	PerSecond float64 `json:"per_second"`
}

// Run measures at the endpoint of client. It gives the scenes by size: first the histories, then the members; the size that both
// have comes once.
func Run(ctx context.Context, client Client, o Options) (scenes []Scene, err error) {
	for _, size := range o.sizes() {
		o.tell("%d messages, %d members", size.History, size.Members)
		scene, err := o.inTables(ctx, client, size)
		if err != nil {
			return scenes, fmt.Errorf("%d messages, %d members: %w", size.History, size.Members, err)
		}
		scenes = append(scenes, scene)
	}
	return scenes, nil
}

// inTables measures in tables of the scene's own, which it removes: an emulator may be the slower the more another scene left.
func (o Options) inTables(ctx context.Context, client Client, scene Scene) (_ Scene, err error) {
	tables, err := dynamotest.CreateTables(ctx, client(), "bench-"+rand.Text()[:10]+"-")
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
		defer cancel()
		if failed := dynamotest.DeleteTables(ctx, client(), tables); err == nil {
			err = failed
		}
	}()
	if err != nil {
		return scene, err
	}
	return o.measure(ctx, client, tables, scene)
}

// sizes are the scenes to be.
func (o Options) sizes() []Scene {
	var sizes []Scene
	for _, n := range o.Histories {
		sizes = append(sizes, Scene{History: n, Members: o.Members[0]})
	}
	for _, n := range o.Members[1:] {
		sizes = append(sizes, Scene{History: o.Histories[0], Members: n})
	}
	return sizes
}

func (o Options) tell(format string, args ...any) {
	if o.Tell != nil {
		o.Tell(fmt.Sprintf(format, args...))
	}
}

func (o Options) measure(ctx context.Context, client Client, tables dynamo.Tables, scene Scene) (Scene, error) {
	counted := newCounted(client, tables, scene, inBubble(o.Bubble))
	defer counted.close()
	if err := counted.fill(ctx, scene); err != nil {
		return scene, fmt.Errorf("fill: %w", err)
	}
	studio := newStudio(client, tables, scene, inBubble(o.Bubble))
	defer studio.close()
	timed := newTimed(client, tables, scene)
	for _, each := range cases {
		o.tell("  %s", each.name)
		operation, err := counted.count(each)
		if err == nil && o.Times > 0 {
			operation.Own, err = studio.own(ctx, each, o.Times*ownTimes)
		}
		if err == nil && o.Times > 0 && o.first(scene) {
			operation.Whole, err = timed.time(ctx, each, o.Times)
		}
		if err != nil {
			return scene, fmt.Errorf("%s: %w", each.name, err)
		}
		scene.Operations = append(scene.Operations, operation)
	}
	return scene, nil
}

func (o Options) first(scene Scene) bool {
	return scene.History == o.Histories[0] && scene.Members == o.Members[0]
}

// Client makes a client of the endpoint.
type Client func(options ...func(*dynamodb.Options)) *dynamodb.Client
