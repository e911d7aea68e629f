package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"

	"unsend/scripts/local/stack"
)

// backend is a Server API that answers what a test says, and fails the test for what it was not told of.
type backend struct {
	t    *testing.T
	file string // describes its stack

	mu      sync.Mutex
	answers map[string][]string // by request, those that are still to come
	id      string              // that was asked for in the place of anID
}

// anID stands in a request for one that the test does not know before.
const anID = "<id>"

// newBackend answers each request, "PUT /servers/s?acting_as=a If-Match:"v1" {body}", with "201 "v2" {body}", once.
func newBackend(t *testing.T, exchanges ...string) *backend {
	t.Helper()
	b := &backend{t: t, answers: map[string][]string{}}
	for i := 0; i < len(exchanges); i += 2 {
		b.answers[exchanges[i]] = append(b.answers[exchanges[i]], exchanges[i+1])
	}
	server := httptest.NewServer(b)
	t.Cleanup(server.Close)
	b.file = filepath.Join(t.TempDir(), "stack.json")
	d := stack.Description{Name: "here", Region: "eu-central-1", Endpoint: server.URL, ServerURL: server.URL + "/"}
	if err := d.Save(b.file); err != nil {
		t.Fatal(err)
	}
	return b
}

func (b *backend) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if auth := r.Header.Get("Authorization"); !strings.HasPrefix(auth, "AWS4-HMAC-SHA256 Credential=test/") || !strings.Contains(auth, "/eu-central-1/lambda/aws4_request") {
		b.t.Errorf("%s %s is not signed: %q", r.Method, r.URL, auth)
	}
	request := r.Method + " " + r.URL.RequestURI()
	for _, name := range []string{"If-Match", "If-None-Match"} {
		if value := r.Header.Get(name); value != "" {
			request += " " + name + ":" + value
		}
	}
	if body, _ := io.ReadAll(r.Body); len(body) > 0 {
		request += " " + string(body)
	}
	b.answer(w, request)
}

func (b *backend) answer(w http.ResponseWriter, request string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	request = b.toldOf(request)
	left := b.answers[request]
	if len(left) == 0 {
		b.t.Errorf("was asked %s", request)
		w.WriteHeader(http.StatusTeapot)
		return
	}
	b.answers[request] = left[1:]
	var status int
	text := left[0]
	fmt.Sscan(text, &status)
	_, text, _ = strings.Cut(text, " ")
	if tag, rest, _ := strings.Cut(text, " "); strings.HasPrefix(tag, `"v`) {
		w.Header().Set("ETag", tag)
		text = rest
	}
	if status >= 400 {
		w.Header().Set("Content-Type", "application/problem+json")
		text = fmt.Sprintf(`{"type":"about:blank","title":%q,"status":%d,"detail":%q}`, http.StatusText(status), status, text)
	}
	w.WriteHeader(status)
	io.WriteString(w, text) //nolint:errcheck // a test that has ended
}

// toldOf is the request as the test has it.
func (b *backend) toldOf(request string) string {
	for told := range b.answers {
		before, after, open := strings.Cut(told, anID)
		if rest, ok := strings.CutPrefix(request, before); ok && open && strings.HasSuffix(rest, after) {
			b.id = strings.TrimSuffix(rest, after)
			return told
		}
	}
	return request
}

// run runs a command line on it, with words divided by spaces but for those in ”.
func (b *backend) run(input, line string) (code int, out, errs string) {
	b.t.Helper()
	var o, e bytes.Buffer
	code = run(b.t.Context(), append(words(line), "--stack", b.file), streams{in: strings.NewReader(input), out: &o, err: &e})
	b.mu.Lock()
	defer b.mu.Unlock()
	for request, left := range b.answers {
		if len(left) > 0 {
			b.t.Errorf("unsend %s: was not asked %s", line, request)
		}
	}
	return code, o.String(), e.String()
}

// words splits a command line as a shell would, as far as examples need it.
func words(line string) (list []string) {
	for i, part := range strings.Split(line, "'") {
		if i%2 == 1 {
			list = append(list, part)
			continue
		}
		list = append(list, strings.Fields(part)...)
	}
	return list
}

// play runs the line and wants the code and the whole output; says must be in the errors.
func (b *backend) play(line string, code int, out, says string) {
	b.t.Helper()
	got, gotOut, errs := b.run("", line)
	if got != code || !strings.Contains(errs, says) || says == "" && errs != "" {
		b.t.Errorf("unsend %s: code %d, want %d and %q in the errors:\n%s", line, got, code, says, errs)
	}
	if diff := cmp.Diff(strings.TrimPrefix(out, "\n"), gotOut); diff != "" {
		b.t.Errorf("unsend %s (-want +got)\n%s", line, diff)
	}
}

func commands(c *cobra.Command) (list []*cobra.Command) {
	for _, each := range c.Commands() {
		if each.Name() != "help" {
			list = append(append(list, each), commands(each)...)
		}
	}
	return list
}

