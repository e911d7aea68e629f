package chat

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"
)

// Posting to a page of connections, in rounds: the first reaches everybody who is
// well; only those who did not take the frame meet the next ones. So a client
// that hangs, is full or has gone costs the others nothing.

const (
	pushRounds = 4
	// hangRounds is how often a client may leave a post unanswered: each costs
	// PostTimeout of the server's budget.
	hangRounds = 2
	// mostFrameSets bounds what a page keeps encoded: devices that sent something see a set of their own each.
	mostFrameSets = 16
	// firstPause is doubled from round to round, with jitter.
	firstPause = 100 * time.Millisecond
)

type outcome int

const (
	took      outcome = iota // every frame
	unaware                  // it may see none of the notices
	untried                  // time was up before its turn
	ended                    // gone, or closed: nobody is left to tell
	throttled                // 429 or 5xx
	timedOut                 // no answer in PostTimeout
	failed                   // an error that repeating does not mend
)

// page is one page of connections being told.
type page struct {
	*Notifier
	job   *serverJob
	bench *bench

	mu     sync.Mutex
	frames map[string][][]byte // by the notices that they hold
}

// remains are those of a page who may not have been told.
type remains struct {
	slow   []Presence // who did not take the frame
	untold []Presence // whom nobody could try to tell
}

func (r remains) all() []Presence { return slices.Concat(r.slow, r.untold) }

// push tells a page.
func (n *Notifier) push(ctx context.Context, job *serverJob, first news, rows []Presence) remains {
	if len(rows) == 0 {
		return remains{}
	}
	p := &page{
		Notifier: n, job: job, frames: make(map[string][][]byte),
		bench: &bench{Notifier: n, job: job, rows: rows, news: first, turn: make(chan struct{}, 1)},
	}
	if _, err := p.bench.fresh(ctx); err != nil {
		job.note(fmt.Errorf("rights in the server: %w", err))
		return remains{untold: rows}
	}
	return p.rounds(ctx, rows)
}

// rounds posts until nobody is left who may take a frame soon, or those were
// closed. It gives those who were neither told nor closed.
func (p *page) rounds(ctx context.Context, rows []Presence) (left remains) {
	pending := rows
	for round := range pushRounds {
		if round > 0 {
			if pause(ctx, firstPause<<(round-1)) != nil {
				break
			}
			p.job.count(func(r *Report) { r.Retried += len(pending) })
		}
		begun := func() {}
		if round == 0 {
			begun = p.takeTurn(ctx)
		}
		tried := pending
		outcomes := p.round(ctx, tried, begun)
		left.untold = slices.Concat(left.untold, having(pending, outcomes, failed), having(pending, outcomes, untried))
		hanging, full := having(pending, outcomes, timedOut), having(pending, outcomes, throttled)
		p.strain.add(p.Clock(), tried, outcomes, ctx.Err() != nil)
		if pending = slices.Concat(hanging, full); ctx.Err() != nil {
			break
		}
		if round >= hangRounds-1 {
			hanging = p.closeSlow(ctx, hanging)
		}
		if round == pushRounds-1 {
			full = p.closeSlow(ctx, full)
		}
		if pending = slices.Concat(hanging, full); len(pending) == 0 {
			break
		}
	}
	left.slow = pending
	return left
}

// takeTurn waits until the other pages' posts have begun, so that they do not all wait for their last clients at the same
// time, and gives the turn back once.
func (p *page) takeTurn(ctx context.Context) (giveBack func()) {
	select {
	case p.job.turn <- struct{}{}:
		return sync.OnceFunc(func() { <-p.job.turn })
	case <-ctx.Done():
		return func() {}
	}
}

