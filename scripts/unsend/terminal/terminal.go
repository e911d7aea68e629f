// Package terminal writes to terminals: colours, and other people's texts made
// harmless.
package terminal

import (
	"strings"
	"unicode"
)

// The colours, for [Paint].
const (
	Dim   = "\x1b[2m"
	Bold  = "\x1b[1m"
	Cyan  = "\x1b[1;36m"
	Red   = "\x1b[31m"
	Green = "\x1b[32m"

	plain = "\x1b[0m"
)

// Paint colours the text, if colours are wanted.
func Paint(wanted bool, colour, text string) string {
	if !wanted {
		return text
	}
	return colour + text + plain
}

// Clean makes somebody else's text one line that is harmless to a terminal:
// control characters could move the cursor or change what is shown, and the marks of
// direction could make one text look like another.
func Clean(text string) string { return strings.ReplaceAll(CleanLines(text), "\n", "⏎") }

// CleanLines is Clean for a text whose line breaks are our own.
func CleanLines(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n':
			return r
		case r == '\t' || r == '\r':
			return ' '
		case unicode.IsControl(r), unicode.Is(unicode.Bidi_Control, r), r == '\u2028', r == '\u2029':
			return unicode.ReplacementChar
		}
		return r
	}, text)
}
