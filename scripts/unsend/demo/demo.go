// Package demo plays QChat's sequence of a revoke on a deployment that holds the
// sample community: two people with three devices, and three more who watch what they may not see.
// It fails when anybody is told what they should not, or not told what they should.
//
// That somebody is told nothing is seen with markers: after everything else each device
// is sent one more message that it must receive, and nothing but what was expected may have arrived
// until a grace period after that.
package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	unsend "unsend/clients/go"
)

// The places of the sample community that the demo plays in.
const (
	server  = "harbour"
	room    = "general"
	private = "crew-room"
	hasty   = "race-committee" // its windows are hastyWindow
	other   = "lighthouse"     // another server
	lamp    = "lamp-room"

	hastyWindow = 200 * time.Millisecond
)

// Times that hold unless Options say otherwise.
const (
	defaultPatience = 10 * time.Second
	defaultGrace    = 300 * time.Millisecond
)

// Options are what a demo needs.
type Options struct {
	Dial func(ctx context.Context, account, device string, clientType int) (*unsend.Client, error)
	// Row gives every text that the message's row in the table holds. Nil: the
	// step is passed over, with a word about it.
	Row func(ctx context.Context, key unsend.MessageKey) ([]string, error)
	Now func() time.Time
	Run string // makes this run's texts and ids unique

	Out    io.Writer
	Colour bool

	Patience time.Duration // longest wait for one notice; 0: 10 s
	Grace    time.Duration // how long silence is listened to; 0: 300 ms
}

// ErrFailed is returned when a step was not as it should be; the output says which.
var ErrFailed = errors.New("the demo failed: see the step marked ✗")

// play is one run.
type play struct {
	Options
	print *printer

	phone, tablet, desk *device // alice's, alice's, bob's
	carol, mallory, eve *device

	text    string         // of the message that is taken back
	message unsend.Message // as its sender was answered
	sent    time.Time
}

// step is one line of the output.
type step struct {
	title string
	do    func(context.Context) (note string, err error)
}

// Run plays the demo to its end, or to the first step that is not as it should be.
func Run(ctx context.Context, o Options) error {
	if o.Patience == 0 {
		o.Patience = defaultPatience
	}
	if o.Grace == 0 {
		o.Grace = defaultGrace
	}
	p := &play{Options: o, print: &printer{out: o.Out, colour: o.Colour}, text: "the harbour gate code, run " + o.Run}
	defer p.disconnect()
	began := o.Now()
	for i, s := range p.steps() {
		start := o.Now()
		note, err := p.within(ctx, s.do)
		p.print.step(i+1, s.title, o.Now().Sub(start), note, err)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			p.print.verdict(false, o.Now().Sub(began))
			return ErrFailed
		}
	}
	p.print.verdict(true, o.Now().Sub(began))
	return nil
}

// within bounds a step by a deadline, so that a silent deployment fails it.
func (p *play) within(ctx context.Context, do func(context.Context) (string, error)) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, p.Patience)
	defer cancel()
	return do(ctx)
}

func (p *play) steps() []step {
	return []step{
		{"alice's phone and tablet and bob's desk connect; carol, mallory (banned) and eve (elsewhere) watch", p.connect},
		{"alice's phone sends to #" + room, p.send},
		{"alice's tablet, bob's desk and carol are told", p.everybodyIsTold},
		{"bob, a moderator, takes it back: \"" + postscript + "\"", p.revoke},
		{"both of alice's devices and carol are told; bob is the operator, alice the sender, no text", p.everybodyForgets},
		{"history shows a tombstone on all three devices", p.historyForgets},
		{"the row in the table holds no text", p.tableForgets},
		{"taken back again, by bob and by alice: 200 each, and bob stays the operator", p.revokeAgain},
		{"alice's phone sends it again with the same msg_id and gets the tombstone", p.resend},
		{"carol may not take back alice's next message: 403", p.memberIsRefused},
		{"alice's tablet takes it back itself; her phone is told", p.authorRevokes},
		{"too late in #" + hasty + ": 508, and the message stays", p.tooLate},
		{"#" + private + " is for its crew: alice is told; carol gets 403", p.privateStaysPrivate},
		{"mallory, banned, can neither send, read nor take back: 403", p.bannedIsRefused},
		{"nobody heard anything else: bob's desk not of its own revoke, the phone not of its own message", p.silence},
	}
}

func (p *play) connect(ctx context.Context) (string, error) {
	for _, d := range []struct {
		as                    **device
		name, account, device string
		clientType            int
	}{
		{&p.phone, "alice's phone", "alice", "phone", 2},
		{&p.tablet, "alice's tablet", "alice", "tablet", 1},
		{&p.desk, "bob's desk", "bob", "desk", 4},
		{&p.carol, "carol", "carol", "laptop", 64},
		{&p.mallory, "mallory", "mallory", "laptop", 16},
		{&p.eve, "eve", "eve", "laptop", 16},
	} {
		// A device of this run alone: it must not take the place of anybody's.
		client, err := p.Dial(ctx, d.account, d.device+"-"+p.Run, d.clientType)
		if err != nil {
			return "", fmt.Errorf("%s: %w", d.name, err)
		}
		*d.as = newDevice(d.name, d.account, client, p.Now)
	}
	return "", nil
}

func (p *play) devices() []*device {
	return []*device{p.phone, p.tablet, p.desk, p.carol, p.mallory, p.eve}
}

func (p *play) disconnect() {
	for _, d := range p.devices() {
		if d != nil {
			_ = d.client.Close() // the demo's result stands
		}
	}
}

// post sends a message of this run. The MsgID marks it as such.
func (p *play) post(ctx context.Context, d *device, serverID, channel, id, text string) (unsend.Message, error) {
	m, err := d.client.Send(ctx, unsend.SendRequest{
		ServerID: serverID, ChannelID: channel, MsgID: p.Run + "-" + id, Content: unsend.Content{Body: text},
	})
	if unsend.CodeOf(err) == unsend.CodeForbidden {
		return m, fmt.Errorf("%s: %w (is the sample community there? write it with: unsend seed scripts/unsend/sample.yaml)", d.name, err)
	}
	if err != nil {
		return m, fmt.Errorf("%s: %w", d.name, err)
	}
	return m, nil
}

// told waits until every one of the devices was told, and says how long the
// last one took since then.
func (p *play) told(ctx context.Context, since time.Time, event string, key unsend.MessageKey, check func(heard) error, devices ...*device) (string, error) {
	var last time.Duration
	for _, d := range devices {
		h, err := d.hears(ctx, event, key)
		if err != nil {
			return "", err
		}
		if err := check(h); err != nil {
			return "", fmt.Errorf("%s: %w", d.name, err)
		}
		last = max(last, h.at.Sub(since))
	}
	return fmt.Sprintf("the last one %d ms after it was asked for", last.Milliseconds()), nil
}
