package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
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
never given is as samconfig.toml says of the stage, else it keeps the value it has in the stack, at first
its default. What follows -- goes to sam deploy.

  scripts/deploy RevokeWindowMs=300000 MessageRetentionDays=90
  scripts/deploy --stage prod AlarmTopicArn=arn:aws:sns:eu-central-1:123456789012:on-call
  scripts/deploy --config-env test --stack-name unsend-test --region eu-central-1 Architecture=x86_64
  scripts/deploy -- --no-confirm-changeset
  scripts/deploy --forget RevokeWindowMs
  scripts/deploy --stage dev --remove

Flags:
`

// deployOptions are what scripts/deploy was told.
type deployOptions struct {
	guided bool
	remove bool     // instead of deploying
	yes    bool     // remove without asking
	forget []string // parameters, instead of deploying
	env    string   // name of the answers
	stage  string   // section of samconfig.toml; empty: [default]
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
	flags.BoolVar(&o.remove, "remove", false, "remove the stack: shows what goes and what stays, asks, and ends with the commands for what stays")
	flags.BoolVar(&o.yes, "yes", false, "with --remove: do not ask")
	flags.Func("forget", "take the kept answer to this `parameter` back, and deploy nothing; may be given many times", func(name string) error {
		o.forget = append(o.forget, name)
		return nil
	})
	flags.StringVar(&o.stage, "stage", "", "dev, staging or prod: the `stage` of samconfig.toml to deploy, with answers of its own")
	flags.StringVar(&o.env, "config-env", "", "`name` of the answers, where you keep several stacks without a stage (default \"default\")")
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
	if o.yes && !o.remove {
		return o, errors.New("scripts/deploy: --yes is for --remove; sam's question is answered by -- --no-confirm-changeset")
	}
	if o.stage != "" && o.env != "" {
		return o, errors.New("scripts/deploy: a stage has answers of its own; give --stage or --config-env")
	}
	if len(o.forget) > 0 && (o.deploys() || o.remove || o.given.StackName != "" || o.given.Region != "") {
		return o, errors.New("scripts/deploy: --forget takes nothing but --stage or --config-env; deploy after it")
	}
	o.env = cmp.Or(o.stage, o.env, defaultSection)
	return o, nil
}

// deploys tells of what only a deployment takes.
func (o deployOptions) deploys() bool {
	return len(o.given.Parameters) > 0 || o.guided || len(o.toSAM) > 0
}

func deployCommand(ctx context.Context, root string, args []string) (err error) {
	options, err := parseDeploy(args)
	if err != nil {
		return err
	}
	if options.remove {
		return removeCommand(ctx, root, options)
	}
	if len(options.forget) > 0 {
		return forgetAnswers(root, options, os.Stdout)
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
	to := account{answers: a, stage: options.stage, root: root, dir: dir}
	err = to.prepare(ctx, progress)
	progress.Close()
	defer func() { dir.close(err != nil && ctx.Err() == nil) }()
	if err != nil {
		return report(ctx, err)
	}
	before, _ := to.parameters(ctx) // none of a stack that is not up; any other reason meets sam, too, which says it
	fmt.Print(to.changes(before))
	if err := to.deploy(ctx, options.toSAM); err != nil {
		return report(ctx, err)
	}
	fmt.Print(to.found(to.outputs(ctx)), to.nextSteps(before))
	return nil
}

// settleAnswers puts together what was answered before, what was given now and,
// where that leaves a question open, what is answered now; and keeps it. What
// it gives has the stage's parameters too, which are kept in samconfig.toml alone.
func settleAnswers(root string, o deployOptions, in io.Reader, out io.Writer) (answers, error) {
	stage, err := loadStage(filepath.Join(root, samconfigFile), o.stage)
	if err != nil {
		return answers{}, err
	}
	file := answersPath(root)
	book, err := loadAnswers(file)
	if err != nil {
		return answers{}, err
	}
	kept := book[o.env].with(o.given)
	if err := kept.ask(o.guided, stage, in, out); err != nil {
		return answers{}, err
	}
	a := stage.with(kept)
	known, err := parameterNames(filepath.Join(root, "template.yaml"))
	if err != nil {
		return answers{}, err
	}
	if err := a.check(known); err != nil {
		return answers{}, err
	}
	if before := book[o.env]; o.stage != "" && before.StackName != "" && !before.Staged {
		fmt.Fprintf(out, "The stage %s takes over the stack %s in %s, with the answers that --config-env %s kept.\n"+
			"Its builds move into a folder of their own: \"Into a stage\" in docs/operating.md says when not to.\n\n", o.stage, before.StackName, before.Region, o.env)
	}
	fmt.Fprint(out, kept.before(stage, o.stage))
	kept.Staged = o.stage != ""
	book[o.env] = kept
	return a, book.save(file)
}

// forgetAnswers takes answers back that were kept. One that never was is as good as forgotten.
func forgetAnswers(root string, o deployOptions, out io.Writer) error {
	file := answersPath(root)
	book, err := loadAnswers(file)
	if err != nil {
		return err
	}
	known, err := parameterNames(filepath.Join(root, "template.yaml"))
	if err != nil {
		return err
	}
	kept := book[o.env].Parameters
	for _, name := range o.forget {
		if _, found := kept[name]; !found && !slices.Contains(known, name) {
			return fmt.Errorf("template.yaml has no parameter %q, and none is kept", name)
		}
	}
	for _, name := range o.forget {
		if value, found := kept[name]; found {
			fmt.Fprintf(out, "%s=%s is forgotten: the stack keeps it until samconfig.toml or an answer says otherwise\n", name, value)
		} else {
			fmt.Fprintf(out, "%s was not kept\n", name)
		}
		delete(kept, name)
	}
	return book.save(file)
}

// account is one stack in the user's own account.
type account struct {
	answers
	stage string // section of samconfig.toml; empty: [default]
	root  string
	dir   runDir
	sam   string
	env   []string // of sam; nil: this process's, with the credentials in it
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

// samArgs has sam read the stage's section of samconfig.toml, and no answers from
// there: they could differ for build and deploy.
func (a *account) samArgs(command string) []string {
	args := []string{a.sam, command, "--config-file", filepath.Join(a.root, samconfigFile), "--config-env", cmp.Or(a.stage, defaultSection)}
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
	if a.stage != "" { // else the folder stays where it was: a build that moves is published anew, and Lambda publishes nothing twice
		argv = append(argv, "--s3-prefix", a.StackName)
	}
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

// parameters asks AWS what the stack was given, wherever it was deployed from. It fails for one that never came up.
func (a *account) parameters(ctx context.Context) (map[string]string, error) {
	c := Command{What: "unsend parameters", Dir: a.root, Log: a.dir.log("unsend parameters"), Env: a.env,
		Argv: []string{toolPath(a.root), "parameters", "--json", "--stack-name", a.StackName, "--region", a.Region}}
	text, err := c.Run(ctx)
	if err != nil {
		return nil, err
	}
	_, object, found := strings.Cut("\n"+text, "\n{")
	if !found {
		return nil, errors.New("unsend parameters: there are none in its answer")
	}
	var parameters map[string]string
	if err := json.NewDecoder(strings.NewReader("{" + object)).Decode(&parameters); err != nil {
		return nil, fmt.Errorf("unsend parameters: %w", err)
	}
	return parameters, nil
}

// changes says which values of the stack this deployment replaces; nothing where it replaces none.
func (a *account) changes(before map[string]string) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(a.Parameters)) {
		if had, known := before[name]; known && had != a.Parameters[name] {
			fmt.Fprintf(&b, "    %s: %s becomes %s\n", name, cmp.Or(had, `""`), cmp.Or(a.Parameters[name], `""`))
		}
	}
	if b.Len() == 0 {
		return ""
	}
	return fmt.Sprintf("\nThis changes parameters of the stack %s (give a value as PARAMETER=VALUE to keep it):\n\n%s\n", a.StackName, b.String())
}

// errNoOutputs is of a stack that is there and says nothing of itself.
var errNoOutputs = errors.New("the stack has no outputs")

// outputs asks AWS for what the stack says of itself; errNoOutputs where that is nothing.
func (a *account) outputs(ctx context.Context) (map[string]string, error) {
	c := Command{What: "sam list stack-outputs", Dir: a.root, Log: a.dir.log("sam list"), Env: a.env,
		Argv: []string{a.sam, "list", "stack-outputs", "--stack-name", a.StackName, "--region", a.Region, "--output", "json"}}
	text, err := c.Run(ctx)
	if err != nil && strings.Contains(text, "Outputs do not exist for the input stack") {
		return nil, errNoOutputs
	}
	if err != nil {
		return nil, err
	}
	return parseStackOutputs(text)
}

// parseStackOutputs reads what sam lists, which may say other things before.
func parseStackOutputs(text string) (map[string]string, error) {
	var list []struct{ OutputKey, OutputValue string }
	_, listed, found := strings.Cut("\n"+text, "\n[")
	if !found {
		return nil, errors.New("sam list stack-outputs: there is no list in its answer")
	}
	if err := json.NewDecoder(strings.NewReader("[" + listed)).Decode(&list); err != nil {
		return nil, fmt.Errorf("sam list stack-outputs: %w", err)
	}
	outputs := map[string]string{}
	for _, o := range list {
		outputs[o.OutputKey] = o.OutputValue
	}
	return outputs, nil
}

// found says where clients and back ends find the deployment. There is none yet
// where somebody has answered no to sam, which is no failure.
func (a *account) found(outputs map[string]string, err error) string {
	if err != nil {
		return fmt.Sprintf("\n%v\n\nThe stack %s shows no endpoints. When it is up:\n", err, a.StackName)
	}
	return fmt.Sprintf(`
The stack %s is up:

    WebSocket for clients       %s
    Server API for back ends    %s

Next:
`, a.StackName, outputs["WebSocketUrl"], outputs["ServerApiUrl"])
}

// nextSteps are the commands that come next; a community is for a first deployment, which had no parameters before.
func (a *account) nextSteps(before map[string]string) string {
	where := "--stack-name " + a.StackName + " --region " + a.Region
	steps := fmt.Sprintf("\n    .build/unsend smoke %s    # checks it end to end, and leaves nothing behind\n", where)
	if len(before) == 0 {
		steps += fmt.Sprintf(`    .build/unsend seed scripts/unsend/sample.yaml %s    # or a file of your own: servers, channels, roles, members
    .build/unsend token alice %s
    .build/unsend chat --as alice --server harbour --channel general %s
`, where, where, where)
	}
	topic, given := a.Parameters["AlarmTopicArn"]
	if !given { // and so it stays as it was
		topic = before["AlarmTopicArn"]
	}
	if topic == "" {
		steps += "\nIts alarms tell nobody until AlarmTopicArn=… names an SNS topic.\n"
	}
	return steps + "\n"
}