// Every command says what it is for, and its examples are taken as they stand.
func TestHelp(t *testing.T) {
	t.Parallel()
	root := newRoot(streams{in: strings.NewReader(""), out: io.Discard, err: io.Discard})
	all := commands(root)
	if len(all) < 40 {
		t.Errorf("only %d commands", len(all))
	}
	for _, command := range all {
		if command.Short == "" || strings.HasSuffix(command.Short, ".") || command.Example == "" {
			t.Errorf("%s: Short %q, Example %q", command.CommandPath(), command.Short, command.Example)
		}
		if command.Parent() == root && command.GroupID == "" {
			t.Errorf("%s is in no group", command.CommandPath())
		}
		for line := range strings.Lines(command.Example) {
			checkExample(t, command, strings.TrimSpace(line))
		}
	}
}

// checkExample parses a line with a root of its own, since flags keep their values.
func checkExample(t *testing.T, of *cobra.Command, line string) {
	t.Helper()
	line, _, _ = strings.Cut(line, " <")
	args, ok := strings.CutPrefix(line, "unsend ")
	if !ok {
		t.Errorf("%s: the example %q does not begin with unsend", of.CommandPath(), line)
		return
	}
	root := newRoot(streams{in: strings.NewReader(""), out: io.Discard, err: io.Discard})
	found, rest, err := root.Find(words(args))
	if err == nil {
		err = found.ParseFlags(rest)
	}
	if err == nil {
		err = found.ValidateArgs(found.Flags().Args())
	}
	if err == nil {
		err = found.ValidateRequiredFlags()
	}
	if err == nil {
		err = found.ValidateFlagGroups()
	}
	if err != nil || !strings.HasPrefix(found.CommandPath(), of.CommandPath()) && of.HasParent() && !of.HasSubCommands() {
		t.Errorf("%s: the example %q: %v", of.CommandPath(), line, err)
	}
}

func TestArguments(t *testing.T) {
	t.Parallel()
	for line, says := range map[string]string{
		"server show":                                           "SERVER is missing",
		"server show a b":                                       `"b" is one argument too many`,
		"server show a#b":                                       "SERVER holds #",
		"role show a role-of-more-than-20-bytes":                "ROLE is longer than an id may be",
		"ban add harbour":                                       "ACCOUNT is missing",
		"list add harbour crew grey bob":                        `"grey" is none of white, black`,
		"list add harbour crew white":                           "name accounts, or roles with --role",
		"job show harbour fax 1":                                `"fax" is none of sweep, channel, server`,
		"member":                                                "",
		"member dance":                                          `unknown command "dance"`,
		"member add harbour":                                    "Name accounts, or a file",
		"member add harbour bob --file x":                       "but not both",
		"member edit harbour bob":                               "at least one of the flags",
		"role edit harbour mod":                                 "nothing to change",
		"role edit harbour mod --allow Fly":                     `"Fly" is no permission; known are ManageServer`,
		"role edit harbour mod --allow AtAll --deny AtAll":      "AtAll is named twice",
		"channel edit harbour crew":                             "give --private or --public",
		"channel override harbour crew --allow AtAll":           "Give --role or --member",
		"window set harbour":                                    "give --own or --moderator",
		"window set harbour --own soon":                         "a window is a time of at least 1ms",
		"role create harbour mod":                               `"priority" not set`,
		"server create harbour":                                 `"owner" not set`,
		"server list bob --limit -1":                            "a limit is 0, for no limit, or more",
		"server list bob --limit x":                             "a limit is 0, for no limit, or more",
		"channel override harbour crew --limit -1":              "a limit is 0, for no limit, or more",
		"list show harbour crew white --limit -1":               "a limit is 0, for no limit, or more",
		"revoke harbour general 1/a":                            "Give --operator ACCOUNT, or --acting-as",
		"revoke harbour general 1/a --operator o --acting-as p": "but not both",
		"revoke harbour general --operator o":                   "no message was named",
		"revoke harbour general 17 --operator o":                `"17" is no message: give TIMESTAMP/ID`,
		"revoke harbour general 0/x --operator o":               "is no message",
		"sweep harbour mallory":                                 "Give --operator ACCOUNT",
		"sweep harbour m --operator o --since 1767225600":       "not in s",
		"sweep harbour m --operator o --since soon":             `--since: "soon" is no time: give how long ago`,
		"sweep harbour m --operator o --id a#b":                 "--id holds #",
		"audit harbour --from 1h --until 2h":                    "--from must be before --until",
		"send harbour general hi":                               `"as" not set`,
		"send harbour general hi --as o --reply-to 1":           "--reply-to: ",
	} {
		code, _, errs := newBackend(t).run("", line)
		if (code == 0) != (says == "") || !strings.Contains(errs, says) {
			t.Errorf("unsend %s: code %d, want %q in:\n%s", line, code, says, errs)
		}
	}
}

func TestADeploymentWithoutAServerAPI(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "stack.json")
	if err := (stack.Description{Name: "old", Endpoint: "http://127.0.0.1:1", Region: "eu-central-1"}).Save(file); err != nil {
		t.Fatal(err)
	}
	if code, _, errs := runs(t, "server", "show", "harbour", "--stack", file); code != 1 || !strings.Contains(errs, `"old" has no output ServerApiUrl: deploy`) {
		t.Errorf("code %d\n%s", code, errs)
	}
}
