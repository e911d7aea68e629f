package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"unsend/scripts/local/page"
	"unsend/scripts/local/revision"
	"unsend/scripts/local/stack"
)

const testHelp = `Usage: scripts/test [flags]

Checks everything, as CI does: formatting, vet, staticcheck, shellcheck, sam validate --lint; unit,
property, handler and template tests with the race detector, the stores against a real DynamoDB
endpoint; the web client's types and tests, with Node; each fuzz target for some seconds; then deploys template.yaml to a local stack, runs the
commands of the command line tool there as a user does, and the end-to-end suite, which also drives the demo page in a
Chromium and keeps pictures of it in .build/screenshots; at last it removes the deployment and looks at what is left. What it starts it ends. The first run makes .venv/, as scripts/dev does;
without a Chromium on the PATH, root of a Debian gets its package chromium.

With --beside it does something else: two releases serve at once, on the same tables. The one of the revision is built and deployed, this one over it, and each function's
calls go to either at random, while the end-to-end suites of both run; then the earlier suite runs against this release alone, and everything is rolled back. Where a single test
of the earlier suite fails, it has one more try by itself, and that is told.

With --soak DURATION it only deploys and soaks: many devices, administrators and a back end for so long, while processes of the
functions are killed. Then it waits, 20 minutes at most, until nothing is on its way and all are up to date, counts goroutines for some 10 minutes, and reports; it never
takes longer than DURATION and 90 minutes.

A step that fails does not keep the others from running; the list at the end tells.

Flags:
`

// testOptions are the flags of scripts/test.
type testOptions struct {
	long, skipE2E bool
	beside        string        // revision; empty: no release beside this one
	soak          time.Duration // 0: none
	seed          uint64        // of the soak; 0: any
	docs          string        // folder for its page; empty: none
}

// longSoak is the soak's length with --long.
const longSoak = 30 * time.Minute

func parseTest(args []string) (testOptions, error) {
	var o testOptions
	flags := flag.NewFlagSet("scripts/test", flag.ContinueOnError)
	flags.Usage = func() {
		fmt.Fprint(flags.Output(), testHelp)
		flags.PrintDefaults()
	}
	flags.BoolVar(&o.long, "long", false, "tests three times in other orders, 10,000 histories, 10,000 interleavings of the web client, every call of each function in every way of being down, a minute for each fuzz target, the end-to-end suite twice, each alarm waited for by the clock, a soak of 30 minutes, the suite without each statement of the roles, and the release before beside this one: hours")
	flags.StringVar(&o.beside, "beside", "", "have an earlier release, a `revision` of this repository, serve beside this one, and test nothing else; with --long, which does so too, choose the release")
	flags.BoolVar(&o.skipE2E, "skip-e2e", false, "do not deploy and do not run the end-to-end suite")
	flags.DurationVar(&o.soak, "soak", 0, "only deploy, and soak for so long: `30m`, as --long does besides all else")
	flags.Uint64Var(&o.seed, "seed", 0, "`number` that makes the choices of a soak, as it printed it; 0: another each time")
	flags.StringVar(&o.docs, "docs", "", "write the soak's page and plot into this `folder`, where it passes")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if flags.NArg() > 0 {
		return o, fmt.Errorf("scripts/test does not know %q: see scripts/test --help", flags.Arg(0))
	}
	return o, o.check()
}

// check wants the flags to go together.
func (o testOptions) check() error {
	switch {
	case o.beside != "" && (o.skipE2E || o.soak > 0):
		return errors.New("--beside is about the end-to-end suites alone, which --skip-e2e and --soak leave out")
	case o.soak < 0 || o.soak > 0 && o.soak < time.Minute:
		return errors.New("scripts/test: --soak wants a minute at least: --soak 5m")
	case o.soak > 0 && (o.long || o.skipE2E):
		return errors.New("scripts/test: --soak goes alone, and --long soaks, too")
	case o.soak == 0 && (o.seed != 0 || o.docs != ""):
		return errors.New("scripts/test: --seed and --docs belong to --soak")
	}
	return nil
}

func testCommand(ctx context.Context, root string, args []string) (err error) {
	options, err := parseTest(args)
	if err != nil {
		return err
	}
	dir, err := newRunDir(root)
	if err != nil {
		return err
	}
	began := time.Now()
	t := &tests{testOptions: options, root: root, dir: dir, progress: newProgress(os.Stdout)}
	t.run(ctx)
	t.progress.Close()
	if ctx.Err() != nil {
		dir.close(false)
		fmt.Fprintln(os.Stderr, "interrupted; nothing was left running")
		return errReported
	}
	failed := t.summary(time.Since(began))
	dir.close(failed)
	if failed {
		return errReported
	}
	return nil
}

