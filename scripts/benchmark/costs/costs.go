// Package costs computes docs/costs.md: dollars, from what operations take (counts.json, which a test counts again), from how
// messages are told (package fanout), from assumptions that it states, and from list prices.
package costs

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"math"

	"go.yaml.in/yaml/v4"

	"unsend/scripts/benchmark/fanout"
	"unsend/scripts/benchmark/operations"
	"unsend/scripts/benchmark/prices"
)

// The scene that is counted.
const (
	History = 100
	Members = 30
)

//go:embed counts.json
var countsFile []byte

//go:embed assumptions.yaml
var assumptionsFile []byte

// Assumptions are what no count tells.
type Assumptions struct {
	Functions map[string]struct {
		MemoryMB     float64 `yaml:"memory_mb"`
		Milliseconds float64 `yaml:"milliseconds"`
	} `yaml:"functions"`
	PlatformLog  float64 `yaml:"platform_log_bytes"`
	AuthorizeLog float64 `yaml:"authorize_log_bytes"`
	Pings        float64 `yaml:"pings_an_hour"`
	Audiences    []int   `yaml:"audiences"`
	Teams        []Team  `yaml:"teams"`
}

// Team is what a team does in a month.
type Team struct {
	Name        string  `yaml:"name"`
	Says        string  `yaml:"says"`
	Audience    int     `yaml:"audience"`
	Messages    float64 `yaml:"messages"`
	Revokes     float64 `yaml:"revokes"`
	Moderations float64 `yaml:"moderations"`
	Refusals    float64 `yaml:"refusals"`
	Purges      float64 `yaml:"purges"`
	Histories   float64 `yaml:"histories"`
	Syncs       float64 `yaml:"syncs"`
	Connects    float64 `yaml:"connects"`
	Hours       float64 `yaml:"connection_hours"`
}

// model is what everything is computed from.
type model struct {
	Assumptions
	prices prices.List
	counts map[string]operations.Operation
	told   map[int][2]prices.Use // by devices: of a message, and of its revoke
	fast   map[int]prices.Use    // of a revoke with FastRevocations
}

// Counts are those of the file.
func Counts() (scene operations.Scene, err error) {
	if err := json.Unmarshal(countsFile, &scene); err != nil {
		return scene, fmt.Errorf("counts.json: %w", err)
	}
	return scene, nil
}

// newModel reads the files, and plays the audiences in a bubble.
func newModel(bubble func(func())) (*model, error) {
	m := &model{counts: map[string]operations.Operation{}, told: map[int][2]prices.Use{}, fast: map[int]prices.Use{}}
	scene, err := Counts()
	if err != nil {
		return nil, err
	}
	for _, each := range scene.Operations {
		m.counts[each.Name] = each
	}
	if m.prices, err = prices.Load(); err != nil {
		return nil, err
	}
	if err := yaml.Unmarshal(assumptionsFile, &m.Assumptions); err != nil {
		return nil, fmt.Errorf("assumptions.yaml: %w", err)
	}
	audiences := m.Audiences
	for _, team := range m.Teams {
		audiences = append(audiences, team.Audience)
	}
	for _, devices := range audiences {
		if err := m.play(devices, bubble); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// play tells so many devices, all of which are well.
func (m *model) play(devices int, bubble func(func())) error {
	if _, ok := m.told[devices]; ok {
		return nil
	}
	plain, err := m.played(devices, false, bubble)
	if err != nil {
		return err
	}
	fast, err := m.played(devices, true, bubble)
	m.told[devices], m.fast[devices] = plain, fast[1]
	return err
}

// played is what a message and its revoke take to be told.
func (m *model) played(devices int, fast bool, bubble func(func())) (uses [2]prices.Use, err error) {
	o := fanout.Defaults()
	o.Connections, o.Fast, o.Service.Gone, o.Service.Full, o.Service.Hanging = devices, fast, 0, 0, 0
	var result fanout.Result
	bubble(func() { result, err = fanout.Run(context.Background(), o) })
	if err != nil {
		return uses, err
	}
	for i := range uses {
		uses[i] = result.Passes[i].Use()
		uses[i].LogBytes = uses[i].Requests * (m.PlatformLog + float64(m.counted("notify").LogBytes))
	}
	return uses, nil
}

// counted panics where there is no count: a name that is wrong is a mistake in this package.
func (m *model) counted(name string) operations.Operation {
	each, ok := m.counts[name]
	if !ok {
		panic("counts.json has no " + name)
	}
	return each
}

// invoked is one invocation of a function that logs so much.
func (m *model) invoked(function string, log int) prices.Use {
	f, ok := m.Functions[function]
	if !ok {
		panic("assumptions.yaml has no " + function)
	}
	return prices.Use{Requests: 1, GBSeconds: f.MemoryMB / 1024 * f.Milliseconds / 1000, LogBytes: float64(log) + m.PlatformLog}
}

// operation is one invocation of a function that does what was counted.
func (m *model) operation(name, function string) prices.Use {
	each := m.counted(name)
	return m.invoked(function, each.LogBytes).Plus(prices.Use{Reads: each.Reads, Writes: each.Writes})
}

const messageStep = 32 << 10

// frame is an operation that came in as a frame and is answered by one.
func (m *model) frame(name, function string) prices.Use {
	answer := math.Max(1, math.Ceil(float64(m.counted(name).Answer)/messageStep))
	return m.operation(name, function).Plus(prices.Use{Messages: 1 + answer})
}

// What is done, each with the work that it leaves to the stream, but for the telling.
// message: without an event bus record reads no message that is sent (template.yaml, EventBusName).
func (m *model) message() prices.Use { return m.frame("send", "send") }

func (m *model) revoke(who string) prices.Use {
	return m.frame("revoke, "+who, "revoke").Plus(m.operation("record a revoke", "record"))
}

func (m *model) refusal() prices.Use { return m.frame("revoke, refused", "revoke") }

// purge is a batch of a hundred, whose records come together.
func (m *model) purge() prices.Use {
	record := m.counted("record a revoke")
	return m.frame("revokeBatch of 100", "revoke_batch_of_100").Plus(m.invoked("record", record.LogBytes)).
		Plus(prices.Use{Reads: 100 * record.Reads, Writes: 100 * record.Writes})
}

// connect is one that comes and, some time, goes: of an account in one server.
func (m *model) connect() prices.Use {
	return m.invoked("authorize", int(m.AuthorizeLog)).Plus(m.operation("connect", "connect")).Plus(m.operation("disconnect", "disconnect"))
}

func (m *model) ping() prices.Use    { return m.frame("ping", "session") }
func (m *model) history() prices.Use { return m.frame("history of 50", "read") }
func (m *model) sync() prices.Use    { return m.frame("sync page", "read") }

// hour is one of a connection, which pings.
func (m *model) hour() prices.Use { return m.ping().Times(m.Pings).Plus(prices.Use{Minutes: 60}) }