// round posts to each row once. begun is called when every post has begun.
func (p *page) round(ctx context.Context, rows []Presence, begun func()) []outcome {
	defer begun()
	outcomes := make([]outcome, len(rows))
	posting := newCrew()
	for i, row := range rows {
		if !p.job.slots.take(ctx) {
			outcomes[i] = untried
			continue
		}
		if p.wait(ctx) != nil {
			p.job.slots.give()
			outcomes[i] = untried
			continue
		}
		posting.start(func() {
			defer p.job.slots.give()
			if err := Guard(func() (err error) {
				outcomes[i], err = p.post(ctx, row)
				return err
			}); err != nil {
				p.job.note(err)
				outcomes[i] = failed
			}
		})
	}
	begun() // which may be called twice
	posting.wait()
	return outcomes
}

func (p *page) wait(ctx context.Context) error {
	if p.Pace == nil {
		return nil
	}
	return p.Pace.Wait(ctx)
}

// post gives one connection what it may see, on rights fresh at each frame.
func (p *page) post(ctx context.Context, row Presence) (outcome, error) {
	if row.Connection.TokenExpiresAt <= p.Clock().UnixMilli() {
		return p.end(ctx, row)
	}
	told, err := p.postFrames(ctx, row)
	if err == nil && !told {
		return unaware, nil
	}
	switch {
	case err == nil:
		return took, nil
	case errors.Is(err, ErrGone):
		return p.gone(ctx, row)
	case errors.Is(err, ErrThrottled):
		return throttled, nil
	case errors.Is(err, ErrTimeout):
		return timedOut, nil
	}
	return failed, err
}

// postFrames posts one frame after the other, each on rights that are fresh when it begins. Where they changed meanwhile
// it begins anew with what may still be seen: a notice that comes twice changes nothing. told: there was a frame.
func (p *page) postFrames(ctx context.Context, row Presence) (told bool, err error) {
	frames, readAt, err := p.framesFor(ctx, row)
	for i := 0; err == nil && i < len(frames); {
		if p.Clock().Sub(readAt) >= RightsMaxAge { // it waited since, for the others or for its turn
			var again [][]byte
			if again, readAt, err = p.framesFor(ctx, row); !same(frames, again) {
				frames, i = again, 0
			}
			continue
		}
		if err = p.postFrame(ctx, row.Connection.ID, frames[i]); err == nil {
			p.job.count(func(r *Report) { r.Posts++ })
			if told, i = true, i+1; i < len(frames) {
				err = p.wait(ctx) // the first one's turn has come before
			}
		}
	}
	return told, err
}

func (p *page) postFrame(ctx context.Context, connectionID string, frame []byte) error {
	ctx, cancel := context.WithTimeout(ctx, PostTimeout)
	defer cancel()
	return p.Gateway.Post(ctx, connectionID, frame)
}

// framesFor are the frames with the notices that the connection may see, encoded
// once for connections that see the same; the rights are those of readAt.
func (p *page) framesFor(ctx context.Context, row Presence) (frames [][]byte, readAt time.Time, err error) {
	rights, err := p.bench.fresh(ctx)
	if err != nil {
		return nil, time.Time{}, err
	}
	// Most pages have one notice, and all but one of their connections see the same: none of them allocates.
	var (
		room    [256]byte
		places  [16]int
		which   = room[:0]
		visible = places[:0]
	)
	subscribed := row.ChannelID != ""
	for i := range rights.notices {
		notice := &rights.notices[i]
		if subscribed && row.ChannelID != notice.Message.ChannelID {
			continue
		}
		if !notice.excludes(row.Connection) && rights.canSee(row, notice.Message.ChannelID) {
			visible = append(visible, i)
			which = notice.appendName(which, subscribed)
		}
	}
	if len(visible) == 0 {
		return nil, rights.readAt, nil
	}
	frames, err = p.encoded(which, rights.notices, visible, subscribed)
	return frames, rights.readAt, err
}

// appendName appends what tells a notice, as it is encoded, from any other. No id holds a #.
func (n *Notice) appendName(b []byte, subscribed bool) []byte {
	m := &n.Message
	b = append(strconv.AppendBool(b, subscribed), '#')
	b = append(append(b, n.Event...), '#')
	b = append(append(b, m.ChannelID...), '#')
	b = append(strconv.AppendInt(b, m.Timestamp, 10), '#')
	b = append(append(b, m.MsgServerID...), '#')
	return append(strconv.AppendInt(b, m.Version, 10), '#')
}

