package outage

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Functions are all, in the order of their lines.
func Functions() []string {
	var names []string
	for _, l := range Lines {
		if !slices.Contains(names, l.Function) {
			names = append(names, l.Function)
		}
	}
	return names
}

// Page is what docs/failures.md says of all lines: a table for each function.
func Page() string {
	var page strings.Builder
	for _, function := range Functions() {
		fmt.Fprintf(&page, "## %s\n\n", function)
		page.WriteString("| what is down, for which calls | answer | what becomes of it | alarms | `TestOutages/` |\n|---|---|---|---|---|\n")
		for _, l := range LinesOf(function) {
			fmt.Fprintf(&page, "| %s | %s | %s | %s | `%s` |\n", l.down(), l.answers(), l.Becomes, l.told(), strings.ReplaceAll(l.Name(), " ", "_"))
		}
		page.WriteString("\n")
	}
	return page.String()
}

// told is which alarms tell of it.
func (l Line) told() string {
	if len(l.Alarms()) == 0 {
		return "none"
	}
	return "`" + strings.Join(l.Alarms(), "` `") + "`"
}

func (l Line) down() string {
	text := "`" + l.On + "` " + strings.Join(l.Calls, ", ")
	if l.Of != "" {
		text = l.Of + ": " + text
	}
	return text
}

// answers are the line's, with the kinds that each is of.
func (l Line) answers() string {
	text := l.Busy.text()
	if l.Refused != l.Busy {
		text += "; refused: " + l.Refused.text()
	}
	for _, kind := range slices.Sorted(maps.Keys(l.Except)) {
		text += "; " + string(kind) + ": " + l.Except[kind].text()
	}
	return text
}

// text also says what is logged where the answer does not.
func (a Answer) text() string {
	if strings.Contains(a.Is, fmt.Sprint(int(a.Logged))) && a.Is != "200 with 200 each" {
		return a.Is
	}
	return fmt.Sprintf("%s, logged as %d", a.Is, a.Logged)
}
