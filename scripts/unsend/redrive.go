package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"unsend/scripts/unsend/deployment"
	"unsend/scripts/unsend/redrive"
	"unsend/shared/chat"
	"unsend/shared/eventbridge"
	"unsend/shared/queue"
)

// redriveOptions are the flags of redrive.
type redriveOptions struct {
	redrive.Options
	from string
	json bool
}

func (a *app) redriveCommand() *cobra.Command {
	var o redriveOptions
	command := &cobra.Command{
		Use:     "redrive",
		GroupID: operating,
		Short:   "Show what was given up, and replay it",
		Long: `Show the notices that were given up, and with --replay tell them after all.

What notify could not finish within a quarter of an hour, and record within a day, is in the failure
bucket, in objects that Lambda writes. What push could not finish, however often it tried, is in the dead letter queue. Both
hold ids only; what a device is told is read when it is told.

Without --replay nothing is changed; dead letters are hidden from other readers while it runs. With it
each object and dead letter becomes tasks of the push queue, and is deleted when the queue has taken
them; revocations of an object go to the audit and the bus, too, if they are not there. Stop it whenever you like and run it again: nothing is lost. Something may then be told twice,
which is harmless, as clients show the highest version of a message. New messages that are older than
five minutes are not told again, since the history has them; revocations always are.

What cannot be replayed is listed with its reason, and stays. Devices that were not told learn of
revocations by sync, and of messages by history.

It ends with exit code 1 when something could not be replayed.

It needs s3:ListBucket and s3:GetObject on the bucket, sqs:GetQueueAttributes, sqs:ReceiveMessage and
sqs:ChangeMessageVisibility on the dead letter queue; to replay, s3:DeleteObject and sqs:DeleteMessage
on these, too, sqs:SendMessage on the push queue, and what the role of the function record permits:
dynamodb:BatchGetItem on Messages, dynamodb:BatchWriteItem on Audit, events:PutEvents on the bus.`,
		Example: "  unsend redrive\n  unsend redrive --replay --from bucket --limit 10\n  unsend redrive --stack-name unsend --json",
		Args:    exactly(0, "redrive takes no arguments"),
		RunE:    func(command *cobra.Command, _ []string) error { return a.redrive(command.Context(), o) },
	}
	flags := command.Flags()
	flags.BoolVar(&o.Replay, "replay", false, "put it into the push queue, and delete it where it was")
	flags.StringVar(&o.from, "from", "all", "`where`: bucket, queue, all")
	(*limit)(&o.Limit).add(command, 1000, "look at no more than `n` objects and dead letters, or replay no more; 0 is no limit")
	flags.BoolVar(&o.json, "json", false, "a line of JSON for each, and one for the sums")
	return command
}

func (a *app) redrive(ctx context.Context, o redriveOptions) error {
	from := map[string][]redrive.Source{"all": {redrive.Bucket, redrive.Queue}, "bucket": {redrive.Bucket}, "queue": {redrive.Queue}}[o.from]
	if from == nil {
		return fmt.Errorf("--from is bucket, queue or all, not %q", o.from)
	}
	d, err := a.find(ctx)
	if err != nil {
		return err
	}
	r, err := redriver(d, from)
	if err != nil {
		return err
	}
	var report redrive.Report = &redrive.Table{Out: a.out, Colour: colour(a.out), Deployment: d.Name, Bucket: d.FailureBucket}
	if o.json {
		report = &redrive.Lines{Out: a.out}
	}
	progress, done := a.counting(o.json)
	summary, err := r.Run(ctx, o.Options, func(item redrive.Item) {
		progress()
		report.Add(item)
	})
	done()
	if failed := report.End(summary, err != nil); err == nil {
		err = failed
	} else {
		err = fmt.Errorf("%w (nothing is lost; when this is mended run the command again for the rest)", err)
	}
	if n := summary.Unfinished(); err == nil && o.Replay && n > 0 {
		err = fmt.Errorf("%d of %d could not be replayed: their reasons are listed", n, summary.Objects+summary.Letters)
	}
	return err
}

// redriver works on the deployment, or says what it lacks.
func redriver(d *deployment.Deployment, from []redrive.Source) (redrive.Redriver, error) {
	var missing []string
	for output, value := range map[string]string{"UndeliveredBucket": d.FailureBucket, "PushQueueUrl": d.PushQueueURL, "PushDeadLettersUrl": d.PushDeadLettersURL, "AuditTable": d.AuditTable} {
		if value == "" {
			missing = append(missing, output)
		}
	}
	slices.Sort(missing)
	if len(missing) > 0 {
		return redrive.Redriver{}, fmt.Errorf("the stack %q has no output %s: deploy this release first (scripts/deploy, or scripts/dev)", d.Name, strings.Join(missing, ", "))
	}
	r := redrive.Redriver{Queue: redrive.Bounded(queue.New(d.AWS(), d.PushQueueURL))}
	for _, source := range from {
		switch source {
		case redrive.Bucket:
			r.Objects = redrive.NewS3(d.AWS(), d.FailureBucket, d.Local())
			r.Recorder = recorder(d)
		case redrive.Queue:
			r.Letters = redrive.NewSQS(d.AWS(), d.PushDeadLettersURL)
		}
	}
	return r, nil
}

func recorder(d *deployment.Deployment) *chat.Recorder {
	store := d.Store()
	r := &chat.Recorder{Messages: store, Audit: store, Clock: time.Now, Retention: d.AuditRetention()}
	if d.EventBus != "" {
		r.Events = eventbridge.New(d.AWS(), d.EventBus)
	}
	return r
}

// counting shows on a terminal how many were looked at, until done. Lines that are
// written meanwhile to the same terminal show it, too.
func (a *app) counting(lines bool) (one, done func()) {
	if !isTerminal(a.err) || (lines && isTerminal(a.out)) {
		return func() {}, func() {}
	}
	n := 0
	show := func() { fmt.Fprintf(a.err, "\r\x1b[Klooked at %d", n) }
	show()
	return func() { n++; show() }, func() { fmt.Fprint(a.err, "\r\x1b[K") }
}