// encoded are the frames with the notices at these places, which together have the names.
func (p *page) encoded(which []byte, notices []Notice, places []int, subscribed bool) ([][]byte, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if frames, ok := p.frames[string(which)]; ok {
		return frames, nil
	}
	list := make([]Notice, len(places))
	for i, place := range places {
		list[i] = notices[place]
		list[i].Subscribed = subscribed
	}
	frames, err := p.Encode(list)
	if err != nil {
		return nil, fmt.Errorf("encode notices: %w", err)
	}
	if len(p.frames) >= mostFrameSets {
		clear(p.frames)
	}
	p.frames[string(which)] = frames
	return frames, nil
}

// same: frames come from one cache, so equal ones are identical.
func same(a, b [][]byte) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0])
}

// gone acts on a 410. A connection whose $connect has not returned answers so
// too: a young row is left alone, and its client reads the history when it opens.
func (p *page) gone(ctx context.Context, row Presence) (outcome, error) {
	if row.Connection.youngAt(p.Clock()) {
		p.job.count(func(r *Report) { r.Young++ })
		return ended, nil
	}
	p.job.count(func(r *Report) { r.Gone++ })
	return p.remove(ctx, row)
}

// end closes a connection whose token has expired.
func (p *page) end(ctx context.Context, row Presence) (outcome, error) {
	p.job.count(func(r *Report) { r.Closed++ })
	return p.remove(ctx, row)
}

// remove closes the connection first, in case the 410 was a false one: its
// client then notices and connects again. Then all its rows go.
func (p *page) remove(ctx context.Context, row Presence) (outcome, error) {
	c := row.Connection
	closing, cancel := context.WithTimeout(ctx, PostTimeout)
	defer cancel()
	switch err := p.Gateway.Close(closing, c.ID); {
	case err == nil, errors.Is(err, ErrGone):
	case errors.Is(err, ErrThrottled):
		return throttled, nil
	case errors.Is(err, ErrTimeout):
		return timedOut, nil
	default:
		return failed, err
	}
	crowds, err := crowdsOfConnection(ctx, p.Sessions, c)
	if err != nil {
		return failed, err
	}
	if !slices.Contains(crowds, row.Crowd()) {
		crowds = append(crowds, row.Crowd())
	}
	return ended, p.Sessions.RemoveConnection(ctx, c.AccountID, c.ID, crowds)
}

// closeSlow closes connections that kept failing while everybody else's took
// their frames, so that their clients connect again and catch up. Their rows
// stay: they are live until $disconnect says otherwise. Where the fault need not be theirs nobody
// is closed, and all are left.
func (p *page) closeSlow(ctx context.Context, rows []Presence) (left []Presence) {
	if !p.strain.clientsAreToBlame(p.Clock(), rows) {
		return rows
	}
	return p.close(ctx, rows)
}

// close gives those whose connection may still be open.
func (p *page) close(ctx context.Context, rows []Presence) (left []Presence) {
	var mu sync.Mutex
	forEach(p.Concurrency, rows, func(row Presence) {
		ctx, cancel := context.WithTimeout(ctx, PostTimeout)
		defer cancel()
		err := Guard(func() error { return p.Gateway.Close(ctx, row.Connection.ID) })
		if err != nil && !errors.Is(err, ErrGone) {
			p.job.note(fmt.Errorf("close a slow connection: %w", err))
			mu.Lock()
			defer mu.Unlock()
			left = append(left, row)
			return
		}
		p.job.count(func(r *Report) { r.Closed++ })
	})
	return left
}

// having are the rows with that outcome.
func having(rows []Presence, outcomes []outcome, which outcome) []Presence {
	var found []Presence
	for i, o := range outcomes {
		if o == which {
			found = append(found, rows[i])
		}
	}
	return found
}
