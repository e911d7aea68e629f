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
	"unsend/scripts/unsend/play"
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

// run is one run.
type run struct {
	Options

	phone, tablet, desk *play.Device // alice's, alice's, bob's
	carol, mallory, eve *play.Device

	text    string         // of the message that is taken back
	message unsend.Message // as its sender was answered
	sent    time.Time
}

// Run plays the demo to its end, or to the first step that is not as it should be.
func Run(ctx context.Context, o Options) error {
	if o.Patience == 0 {
		o.Patience = defaultPatience
	}
	if o.Grace == 0 {
		o.Grace = defaultGrace
	}
	p := &run{Options: o, text: "the harbour gate code, run " + o.Run}
	defer p.disconnect()
	err := play.Run(ctx, play.Options{Now: o.Now, Patience: o.Patience, Out: o.Out, Colour: o.Colour}, p.steps())
	if errors.Is(err, play.ErrStep) {
		return ErrFailed
	}
	return err
}

func (p *run) steps() []play.Step {
	return []play.Step{
		{Title: "alice's phone and tablet and bob's desk connect; carol, mallory (banned) and eve (elsewhere) watch", Do: p.connect},
		{Title: "alice's phone sends to #" + room, Do: p.send},
		{Title: "alice's tablet, bob's desk and carol are told", Do: p.everybodyIsTold},
		{Title: "bob, a moderator, takes it back: \"" + postscript + "\"", Do: p.revoke},
		{Title: "both of alice's devices and carol are told; bob is the operator, alice the sender, no text", Do: p.everybodyForgets},
		{Title: "history shows a tombstone on all three devices", Do: p.historyForgets},
		{Title: "the row in the table holds no text", Do: p.tableForgets},
		{Title: "taken back again, by bob and by alice: 200 each, and bob stays the operator", Do: p.revokeAgain},
		{Title: "alice's phone sends it again with the same msg_id and gets the tombstone", Do: p.resend},
		{Title: "carol may not take back alice's next message: 403", Do: p.memberIsRefused},
		{Title: "alice's tablet takes it back itself; her phone is told", Do: p.authorRevokes},
		{Title: "too late in #" + hasty + ": 508, and the message stays", Do: p.tooLate},
		{Title: "#" + private + " is for its crew: alice is told; carol gets 403", Do: p.privateStaysPrivate},
		{Title: "mallory, banned, can neither send, read nor take back: 403", Do: p.bannedIsRefused},
		{Title: "nobody heard anything else: bob's desk not of its own revoke, the phone not of its own message", Do: p.silence},
	}
}

func (p *run) connect(ctx context.Context) (string, error) {
	for _, d := range []struct {
		as                    **play.Device
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
		*d.as = play.NewDevice(d.name, d.account, client, p.Now)
	}
	return "", nil
}

func (p *run) devices() []*play.Device {
	return []*play.Device{p.phone, p.tablet, p.desk, p.carol, p.mallory, p.eve}
}

func (p *run) disconnect() {
	for _, d := range p.devices() {
		if d != nil {
			_ = d.Client.Close() // the demo's result stands
		}
	}
}

// post sends a message of this run. The MsgID marks it as such.
func (p *run) post(ctx context.Context, d *play.Device, serverID, channel, id, text string) (unsend.Message, error) {
	m, err := d.Client.Send(ctx, unsend.SendRequest{
		ServerID: serverID, ChannelID: channel, MsgID: p.Run + "-" + id, Content: unsend.Content{Body: text},
	})
	if unsend.CodeOf(err) == unsend.CodeForbidden {
		return m, fmt.Errorf("%s: %w (is the sample community there? write it with: unsend seed scripts/unsend/sample.yaml)", d.Name, err)
	}
	if err != nil {
		return m, fmt.Errorf("%s: %w", d.Name, err)
	}
	return m, nil
}
