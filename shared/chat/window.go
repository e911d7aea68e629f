package chat

import (
	"math"
	"time"
)

// NeverCutoff is later than the sending of any message.
const NeverCutoff = math.MaxInt64

// Longer tells whether w lasts longer than v: Never is shortest, NoLimit longest.
func (w Window) Longer(v Window) bool {
	switch {
	case w == v, v == NoLimit:
		return false
	case w == NoLimit:
		return true
	}
	return w > v
}

// Valid tells whether w is a window: NoLimit, Never or a positive number of ms.
func (w Window) Valid() bool { return w >= NoLimit && w <= MaxTimestamp }

// Cutoff is the earliest sending time, in ms, of a message that may still be
// revoked at now.
func (w Window) Cutoff(now time.Time) int64 {
	switch w {
	case NoLimit:
		return 0
	case Never:
		return NeverCutoff
	}
	return now.UnixMilli() - int64(w)
}

// OwnWindow is for how long the account may revoke its own messages in the
// channel. The first that is set: the channel's; the longest among the member's
// roles; the server's; the deployment's.
func (s Standing) OwnWindow(deployment Windows) Window {
	return s.window(deployment, func(w Windows) *Window { return w.Own })
}

// ModeratorWindow is the same for other people's messages. It permits nothing by
// itself: see RevokeMemberMessage.
func (s Standing) ModeratorWindow(deployment Windows) Window {
	return s.window(deployment, func(w Windows) *Window { return w.Moderator })
}

func (s Standing) window(deployment Windows, which func(Windows) *Window) Window {
	for _, level := range []*Window{
		which(s.Channel.Windows),
		s.longestRoleWindow(which),
		which(s.Server.Windows),
		which(deployment),
	} {
		if level != nil {
			return *level
		}
	}
	return Never
}

func (s Standing) longestRoleWindow(which func(Windows) *Window) *Window {
	var longest *Window
	for _, role := range s.Server.Roles {
		w := which(role.Windows)
		if w != nil && s.hasRole(role.ID) && (longest == nil || w.Longer(*longest)) {
			longest = w
		}
	}
	return longest
}
