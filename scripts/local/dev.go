package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"unsend/scripts/local/page"
	"unsend/scripts/local/stack"
)

const devHelp = `Usage: scripts/dev [flags]            start everything and stay until Ctrl-C
       scripts/dev [flags] redeploy   build and deploy onto the stack that is up

Starts a local stack (MiniStack, with IAM enforced) on a free port of 127.0.0.1, builds the functions
and deploys template.yaml onto it with the real SAM CLI, writes a sample community into it, and plays
the demo: a message is sent, a moderator takes it back, every other device is told. While it stays, it serves
the demo page, clients/web/demo, on another free port of 127.0.0.1, where Node 20 or later is at hand.

The first start makes .venv/ from requirements/, which takes some minutes. Needed are Linux, Go and
Python 3.10 or later. Outside of this folder only the caches of Go and pip are written; your own
AWS profile is not used.

While it stays, press Enter to build and deploy after an edit.

Flags:
`

// devOptions are the flags of scripts/dev.
type devOptions struct {
	once, noDemo bool
	stackFile    string
	stackGiven   bool // by --stack
	redeploy     bool
}

func parseDev(root string, args []string) (devOptions, error) {
	var o devOptions
	flags := flag.NewFlagSet("scripts/dev", flag.ContinueOnError)
	flags.Usage = func() {
		fmt.Fprint(flags.Output(), devHelp)
		flags.PrintDefaults()
	}
	flags.BoolVar(&o.once, "once", false, "end after the demo, with its result")
	flags.BoolVar(&o.noDemo, "no-demo", false, "do not play the demo")
	flags.StringVar(&o.stackFile, "stack", filepath.Join(root, stack.File), "`file` that describes the stack; another one for a second stack beside the first")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	flags.Visit(func(f *flag.Flag) { o.stackGiven = o.stackGiven || f.Name == "stack" })
	switch {
	case flags.NArg() == 1 && flags.Arg(0) == "redeploy":
		o.redeploy = true
	case flags.NArg() > 0:
		return o, fmt.Errorf("scripts/dev does not know %q: see scripts/dev --help", flags.Arg(0))
	}
	var err error
	o.stackFile, err = filepath.Abs(o.stackFile)
	return o, err
}

func devCommand(ctx context.Context, root string, args []string) (err error) {
	options, err := parseDev(root, args)
	if err != nil {
		return err
	}
	dir, err := newRunDir(root)
	if err != nil {
		return err
	}
	progress := newProgress(os.Stdout)
	defer func() {
		dir.close(err != nil && ctx.Err() == nil)
		progress.Close()
		err = report(ctx, err)
	}()
	if options.once && !options.stackGiven {
		options.stackFile = dir.file(filepath.Base(stack.File)) // gone with this run, so in nobody's way
	}
	d := dev{devOptions: options, root: root, dir: dir, progress: progress}
	if options.redeploy {
		return d.redeployRunning(ctx)
	}
	return d.run(ctx)
}

// report tells of a failure once, at the end, where it is seen. Being told to
// end is none.
func report(ctx context.Context, err error) error {
	if err == nil || errors.Is(err, flag.ErrHelp) {
		return err
	}
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		fmt.Fprintln(os.Stderr, "interrupted; nothing was left running")
		return errReported
	}
	fmt.Fprintf(os.Stderr, "\n%v\n", err)
	return errReported
}

// dev is one run of scripts/dev.
type dev struct {
	devOptions
	root     string
	dir      runDir
	progress *Progress
	server   *stackServer
	page     *page.Server // nil with --once
	hasPage  bool         // it was built
}

func (d *dev) run(ctx context.Context) (err error) {
	unlock, got := tryLock(d.stackFile + ".lock")
	if !got {
		return fmt.Errorf("a stack described in %s is up already.\n    What to do: deploy onto it with scripts/dev redeploy, or start a second one with --stack %s",
			d.stackFile, filepath.Join(filepath.Dir(d.stackFile), "second.json"))
	}
	defer unlock()
	defer func() {
		_ = os.Remove(d.stackFile)
		if d.server != nil {
			err = errors.Join(err, d.server.Stop())
		}
	}()
	began := time.Now()
	if !d.once {
		if d.page, err = startPage(d.root); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, d.page.Close()) }()
	}
	if err := d.prepare(ctx); err != nil {
		return err
	}
	if err := d.ship(ctx); err != nil {
		return err
	}
	if err := d.play(ctx); err != nil {
		return err
	}
	if d.once {
		return nil
	}
	if err := d.showPage(ctx); err != nil {
		return err
	}
	d.printWelcome(time.Since(began))
	return d.stay(ctx)
}

// prepare does what can go on at once: the two environments, the stack, and the
// compiling.
func (d *dev) prepare(ctx context.Context) error {
	var python string
	err := d.progress.Run("check this machine", func() (_ string, err error) {
		python, err = checkMachine(ctx)
		return "", err
	})
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return ensureVenv(ctx, d.progress, d.root, d.dir, "sam", python) })
	group.Go(func() error { return d.compile(ctx) })
	group.Go(func() error {
		d.hasPage = d.page != nil && buildPage(ctx, d.progress, d.root, d.dir)
		return nil
	})
	group.Go(func() error {
		if err := ensureVenv(ctx, d.progress, d.root, d.dir, "stack", python); err != nil {
			return err
		}
		return d.progress.Run("start the local stack", func() (_ string, err error) {
			d.server, err = startServer(ctx, d.root, d.dir, originOf(d.page))
			return "", err
		})
	})
	return group.Wait()
}

