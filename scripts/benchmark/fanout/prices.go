package fanout

import (
	"unsend/scripts/benchmark/prices"
)

// Gigabytes is the MemorySize of notify and push.
const Gigabytes = 0.5

// Use is what a pass took beyond the write itself. What a refused post or a closing costs AWS does not
// say; here it is nothing.
func (p *Pass) Use() prices.Use {
	return prices.Use{
		Messages: float64(p.Frames), Requests: float64(p.Invocations), GBSeconds: p.Ran.Seconds() * Gigabytes,
		Reads: p.Reads, Writes: p.Writes, SQS: float64(p.Requests),
	}
}

// price adds up what a pass cost.
func (p *Pass) price() (float64, error) {
	list, err := prices.Load()
	return list.Bill(p.Use()).Total(), err
}