// tests is one run of scripts/test. Two lanes go side by side: one makes the
// tools and the stack, which waits for the network most of the time; the other
// compiles and tests, which takes all the processors there are.
type tests struct {
	testOptions
	root     string
	dir      runDir
	progress *Progress

	page      *page.Server // nil when it did not start, and with --skip-e2e
	browser   string       // empty where there is none
	server    *stackServer // nil when it did not start
	deployed  bool
	compiled  chan struct{} // closed when the functions' build was tried
	stackDone chan struct{} // closed when the stack was tried
	allDone   chan struct{} // closed when the deployment was tried
}

func (t *tests) run(ctx context.Context) {
	t.compiled, t.stackDone, t.allDone = make(chan struct{}), make(chan struct{}), make(chan struct{})
	defer t.stopServer()
	defer t.closePage()
	if t.beside != "" && !t.long {
		t.besideAlone(ctx)
		return
	}
	var lanes sync.WaitGroup
	lanes.Go(func() { t.toolLane(ctx) })
	if t.soak > 0 {
		t.soakLane(ctx)
	} else {
		t.goLane(ctx)
	}
	lanes.Wait()
}

// step runs a step and, when it fails, says why right below it.
func (t *tests) step(ctx context.Context, name string, work func() error) bool {
	if ctx.Err() != nil {
		return false
	}
	err := t.progress.Run(name, func() (string, error) { return "", work() })
	t.tell(ctx, err)
	return err == nil
}

func (t *tests) tell(ctx context.Context, err error) {
	if err != nil && ctx.Err() == nil {
		t.progress.Print("\n%v\n\n", err)
	}
}

// toolLane makes the environments, starts the stack, checks scripts and
// template, and deploys.
func (t *tests) toolLane(ctx context.Context) {
	defer close(t.allDone)
	sam := t.environments(ctx)
	if !sam {
		t.progress.Skip("shellcheck, sam validate, gradual deployment, sam build, sam deploy", ".venv/sam is not there")
		return
	}
	if t.soak == 0 {
		t.findBrowser(ctx)
		t.step(ctx, "shellcheck", func() error { return t.shellcheck(ctx) })
		t.step(ctx, "sam validate --lint", func() error { return t.validate(ctx) })
		t.step(ctx, "gradual deployment", func() error { return t.gradual(ctx) })
	}
	<-t.compiled
	t.deploy(ctx)
}

// environments makes both, starts the stack as soon as its own is there, and
// tells whether sam's is.
func (t *tests) environments(ctx context.Context) (sam bool) {
	var python string
	if !t.step(ctx, "check this machine", func() (err error) { python, err = checkMachine(ctx); return err }) {
		close(t.stackDone)
		return false
	}
	if !t.skipE2E && t.soak == 0 {
		t.step(ctx, "serve the demo page", func() (err error) { t.page, err = startPage(t.root); return err })
	}
	var both sync.WaitGroup
	both.Go(func() {
		defer close(t.stackDone)
		if t.venv(ctx, "stack", python) {
			t.step(ctx, "start the local stack", func() (err error) { t.server, err = startServer(ctx, t.root, t.dir, originOf(t.page)); return err })
		}
	})
	sam = t.venv(ctx, "sam", python)
	both.Wait()
	return sam
}

func (t *tests) venv(ctx context.Context, name, python string) bool {
	err := ensureVenv(ctx, t.progress, t.root, t.dir, name, python)
	t.tell(ctx, err)
	return err == nil
}

func (t *tests) deploy(ctx context.Context) {
	switch {
	case t.skipE2E:
		t.progress.Skip("sam build, sam deploy", "--skip-e2e")
		return
	case t.server == nil:
		t.progress.Skip("sam build, sam deploy", "the local stack did not start")
		return
	}
	d := deployment{root: t.root, dir: t.dir, endpoint: t.server.endpoint, pid: t.server.pid, demoURL: originOf(t.page)}
	if !t.step(ctx, "sam build", func() error { return d.build(ctx) }) {
		t.progress.Skip("sam deploy", "sam build failed")
		return
	}
	t.deployed = t.step(ctx, "sam deploy", func() error { return d.deploy(ctx, t.stackFile()) })
}

