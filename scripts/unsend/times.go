package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"unsend/scripts/unsend/seed"
	"unsend/shared/chat"
)

// at is a time of the service for people; empty for none, which tables show as a dash.
func at(ms int64) string {
	if ms <= 0 {
		return ""
	}
	return time.UnixMilli(ms).UTC().Format(time.RFC3339)
}

// earliest is before anything that the service stored; what is less is no time in ms.
var earliest = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli()

var errTime = errors.New("is no time: give how long ago (90s, 2h, 7d), a day (2026-01-31), RFC 3339 (2026-01-31T12:00:00Z), or ms since 1970")

// parseTime reads a time in ms. relative: it is so long ago, and so another one each time.
func parseTime(text string, now time.Time) (ms int64, relative bool, err error) {
	if ms, err := strconv.ParseInt(text, 10, 64); err == nil {
		if ms < earliest {
			return 0, false, errors.New("is before the year 2000: times are in ms since 1970, not in s")
		}
		return ms, false, nil
	}
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UnixMilli(), false, nil
		}
	}
	if w, ok := seed.ParseWindow(text); ok && w > 0 {
		return now.UnixMilli() - int64(w), true, nil
	}
	return 0, false, errTime
}

// flagTime is parseTime for a flag that may be left out: 0 then.
func flagTime(name, text string) (ms int64, relative bool, err error) {
	if text == "" {
		return 0, false, nil
	}
	ms, relative, err = parseTime(text, time.Now())
	if err != nil {
		err = fmt.Errorf("--%s: %q %w", name, text, err)
	}
	return ms, relative, err
}

// windowText is a window for people; [windowFlag] takes it.
func windowText(w *int64) string {
	switch {
	case w == nil:
		return "unset"
	case *w == int64(chat.Never):
		return "never"
	case *w == int64(chat.NoLimit):
		return "unlimited"
	}
	const day = 24 * time.Hour
	d := time.Duration(*w) * time.Millisecond
	if int64(d/time.Millisecond) != *w { // centuries
		return strconv.FormatInt(*w, 10) + "ms"
	}
	if d%day == 0 {
		return strconv.FormatInt(int64(d/day), 10) + "d"
	}
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// windowFlag is the value of a flag that sets a window.
type windowFlag struct {
	given bool
	value *int64 // nil: not set
}

// String is the flag's text; empty where it was not given.
func (w *windowFlag) String() string {
	if !w.given {
		return ""
	}
	return windowText(w.value)
}

// Set takes a duration, never, unlimited or unset.
func (w *windowFlag) Set(text string) error {
	w.given, w.value = true, nil
	if text == "unset" {
		return nil
	}
	window, ok := seed.ParseWindow(text)
	if !ok {
		return errors.New(`a window is a time of at least 1ms (90s, 2m, 1h30m, 7d), "never", "unlimited", or "unset" to inherit it`)
	}
	w.value = (*int64)(&window)
	return nil
}

// Type is what help shows in the value's place.
func (w *windowFlag) Type() string { return "window" }

// over is the window that holds when the flag is applied.
func (w *windowFlag) over(before *int64) *int64 {
	if w.given {
		return w.value
	}
	return before
}
