package config_test

import (
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"unsend/shared/chat"
	"unsend/shared/config"
)

// from is an environment of these variables alone, in pairs of name and value.
func from(pairs ...string) *config.Environment {
	values := map[string]string{}
	for i := 0; i < len(pairs); i += 2 {
		values[pairs[i]] = pairs[i+1]
	}
	return config.From(func(name string) string { return values[name] })
}

// check compares what was read of value, and whether the error says so where it is bad.
func check[T comparable](t *testing.T, e *config.Environment, report, value string, got, want T, bad bool) {
	t.Helper()
	switch err := e.Err(); {
	case bad && (err == nil || !strings.Contains(err.Error(), report)):
		t.Errorf("%q: %v, want an error with %q", value, err, report)
	case !bad && err != nil:
		t.Errorf("%q: %v", value, err)
	case !bad && got != want:
		t.Errorf("%q is read as %v, want %v", value, got, want)
	}
}

func TestInt(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		value string
		want  int64
		bad   bool
	}{
		{"7", 7, false}, {"10", 10, false}, {"8", 8, false}, {"07", 7, false}, {"+9", 9, false},
		{"6", 0, true}, {"11", 0, true}, {"-8", 0, true}, {"", 0, true}, {" 8", 0, true}, {"8.0", 0, true}, {"0x8", 0, true},
		{"99999999999999999999", 0, true}, {"eight", 0, true},
	} {
		e := from("N", c.value)
		got := e.Int("N", 7, 10)
		if c.bad && got != 7 {
			t.Errorf("%q is read as %d: what is malformed must stay within the bounds", c.value, got)
		}
		check(t, e, "N must be a whole number from 7 to 10", c.value, got, c.want, c.bad)
	}
}

func TestBool(t *testing.T) {
	t.Parallel()
	for value, c := range map[string]struct{ want, bad bool }{
		"true": {true, false}, "false": {false, false},
		"": {false, true}, "1": {false, true}, "TRUE": {false, true}, "yes": {false, true},
	} {
		e := from("FLAG", value)
		got := e.Bool("FLAG")
		if c.bad && got {
			t.Errorf("%q is on", value)
		}
		check(t, e, "FLAG", value, got, c.want, c.bad)
	}
}

func TestURL(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		value, want string
		bad         bool
	}{
		{"https://abc.example.com/live", "https://abc.example.com/live", false},
		{"https://abc.example.com/live/", "https://abc.example.com/live", false},
		{"http://127.0.0.1:4566", "http://127.0.0.1:4566", false},
		{"", "", true}, {"/", "", true}, {"abc.example.com/live", "", true}, {"wss://abc.example.com", "", true},
		{"https://", "", true}, {"https:///live", "", true}, {"://", "", true}, {"http://a b", "", true},
	} {
		e := from("BASE", c.value)
		got := e.URL("BASE")
		check(t, e, "BASE", c.value, got, c.want, c.bad)
	}
}

func TestOptionalURL(t *testing.T) {
	t.Parallel()
	for value, bad := range map[string]bool{"": false, "https://abc.example.com/1/q": false, "abc.example.com": true} {
		e := from("QUEUE", value)
		got := e.OptionalURL("QUEUE")
		check(t, e, "QUEUE", value, got, value, bad)
	}
}

func TestList(t *testing.T) {
	t.Parallel()
	for value, want := range map[string][]string{
		"": nil, ",": nil, " , ,": nil, "a": {"a"}, "a,b": {"a", "b"}, " a , b,": {"a", "b"}, "a b": {"a b"},
	} {
		e := from("LIST", value)
		if got := e.List("LIST"); !slices.Equal(got, want) || e.Err() != nil {
			t.Errorf("%q is read as %q (%v), want %q", value, got, e.Err(), want)
		}
	}
}