func (t *tests) stackFile() string { return t.dir.file(filepath.Base(stack.File)) }

// goLane is what needs Go alone, or Node, then what needs the stack, then what needs the
// deployment.
func (t *tests) goLane(ctx context.Context) {
	t.step(ctx, "formatting", func() error { return checkFormat(t.root) })
	t.step(ctx, "compile", func() error {
		return errors.Join(compileFunctions(ctx, t.root, t.dir), compileTool(ctx, t.root, t.dir))
	})
	close(t.compiled)
	t.step(ctx, "go vet", func() error { return t.quiet(ctx, "go vet", "go", "vet", "./...") })
	t.step(ctx, "staticcheck", func() error { return t.quiet(ctx, "staticcheck", "go", "tool", "staticcheck", "./...") })
	t.web(ctx)
	<-t.stackDone
	t.step(ctx, "tests", func() error { return t.unit(ctx) })
	t.outages(ctx)
	t.fuzz(ctx)
	t.histories(ctx)
	<-t.allDone
	t.e2e(ctx)
	if t.long && t.deployed {
		t.runBeside(ctx, cmp.Or(t.beside, revision.ReleaseBefore))
	}
}

// soakLane is what a soak needs.
func (t *tests) soakLane(ctx context.Context) {
	t.step(ctx, "compile", func() error { return compileFunctions(ctx, t.root, t.dir) })
	close(t.compiled)
	<-t.allDone
	if !t.deployed {
		t.progress.Skip("soak", "nothing was deployed")
		return
	}
	t.soakFor(ctx, t.soak)
}

// soakFor shows the test's lines as they come. What follows the traffic has its own bounds, which end sooner, so that there is a report.
func (t *tests) soakFor(ctx context.Context, length time.Duration) {
	const around = 90 * time.Minute
	env := []string{"UNSEND_STACK=" + t.stackFile(), "UNSEND_SOAK=" + length.String()}
	if t.seed != 0 {
		env = append(env, "UNSEND_SOAK_SEED="+strconv.FormatUint(t.seed, 10))
	}
	if t.docs != "" {
		folder, err := filepath.Abs(t.docs)
		if err != nil {
			t.step(ctx, "soak", func() error { return err })
			return
		}
		env = append(env, "UNSEND_SOAK_DOCS="+folder)
	}
	t.step(ctx, "soak", func() error {
		return t.loud(ctx, "soak", env, "go", "test", "-v", "-count=1", "-run=^TestSoak$", "-timeout="+(length+around).String(), "./e2e")
	})
}

// quiet runs a command whose output matters only when it fails.
func (t *tests) quiet(ctx context.Context, what string, argv ...string) error {
	_, err := Command{What: what, Dir: t.root, Env: environment(), Log: t.dir.log(what), Argv: argv}.Run(ctx)
	return err
}

// loud runs go test and shows its lines as they come.
func (t *tests) loud(ctx context.Context, what string, env []string, argv ...string) error {
	_, err := t.shown(ctx, what, env, argv...)
	return err
}

// shown is loud, and gives the lines, too.
func (t *tests) shown(ctx context.Context, what string, env []string, argv ...string) (string, error) {
	c := Command{What: what, Dir: t.root, Env: environment(env...), Log: t.dir.log(what), Argv: argv,
		Show: func(line string) { t.progress.Print("%s\n", line) }}
	return c.Run(ctx)
}

// unit runs all tests but the end-to-end ones. Without a stack the stores'
// conformance tests skip themselves, and that is a failure of an earlier step.
func (t *tests) unit(ctx context.Context) error {
	packages, err := t.packages(ctx)
	if err != nil {
		return err
	}
	argv := []string{"go", "test", "-race", "-shuffle=on", "-timeout=10m"}
	if t.long {
		argv = []string{"go", "test", "-race", "-shuffle=on", "-count=3", "-timeout=30m"}
	}
	return t.loud(ctx, "go test", t.endpoint(), append(argv, packages...)...)
}

// endpoint is the environment of tests that need one, as far as there is one.
func (t *tests) endpoint() []string {
	if t.server == nil {
		return nil
	}
	return []string{"UNSEND_DYNAMODB_ENDPOINT=" + t.server.endpoint, "AWS_REGION=" + localRegion,
		"AWS_ACCESS_KEY_ID=" + stack.LocalAccessKey, "AWS_SECRET_ACCESS_KEY=" + stack.LocalSecretKey}
}

