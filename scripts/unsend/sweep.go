package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"unsend/scripts/unsend/serverapi"
	"unsend/shared/chat"
)

// sweepOptions are the flags of sweep.
type sweepOptions struct {
	options
	byline
	channel, since, id string
	dryRun             bool
}

func (a *app) sweepCommand() *cobra.Command {
	var o sweepOptions
	command := o.waits(o.writes(&cobra.Command{
		Use: "sweep SERVER ACCOUNT", GroupID: messages, Short: "Take back all that an account sent",
		Long: `Take back what an account sent in a server, or in one channel, of whatever age. It cannot be undone: look with --dry-run
how many there are. To keep the account from sending more meanwhile, ban it first.

The service does it after it has answered; see unsend job, or --wait. It reads the channels from --since on, so
the later that is, the sooner it is done.

A sweep has an id. The same one again, with the same flags, goes on where it stopped; without --id each is a new one.
A --since that is so long ago (2h) is then the one of the first time.`,
		Example: `  unsend sweep harbour mallory --since 2h --operator olga --reason spam --wait
  unsend sweep harbour mallory --operator olga --dry-run --wait
  unsend sweep harbour mallory --channel general --since 2026-01-31T12:00:00Z --acting-as bob --id spam-1`, Args: usage,
		RunE: a.calling(func(ctx context.Context, c *serverapi.Client, args []string) error { return a.sweep(ctx, c, &o, args) }),
	}))
	flags := command.Flags()
	flags.StringVar(&o.channel, "channel", "", "in this `channel` alone")
	flags.StringVar(&o.since, "since", "", "sent at this `time` or later: 2h (so long ago), 2026-01-31, RFC 3339, or ms (default: from the beginning)")
	flags.StringVar(&o.id, "id", "", "`id` of the sweep (default: a new one)")
	flags.BoolVar(&o.dryRun, "dry-run", false, "count what would be taken back, and take nothing back")
	o.byline.add(command)
	return command
}

func (a *app) sweep(ctx context.Context, c *serverapi.Client, o *sweepOptions, args []string) error {
	if err := o.byline.check(&o.options); err != nil {
		return err
	}
	since, relative, err := flagTime("since", o.since)
	if err != nil {
		return err
	}
	id := o.id
	if err := asArgument("--id", chat.CheckID("id", id)); id != "" && err != nil {
		return err
	}
	switch {
	case id == "":
		id = newSweepID(time.Now())
		fmt.Fprintf(a.err, "The sweep is %s: with --id %s it is taken up where it stopped.\n", id, id)
	case relative:
		if since, err = sinceOf(ctx, c, args[0], id, since); err != nil {
			return err
		}
	}
	job, err := c.PutSweep(ctx, o.bound(), args[0], id, serverapi.Sweep{
		Accid: args[1], ChannelID: o.channel, Since: since, Operator: o.operator, UpdateInfo: o.info(), DryRun: o.dryRun,
	})
	if serverapi.IsStatus(err, http.StatusConflict) {
		return fmt.Errorf("%w (a sweep with the id %s may be there with other flags: see unsend job show %s sweep %s)", err, id, args[0], id)
	}
	if err != nil {
		return err
	}
	return a.jobBegun(ctx, c, &o.options, job)
}

// newSweepID is readable in a list, and nobody else's.
func newSweepID(now time.Time) string {
	return now.UTC().Format("20060102t150405-") + strings.ToLower(rand.Text()[:6])
}

// sinceOf is where a sweep of this id began, if there is one: "2h ago" is another time now.
func sinceOf(ctx context.Context, c *serverapi.Client, server, id string, otherwise int64) (int64, error) {
	job, err := c.Job(ctx, server, serverapi.KindSweep, id)
	switch {
	case serverapi.IsStatus(err, http.StatusNotFound):
		return otherwise, nil
	case err != nil:
		return 0, err
	}
	return job.Sweep.Since, nil
}
