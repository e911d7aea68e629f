package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"unsend/scripts/local/revision"
)

const (
	// half is the share of the calls that the release before has. It shows most: each pair of neighbours is as often old and new as
	// it is new and old.
	half = 0.5

	// callsEnd is for how long calls that began before may be under way: their lines are logged at their ends.
	callsEnd = 5 * time.Second

	// leastShare and fewestCalls are what each release must have answered of each function, or the run shows nothing. With the sweeps
	// of one run, some 40 calls, chance stays below them once in ten thousand runs.
	leastShare  = 0.2
	fewestCalls = 5
)

// beside is one run of two releases on the same tables: the one before is deployed, this one over it, as by whoever
// upgrades, and then the alias of each function shares its calls out to both, as it does while CodeDeploy moves traffic.
type beside struct {
	*tests
	revision string
	endpoint string
	before   *tests // the release before: its files, and what it says of the stack
	old, new []function
}

// besideAlone makes what a run needs where nothing else is tested.
func (t *tests) besideAlone(ctx context.Context) {
	var python string
	if !t.step(ctx, "check this machine", func() (err error) { python, err = checkMachine(ctx); return err }) {
		return
	}
	if !t.venv(ctx, "stack", python) || !t.venv(ctx, "sam", python) {
		return
	}
	t.findBrowser(ctx)
	t.runBeside(ctx, t.beside)
}

// runBeside runs all of it on a stack of its own.
func (t *tests) runBeside(ctx context.Context, of string) {
	var b beside
	if !t.step(ctx, "the release before", func() (err error) { b, err = t.releases(ctx, of); return err }) {
		t.progress.Skip("two releases at once", "the release before is not there")
		return
	}
	defer b.stopServer()
	defer b.closePage()
	defer b.before.closePage()
	for _, each := range []struct {
		name string
		work func(context.Context) error
	}{
		{"web clients of both", b.buildPages},
		{"stack for both", b.start},
		{"deploy the release before", b.deployBefore},
		{"use the release before", b.useBefore},
		{"upgrade", b.upgrade},
		{"what was there is kept", b.find},
	} {
		if !t.step(ctx, each.name, func() error { return each.work(ctx) }) {
			t.progress.Skip("two releases at once", each.name+" failed")
			return
		}
	}
	b.suites(ctx)
}

// suites runs what each release has been tested with. A suite that fails does not keep the others from running.
func (b *beside) suites(ctx context.Context) {
	b.serving(ctx, "both at once", half, bothServed, []stage{
		{"the suite of the release before", func() error { return b.suiteBefore(ctx, "beside before") }},
		{"this suite", func() error { _, err := b.suite(ctx, "beside now", once); return err }},
	})
	b.serving(ctx, "this release alone", 0, func(before, _ int) bool { return before == 0 }, []stage{
		{"the suite of the release before", func() error { return b.suiteBefore(ctx, "now before") }},
	})
	b.serving(ctx, "rolled back", 1, func(_, now int) bool { return now == 0 }, []stage{
		{"unsend demo of the release before", func() error { return b.before.says(ctx, demoIsWell, "demo") }},
		{"unsend smoke of the release before", func() error { return b.before.says(ctx, smokeIsWell, "smoke") }},
	})
}

// suiteBefore runs the suite of the release before. That is as it was released, and some of its tests want more than a busy machine does while eight
// go side by side: where a single test failed, it has another try by itself, and that is told.
func (b *beside) suiteBefore(ctx context.Context, what string) error {
	lines, err := b.before.suite(ctx, what, once)
	test, ok := onlyFailure(lines)
	if err == nil || !ok || ctx.Err() != nil {
		return err
	}
	b.progress.Print("       %s alone failed: once more, by itself\n", test)
	argv := append([]string{"go", "test", "-run=^" + test + "$"}, once...)
	return b.before.loud(ctx, what+" once more", b.before.suiteEnvironment(), append(argv, "./e2e")...)
}

var failedTest = regexp.MustCompile(`(?m)^--- FAIL: (\w+) `)

// onlyFailure is the test of package e2e that failed, where all that went wrong in the suite is that.
func onlyFailure(lines string) (test string, ok bool) {
	tests := failedTest.FindAllStringSubmatch(lines, -1)
	packages := regexp.MustCompile(`(?m)^FAIL\t(\S+)`).FindAllStringSubmatch(lines, -1)
	if len(tests) != 1 || len(packages) != 1 || packages[0][1] != "unsend/e2e" || strings.Contains(lines, "\npanic: ") {
		return "", false
	}
	return tests[0][1], true
}

// stage is one step of several.
type stage struct {
	name string
	work func() error
}

// serving has the release before answer its share of the calls, runs the stages, and counts who answered: right judges the calls of each
// function that the release before, and this one, answered.
func (b *beside) serving(ctx context.Context, title string, share float64, right func(before, now int) bool, stages []stage) {
	if !b.step(ctx, title, func() error { return b.share(ctx, share) }) {
		return
	}
	began := time.Now()
	for _, s := range stages {
		b.step(ctx, title+": "+s.name, s.work)
	}
	b.step(ctx, title+": who answered", func() error { return b.answered(ctx, began, right) })
}

