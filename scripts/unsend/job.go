package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"unsend/scripts/unsend/serverapi"
	"unsend/scripts/unsend/terminal"
	"unsend/scripts/unsend/wait"
	"unsend/shared/chat"
)

// repeatedDeletion is what help says of deletions that are asked for again.
var repeatedDeletion = fmt.Sprintf("Repeated, it shows the same job, for %d days after that is done; afterwards the service answers 404.", chat.JobTTL/(24*time.Hour))

func (a *app) jobCommand() *cobra.Command {
	return group(messages, "job", "Jobs: sweeps and deletions that are under way, or done",
		"What takes long, a sweep or a deletion, is a job: the service does it after it has answered, and goes on whether or not you wait.",
		"  unsend job list harbour\n  unsend job show harbour sweep spam-1 --wait",
		a.jobList(), a.jobShow(), a.jobResume())
}

func (a *app) jobList() *cobra.Command {
	var o options
	return o.lists(&cobra.Command{
		Use: "list SERVER", Short: "List the jobs of a server",
		Example: "  unsend job list harbour", Args: usage,
		RunE: a.calling(func(ctx context.Context, c *serverapi.Client, args []string) error {
			return listing[serverapi.Job]{
				columns: []string{"kind", "job", "of", "begun", "done", "so far"},
				row: func(j serverapi.Job) []string {
					return []string{j.Kind, j.JobID, jobOf(j), at(j.CreatedAt), at(j.FinishedAt), jobCounts(j)}
				},
				none: args[0] + " has no jobs",
			}.print(ctx, a, &o, c.Jobs(args[0]))
		}),
	})
}

// jobOf is what the job is about.
func jobOf(j serverapi.Job) string {
	switch {
	case j.Kind != serverapi.KindSweep:
		return ""
	case j.Sweep.ChannelID != "":
		return j.Sweep.Accid + " in " + j.Sweep.ChannelID
	}
	return j.Sweep.Accid
}

// jobCounts is how far it is.
func jobCounts(j serverapi.Job) string {
	switch {
	case j.Kind != serverapi.KindSweep:
		return count(j.Removed, "row") + " removed"
	case j.Sweep.DryRun:
		return fmt.Sprintf("%d found", j.Found)
	}
	text := fmt.Sprintf("%d of %d taken back", j.Revoked, j.Found)
	if j.Refused > 0 {
		text += fmt.Sprintf(", %d refused", j.Refused)
	}
	return text
}

func count(n int64, what string) string {
	if n != 1 {
		what += "s"
	}
	return strconv.FormatInt(n, 10) + " " + what
}

func (a *app) jobShow() *cobra.Command {
	var o options
	return o.waits(o.prints(&cobra.Command{
		Use: "show SERVER sweep|channel|server JOB", Short: "Show a job, or wait until it is done",
		Long:    "Show a job. The JOB of a deletion is the id of the channel or of the server, that of a sweep its --id.",
		Example: "  unsend job show harbour sweep spam-1 --wait\n  unsend job show harbour channel crew\n  unsend job show harbour server harbour", Args: usage,
		RunE: a.calling(func(ctx context.Context, c *serverapi.Client, args []string) error {
			job, err := c.Job(ctx, args[0], args[1], args[2])
			if err != nil {
				return err
			}
			return a.jobBegun(ctx, c, &o, job)
		}),
	}))
}

func (a *app) jobResume() *cobra.Command {
	var o options
	return o.waits(o.prints(&cobra.Command{
		Use: "resume SERVER sweep|channel|server JOB", Short: "Have a job go on that has stopped",
		Long: "Have a job go on that has stopped, as when what it needs was out of reach for too long: from where it is, with what it was asked for. One that is at\n" +
			"work, or done, is none the worse for it.",
		Example: "  unsend job resume harbour sweep spam-1 --wait", Args: usage,
		RunE: a.calling(func(ctx context.Context, c *serverapi.Client, args []string) error {
			job, err := c.Resume(ctx, args[0], args[1], args[2])
			if err != nil {
				return err
			}
			return a.jobBegun(ctx, c, &o, job)
		}),
	}))
}

