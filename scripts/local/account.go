package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"unsend/scripts/local/compile"
)

const deployHelp = `Usage: scripts/deploy [flags] [PARAMETER=VALUE ...] [-- flags of sam deploy]

Builds the functions and the command line tool, and deploys template.yaml to the AWS account of your
credentials, as AWS_PROFILE and the like choose it.

The first time it asks for the name of the stack, its region and the processor. The answers and each
PARAMETER=VALUE are kept in .unsend/deploy.json. template.yaml describes the parameters; one that was
never given keeps the value it has in the stack, at first its default. What follows -- goes to sam deploy.

  scripts/deploy RevokeWindowMs=300000 MessageRetentionDays=90
  scripts/deploy --config-env test --stack-name unsend-test --region eu-central-1 Architecture=x86_64
  scripts/deploy -- --no-confirm-changeset

Flags:
`

// deployOptions are what scripts/deploy was told.
type deployOptions struct {
	guided bool
	env    string
	given  answers
	toSAM  []string
}

func parseDeploy(args []string) (deployOptions, error) {
	o := deployOptions{given: answers{Parameters: map[string]string{}}}
	if i := slices.Index(args, "--"); i >= 0 {
		args, o.toSAM = args[:i], args[i+1:]
	}
	flags := flag.NewFlagSet("scripts/deploy", flag.ContinueOnError)
	flags.Usage = func() {
		fmt.Fprint(flags.Output(), deployHelp)
		flags.PrintDefaults()
	}
	flags.BoolVar(&o.guided, "guided", false, "ask again")
	flags.StringVar(&o.env, "config-env", "default", "`name` of the answers: one for each stack that you keep")
	flags.StringVar(&o.given.StackName, "stack-name", "", "`name` of the stack")
	flags.StringVar(&o.given.Region, "region", "", "AWS `region`")
	for len(args) > 0 { // flags and parameters in any order
		if err := flags.Parse(args); err != nil {
			return o, err
		}
		if args = flags.Args(); len(args) == 0 {
			break
		}
		name, value, ok := strings.Cut(args[0], "=")
		if !ok {
			return o, fmt.Errorf("scripts/deploy does not know %q: see scripts/deploy --help", args[0])
		}
		o.given.Parameters[name] = value
		args = args[1:]
	}
	return o, nil
}

func deployCommand(ctx context.Context, root string, args []string) (err error) {
	options, err := parseDeploy(args)
	if err != nil {
		return err
	}
	a, err := settleAnswers(root, options, os.Stdin, os.Stdout)
	if err != nil {
		return err
	}
	dir, err := newRunDir(root)
	if err != nil {
		return err
	}
	progress := newProgress(os.Stdout)
	to := account{answers: a, root: root, dir: dir}
	err = to.prepare(ctx, progress)
	progress.Close()
	defer func() { dir.close(err != nil && ctx.Err() == nil) }()
	if err != nil {
		return report(ctx, err)
	}
	if err := to.deploy(ctx, options.toSAM); err != nil {
		return report(ctx, err)
	}
	fmt.Print(to.nextSteps())
	return nil
}

// settleAnswers puts together what was answered before, what was given now and,
// where that leaves a question open, what is answered now; and keeps it.
func settleAnswers(root string, o deployOptions, in io.Reader, out io.Writer) (answers, error) {
	file := filepath.Join(root, answersFile)
	book, err := loadAnswers(file)
	if err != nil {
		return answers{}, err
	}
	a := book[o.env].with(o.given)
	if err := a.ask(o.guided, in, out); err != nil {
		return answers{}, err
	}
	known, err := parameterNames(filepath.Join(root, "template.yaml"))
	if err != nil {
		return answers{}, err
	}
	if err := a.check(known); err != nil {
		return answers{}, err
	}
	book[o.env] = a
	return a, book.save(file)
}

// account is one stack in the user's own account.
type account struct {
	answers
	root string
	dir  runDir
	sam  string
}

// prepare builds all there is to build, and checks it.
func (a *account) prepare(ctx context.Context, p *Progress) error {
	if err := a.findSAM(ctx, p); err != nil {
		return err
	}
	if err := p.Run("compile unsend", func() (string, error) { return "", compileTool(ctx, a.root, a.dir) }); err != nil {
		return err
	}
	return p.Run("sam build", func() (string, error) { return a.Parameters[architectureParameter], a.build(ctx) })
}

// findSAM takes the user's own sam, else the pinned one.
func (a *account) findSAM(ctx context.Context, p *Progress) error {
	if path, err := exec.LookPath("sam"); err == nil {
		a.sam = path
		return nil
	}
	python, err := findPython(ctx)
	if err != nil {
		return fmt.Errorf("%w\n    Or install the SAM CLI yourself, so that sam is on the PATH", err)
	}
	a.sam = venv{root: a.root, name: "sam"}.bin("sam")
	return ensureVenv(ctx, p, a.root, a.dir, "sam", python)
}

// samArgs reads [default] of samconfig.toml, and no answers from there: they
// could differ for build and deploy.
func (a *account) samArgs(command string) []string {
	args := []string{a.sam, command, "--config-file", filepath.Join(a.root, "samconfig.toml"), "--config-env", "default"}
	return append(append(args, "--parameter-overrides"), a.overrides()...)
}

// build runs sam build for the processor that is deployed.
func (a *account) build(ctx context.Context) error {
	c := Command{What: "sam build", Dir: a.root, Log: a.dir.log("sam build"), Argv: append(a.samArgs("build"), "--build-dir", a.built()),
		Env: append(os.Environ(), compile.Shipped()...)}
	if _, err := c.Run(ctx); err != nil {
		return err
	}
	return checkBinaries(a.built(), a.Parameters[architectureParameter])
}

func (a *account) built() string { return filepath.Join(a.root, ".aws-sam", "build") }

// deploy gives sam the terminal, since it asks before it changes anything.
func (a *account) deploy(ctx context.Context, more []string) error {
	argv := append(a.samArgs("deploy"), "--template-file", filepath.Join(a.built(), "template.yaml"), "--stack-name", a.StackName, "--region", a.Region)
	argv = append(argv, more...)
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Dir = a.root
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	if err := cmd.Run(); err != nil {
		return errors.Join(context.Cause(ctx), fmt.Errorf("sam deploy: %w", err))
	}
	return nil
}

func (a *account) nextSteps() string {
	where := "--stack-name " + a.StackName + " --region " + a.Region
	return fmt.Sprintf(`
When the stack is up:

    .build/unsend smoke %s    # checks it end to end, and leaves nothing behind
    .build/unsend seed scripts/unsend/sample.yaml %s    # or a file of your own: servers, channels, roles, members
    .build/unsend token alice %s
    .build/unsend chat --as alice --server harbour --channel general %s

`, where, where, where, where)
}
