package chat_test

import (
	"fmt"
	"testing"
	"time"

	"unsend/shared/chat"
)

var now = time.UnixMilli(1_767_225_600_123)

func window(ms chat.Window) *chat.Window { return &ms }

func TestLonger(t *testing.T) {
	ascending := []chat.Window{chat.Never, 1, 2, 120_000, chat.NoLimit}
	for i, a := range ascending {
		for j, b := range ascending {
			if got, want := a.Longer(b), i > j; got != want {
				t.Errorf("Window(%d).Longer(%d) = %v, want %v", a, b, got, want)
			}
		}
	}
}

func TestCutoff(t *testing.T) {
	sent := now.UnixMilli()
	for _, c := range []struct {
		window chat.Window
		age    int64
		want   bool
	}{
		{120_000, 0, true}, {120_000, 119_999, true}, {120_000, 120_000, true}, {120_000, 120_001, false},
		{1, 0, true}, {1, 1, true}, {1, 2, false},
		{chat.Never, 0, false}, {chat.Never, 1, false},
		{chat.NoLimit, 0, true}, {chat.NoLimit, 1 << 40, true},
	} {
		t.Run(fmt.Sprintf("window %d, age %d", c.window, c.age), func(t *testing.T) {
			at := now.Add(time.Duration(c.age) * time.Millisecond)
			if got := sent >= c.window.Cutoff(at); got != c.want {
				t.Errorf("revocable = %v, want %v", got, c.want)
			}
		})
	}
	if early := now.Add(-3 * time.Second); sent < chat.Window(120_000).Cutoff(early) {
		t.Error("a clock that is behind the sender's refuses a message from its future")
	}
}

// TestWindowPrecedence sets every combination of levels, each with a window of
// its own, and expects the first in the order: channel, roles, server, deployment.
func TestWindowPrecedence(t *testing.T) {
	deployment := chat.Windows{Own: window(4_000), Moderator: window(40_000)}
	for set := range 1 << 3 {
		s := member()
		want := chat.Window(4_000)
		if set&1 != 0 {
			s.Server.Windows = chat.Windows{Own: window(3_000), Moderator: window(30_000)}
			want = 3_000
		}
		if set&2 != 0 {
			s.Server.Roles[1].Windows = chat.Windows{Own: window(2_000), Moderator: window(20_000)}
			want = 2_000
		}
		if set&4 != 0 {
			s.Channel.Windows = chat.Windows{Own: window(1_000), Moderator: window(10_000)}
			want = 1_000
		}
		if got := s.OwnWindow(deployment); got != want {
			t.Errorf("levels %03b: own window %d, want %d", set, got, want)
		}
		if got := s.ModeratorWindow(deployment); got != 10*want {
			t.Errorf("levels %03b: moderator window %d, want %d", set, got, 10*want)
		}
	}
}

func TestWindowOfSeveralRoles(t *testing.T) {
	deployment := chat.Windows{Own: window(4_000), Moderator: window(4_000)}
	for _, c := range []struct {
		name               string
		everyone, mod, vip *chat.Window
		want               chat.Window
	}{
		{"none is set", nil, nil, nil, 4_000},
		{"the longest of those held", window(1), window(2), window(9), 2},
		{"everyone counts", window(7), window(2), nil, 7},
		{"no limit is longest", window(chat.NoLimit), window(1 << 40), nil, chat.NoLimit},
		{"never is shortest, and is set", window(chat.Never), nil, nil, chat.Never},
		{"never in one role does not shorten another", window(chat.Never), window(5), nil, 5},
		{"a role not held does not count", nil, nil, window(9), 4_000},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := member()
			for i, w := range []*chat.Window{c.everyone, c.mod, c.vip} {
				s.Server.Roles[i].Windows.Own = w
			}
			if got := s.OwnWindow(deployment); got != c.want {
				t.Errorf("OwnWindow = %d, want %d", got, c.want)
			}
		})
	}
}

func TestZeroAndUnlimitedAreSet(t *testing.T) {
	deployment := chat.Windows{Own: window(120_000), Moderator: window(120_000)}
	for _, w := range []chat.Window{chat.Never, chat.NoLimit} {
		s := member()
		s.Channel.Windows.Own = window(w)
		if got := s.OwnWindow(deployment); got != w {
			t.Errorf("a channel's window of %d gives %d", w, got)
		}
	}
}
