package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/time/rate"

	"unsend/scripts/unsend/deployment"
	"unsend/scripts/unsend/restore"
	"unsend/scripts/unsend/terminal"
	"unsend/shared/chat"
)

// restoreOptions are the flags of restore.
type restoreOptions struct {
	table, since      string
	keep              []string
	apply, live, json bool
	yes               bool
	pace              int
}

// maxPace is more than a new table takes.
const maxPace = 10_000

func (a *app) restoreCommand() *cobra.Command {
	var o restoreOptions
	command := &cobra.Command{
		Use: "restore [SERVER...] --table NAME", GroupID: operating, Short: "Take back again what a restored table of messages holds",
		Long: `Take back again, in a table of messages that was restored from a point in time, what was taken back after that
point. Run it before anybody is served the table: it holds texts that were revoked.

It reads the whole table once (a Scan of keys; you pay for its size), to see which servers and channels it has
messages of, and then the audit of each server. Each message that is there and still normal is revoked as the
audit says: operator, kind of client, device, time, version and reason, and its place in what sync reads. The
operator's nick, extension and push texts are not in the audit, and stay empty. Messages of channels and servers
that were deleted, as Community or the audit knows, are removed, after you were asked; name with --keep those whose
deletion you restore to undo: they stay, but for what was revoked in them. Nothing else is written, and nobody is
told.

Without --apply nothing is changed. With it the exit code is 1 where something is left. Of servers that are not
named, where some are, nothing is looked at: run it without names before the table is served. Stop it whenever you
like and run it again: what is done is found done. Run it again when nothing is taken back any longer. AWS says which
point in time a restored table is of; where it does not, give it with --since, or all that the audit has is looked at.

It knows what the audit knows. Nothing of revocations that are older than the deployment's AuditRetentionDays (one that
was raised holds for later entries only) or than the table Audit, nor of those that the function record has not kept:
see first that the alarms RecordsAreLate and RecordsWereGivenUp are not on (unsend redrive), and keep the old table
until then. A table that is served, and so has a stream, needs none of this, and is refused but for --live. One that AWS
knows to be restored from another stack's table is always refused.

It needs dynamodb:DescribeTable, Scan, BatchGetItem, Query, UpdateItem and BatchWriteItem on the table, Query on its
index, on Audit and on Community, and DescribeTable on Audit. docs/operating.md has the whole procedure.`,
		Example: "  unsend restore --table messages-restored\n" +
			"  unsend restore --table messages-restored --apply --keep harbour/crew\n  unsend restore harbour --table messages-restored --json",
		Args: usage,
		RunE: func(command *cobra.Command, args []string) error { return a.restore(command.Context(), o, args) },
	}
	flags := command.Flags()
	flags.StringVar(&o.table, "table", "", "`name` of the restored table")
	flags.StringVar(&o.since, "since", "", "the point in `time` that it was restored from: 2026-01-31, RFC 3339, or ms (default: what AWS says of the table, else all that the audit has)")
	flags.BoolVar(&o.apply, "apply", false, "do it")
	flags.StringArrayVar(&o.keep, "keep", nil, "what was deleted and is to be kept, as `SERVER[/CHANNEL]`; may be given many times")
	flags.BoolVarP(&o.yes, "yes", "y", false, "remove messages of deleted channels without asking")
	flags.BoolVar(&o.live, "live", false, "the table may be the one that the deployment serves")
	flags.IntVar(&o.pace, "pace", 500, "no more than `n` writes a second; ten rows that are read count as one")
	flags.BoolVar(&o.json, "json", false, "a line of JSON for each server, and one for the sums")
	_ = command.MarkFlagRequired("table") // it exists
	return command
}

// tableName is what DynamoDB permits; an ARN, which it takes, too, could be the live table's.
var tableName = regexp.MustCompile(`^[A-Za-z0-9_.-]{3,255}$`)

func (o restoreOptions) check(d *deployment.Deployment) error {
	switch {
	case d.AuditTable == "":
		return fmt.Errorf("the stack %q has no output AuditTable, where it is kept what was taken back: deploy this release first (scripts/deploy, or scripts/dev)", d.Name)
	case o.table == d.CommunityTable || o.table == d.SessionsTable || o.table == d.AuditTable:
		return fmt.Errorf("%s is a table of the stack %q, and holds no messages", o.table, d.Name)
	case o.table == d.MessagesTable && !o.live:
		return fmt.Errorf("%s is the table that the stack %q serves, not a restored one: name that, or say --live", o.table, d.Name)
	}
	return nil
}

