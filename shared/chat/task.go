package chat

import (
	"context"
	"time"
)

// Segment is a part of a server's audience that is read page by page.
type Segment struct {
	ServerID string
	// ChannelID: the segment holds those who subscribed to the channel and whose account falls into Shard,
	// below SubscriberShards. Empty: everybody who is connected in the server, and Shard is 0.
	ChannelID string
	Shard     int
}

// SubscriberShards is over how many segments a channel's subscribers are spread, by account.
const SubscriberShards = 16

// Task is what is left of telling a server's audience, by ids alone. It is what the
// push queue holds, so later releases must read what earlier ones wrote.
type Task struct {
	ServerID string
	Records  []Stored // of this server
	// Part is who is left; nil: the whole audience, of which nobody was told yet.
	Part *Part
	// Attempt counts the tries that got nobody further; 0 for the first.
	Attempt int
	// Delay is how long the queue is to hold the task back. It is not part of the task.
	Delay time.Duration
}

// Part is a part of an audience that is left.
type Part struct {
	ChannelID string // and
	Shard     int    // name the segment: see [Segment]
	After     string // the cursor to go on from; empty: the segment's beginning
	// Only are the connections that are left, by id; empty: everybody after After.
	Only []string
}

// Queue holds tasks for push.
type Queue interface {
	// Enqueue stores tasks. They are delivered at least once, in any order, when their Delay is over.
	// An error says that some may not have been stored; repeating the whole is harmless.
	Enqueue(ctx context.Context, tasks []Task) error
}
