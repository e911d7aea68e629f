package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	unsend "unsend/clients/go"
)

// commandLine is the built tool, on the deployment under test.
type commandLine struct {
	*community
	binary string
}

// builds is the folder of what tests build. TestMain makes and removes it.
var builds string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		var err error
		if builds, err = os.MkdirTemp("", "unsend-e2e-"); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(builds)
		return m.Run()
	}())
}

// tool builds the tool once for all tests: they run beside each other, and to link it is much work.
var tool = sync.OnceValues(func() (binary string, err error) {
	binary = filepath.Join(builds, "unsend")
	if out, err := exec.Command("go", "build", "-o", binary, "../scripts/unsend").CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w\n%s", err, out)
	}
	return binary, nil
})

// newCommandLine has the tool. The server of its community is not there yet.
func newCommandLine(t *testing.T) *commandLine {
	t.Helper()
	l := &commandLine{community: &community{target: underTest(t), t: t, id: "e2e-" + random()}}
	if l.ServerURL == "" {
		t.Skip("the deployment has no output ServerApiUrl: deploy this version")
	}
	var err error
	if l.binary, err = tool(); err != nil {
		t.Fatal(err)
	}
	return l
}

// names are those that command lines here speak of; each stands for one of this test alone.
var names = regexp.MustCompile(`\b(harbour|regatta|olga|alice|bob|carol|mallory)\b`)

func (l *commandLine) real(name string) string {
	if name == "harbour" || name == "regatta" {
		return l.id
	}
	return l.account(name)
}

// do runs a command line, and skips the test where the deployment is of a release without its endpoint.
func (l *commandLine) do(line string) (code int, out, errs string) {
	l.t.Helper()
	ctx, cancel := context.WithTimeout(l.t.Context(), 8*patience) // a deletion settles for 45 s, and longer where it meets a busy table
	defer cancel()
	command := exec.CommandContext(ctx, l.binary, append(strings.Fields(names.ReplaceAllStringFunc(line, l.real)), "--stack", os.Getenv("UNSEND_STACK"))...)
	var o, e bytes.Buffer
	command.Stdout, command.Stderr = &o, &e
	err := command.Run()
	exit, exited := errors.AsType[*exec.ExitError](err)
	switch {
	case exited:
		code = exit.ExitCode()
	case err != nil:
		l.t.Fatalf("unsend %s: %v", line, err)
	}
	if strings.Contains(e.String(), "does not have that part of the Server API") {
		l.t.Skipf("unsend %s: the deployment is of an earlier release: deploy this version", line)
	}
	return code, o.String(), e.String()
}

// ok runs a command line that must succeed, and gives its output.
func (l *commandLine) ok(line string) string {
	l.t.Helper()
	code, out, errs := l.do(line)
	if code != 0 {
		l.t.Fatalf("unsend %s: code %d\n%s%s", line, code, out, errs)
	}
	return out
}

// refused runs a command line that must fail, saying so.
func (l *commandLine) refused(line, says string) {
	l.t.Helper()
	if code, out, errs := l.do(line); code != 1 || !strings.Contains(errs, says) {
		l.t.Errorf("unsend %s: code %d, want 1 and %q in\n%s%s", line, code, says, out, errs)
	}
}

// says runs a command line whose output must hold all of these.
func (l *commandLine) says(line string, all ...string) {
	l.t.Helper()
	out := l.ok(line)
	for _, each := range all {
		if want := names.ReplaceAllStringFunc(each, l.real); !strings.Contains(strings.Join(strings.Fields(out), " "), want) {
			l.t.Errorf("unsend %s: no %q in\n%s", line, want, out)
		}
	}
}

// A community that the command line alone has made: its members talk, and who is banned is told nothing.
func TestCLIMakesACommunity(t *testing.T) {
	t.Parallel()
	l := newCommandLine(t)
	l.ok("server create harbour --owner olga")
	l.refused("server create harbour --owner bob", "is there already, and was left as it is")
	l.ok("channel create harbour lobby")
	l.ok("role create harbour mod --priority 10 --allow RevokeMemberMessage")
	l.ok("member add harbour alice bob mallory")
	l.ok("member edit harbour bob --nick Bob --add-role mod")
	l.ok("window set harbour --own 5m --moderator unlimited")
	l.says("member add harbour bob carol", "bob was a member already, left as it is", "carol added")
	l.says("member show harbour bob", "nick Bob", "roles mod")
	l.says("server show harbour", "owner olga", "window of authors 5m", "mod 10 RevokeMemberMessage")
	l.says("server list bob", "harbour mod")

	alice, bob, mallory := l.connect("alice", "phone"), l.connect("bob", "phone"), l.connect("mallory", "phone")
	first := alice.say("to be taken back")
	mallory.waitFor(unsend.EventMessage, first.MsgServerID)
	if _, err := bob.takeBack(first, "as a moderator"); err != nil {
		t.Errorf("a moderator by the tool's grace: %v", err)
	}
	l.says("account connections mallory", "phone")
	l.says("ban add harbour mallory --acting-as olga", "mallory banned")
	time.Sleep(2 * time.Second) // for so long after the answer it may still be told
	later := alice.say("after the ban")
	bob.waitFor(unsend.EventMessage, later.MsgServerID)
	if got := mallory.told(later.MsgServerID); len(got) > 0 {
		t.Errorf("a banned account was told %q", got)
	}
	l.says("permissions harbour lobby mallory", "(sees the channel) no is banned")
	l.refused("ban add harbour olga", "the owner cannot be banned")
	l.refused("role edit harbour mod --allow KickMember --acting-as alice", "acting_as lacks ManageRole")
	l.says("member remove harbour mallory", "mallory removed")
	l.ok("ban remove harbour mallory")
	l.says("server hand-over harbour bob", "bob now owns harbour, which was olga's")
}

