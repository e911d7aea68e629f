// Package prices is what AWS asks for, by its list, and what a use of it comes to.
package prices

import (
	_ "embed"
	"fmt"
	"slices"

	"go.yaml.in/yaml/v4"
)

//go:embed prices.yaml
var file []byte

// List is the price file.
type List struct {
	Region string           `yaml:"region"`
	AsOf   string           `yaml:"as_of"`
	Prices map[string]Price `yaml:"prices"`
}

// Price is one line of AWS's price list.
type Price struct {
	Usage   string  `yaml:"usage"`
	Says    string  `yaml:"says"`
	Dollars float64 `yaml:"dollars"`
	Per     float64 `yaml:"per"`
	Page    string  `yaml:"page"`
}

// The names in the file.
const (
	Message   = "websocket_message"
	Minute    = "websocket_minute"
	Request   = "lambda_request"
	GBSecond  = "lambda_gb_second"
	Read      = "dynamodb_read"
	Write     = "dynamodb_write"
	Stream    = "stream_read"
	SQS       = "sqs_request"
	LogGB     = "log_gigabyte"
	bytesInGB = 1 << 30
)

// Names are all, in the order in which they are shown.
var Names = []string{Message, Minute, Request, GBSecond, Read, Write, Stream, SQS, LogGB}

// Load reads the file. It refuses one that lacks a price or has another.
func Load() (List, error) { return parse(file) }

func parse(text []byte) (List, error) {
	var l List
	if err := yaml.Unmarshal(text, &l); err != nil {
		return l, fmt.Errorf("prices.yaml: %w", err)
	}
	for _, name := range Names {
		p, ok := l.Prices[name]
		if !ok || p.Usage == "" || p.Says == "" || p.Page == "" || p.Per <= 0 || p.Dollars < 0 || p.Dollars == 0 && name != Stream {
			return l, fmt.Errorf("prices.yaml: %s is missing or incomplete", name)
		}
	}
	for name := range l.Prices {
		if !slices.Contains(Names, name) {
			return l, fmt.Errorf("prices.yaml: nothing uses %s", name)
		}
	}
	return l, nil
}

// Of is what n of something cost.
func (l List) Of(name string, n float64) float64 {
	p := l.Prices[name]
	return n * p.Dollars / p.Per
}

// Use is how much of everything something takes.
type Use struct {
	Messages, Minutes, Requests, GBSeconds, Reads, Writes, SQS, LogBytes float64
}

// Plus adds.
func (u Use) Plus(v Use) Use {
	return Use{u.Messages + v.Messages, u.Minutes + v.Minutes, u.Requests + v.Requests, u.GBSeconds + v.GBSeconds,
		u.Reads + v.Reads, u.Writes + v.Writes, u.SQS + v.SQS, u.LogBytes + v.LogBytes}
}

// Times is n times as much.
func (u Use) Times(n float64) Use {
	return Use{u.Messages * n, u.Minutes * n, u.Requests * n, u.GBSeconds * n, u.Reads * n, u.Writes * n, u.SQS * n, u.LogBytes * n}
}

// Bill is what a use costs, by service.
type Bill struct{ Gateway, Lambda, DynamoDB, SQS, Logs float64 }

// Total is the sum.
func (b Bill) Total() float64 { return b.Gateway + b.Lambda + b.DynamoDB + b.SQS + b.Logs }

// Bill prices a use.
func (l List) Bill(u Use) Bill {
	return Bill{
		Gateway:  l.Of(Message, u.Messages) + l.Of(Minute, u.Minutes),
		Lambda:   l.Of(Request, u.Requests) + l.Of(GBSecond, u.GBSeconds),
		DynamoDB: l.Of(Read, u.Reads) + l.Of(Write, u.Writes),
		SQS:      l.Of(SQS, u.SQS),
		Logs:     l.Of(LogGB, u.LogBytes/bytesInGB),
	}
}