// jobBegun shows a job, when it is done where that is wanted.
func (a *app) jobBegun(ctx context.Context, c *serverapi.Client, o *options, job serverapi.Job) (err error) {
	show := fmt.Sprintf("unsend job show %s %s %s --wait", job.ServerID, job.Kind, job.JobID)
	if o.wait {
		if job, err = a.await(ctx, c, o, job, show); err != nil {
			return err
		}
	}
	if err := a.showJob(o, job); err != nil {
		return err
	}
	switch {
	case !job.Done() && !o.json:
		fmt.Fprintln(a.err, terminal.Clean("It goes on. Follow it with "+show))
	case job.Done() && job.Refused > 0:
		return fmt.Errorf("%s could not be taken back", count(job.Refused, "message"))
	}
	return nil
}

func (a *app) showJob(o *options, j serverapi.Job) error {
	fields := []field{{"job", j.Kind + " " + j.JobID}, {"server", j.ServerID}, {"state", j.State}, {"begun", orNone(at(j.CreatedAt))}}
	if j.Done() {
		fields = append(fields, field{"done", at(j.FinishedAt)})
	}
	if j.Kind == serverapi.KindSweep {
		fields = append(fields, field{"account", j.Sweep.Accid}, field{"channel", cmp.Or(j.Sweep.ChannelID, "all")}, field{"since", cmp.Or(at(j.Sweep.Since), "the beginning")}, field{"until", orNone(at(j.Sweep.Until))},
			field{"operator", orNone(j.Sweep.Operator)}, field{"reason", orNone(j.Sweep.UpdateInfo.Postscript)})
		if j.Sweep.ActingAs != "" {
			fields = append(fields, field{"acting as", j.Sweep.ActingAs})
		}
		if j.Sweep.DryRun {
			fields = append(fields, field{"dry run", "yes, nothing is taken back"})
		}
	}
	fields = append(fields, field{"channels", strconv.FormatInt(j.Channels, 10)})
	if j.Kind != serverapi.KindSweep {
		return a.shown(o, j, append(fields, field{"removed", count(j.Removed, "row")})...)
	}
	return a.shown(o, j, append(fields, field{"messages", jobCounts(j)})...)
}

const (
	firstLook  = 500 * time.Millisecond
	lastLook   = 5 * time.Second // the longest between two looks at a job
	sleepyTime = 2 * time.Minute // a job that has told nothing for so long may have stopped
)

// await looks at the job until it is done. Whatever happens here, it goes on.
func (a *app) await(ctx context.Context, c *serverapi.Client, o *options, job serverapi.Job, show string) (serverapi.Job, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, o.timeout, fmt.Errorf("it was not done within %v", o.timeout))
	defer cancel()
	progress := a.progress(false)
	defer progress.Clear()
	begun := time.Now()
	for after := firstLook; !job.Done(); after = min(after*3/2, lastLook) {
		progress.Say("%s %s: %s, %s (%v)", job.Kind, job.JobID, count(job.Channels, "channel"), jobCounts(job), time.Since(begun).Round(time.Second))
		now, err := look(ctx, c, job, after)
		if err != nil {
			progress.Clear()
			return job, a.stopped(ctx, job, show, err)
		}
		job = now
	}
	return job, nil
}

// look reads the job after a while.
func look(ctx context.Context, c *serverapi.Client, job serverapi.Job, after time.Duration) (serverapi.Job, error) {
	if err := wait.For(ctx, after); err != nil {
		return job, err
	}
	return c.Job(ctx, job.ServerID, job.Kind, job.JobID)
}

// stopped says why nobody waits any more, and how to go on.
func (a *app) stopped(ctx context.Context, job serverapi.Job, show string, err error) error {
	how := "it goes on, follow it with " + show
	if time.Since(time.UnixMilli(job.UpdatedAt)) > sleepyTime {
		how = fmt.Sprintf("it has told nothing for a while: unsend job resume %s %s %s has it go on from where it is", job.ServerID, job.Kind, job.JobID)
	}
	cause := context.Cause(ctx)
	switch {
	case errors.Is(cause, context.Canceled): // by Ctrl-C, of which nothing else is printed
		fmt.Fprintln(a.err, terminal.Clean("Stopped waiting: "+how))
	case cause != nil:
		err = cause
	}
	return fmt.Errorf("%w; %s", err, how)
}
