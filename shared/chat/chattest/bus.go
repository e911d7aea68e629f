package chattest

import (
	"context"
	"slices"
	"sync"

	"unsend/shared/chat"
)

// Bus is an event bus in memory, which keeps what it takes. It is safe for concurrent use.
type Bus struct {
	// Fail, where it is set, refuses an event with its error.
	Fail func(chat.BusEvent) error

	mu     sync.Mutex
	events []chat.BusEvent
}

var _ chat.EventPublisher = (*Bus)(nil)

// Publish takes the events that are not refused.
func (b *Bus) Publish(ctx context.Context, events []chat.BusEvent) (failures []chat.Failure) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i, event := range events {
		err := ctx.Err()
		if err == nil && b.Fail != nil {
			err = b.Fail(event)
		}
		if err != nil {
			failures = append(failures, chat.Failure{Items: []int{i}, Err: err})
			continue
		}
		b.events = append(b.events, event)
	}
	return failures
}

// Events are those that were taken, in their order.
func (b *Bus) Events() []chat.BusEvent {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.events)
}
