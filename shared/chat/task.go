package chat

import (
	"context"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// Task is what is left of telling a server's audience, by ids alone. It is what the
// push queue holds, so later releases must read what earlier ones wrote.
type Task struct {
	ServerID string
	Records  []Stored // of this server
	// Part is who is left; nil: the whole audience, of which nobody was told yet.
	Part *Part
	// Attempt counts the tries in a row that got no further; 0 for the first.
	Attempt int
	// Delay is how long the queue is to hold the task back. It is not part of the task.
	Delay time.Duration
}

// Part is a part of an audience that is left.
type Part struct {
	ChannelID string   // whose subscribers; empty: the connections of the server's members
	Shard     int      // of the subscribers
	After     string   // the cursor to go on from; empty: the beginning
	Only      []string // the connections that are left, by id; empty: everybody after After
}

// partOf is all of the crowd after the cursor.
func partOf(crowd Crowd, after string) *Part {
	return &Part{ChannelID: crowd.ChannelID, Shard: crowd.Shard, After: after}
}

// crowd is the list of connections that the task's part is of.
func (t Task) crowd() Crowd {
	return Crowd{ServerID: t.ServerID, ChannelID: t.Part.ChannelID, Shard: t.Part.Shard}
}

// Queue holds tasks for push.
type Queue interface {
	// Enqueue stores a task. It is delivered at least once, in any order, when its Delay is over.
	// An error says that it may not have been stored; repeating is harmless.
	Enqueue(ctx context.Context, task Task) error
}

const (
	// MaxTaskAttempts is how often what got no further is written anew, with who is still left. After that the
	// queue itself delivers it again, and it ends with the dead letters.
	MaxTaskAttempts = 10
	firstTaskDelay  = time.Second // doubled with each attempt
	lastTaskDelay   = 5 * time.Minute
	// maxTaskRecords keeps a task that was merged of many well below what a message of the queue may hold.
	maxTaskRecords = 500
)

// again is the task for another try, with backoff and jitter.
func (t Task) again() Task {
	t.Attempt++
	t.Delay = min(firstTaskDelay<<(t.Attempt-1), lastTaskDelay)
	t.Delay = t.Delay/2 + rand.N(t.Delay/2+1)
	return t
}

// walks tells whether the task goes through an audience, rather than to a few
// who are left.
func (t Task) walks() bool { return t.Part == nil || len(t.Part.Only) == 0 }

// taskGroup is tasks that are one piece of work: a burst costs one post for each device.
type taskGroup struct {
	task    Task
	indexes []int // of the tasks it was made of
	brief   bool  // one page is gone through, and the rest is for other invocations
}

// merged joins the tasks that go through the same audience from the same place, and those that are left of the same
// connections.
func merged(tasks []Task) []*taskGroup {
	type place struct {
		crowd Crowd
		after string
		only  string
		whole bool // audience, of every crowd
	}
	var groups []*taskGroup
	open := make(map[place]*taskGroup)
	for i, task := range tasks {
		at := place{crowd: Crowd{ServerID: task.ServerID}, whole: true}
		if task.Part != nil {
			at = place{crowd: task.crowd(), after: task.Part.After, only: strings.Join(slices.Sorted(slices.Values(task.Part.Only)), " ")}
		}
		group := open[at]
		if group == nil || len(group.task.Records)+len(task.Records) > maxTaskRecords {
			group = &taskGroup{task: task}
			group.task.Records = nil
			groups = append(groups, group)
			open[at] = group
		}
		group.indexes = append(group.indexes, i)
		group.task.Attempt = max(group.task.Attempt, task.Attempt)
		for _, record := range task.Records {
			if !slices.Contains(group.task.Records, record) {
				group.task.Records = append(group.task.Records, record)
			}
		}
	}
	return groups
}

// urgency orders walks.
func (g *taskGroup) urgency() int {
	urgency := len(g.task.Records)
	if slices.ContainsFunc(g.task.Records, func(r Stored) bool { return r.Kind == Modified }) {
		urgency += maxTaskRecords
	}
	return urgency
}

// chosen are the groups that one invocation works on: everything short, one walk, one with a revocation before others, and then the
// fullest, and the first page of each audience that nobody was told of yet: most have no other. The other walks are for other invocations, which
// share the posts per second.
func chosen(groups []*taskGroup) (now, later []*taskGroup) {
	var walk *taskGroup
	for _, group := range groups {
		if group.task.walks() && (walk == nil || group.urgency() > walk.urgency()) {
			walk = group
		}
	}
	for _, group := range groups {
		switch {
		case group == walk, !group.task.walks():
			now = append(now, group)
		case group.task.Part == nil:
			group.brief = true
			now = append(now, group)
		default:
			later = append(later, group)
		}
	}
	return now, later
}