// What an edit does not name stays, what is overridden and listed decides, and an old version overwrites nothing.
func TestCLIEditsForTheVersionItRead(t *testing.T) {
	t.Parallel()
	l := newCommandLine(t)
	l.ok("server create harbour --owner olga")
	l.ok("channel create harbour crew --private")
	l.ok("role create harbour mod --priority 1")
	l.ok("role create harbour dj --priority 2 --deny AtAll")
	l.ok("member add harbour bob --role mod,dj")
	l.says("permissions harbour crew bob", "(sees the channel) no white list of the channel")
	l.ok("list add harbour crew white bob --role mod,dj")
	l.says("permissions harbour crew bob", "(sees the channel) yes white list of the channel")
	l.says("channel override harbour crew --role mod --deny SendMessage", "denies SendMessage")
	l.says("channel override harbour crew --member bob --allow AtAll", "allows AtAll")
	l.says("permissions harbour crew bob", "SendMessage no override for the role mod", "AtAll yes override for the member")
	l.says("channel override harbour crew --member bob --clear", "inherits everything")
	var channel struct {
		ETag      string
		Overrides map[string]struct{ Deny []string } `json:"role_overrides"`
		White     []string                           `json:"white_roles"`
	}
	l.must(nil, json.Unmarshal([]byte(l.ok("channel show harbour crew --json")), &channel))
	if len(channel.White) != 2 || len(channel.Overrides["mod"].Deny) != 1 {
		t.Errorf("%+v", channel)
	}
	l.ok("role delete harbour dj --yes") // which its members' rows and the channel's still name
	l.ok("window set harbour --channel crew --own never")
	l.says("member edit harbour bob --nick Bobby", "nick Bobby", "roles mod")
	l.refused("channel edit harbour crew --public --if-match "+strings.Trim(channel.ETag, `"`), "nothing was overwritten")
	l.says("channel show harbour crew", "view private", "white roles mod", "override of mod denies SendMessage", "window of authors never")
	l.says("list remove harbour crew white bob --role mod", "is not on the list any more")
	l.says("permissions harbour crew bob", "(sees the channel) no white list of the channel")
}

// Messages, lists, the audit and deletions.
func TestCLITakesBack(t *testing.T) {
	t.Parallel()
	l := newCommandLine(t)
	l.ok("server create harbour --owner olga")
	l.ok("channel create harbour lobby")
	l.says("member add harbour bob mallory --replace", "bob added", "mallory added")
	l.says("channel list harbour", "lobby public")
	l.says("member list harbour", "bob", "mallory", "olga")
	bob := l.connect("bob", "phone")
	ref := strings.TrimSpace(l.ok("send harbour lobby buy! --as mallory"))
	_, id, _ := strings.Cut(ref, "/")
	bob.waitFor(unsend.EventMessage, id)
	l.says("revoke harbour lobby "+ref+" --operator olga --reason spam", ref+" taken back")
	bob.waitFor(unsend.EventMessageUpdated, id)
	second := strings.TrimSpace(l.ok("send harbour lobby again --as mallory"))
	l.says("sweep harbour mallory --since 1h --operator olga --dry-run --wait", "messages 1 found")
	l.says("sweep harbour mallory --since 1h --operator olga --reason spam --id s1 --wait", "state done", "messages 1 of 1 taken back")
	_, id, _ = strings.Cut(second, "/")
	bob.waitFor(unsend.EventMessageUpdated, id)
	l.says("sweep harbour mallory --since 1h --operator olga --reason spam --id s1 --wait", "messages 1 of 1 taken back")
	l.says("job list harbour", "sweep s1 mallory")
	eventually(t, "the audit has them", func() bool {
		out := l.ok("audit harbour --from 1h")
		return strings.Contains(out, ref) && strings.Contains(out, second) && strings.Contains(out, "spam")
	})
	l.says("channel delete harbour lobby --yes --wait", "state done")
	l.says("server delete harbour --yes --wait", "state done")
	l.refused("server show harbour", "no such server")
}

// scripts/deploy asks so what a stack has that was deployed from elsewhere.
func TestCLIShowsTheParameters(t *testing.T) {
	t.Parallel()
	l := newCommandLine(t)
	var given map[string]string
	if err := json.Unmarshal([]byte(l.ok("parameters --json")), &given); err != nil || given["TokenAudience"] != l.TokenAudience || given["LogRetentionDays"] == "" {
		t.Errorf("%v, %v", given, err)
	}
	l.says("parameters", "TokenAudience "+l.TokenAudience)
}

// The commands of the README, as they stand there.
func TestCLIOfTheREADME(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, found := strings.Cut(string(page), "## Managing communities from the command line")
	_, block, opened := strings.Cut(section, "```sh\n")
	block, _, closed := strings.Cut(block, "```")
	if !found || !opened || !closed {
		t.Fatal("README.md has no such commands")
	}
	l := newCommandLine(t)
	n := 0
	for line := range strings.Lines(block) {
		line, _, _ = strings.Cut(strings.TrimSpace(line), " #")
		args, ok := strings.CutPrefix(line, ".build/unsend ")
		if !ok {
			t.Errorf("%q is no command of the tool", line)
			continue
		}
		l.ok(args)
		n++
	}
	if n < 5 {
		t.Errorf("only %d commands were found", n)
	}
}
