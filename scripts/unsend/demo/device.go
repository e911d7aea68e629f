package demo

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"time"

	unsend "unsend/clients/go"
)

// device is one connected device, with everything it was told.
type device struct {
	name, account string // "alice's phone", "alice"
	client        *unsend.Client
	now           func() time.Time

	mu      sync.Mutex
	heard   []heard
	changed chan struct{} // closed, and made anew, whenever heard grows or the connection ends
	ended   bool
}

// heard is a notice, and when it arrived.
type heard struct {
	unsend.Notice
	at       time.Time
	expected bool
}

func newDevice(name, account string, client *unsend.Client, now func() time.Time) *device {
	d := &device{name: name, account: account, client: client, now: now, changed: make(chan struct{})}
	go d.listen()
	return d
}

// listen ends with the connection.
func (d *device) listen() {
	for n := range d.client.Notices() {
		d.note(func() { d.heard = append(d.heard, heard{Notice: n, at: d.now()}) })
	}
	d.note(func() { d.ended = true })
}

func (d *device) note(what func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	what()
	close(d.changed)
	d.changed = make(chan struct{})
}

// hears waits for a notice of the message, as long as ctx lasts, and marks it as
// expected. A notice may come more than once: the copies of one that was expected are expected too.
func (d *device) hears(ctx context.Context, event string, key unsend.MessageKey) (heard, error) {
	for {
		h, found, ended, changed := d.find(event, key)
		switch {
		case found:
			return h, nil
		case ended:
			return heard{}, fmt.Errorf("%s: %w", d.name, d.client.Err())
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return heard{}, fmt.Errorf("%s was not told of it (%s) in time", d.name, event)
		}
	}
}

func (d *device) find(event string, key unsend.MessageKey) (h heard, found, ended bool, changed chan struct{}) {
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

// unexpected gives what the device was told of messages of this run that it was
// not to be told. Whatever else goes on in the community is left out.
func (d *device) unexpected(run string) []unsend.Notice {
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

// asText cannot fail on these types.
func asText(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(text)
}