func TestTexts(t *testing.T) {
	t.Parallel()
	e := from("SET", "x")
	if set, unset := e.Optional("SET"), e.Optional("UNSET"); set != "x" || unset != "" || e.Err() != nil {
		t.Errorf("optional: %q and %q, %v", set, unset, e.Err())
	}
	check(t, e, "SET", "SET", e.Text("SET"), "x", false)
	check(t, e, "UNSET is not set", "UNSET", e.Text("UNSET"), "", true)
}

func TestRetention(t *testing.T) {
	t.Parallel()
	for value, c := range map[string]struct {
		want time.Duration
		bad  bool
	}{
		"0": {0, false}, "1": {24 * time.Hour, false}, "3650": {3650 * 24 * time.Hour, false},
		"-1": {0, true}, "3651": {0, true}, "": {0, true},
	} {
		e := from(config.RetentionDays, value)
		check(t, e, config.RetentionDays, value, e.Retention(), c.want, c.bad)
		e = from(config.AuditDays, value)
		check(t, e, config.AuditDays, value, e.AuditRetention(), c.want, c.bad)
	}
}

func TestWindows(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		own, moderator string
		want           [2]chat.Window
		bad            string
	}{
		{"120000", "-1", [2]chat.Window{120_000, chat.NoLimit}, ""},
		{"0", "60000", [2]chat.Window{chat.Never, 60_000}, ""},
		{"315360000000", "0", [2]chat.Window{315_360_000_000, chat.Never}, ""}, // ten years
		{"315360000001", "0", [2]chat.Window{}, config.RevokeWindow},
		{"-2", "0", [2]chat.Window{}, config.RevokeWindow},
		{"0", "-2", [2]chat.Window{}, config.ModeratorWindow},
		{"0", "", [2]chat.Window{}, config.ModeratorWindow},
	} {
		e := from(config.RevokeWindow, c.own, config.ModeratorWindow, c.moderator)
		w := e.Windows()
		if w.Own == nil || w.Moderator == nil {
			t.Fatalf("%+v: a deployment's window is not set", c)
		}
		check(t, e, c.bad, c.own+" and "+c.moderator, [2]chat.Window{*w.Own, *w.Moderator}, c.want, c.bad != "")
	}
}

func TestLogLevel(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]slog.Level{
		"": slog.LevelInfo, "DEBUG": slog.LevelDebug, "INFO": slog.LevelInfo, "WARN": slog.LevelWarn, "ERROR": slog.LevelError,
		"TRACE": slog.LevelInfo, "FATAL": slog.LevelInfo, "loud": slog.LevelInfo,
	} {
		e := from("AWS_LAMBDA_LOG_LEVEL", value)
		if got := e.LogLevel(); got != want || e.Err() != nil {
			t.Errorf("%q is %v (%v), want %v", value, got, e.Err(), want)
		}
	}
}

// One look at the log shows all there is to mend.
func TestAllProblemsAreReportedTogether(t *testing.T) {
	t.Parallel()
	e := from("NUMBER", "seven", "FLAG", "maybe", "URL", "nowhere")
	if e.Err() != nil {
		t.Errorf("%v before anything was read", e.Err())
	}
	e.Text("TEXT")
	e.Int("NUMBER", 0, 1)
	e.Bool("FLAG")
	e.URL("URL")
	e.URL("NO_URL")
	e.Retention()
	e.Windows()
	err := e.Err()
	if err == nil {
		t.Fatal("nothing is reported")
	}
	lines := strings.Split(strings.TrimPrefix(err.Error(), "environment: "), "\n")
	for _, name := range []string{"TEXT", "NUMBER", "FLAG", "URL", "NO_URL", config.RetentionDays, config.RevokeWindow, config.ModeratorWindow} {
		if !slices.ContainsFunc(lines, func(line string) bool { return strings.HasPrefix(line, name+" ") }) {
			t.Errorf("%s is not in %q", name, lines)
		}
	}
	if len(lines) != 8 {
		t.Errorf("%d problems, want 8, each once: %q", len(lines), lines)
	}
}
