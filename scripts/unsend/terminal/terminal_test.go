package terminal_test

import (
	"testing"

	"unsend/scripts/unsend/terminal"
)

func TestWhatOthersWriteIsHarmless(t *testing.T) {
	t.Parallel()
	const text = "a\x1b[2J\r\n\tb\u202ec\u0085d\u2028👩‍🚀é"
	if got, want := terminal.Clean(text), "a�[2J ⏎ b�c�d�👩‍🚀é"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := terminal.CleanLines(text), "a�[2J \n b�c�d�👩‍🚀é"; got != want {
		t.Errorf("lines: got %q, want %q", got, want)
	}
}

func TestColoursAreForWhoWantsThem(t *testing.T) {
	t.Parallel()
	if got := terminal.Paint(false, terminal.Red, "x"); got != "x" {
		t.Errorf("got %q", got)
	}
	if got := terminal.Paint(true, terminal.Red, "x"); got != "\x1b[31mx\x1b[0m" {
		t.Errorf("got %q", got)
	}
}
