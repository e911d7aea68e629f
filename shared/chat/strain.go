package chat

import (
	"context"
	"slices"
	"sync"
	"time"
)

// slots bound the posts under way: those of one server, and those of all.
type slots struct{ own, all chan struct{} }

// take waits for a slot; false when ctx ended first.
func (s slots) take(ctx context.Context) bool {
	for i, slot := range []chan struct{}{s.own, s.all} {
		select {
		case slot <- struct{}{}:
		case <-ctx.Done():
			if i > 0 {
				<-s.own
			}
			return false
		}
	}
	return true
}

func (s slots) give() {
	<-s.all
	<-s.own
}

// strain remembers what the posts of the last seconds came to, of every server,
// to tell a client that is slow from a connection service that is: one 429 says
// "too many requests" of the AWS account and "buffer full" of a client alike. It is advice, kept
// for as long as the process lives; without it nobody is closed.
type strain struct {
	mu   sync.Mutex
	seen []sighting // by time
}

type sighting struct {
	at      time.Time
	account string
	well    bool
}

const (
	strainMemory = 10 * time.Second
	strainMost   = 2_000 // sightings
	// quotaShare: when the clients of more than a tenth of the accounts fail, it
	// is the service. It counts accounts, since one account's connections can all be somebody who does not read.
	// quotaFloor lets one account be told from that where few are online.
	quotaShare = 10
	quotaFloor = 1
)

// add remembers who took their frames and who was too slow.
func (s *strain) add(now time.Time, rows []Presence, outcomes []outcome) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, o := range outcomes {
		if o == took || o == throttled || o == timedOut {
			s.seen = append(s.seen, sighting{now, rows[i].Connection.AccountID, o == took})
		}
	}
	s.seen = s.seen[max(0, len(s.seen)-strainMost):]
	s.seen = slices.DeleteFunc(s.seen, func(o sighting) bool { return now.Sub(o.at) > strainMemory })
}

// clientsAreToBlame tells whether the clients that did not take their frames are
// few among those that did.
func (s *strain) clientsAreToBlame(now time.Time, rows []Presence) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	failing, well := make(map[string]bool), make(map[string]bool)
	for _, row := range rows {
		failing[row.Connection.AccountID] = true
	}
	for _, o := range s.seen {
		if now.Sub(o.at) <= strainMemory && !o.well {
			failing[o.account] = true
		}
	}
	for _, o := range s.seen {
		if now.Sub(o.at) <= strainMemory && o.well && !failing[o.account] {
			well[o.account] = true
		}
	}
	return len(well) > 0 && len(failing) <= max(quotaFloor, (len(failing)+len(well))/quotaShare)
}