// outages plays also those that the tests leave out.
func (t *tests) outages(ctx context.Context) {
	if !t.long {
		return
	}
	t.step(ctx, "all outages", func() error {
		return t.loud(ctx, "all outages", t.endpoint(), "go", "test", "-run=^TestOutages$", "-timeout=30m", "./functions/...", "-outages.all")
	})
}

// histories runs many more, and more interleavings of a client's deliveries, than the tests do, without the race detector, which makes five of one.
func (t *tests) histories(ctx context.Context) {
	if !t.long {
		return
	}
	t.step(ctx, "10,000 histories", func() error {
		return t.loud(ctx, "histories", nil, "go", "test", "-v", "-run=^TestHistories$", "-timeout=2h", "./shared/cloudtest", "-history.runs=10000")
	})
	t.step(ctx, "10,000 interleavings", func() error {
		return t.loud(ctx, "interleavings", nil, "go", "test", "-run=^TestInterleavings$", "-timeout=1h", "./clients/go", "-interleavings.runs=10000")
	})
}

// packages are those of the module without the end-to-end suite.
func (t *tests) packages(ctx context.Context) ([]string, error) {
	out, err := Command{What: "go list", Dir: t.root, Env: environment(), Argv: []string{"go", "list", "./..."}}.Run(ctx)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(strings.Fields(out), func(p string) bool {
		return p == "unsend/e2e" || strings.HasPrefix(p, "unsend/e2e/")
	}), nil
}

func (t *tests) fuzz(ctx context.Context) {
	targets, err := fuzzTargets(t.root)
	if err != nil {
		t.step(ctx, "fuzz", func() error { return err })
		return
	}
	length := "5s"
	if t.long {
		length = "60s"
	}
	for _, target := range targets {
		t.step(ctx, "fuzz "+target.name, func() error { return t.fuzzOne(ctx, target, length) })
	}
}

func (t *tests) fuzzOne(ctx context.Context, target fuzzTarget, length string) error {
	what := "fuzz " + target.name
	c := Command{What: what, Dir: t.root, Env: environment(), Log: t.dir.log(what),
		Argv: []string{"go", "test", "-run=^$", "-fuzz=^" + target.name + "$", "-fuzztime=" + length, target.folder}}
	output, err := c.Run(ctx)
	if err != nil && onlyTimeWasUp(output) {
		return nil
	}
	return err
}

// onlyTimeWasUp tells a flaw of the fuzzing engine from a finding: on a busy
// machine the end of its time can arrive as the failure "context deadline
// exceeded" (golang/go#75804, mended in Go 1.27). A finding always leaves an
// input, and says where.
func onlyTimeWasUp(output string) bool {
	return strings.Contains(output, "\n    context deadline exceeded\n") &&
		!strings.Contains(output, "Failing input written to") && !strings.Contains(output, "panic:")
}

func (t *tests) e2e(ctx context.Context) {
	if !t.deployed {
		t.progress.Skip("unsend seed, unsend demo, unsend redrive, end to end, scripts/deploy --remove", "nothing was deployed")
		return
	}
	t.commands(ctx)
	t.step(ctx, "end to end", func() error { _, err := t.suite(ctx, "go test e2e", t.suiteTimes()); return err })
	if t.long {
		t.step(ctx, "alarms by the clock", func() error {
			return t.loud(ctx, "alarms by the clock", []string{"UNSEND_STACK=" + t.stackFile(), "UNSEND_MINUTES=1"},
				"go", "test", "-v", "-run=^TestAlarm", "-timeout=3h", "./e2e")
		})
		t.soakFor(ctx, longSoak)
		t.step(ctx, "roles without a statement", func() error {
			return t.loud(ctx, "roles without a statement", []string{"UNSEND_STACK=" + t.stackFile(), "UNSEND_STATEMENTS=."},
				"go", "test", "-v", "-run=^TestEachStatementIsNeeded$", "-timeout=3h", "./e2e")
		})
	}
	t.step(ctx, "scripts/deploy --remove", func() error { return t.removal(ctx) })
}

// times are flags of go test: how often it runs what there is, and after how long it ends what hangs. The limit is that of all the times.
type times []string

// once is what a run of a suite takes at most.
var once = times{"-count=1", "-timeout=10m"}

