package chat

import (
	"context"
	"maps"
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
	seen map[string]sighting // by account
}

// sighting is when an account took a frame, and when it did not, the last time.
type sighting struct{ well, ill time.Time }

const (
	strainMemory = 10 * time.Second
	strainMost   = 5_000 // accounts
	// quotaShare: when the clients of more than a tenth of the accounts fail, it
	// is the service. It counts accounts, since one account's connections can all be somebody who does not read.
	// quotaFloor lets one account be told from that where few are online.
	quotaShare = 10
	quotaFloor = 1
	// lastResortFloor is as many accounts as are closed at last without anybody to compare them with.
	lastResortFloor = 10
)

// add remembers who took their frames and who was too slow. ended: time was up, and who did not answer may not be slow.
func (s *strain) add(now time.Time, rows []Presence, outcomes []outcome, ended bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.seen == nil {
		s.seen = make(map[string]sighting)
	}
	for i, o := range outcomes {
		account := rows[i].Connection.AccountID
		seen := s.seen[account]
		switch {
		case o == took:
			seen.well = now
		case o == throttled, o == timedOut && !ended:
			seen.ill = now
		default:
			continue
		}
		s.seen[account] = seen
	}
	if len(s.seen) > strainMost {
		s.forget(now)
	}
}

// forget drops what is too old, and, where that is not enough, what is not quite as old.
func (s *strain) forget(now time.Time) {
	for age := strainMemory; len(s.seen) > strainMost && age > 0; age /= 2 {
		maps.DeleteFunc(s.seen, func(_ string, seen sighting) bool {
			return now.Sub(seen.well) > age && now.Sub(seen.ill) > age
		})
	}
}

// count counts the accounts that fail, those of the rows among them, and those that are well and do not.
func (s *strain) count(now time.Time, rows []Presence) (failing, well int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	counted := make(map[string]bool)
	for _, row := range rows {
		counted[row.Connection.AccountID] = true
	}
	failing = len(counted)
	for account, seen := range s.seen {
		switch {
		case counted[account]:
		case now.Sub(seen.ill) <= strainMemory:
			failing++
		case now.Sub(seen.well) <= strainMemory:
			well++
		}
	}
	return failing, well
}

// clientsAreToBlame tells whether the clients that did not take their frames are
// few among those that did.
func (s *strain) clientsAreToBlame(now time.Time, rows []Presence) bool {
	failing, well := s.count(now, rows)
	return well > 0 && failing <= max(quotaFloor, (failing+well)/quotaShare)
}

// atLast is the same of clients that did not take theirs in many attempts.
func (s *strain) atLast(now time.Time, rows []Presence) bool {
	failing, well := s.count(now, rows)
	return failing <= max(lastResortFloor, well)
}
