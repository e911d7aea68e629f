// Package play has steps played on a deployment by devices that remember what they were told: one line for each step with its time,
// up to the first that is not as it should be.
package play

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	unsend "unsend/clients/go"
)

// Options say how steps are played.
type Options struct {
	Now      func() time.Time
	Patience time.Duration // longest wait for one step
	Out      io.Writer
	Colour   bool
}

// Step is one line of the output.
type Step struct {
	Title string
	Do    func(context.Context) (note string, err error)
	// Advice says what to do where it fails; empty for none.
	Advice string
}

// ErrStep is returned when a step was not as it should be; the output says which, and why.
var ErrStep = errors.New("see the step marked ✗")

// Run plays the steps to their end, or to the first that is not as it should be.
func Run(ctx context.Context, o Options, steps []Step) error {
	p := &printer{out: o.Out, colour: o.Colour}
	began := o.Now()
	for i, s := range steps {
		start := o.Now()
		note, err := within(ctx, o.Patience, s.Do)
		p.step(i+1, s.Title, o.Now().Sub(start), note, err)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			p.advice(s.Advice)
			p.verdict(false, o.Now().Sub(began))
			return ErrStep
		}
	}
	p.verdict(true, o.Now().Sub(began))
	return nil
}

// within bounds a step by a deadline, so that a silent deployment fails it.
func within(ctx context.Context, patience time.Duration, do func(context.Context) (string, error)) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return do(ctx)
}

// Told waits until every one of the devices was told, and says how long the
// last one took since then.
func Told(ctx context.Context, since time.Time, event string, key unsend.MessageKey, is func(Heard) error, devices ...*Device) (string, error) {
	var last time.Duration
	for _, d := range devices {
		h, err := d.Hears(ctx, event, key)
		if err != nil {
			return "", err
		}
		if err := is(h); err != nil {
			return "", fmt.Errorf("%s: %w", d.Name, err)
		}
		last = max(last, h.At.Sub(since))
	}
	return fmt.Sprintf("the last one %d ms after it was asked for", last.Milliseconds()), nil
}

// NothingElse says what devices were told of messages of this run that they were not to be told.
func NothingElse(run string, devices ...*Device) error {
	var found []error
	for _, d := range devices {
		for _, n := range d.Unexpected(run) {
			found = append(found, fmt.Errorf("%s was told what it should not: %s in #%s by %s", d.Name, n.Event, n.Message.ChannelID, n.Message.FromAccount))
		}
	}
	return errors.Join(found...)
}

// Anything is what a notice may be that only has to come.
func Anything(Heard) error { return nil }

// Refused wants one code.
func Refused(err error, code int) error {
	switch got := unsend.CodeOf(err); got {
	case code:
		return nil
	case 200:
		return fmt.Errorf("was permitted, want %d", code)
	default:
		return fmt.Errorf("want %d, got: %w", code, err)
	}
}

// TooLate wants a revoke by each of the devices to be too late.
func TooLate(ctx context.Context, key unsend.MessageKey, devices ...*Device) error {
	for _, d := range devices {
		_, err := d.Client.Revoke(ctx, unsend.RevokeRequest{MessageKey: key})
		if err := Refused(err, unsend.CodeTooLate); err != nil {
			return fmt.Errorf("%s: %w", d.Name, err)
		}
	}
	return nil
}

// Find gives the message of a page.
func Find(page unsend.Page, key unsend.MessageKey) (unsend.Message, error) {
	for _, m := range page.Messages {
		if m.MessageKey == key {
			return m, nil
		}
	}
	return unsend.Message{}, errors.New("the newest page of history does not have the message")
}

// Check gives an error with this text unless ok.
func Check(ok bool, otherwise string) error {
	if ok {
		return nil
	}
	return errors.New(otherwise)
}

// First is the first error that there is.
func First(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// AsText is a value's JSON, to look for texts in. It cannot fail on the client's types.
func AsText(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(text)
}
