package seed_test

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"unsend/scripts/unsend/seed"
)

var update = flag.Bool("update", false, "write the golden files anew")

func TestSampleIsAccepted(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile(filepath.Join("..", "sample.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	f, err := seed.Parse("sample.yaml", data)
	if err != nil {
		t.Fatal(err)
	}
	if f.Total() != 2+10+6+4 {
		t.Errorf("the sample holds %d things", f.Total())
	}
}

// Everything that is wrong is reported at once, each with its line.
func TestEveryProblemIsReported(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile(filepath.Join("testdata", "wrong.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = seed.Parse("wrong.yaml", data)
	if _, ok := errors.AsType[*seed.Problems](err); !ok {
		t.Fatalf("got %v", err)
	}
	golden := filepath.Join("testdata", "wrong.golden")
	if *update {
		if err := os.WriteFile(golden, []byte(err.Error()+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, readErr := os.ReadFile(golden)
	if readErr != nil {
		t.Fatal(readErr)
	}
	if diff := cmp.Diff(string(want), err.Error()+"\n"); diff != "" {
		t.Errorf("(-want +got; accept with -update)\n%s", diff)
	}
}

// small is a good file in which a test replaces one line.
const small = `servers:
  - id: s
    owner: a
    windows: {}
    roles: [{id: r}]
    members: [{account: a}, {account: b, roles: [r]}]
    channels: [{id: c}]
`

func TestSmallFiles(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, old, new string
		says           string // empty: accepted
	}{
		{"as it is", "", "", ""},
		{"an anchor", "windows: {}", "windows: &w {own: 2m}", "f.yaml:4:14: anchors (&w) are not supported"},
		{"an alias", "windows: {}\n    roles: [{id: r}]", "windows: &w {own: 2m}\n    roles: [{id: r, windows: *w}]", "f.yaml:5:30: aliases (*w) are not supported"},
		{"a merge", "windows: {}", "<<: {owner: b}", `has no field "<<"`},
		{"numbers as ids", "{id: c}", "{id: 12}", ""},
		{"never", "windows: {}", "windows: {own: never, moderator: unlimited}", ""},
		{"days", "windows: {}", "windows: {own: 7d}", ""},
		{"nothing where a list may be", "channels: [{id: c}]", "channels:", ""},
		{"no roles", "roles: [{id: r}]", "roles: []", `has no role "r"`},
		{"zero window", "windows: {}", "windows: {own: 0s}", "at least 1ms"},
		{"half a millisecond", "windows: {}", "windows: {own: 1500us}", "at least 1ms"},
		{"negative window", "windows: {}", "windows: {own: -5s}", "at least 1ms"},
		{"a bare number", "windows: {}", "windows: {own: 120}", "at least 1ms"},
		{"the owner is banned", "{account: a}", "{account: a, banned: true}", "banned"},
		{"nick too long", "{account: a}", "{account: a, nick: " + strings.Repeat("n", 65) + "}", "at most 64 bytes"},
		{"nick with a line break", "{account: a}", `{account: a, nick: "a\nb"}`, "control characters"},
		{"too many roles", "[{id: r}]", "[{id: r}, " + items("{id: r%d}", 20) + "]", "at most 20 roles"},
		{"as many roles as possible", "[{id: r}]", "[{id: r}, {id: everyone}, " + items("{id: r%d}", 19) + "]", ""},
		{"too many channels", "[{id: c}]", "[" + items("{id: c%d}", 101) + "]", "at most 100 channels"},
		{"too long a list", "[{account: a}, {account: b, roles: [r]}]\n    channels: [{id: c}]",
			"[{account: a}, " + items("{account: m%d}", 1001) + "]\n    channels: [{id: c, blacklist: {accounts: [" + items("m%d", 1001) + "]}}]", "at most 1000 accounts"},
		{"a server's permission in a channel", "{id: c}", "{id: c, overrides: {accounts: {b: {deny: [KickMember]}}}}", "belongs to the server alone"},
		{"two documents", "channels: [{id: c}]", "channels: []\n---\nservers: []", "not YAML"},
		{"not YAML", "windows: {}", "windows: {", "not YAML"},
		{"a list of texts", "servers:", "servers: x\nother:", "must be a list"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, err := seed.Parse("f.yaml", []byte(strings.Replace(small, test.old, test.new, 1)))
			switch {
			case test.says == "" && err != nil:
				t.Error(err)
			case test.says != "" && (err == nil || !strings.Contains(err.Error(), test.says)):
				t.Errorf("got %v, want %q", err, test.says)
			}
		})
	}
}

// Each line stands for all of the one before, many times: a terabyte of
// servers in a few lines.
func TestABombDoesNotGoOff(t *testing.T) {
	t.Parallel()
	file := "servers:\n  - &a0 {id: s, owner: a, members: [{account: a}]}\n"
	for i := range 12 {
		file += fmt.Sprintf("  - &a%d [%s*a%d]\n", i+1, strings.Repeat(fmt.Sprintf("*a%d, ", i), 9), i)
	}
	_, err := seed.Parse("f.yaml", []byte(file))
	problems, ok := errors.AsType[*seed.Problems](err)
	if !ok || len(problems.List) != 100 || !strings.Contains(err.Error(), "f.yaml:2:5: anchors") ||
		!strings.HasPrefix(err.Error()[strings.LastIndex(err.Error(), "\n")+1:], "100 problems, and the rest") {
		t.Errorf("got %v", err)
	}
}

// What a file of the largest size can ask for is done soon, right or wrong.
func TestTheLargestFile(t *testing.T) {
	t.Parallel()
	of := func(head, each, tail string) string {
		n := (seed.MaxFileBytes - len(head) - len(tail)) / len(each)
		return head + strings.Repeat(each, n) + tail
	}
	for name, file := range map[string]string{
		"deep":    of("servers: ", "[", ""),
		"deeper":  of("", "- ", ""),
		"wide":    of("servers: [", "x,", "]"),
		"strange": of("", "? ", ""),
	} {
		if _, err := seed.Parse("f.yaml", []byte(file)); err == nil || len(err.Error()) > 20_000 {
			t.Errorf("%s: an error of %d bytes", name, len(fmt.Sprint(err)))
		}
	}
	if _, err := seed.Parse("f.yaml", make([]byte, seed.MaxFileBytes+1)); err == nil || !strings.Contains(err.Error(), "larger than 1 MB") {
		t.Errorf("a larger one: %v", err)
	}
}

// The hundredth problem can be found in the reading or in the checking.
func TestReadingStops(t *testing.T) {
	t.Parallel()
	for n, want := range map[int]string{99: "\n99 problems; nothing", 100: "\n100 problems, and the rest of the file was not looked at; nothing", 5000: "\n100 problems, and"} {
		file := strings.Replace(small, "channels: [{id: c}]", "channels: [{id: c, blacklist: {accounts: ["+items("m%d", n)+"]}}]", 1)
		if n == 5000 {
			file = strings.Replace(file, "m4999", "m0", 1)
		}
		if _, err := seed.Parse("f.yaml", []byte(file)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%d: %v", n, err)
		}
	}
}

func items(format string, n int) string {
	var list []string
	for i := range n {
		list = append(list, fmt.Sprintf(format, i))
	}
	return strings.Join(list, ", ")
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(small))
	f.Add([]byte("servers: &a [*a]"))
	f.Add([]byte("servers: [{id: [], members: {}, channels: [{overrides: {roles: []}}]}]"))
	f.Fuzz(func(_ *testing.T, data []byte) {
		_, _ = seed.Parse("f.yaml", data) // reports, never panics
	})
}