func (a *app) restore(ctx context.Context, o restoreOptions, servers []string) error {
	if !tableName.MatchString(o.table) {
		return fmt.Errorf("--table: %q is no name of a table", o.table)
	}
	if o.pace < 1 || o.pace > maxPace {
		return fmt.Errorf("--pace is 1 to %d", maxPace)
	}
	since, relative, err := flagTime("since", o.since)
	if err != nil {
		return err
	}
	if relative {
		return fmt.Errorf("--since: %q is another time each time that this is run: give the point in time that you restored (2026-01-31T12:00:00Z, or ms)", o.since)
	}
	now := time.Now()
	if since > now.UnixMilli() {
		return errors.New("--since is in the future")
	}
	d, err := a.find(ctx)
	if err != nil {
		return err
	}
	if err := o.check(d); err != nil {
		return err
	}
	point, err := d.CheckRestored(ctx, o.table, o.live)
	if err != nil {
		return err
	}
	if since, err = sinceThePoint(since, point); err != nil {
		return err
	}
	created, err := d.AuditCreated(ctx)
	if err != nil {
		return err
	}
	q := chat.RestoreRequest{Since: since, Servers: servers, Keep: o.keep, Apply: o.apply}
	return a.restoring(ctx, o, q, d, knownSince(since, d.AuditRetention(), created, now))
}

// sinceThePoint is from when on the audit is to be read of a table that AWS knows to be restored from a point in time; 0: it does not say.
func sinceThePoint(since, point int64) (int64, error) {
	if since == 0 || point == 0 {
		return max(since, point), nil
	}
	if since > point {
		return 0, fmt.Errorf("--since is %s, later than %s, which the table was restored from: what was taken back between them would stay readable; leave --since out", at(since), at(point))
	}
	return since, nil
}

// knownSince is from when on the audit knows what was taken back since; 0: it knows all of it. It knows nothing of before it was created, and
// what is older than the retention may have expired. Entries expire by the retention that they were written with.
func knownSince(since int64, retention time.Duration, created, now time.Time) int64 {
	oldest := created.UnixMilli()
	if retention > 0 {
		oldest = max(oldest, now.Add(-retention).UnixMilli())
	}
	if since >= oldest {
		return 0
	}
	return oldest
}

func (a *app) restoring(ctx context.Context, o restoreOptions, q chat.RestoreRequest, d *deployment.Deployment, known int64) error {
	out := a.err
	if isTerminal(a.err) && o.json && isTerminal(a.out) {
		out = nil // its line would stand between those of the output
	}
	progress := terminal.NewProgress(out, isTerminal(a.err), time.Now)
	var report restore.Report = &restore.Table{Out: a.out, Colour: colour(a.out), Name: o.table, BeforeWriting: progress.Clear}
	if o.json {
		report = restore.Lines{Out: a.out}
	}
	summary := restore.Summary{Apply: o.apply, Known: known, Named: q.Servers}
	r := chat.Restorer{Store: d.Restored(o.table), Pace: rate.NewLimiter(rate.Limit(o.pace), 1), Progress: tellRestore(progress), Removing: a.removing(o, progress.Clear)}
	err := r.Restore(ctx, q, func(s chat.RestoredServer) error {
		summary.Add(s)
		return report.Add(s)
	})
	progress.Clear()
	summary.Stopped = err != nil
	if failed := report.End(summary); err == nil {
		return cmp.Or(failed, summary.Left())
	}
	return fmt.Errorf("%w (what was done stays; run the command again for the rest)", err)
}

// mostNamed is how many channels a question names.
const mostNamed = 10

// removing asks whether to remove the messages of deleted channels: the table may have been restored to have them.
func (a *app) removing(o restoreOptions, clear func()) func(context.Context, string, []string, int) error {
	return func(ctx context.Context, serverID string, channels []string, rows int) error {
		clear()
		names := strings.Join(channels[:min(len(channels), mostNamed)], ", ")
		if more := len(channels) - mostNamed; more > 0 {
			names += fmt.Sprintf(" and %d more", more)
		}
		what := fmt.Sprintf("removing %d messages of deleted channels of %s (%s; --keep has them stay)", rows, serverID, names)
		return a.confirm(ctx, &options{yes: o.yes}, serverID, what)
	}
}

func tellRestore(progress *terminal.Progress) func(chat.RestoreProgress) {
	return func(p chat.RestoreProgress) {
		if p.Of == 0 {
			progress.Say("counted %d messages of the table", p.Rows)
			return
		}
		progress.Say("server %d of %d, %s: %d revocations looked at, %d messages written", p.Server, p.Of, p.ServerID, p.Entries, p.Done)
	}
}