// suiteTimes are the end-to-end suite's.
func (t *tests) suiteTimes() times {
	if t.long {
		return times{"-count=2", "-timeout=30m"} // the second finds what the first left behind
	}
	return once
}

// suite runs the end-to-end suite and gives its lines.
func (t *tests) suite(ctx context.Context, what string, often times) (string, error) {
	// These tests wait more than they compute: more of them go side by side than there are processors.
	argv := append([]string{"go", "test", "-shuffle=on", "-parallel=8"}, often...)
	return t.shown(ctx, what, t.suiteEnvironment(), append(argv, "./e2e/...")...)
}

func (t *tests) suiteEnvironment() []string {
	return []string{"UNSEND_STACK=" + t.stackFile(), "UNSEND_CHROMIUM=" + t.browser}
}

// What commands of the tool say when they succeed.
const (
	seedIsThere = "unchanged, everything is as the file says"
	demoIsWell  = "Everything as it should be"
	smokeIsWell = "is deleted"
)

// commands runs the tool as it is shipped, with its exit codes and nothing of
// the tests' own in between.
func (t *tests) commands(ctx context.Context) {

	seeded := t.step(ctx, "unsend seed", func() error { return t.says(ctx, "created", "seed", sampleFile) })
	if !seeded {
		t.progress.Skip("unsend seed again, unsend demo, unsend redrive", "there is no sample community")
		return
	}
	t.step(ctx, "unsend seed again", func() error { return t.says(ctx, seedIsThere, "seed", sampleFile) })
	if t.page != nil {
		t.step(ctx, "tell the demo page", func() error { return showSample(ctx, t.page, t.root, t.stackFile()) })
	}
	t.step(ctx, "unsend demo", func() error { return t.says(ctx, demoIsWell, "demo") })
	t.step(ctx, "unsend redrive", func() error { return t.says(ctx, "nothing was given up", "redrive") })
}

// says runs a command of the tool, which must succeed and say so.
func (t *tests) says(ctx context.Context, want, command string, args ...string) error {
	c := toolCommand(t.root, t.dir, t.stackFile(), command, args...)
	output, err := c.Run(ctx)
	if err == nil && !strings.Contains(output, want) {
		return &commandError{what: c.What, err: fmt.Errorf("its exit code is 0, but it does not say %q", want), tail: lastLines(output, 25), log: c.Log}
	}
	return err
}

func (t *tests) shellcheck(ctx context.Context) error {
	scripts, err := shellScripts(t.root)
	if err != nil {
		return err
	}
	return t.quiet(ctx, "shellcheck", append([]string{venv{root: t.root, name: "sam"}.bin("shellcheck")}, scripts...)...)
}

func (t *tests) validate(ctx context.Context) error {
	d := deployment{root: t.root, dir: t.dir}
	_, err := Command{What: "sam validate --lint", Dir: t.root, Env: localEnvironment("", t.dir), Log: t.dir.log("sam validate"),
		Argv: d.sam("validate", "--lint", "--region", localRegion)}.Run(ctx)
	return err
}

// findBrowser is for the end-to-end suite.
func (t *tests) findBrowser(ctx context.Context) {
	if t.skipE2E {
		return
	}
	err := t.progress.Run("chromium", func() (note string, err error) {
		t.browser, note, err = ensureBrowser(ctx, t.dir)
		return note, err
	})
	t.tell(ctx, err)
}

func (t *tests) closePage() {
	if t.page != nil {
		_ = t.page.Close() // it has nothing to lose
	}
}

func (t *tests) stopServer() {
	if t.server == nil {
		return
	}
	// Also after Ctrl-C, so not by step.
	if err := t.progress.Run("stop the local stack", func() (string, error) { return "", t.server.Stop() }); err != nil {
		t.progress.Print("\n%v\n\n", err)
	}
}

// summary lists all steps again, as their output lies between them, and tells
// whether one failed.
func (t *tests) summary(took time.Duration) (failed bool) {
	p := t.progress
	p.Print("\n%s\n", p.paint(bold, "Summary"))
	for _, s := range p.Steps() {
		p.Print("%s\n", p.line(s))
		failed = failed || (s.Err != nil && !(t.skipE2E && s.Err == errSkipped))
	}
	verdict := p.paint(green, "all is well")
	if failed {
		verdict = p.paint(red, "something failed") + ": its output is above and in " + t.dir.file("log")
	}
	p.Print("\n%s after %s\n", verdict, seconds(took))
	return failed
}
