package history

import "time"

// Sight is an account and a channel that it may see or not.
type Sight struct{ Account, ServerID, ChannelID string }

// Sights is who sees what, by the tables, and since when. It is not safe for concurrent use.
type Sights struct {
	sees  map[Sight]bool
	lost  map[Sight]time.Time // since when it is known to all that this is out of sight
	moved map[Sight]time.Time
}

// NewSights knows of nobody.
func NewSights() *Sights {
	return &Sights{sees: map[Sight]bool{}, lost: map[Sight]time.Time{}, moved: map[Sight]time.Time{}}
}

// Moving follows the beginning of a change: from now on until it is answered either is right.
func (s *Sights) Moving(at Sight, now time.Time) {
	s.moved[at] = now
	delete(s.lost, at)
}

// Set follows a change that may have taken or given sight.
func (s *Sights) Set(at Sight, seen bool, now time.Time) {
	if s.sees[at] != seen {
		s.moved[at] = now
	}
	if s.sees[at] = seen; seen {
		delete(s.lost, at)
	}
}

// Answered follows the answer to a change: what is out of sight stays so from now on.
func (s *Sights) Answered(at Sight, now time.Time) {
	if _, known := s.lost[at]; !known && !s.sees[at] {
		s.lost[at] = now
	}
}

// AnsweredAll follows the answer to a change that may have concerned anybody.
func (s *Sights) AnsweredAll(now time.Time) {
	for at := range s.sees {
		s.Answered(at, now)
	}
}

// Sees tells whether the account sees the channel.
func (s *Sights) Sees(at Sight) bool { return s.sees[at] }

// MovedAt is when that changed, or may have, the last time.
func (s *Sights) MovedAt(at Sight) time.Time { return s.moved[at] }

// LostSince is since when it is known to all that the channel is out of the account's sight.
func (s *Sights) LostSince(at Sight) (since time.Time, lost bool) {
	since, lost = s.lost[at]
	return since, lost
}
