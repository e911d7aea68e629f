package chattest

import "strings"

// HostileIDs are texts that no id may be, by what is wrong with them: they would break a key into other parts, or look like another id.
func HostileIDs() map[string]string {
	return map[string]string{
		"empty":                      "",
		"the separator of keys":      "a#b",
		"the separator alone":        "#",
		"NUL":                        "a\x00b",
		"the last control of ASCII":  "a\x7fb",
		"a line break":               "a\nb",
		"a control above ASCII":      "a\u0085b",
		"a line separator":           "a\u2028b",
		"a soft hyphen":              "ali\u00adce",
		"a zero-width space":         "ali\u200bce",
		"a zero-width joiner":        "ali\u200dce",
		"a byte order mark":          "\ufeffalice",
		"text turned around":         "ali\u202ece",
		"a tag character":            "alice\U000e0041",
		"a Hangul filler":            "alice\u3164",
		"a half-width Hangul filler": "alice\uffa0",
		"a Hangul choseong filler":   "alice\u115f",
		"a grapheme joiner":          "ali\u034fce",
		"a Khmer inherent vowel":     "alice\u17b4",
		"a variation selector":       "alice\ufe0f",
		"an empty Braille pattern":   "alice\u2800",
		"65 bytes":                   strings.Repeat("a", 65),
		"65 bytes of 33 characters":  strings.Repeat("é", 32) + "a",
		"a megabyte":                 strings.Repeat("a", 1<<20),
		"a space before":             " alice",
		"a space behind":             "alice ",
		"a space without a break":    "alice\u00a0",
		"a byte that is no UTF-8":    "alice\xff",
		"an overlong slash":          "a\xc0\xafb",
		"half a surrogate pair":      "a\xed\xa0\x80b",
	}
}

// OddIDs are ids like any other, whatever else they look like: paths, patterns, code, and what looks like another id.
func OddIDs() []string {
	return []string{
		"../../x", "..", ".", "a/b", `a\b`, "%23", "%00", "a?b=c", "a&b", "*", "${x}", "{{x}}", "$(id)", "'; DROP TABLE x; --", `"`, "<script>", "null", "0", "-1",
		"alice", "Alice", "аlice" /* Cyrillic */, "ａlice" /* full width */, "é", "e\u0301", "a b", strings.Repeat("a", 64),
	}
}
