package play

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	unsend "unsend/clients/go"
)

// Device is one connected device, with everything it was told.
type Device struct {
	Name, Account string // "alice's phone", "alice"
	Client        *unsend.Client
	now           func() time.Time

	mu      sync.Mutex
	heard   []Heard
	changed chan struct{} // closed, and made anew, whenever heard grows or the connection ends
	ended   bool
}

// Heard is a notice, and when it arrived.
type Heard struct {
	unsend.Notice
	At       time.Time
	expected bool
}

// NewDevice listens to the client until its connection ends.
func NewDevice(name, account string, client *unsend.Client, now func() time.Time) *Device {
	d := &Device{Name: name, Account: account, Client: client, now: now, changed: make(chan struct{})}
	go d.listen()
	return d
}

// listen ends with the connection.
func (d *Device) listen() {
	for n := range d.Client.Notices() {
		d.note(func() { d.heard = append(d.heard, Heard{Notice: n, At: d.now()}) })
	}
	d.note(func() { d.ended = true })
}

func (d *Device) note(what func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	what()
	close(d.changed)
	d.changed = make(chan struct{})
}

// Hears waits for a notice of the message, as long as ctx lasts, and marks it as
// expected. A notice may come more than once: the copies of one that was expected are expected too.
func (d *Device) Hears(ctx context.Context, event string, key unsend.MessageKey) (Heard, error) {
	for {
		h, found, ended, changed := d.find(event, key)
		switch {
		case found:
			return h, nil
		case ended:
			return Heard{}, fmt.Errorf("%s: %w", d.Name, d.Client.Err())
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return Heard{}, fmt.Errorf("%s was not told of it (%s) in time", d.Name, event)
		}
	}
}

func (d *Device) find(event string, key unsend.MessageKey) (h Heard, found, ended bool, changed chan struct{}) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for i := range d.heard {
		if n := &d.heard[i]; n.Event == event && n.Message.MessageKey == key {
			n.expected = true
			if !found {
				h, found = *n, true
			}
		}
	}
	return h, found, d.ended, d.changed
}

// Unexpected gives what the device was told of messages of this run that it was
// not to be told. Whatever else goes on in the community is left out.
func (d *Device) Unexpected(run string) []unsend.Notice {
	d.mu.Lock()
	defer d.mu.Unlock()
	type told struct {
		event string
		key   unsend.MessageKey
	}
	expected := map[told]bool{}
	for _, h := range d.heard {
		if h.expected {
			expected[told{h.Event, h.Message.MessageKey}] = true
		}
	}
	var list []unsend.Notice
	for _, h := range d.heard {
		if strings.HasPrefix(h.Message.MsgID, run) && !expected[told{h.Event, h.Message.MessageKey}] {
			list = append(list, h.Notice)
		}
	}
	return list
}
