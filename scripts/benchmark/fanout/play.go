package fanout

import (
	"context"
	"fmt"
	"slices"
	"time"

	"unsend/shared/chat"
	"unsend/shared/chat/chattest"
)

// play is one server with its devices, and what tells them.
type play struct {
	options Options
	scenery scenery
	rows    *rows
	service *connections
	queue   *queue
	notify  *chat.Notifier
	free    []*chat.Notifier // environments of push that wait
}

// samples is how often in a pass the memory is looked at: each is a collection of garbage.
const samples = 16

// Run plays one size: a message, and then its revoke. In a bubble ctx must be of the bubble, or of nothing at all: nothing
// from outside may be waited for.
func Run(ctx context.Context, o Options) (Result, error) {
	p, err := newPlay(ctx, o)
	if err != nil {
		return Result{}, err
	}
	message := p.scenery.message(time.Now())
	result := Result{Connections: o.Connections, Large: p.scenery.large}
	for _, write := range []struct {
		event chat.Event
		kind  chat.StoredKind
		do    func(now time.Time) error
	}{
		{chat.MessageReceived, chat.Inserted, func(now time.Time) error {
			_, err := p.rows.PutMessage(ctx, message, now)
			return err
		}},
		{chat.MessageUpdated, chat.Modified, func(now time.Time) error {
			_, err := p.rows.RevokeMessage(ctx, chat.RevokeWrite{Key: message.MessageKey, Now: now, Revocation: chat.Revocation{Operator: message.From}})
			return err
		}},
	} {
		pass, err := p.tell(ctx, chat.Stored{Key: message.MessageKey, Kind: write.kind}, write.do)
		if err != nil {
			return result, fmt.Errorf("%s to %d devices: %w", write.event, o.Connections, err)
		}
		pass.Event = write.event
		result.Passes = append(result.Passes, pass)
		time.Sleep(time.Second)
	}
	return result, nil
}

// newPlay sets the scene: an audience that connected a minute ago, and what changed since.
func newPlay(ctx context.Context, o Options) (*play, error) {
	// A minute is longer than PostableAfter and ChangeOverlap.
	began, large := time.Now().Add(-time.Minute), o.large()
	p := &play{options: o, scenery: newScenery(o.Seed, o.Connections, large, began), queue: newQueue()}
	weights, err := weigh(ctx, newScenery(o.Seed, 1, large, began))
	if err != nil {
		return nil, err
	}
	p.rows = &rows{Store: chattest.NewStore(), weights: weights}
	if err := p.scenery.put(ctx, p.rows.Store, o.members()); err != nil {
		return nil, err
	}
	if err := p.scenery.change(ctx, p.rows.Store, o.Changes); err != nil {
		return nil, err
	}
	n := len(p.scenery.ids)
	p.service = &connections{
		Service: o.Service, seed: o.Seed, index: make(map[string]int, n),
		tries: make([]uint32, n), frames: make([]uint32, n), bucket: bucket{float64(o.Service.Burst), time.Now()},
		each: func(int) {},
	}
	p.service.closed = func(i int) {
		// What $disconnect does, which is not the push's work. It fails as little as a map does.
		row := p.scenery.presence(i)
		_ = p.rows.Store.RemoveConnection(context.WithoutCancel(ctx), row.Connection.AccountID, row.Connection.ID, []chat.Crowd{row.Crowd()})
	}
	for i, id := range p.scenery.ids {
		p.service.index[id] = i
	}
	p.notify = p.notifier(false)
	for range o.Deployment.PushInvocations {
		p.free = append(p.free, p.notifier(true))
	}
	return p, nil
}

// members is how many member rows there must be: nobody reads those of who is online but where something changed.
func (o Options) members() int {
	if o.Members == 0 && o.Changes == 0 {
		return 1
	}
	return 1 + o.Connections + o.Members
}

// large tells whether the server has so many members that only subscribers are told.
func (o Options) large() bool {
	most := o.Deployment.LargeServerMembers
	return most > 0 && 1+o.Connections+o.Members >= most
}

// tell has a write done, and tells of it until nothing is left.
func (p *play) tell(ctx context.Context, record chat.Stored, write func(time.Time) error) (Pass, error) {
	// Whoever was closed or had gone is back, as it was: each write meets the same clients.
	fates := p.options.Service.fates(p.options.Seed, len(p.scenery.ids))
	p.service.fates = slices.Clone(fates)
	if err := p.scenery.connect(ctx, p.rows.Store); err != nil {
		return Pass{}, err
	}
	step := max(1, p.options.Connections/samples)
	p.service.each = func(told int) {
		if told%step == 0 {
			p.rows.sample()
		}
	}
	enqueued, dead := p.queue.enqueued, p.queue.dead
	began := time.Now()
	p.service.pass(began)
	if err := write(began); err != nil {
		return Pass{}, err
	}
	p.rows.pass()
	records := []chat.Stored{record}
	fast := 0
	if p.options.Fast && record.Kind == chat.Modified {
		fast++
		// As the writer does before it answers.
		if err := p.queue.Enqueue(ctx, chat.Task{ServerID: record.Key.ServerID, Records: records}); err != nil {
			return Pass{}, err
		}
	}
	pass := p.run(ctx, records)
	pass.Tasks += fast
	pass.Requests += fast
	if got := p.queue.enqueued - enqueued; got != pass.Tasks {
		return pass, fmt.Errorf("%d tasks reported, %d in the queue", pass.Tasks, got)
	}
	pass.Dead = p.queue.dead - dead
	return pass, p.seen(&pass, fates)
}

// seen completes what the functions reported by what the others saw.
func (p *play) seen(pass *Pass, fates []fate) (err error) {
	s, r := p.service, p.rows
	counted := s.counted
	pass.Posts, pass.Refused, pass.Full, pass.TimedOut, pass.Frames = counted.Posts, counted.Refused, counted.Full, counted.TimedOut, counted.Frames
	pass.Curve, pass.Told, pass.PerSecond = s.curve, len(s.curve), peak(s.pushes, time.Second)
	pass.PeakRows, pass.PeakHeap, pass.Reads, pass.Writes = r.peakRows, r.peakHeap, r.reads, r.writes
	if n := len(s.curve); n > 0 {
		pass.First, pass.Median, pass.Last = s.curve[0], s.curve[n/2], s.curve[n-1]
	}
	for i, frames := range s.frames[1:] { // the author's device is not told
		if fates[i+1] == well && frames == 0 {
			pass.Untold++
		}
	}
	pass.Dollars, err = pass.price()
	return err
}

// peak is the most of the times, which are in order, that lie within any window.
func peak(times []time.Duration, window time.Duration) (most int) {
	first := 0
	for i, at := range times {
		for at-times[first] >= window {
			first++
		}
		most = max(most, i-first+1)
	}
	return most
}