// releases fetches the files of the release before, and gives each its part of this run's folder.
func (t *tests) releases(ctx context.Context, of string) (beside, error) {
	folder, err := t.dir.part("before")
	if err != nil {
		return beside{}, err
	}
	source := folder.file("source")
	if err := revision.Fetch(ctx, t.root, of, source); err != nil {
		return beside{}, fmt.Errorf("%w with --beside", err)
	}
	mine, err := t.dir.part("now")
	if err != nil {
		return beside{}, err
	}
	now := *t
	now.dir, now.server, now.page = mine, nil, nil
	before := now
	before.root, before.dir = source, folder
	return beside{tests: &now, revision: of, before: &before}, nil
}

// buildPages builds both web clients with their pages, which the suites drive, and serves these.
func (b *beside) buildPages(ctx context.Context) error {
	for _, r := range []*tests{b.before, b.tests} {
		if err := (nodePackages{root: r.root}).run(ctx, "build", r.dir); err != nil {
			return err
		}
		var err error
		if r.page, err = startPage(r.root); err != nil {
			return err
		}
	}
	return nil
}

// start starts a stack for both, which both pages may talk to.
func (b *beside) start(ctx context.Context) (err error) {
	b.server, err = startServer(ctx, b.root, b.dir, b.page.Origin()+" "+b.before.page.Origin())
	if err == nil {
		b.endpoint = b.server.endpoint
	}
	return err
}

// deployment is a release's on the stack of both.
func (b *beside) deployment(r *tests) deployment {
	return deployment{root: r.root, tools: b.root, earlier: r == b.before, dir: r.dir, endpoint: b.endpoint, pid: b.server.pid, demoURL: originOf(r.page)}
}

func (b *beside) deployBefore(ctx context.Context) (err error) {
	b.old, err = b.put(ctx, b.before)
	return err
}

// put compiles, builds and deploys a release, describes the stack as it knows it, and gives the functions that are there then.
func (b *beside) put(ctx context.Context, r *tests) ([]function, error) {
	if err := compileTool(ctx, r.root, r.dir); err != nil {
		return nil, err
	}
	if err := compileFunctions(ctx, r.root, r.dir); err != nil {
		return nil, err
	}
	d := b.deployment(r)
	if err := d.build(ctx); err != nil {
		return nil, err
	}
	if err := d.deploy(ctx, r.stackFile()); err != nil {
		return nil, err
	}
	return functionsOf(ctx, b.endpoint)
}

// useBefore leaves rows of the release before in the tables.
func (b *beside) useBefore(ctx context.Context) error {
	if err := b.before.says(ctx, "created", "seed", sampleFile); err != nil {
		return err
	}
	return b.before.says(ctx, demoIsWell, "demo")
}

// upgrade deploys this release over the one before.
func (b *beside) upgrade(ctx context.Context) (err error) {
	b.new, err = b.put(ctx, b.tests)
	return err
}

// find has this release find the rows of the one before, and the pages show them.
func (b *beside) find(ctx context.Context) error {
	before := filepath.Join(b.before.root, sampleFile)
	if err := b.says(ctx, seedIsThere, "seed", before); err != nil {
		return err
	}
	if err := b.says(ctx, demoIsWell, "demo"); err != nil {
		return err
	}
	return errors.Join(showSample(ctx, b.page, b.root, b.stackFile()), showSample(ctx, b.before.page, b.before.root, b.before.stackFile()))
}

// A pair is one function of both releases.
type pair struct {
	function        // as it is now
	before   string // its version of the release before
}

// pairs are the functions that both releases have and that differ.
func (b *beside) pairs() (list []pair) {
	for _, now := range b.new {
		i := slices.IndexFunc(b.old, func(f function) bool { return f.name == now.name })
		if i >= 0 && b.old[i].version != now.version {
			list = append(list, pair{now, b.old[i].version})
		}
	}
	return list
}

// share gives the release before its share of the calls of each function. The template stays the new one, as it does when
// CodeDeploy goes back after an alarm. What was called before ends meanwhile.
func (b *beside) share(ctx context.Context, share float64) error {
	for _, p := range b.pairs() {
		if err := p.route(ctx, b.endpoint, p.before, share); err != nil {
			return err
		}
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(callsEnd):
		return nil
	}
}

// bothServed tells whether of the calls of a function each release answered so many that the run shows something.
func bothServed(before, now int) bool {
	fewer := min(before, now)
	return fewer >= fewestCalls && float64(fewer) >= leastShare*float64(before+now)
}

// answered judges how many calls of each function each release answered since then, by the platform's lines in the logs.
func (b *beside) answered(ctx context.Context, since time.Time, right func(before, now int) bool) error {
	pairs := b.pairs()
	if len(pairs) == 0 {
		return fmt.Errorf("no function differs from %s's: nothing was shown", b.revision)
	}
	var wrong []error
	for _, p := range pairs {
		count, err := p.calls(ctx, b.endpoint, since)
		if err != nil {
			return err
		}
		before, now := count[p.before], -count[p.before]
		for _, n := range count { // tests may have deployed this release anew
			now += n
		}
		b.progress.Print("       %-12s %6d calls by the release before, %6d by this one\n", p.folder(), before, now)
		if !right(before, now) {
			wrong = append(wrong, fmt.Errorf("%s: %d calls were answered by the release before and %d by this one", p.folder(), before, now))
		}
	}
	return errors.Join(wrong...)
}