func ensureVenv(ctx context.Context, p *Progress, root string, dir runDir, name, python string) error {
	return p.Run(".venv/"+name, func() (string, error) {
		return venv{root: root, name: name, python: python}.ensure(ctx, dir.log("venv "+name))
	})
}

func (d *dev) compile(ctx context.Context) error {
	return d.progress.Run("compile", func() (string, error) {
		return "", errors.Join(compileFunctions(ctx, d.root, d.dir), compileTool(ctx, d.root, d.dir))
	})
}

// ship builds and deploys the working tree, and describes the result.
func (d *dev) ship(ctx context.Context) error {
	deployment := deployment{root: d.root, dir: d.dir, endpoint: d.server.endpoint, pid: d.server.pid, demoURL: originOf(d.page)}
	return ship(ctx, d.progress, deployment, d.stackFile)
}

func ship(ctx context.Context, p *Progress, d deployment, stackFile string) error {
	if err := p.Run("sam build", func() (string, error) { return "", d.build(ctx) }); err != nil {
		return err
	}
	return p.Run("sam deploy", func() (string, error) { return "", d.deploy(ctx, stackFile) })
}

// play seeds the sample community and shows the demo.
func (d *dev) play(ctx context.Context) error {
	err := d.progress.Run("seed the sample community", func() (string, error) {
		_, err := d.tool("seed", sampleFile).Run(ctx)
		return "", err
	})
	if err != nil || d.noDemo {
		return err
	}
	return d.progress.Run("demo", func() (string, error) {
		demo := d.tool("demo")
		demo.Show = func(line string) { d.progress.Print("       %s\n", line) }
		_, err := demo.Run(ctx)
		return "", err
	})
}

// tool is a command of the command line tool, about this stack.
func (d *dev) tool(command string, args ...string) Command {
	return toolCommand(d.root, d.dir, d.stackFile, command, args...)
}

func toolCommand(root string, dir runDir, stackFile, command string, args ...string) Command {
	argv := append([]string{toolPath(root), command, "--stack", stackFile}, args...)
	return Command{What: "unsend " + command, Dir: root, Env: environment(), Log: dir.log(command), Argv: argv}
}

func (d *dev) printWelcome(took time.Duration) {
	chat := d.chatCommand()
	d.progress.Print(`
%s after %s. To talk to it, open two more terminals here:

    %s --as alice
    %s --as bob
%s
Enter here builds and deploys your edits; so does scripts/dev redeploy. Ctrl-C ends it all.
`, d.progress.paint(bold, "Up"), seconds(took), chat, chat, d.pageLine())
}

// chatCommand works in the folder that scripts/dev was called from, and names
// what the sample community has.
func (d *dev) chatCommand() string {
	tool, here := toolPath(d.root), ""
	if folder, err := os.Getwd(); err == nil {
		here = filepath.Join(folder, stack.File)
		if relative, err := filepath.Rel(folder, tool); err == nil {
			tool = relative
		}
	}
	command := tool + " chat --server harbour --channel general"
	if d.stackFile != here {
		command += " --stack " + d.stackFile
	}
	return command
}

// stay deploys on Enter, until ctx or the stack ends.
func (d *dev) stay(ctx context.Context) error {
	enter := lines(os.Stdin)
	for {
		select {
		case <-ctx.Done():
			return nil // that is how it is meant to end
		case <-d.server.ended:
			return d.server.failure(errors.New("it ended by itself"))
		case _, open := <-enter:
			if !open {
				enter = nil // no keyboard: wait for a signal
				continue
			}
			d.redeploy(ctx)
		}
	}
}

// redeploy reports a failure and goes on: the next edit may mend it.
func (d *dev) redeploy(ctx context.Context) {
	err := d.compile(ctx)
	if err == nil {
		if d.hasPage {
			buildPage(ctx, d.progress, d.root, d.dir)
		}
		err = d.ship(ctx)
	}
	if err != nil && ctx.Err() == nil {
		d.progress.Print("\n%v\n\n", err)
	}
}

// lines tells of each line of f, until its end.
func lines(f *os.File) <-chan struct{} {
	c := make(chan struct{})
	go func() {
		defer close(c)
		for s := bufio.NewScanner(f); s.Scan(); {
			c <- struct{}{}
		}
	}()
	return c
}

// redeployRunning deploys onto a stack that another scripts/dev keeps up.
func (d *dev) redeployRunning(ctx context.Context) error {
	description, err := stack.Load(d.stackFile)
	if err != nil {
		return err
	}
	if !description.Local() || !healthy(ctx, description.Endpoint) {
		return fmt.Errorf("the stack in %s does not answer.\n    What to do: start one with scripts/dev", d.stackFile)
	}
	if err := d.compile(ctx); err != nil {
		return err
	}
	if description.DemoURL != "" {
		buildPage(ctx, d.progress, d.root, d.dir)
	}
	running := deployment{root: d.root, dir: d.dir, endpoint: description.Endpoint, pid: description.PID, demoURL: description.DemoURL}
	return ship(ctx, d.progress, running, d.stackFile)
}
