package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// remainder is a resource that template.yaml has outlive its stack.
type remainder struct {
	resource string // in template.yaml
	output   string // of the stack: its name or address
	holds    string
	kind     func(name, region string) []string // the commands that remove it
}

// remainders are what is left when a stack is removed. A test holds them to the template's deletion policies.
var remainders = []remainder{
	{"Messages", "MessagesTable", "the messages", removeTable},
	{"Community", "CommunityTable", "servers, channels, roles and members", removeTable},
	{"Audit", "AuditTable", "who took which message back, and who changed which policy", removeTable},
	{"Undelivered", "UndeliveredBucket", "ids of what could not be told or kept", removeBucket},
	{"PushDeadLetters", "PushDeadLettersUrl", "ids of what could not be told", removeQueue},
}

func removeTable(name, region string) []string {
	return []string{
		"aws dynamodb update-table --no-deletion-protection-enabled --region " + region + " --table-name " + name,
		"aws dynamodb wait table-exists --region " + region + " --table-name " + name,
		"aws dynamodb delete-table --region " + region + " --table-name " + name,
	}
}

func removeBucket(name, region string) []string {
	return []string{"aws s3 rb --force --region " + region + " s3://" + name}
}

func removeQueue(url, region string) []string {
	return []string{"aws sqs delete-queue --region " + region + " --queue-url " + url}
}

// gone is what a stack takes along. (Its log groups, alarms and roles have no name worth a line.)
const gone = `    the endpoints, the functions with their versions, roles and logs, the alarms, the dashboard, and CodeDeploy's part
    the table Sessions       who is connected, and markers of resends
    the queues PushQueue, SweepQueue and SweepDeadLetters, with what waits in them
    the secrets TokenSecretA and TokenSecretB: no token is accepted any more
    this stack's builds in sam's bucket: with --stage the first 1,000 objects of its folder, else those of this release`

// elsewhere is what no stack knows of.
const elsewhere = `sam's own stack aws-sam-cli-managed-default with its bucket stays for your other stacks; so do your event bus and your SNS
topic. Metrics and traces end by themselves. AWS keeps a backup of a deleted table for 35 days where point-in-time recovery
was on, and backups that you made until you delete them.
`

// removeCommand removes a stack, says what it keeps, and how to remove that too.
func removeCommand(ctx context.Context, root string, o deployOptions) (err error) {
	a, err := o.removable(root)
	if err != nil {
		return err
	}
	dir, err := newRunDir(root)
	if err != nil {
		return err
	}
	defer func() { dir.close(err != nil && ctx.Err() == nil) }()
	from := account{answers: a, stage: o.stage, root: root, dir: dir}
	progress := newProgress(os.Stdout)
	err = from.findSAM(ctx, progress)
	progress.Close()
	if err == nil {
		err = from.remove(ctx, o.yes, os.Stdin, os.Stdout)
	}
	if err != nil {
		return report(ctx, err)
	}
	return nil
}

// removable are the name and region of the stack that is meant. It asks for
// neither: whoever removes one says which, or has deployed it from here. A stage's
// name is the one that deploying it proposes.
func (o deployOptions) removable(root string) (answers, error) {
	if o.deploys() {
		return answers{}, errors.New("scripts/deploy --remove takes no parameters, no --guided and nothing for sam")
	}
	book, err := loadAnswers(answersPath(root))
	if err != nil {
		return answers{}, err
	}
	stage, err := loadStage(filepath.Join(root, samconfigFile), o.stage)
	if err != nil {
		return answers{}, err
	}
	a := answers{StackName: stage.StackName}.with(book[o.env]).with(o.given)
	if a.StackName == "" || a.Region == "" {
		return answers{}, errors.New("nothing was deployed from here by that name; say which stack: scripts/deploy --remove --stack-name NAME --region REGION, or --stage STAGE --region REGION")
	}
	return a, nil
}

// remove shows what goes and what stays, has that confirmed by the stack's name,
// removes the stack, and ends with the commands for the rest. It touches nothing of
// a stack that is not ours.
func (a *account) remove(ctx context.Context, yes bool, in io.Reader, out io.Writer) error {
	outputs, err := a.outputs(ctx)
	if errors.Is(err, errNoOutputs) {
		return a.unfinished()
	}
	if err != nil {
		return err
	}
	if outputs["MessagesTable"] == "" || outputs["WebSocketUrl"] == "" {
		return fmt.Errorf("the stack %s in %s is none of Unsend: it is left alone", a.StackName, a.Region)
	}
	fmt.Fprintf(out, "\nWith the stack %s in %s go:\n\n%s\n\nThese stay:\n\n%s\n", a.StackName, a.Region, gone, a.stay(outputs))
	if !yes {
		fmt.Fprintf(out, "Type the name of the stack to remove it: ")
		if typed, _ := readLine(in); strings.TrimSpace(typed) != a.StackName {
			return errors.New("that is not its name: nothing was removed")
		}
	}
	cmd := exec.CommandContext(ctx, a.sam, "delete", "--no-prompts", "--stack-name", a.StackName, "--region", a.Region)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = a.root, a.env, out, out
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	if err := cmd.Run(); err != nil {
		return errors.Join(context.Cause(ctx), fmt.Errorf("sam delete: %w", err))
	}
	fmt.Fprintf(out, "\nThe stack %s is removed. People's messages and your audit are still there. These remove them for good:\n\n%s\n%s",
		a.StackName, a.commands(outputs), elsewhere)
	return nil
}

// unfinished says how to remove what cannot be told from another's stack. A first deployment of ours that failed keeps
// nothing: template.yaml retains what a stack made that came up (RetainExceptOnCreate).
func (a *account) unfinished() error {
	return fmt.Errorf(`the stack %s in %s has no outputs, so it may be another's: it is left alone.
Where its first deployment failed, or somebody said no to it, nobody was ever served by it. This removes it:

    sam delete --stack-name %s --region %s`, a.StackName, a.Region, a.StackName, a.Region)
}

// stay lists what is left, a line each.
func (a *account) stay(outputs map[string]string) string {
	var b strings.Builder
	for _, r := range present(outputs) {
		fmt.Fprintf(&b, "    %-16s %s\n%21s%s\n", r.resource, r.holds, "", outputs[r.output])
	}
	return b.String()
}

func (a *account) commands(outputs map[string]string) string {
	var b strings.Builder
	for _, r := range present(outputs) {
		for _, command := range r.kind(outputs[r.output], a.Region) {
			fmt.Fprintf(&b, "    %s\n", command)
		}
	}
	return b.String()
}

// present leaves out what an older release did not have.
func present(outputs map[string]string) []remainder {
	return slices.DeleteFunc(slices.Clone(remainders), func(r remainder) bool { return outputs[r.output] == "" })
}
