package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/spf13/cobra"

	"unsend/scripts/unsend/deployment"
	"unsend/scripts/unsend/serverapi"
	"unsend/scripts/unsend/terminal"
)

// options are the flags that commands of the Server API share.
type options struct {
	json     bool
	actingAs string
	ifMatch  string
	limit    limit
	yes      bool
	wait     bool
	timeout  time.Duration
}

// prints adds the flags of every command: its output is for people, or for programs.
func (o *options) prints(command *cobra.Command) *cobra.Command {
	command.Flags().BoolVar(&o.json, "json", false, "print JSON, as the Server API has it: a line for each")
	return command
}

// lists adds the flags of a command that lists.
func (o *options) lists(command *cobra.Command) *cobra.Command {
	return o.prints(o.limits(command))
}

// limits adds the flag that bounds a list.
func (o *options) limits(command *cobra.Command) *cobra.Command {
	o.limit.add(command, 100, "list no more than `n`; 0 lists all")
	return command
}

// writes adds the flags of a command that writes.
func (o *options) writes(command *cobra.Command) *cobra.Command {
	command.Flags().StringVar(&o.actingAs, "acting-as", "", "bind the write by this `account`'s permissions: what it may not do is refused")
	return o.prints(command)
}

// edits adds the flags of a command that writes one row.
func (o *options) edits(command *cobra.Command) *cobra.Command {
	command.Flags().StringVar(&o.ifMatch, "if-match", "", "write only if the `version`, as show prints it, is still this one")
	return o.writes(command)
}

// deletes adds the flags of a command that cannot be undone.
func (o *options) deletes(command *cobra.Command) *cobra.Command {
	command.Flags().BoolVarP(&o.yes, "yes", "y", false, "do not ask for confirmation")
	return o.edits(command)
}

// waits adds the flags of a command that may wait for a job.
func (o *options) waits(command *cobra.Command) *cobra.Command {
	command.Flags().BoolVar(&o.wait, "wait", false, "wait until the job is done, and show how far it is")
	command.Flags().DurationVar(&o.timeout, "timeout", 30*time.Minute, "wait no longer than this; the job goes on")
	return command
}

// bound is how a write is bound by the flags alone.
func (o *options) bound() serverapi.Write {
	return serverapi.Write{ActingAs: o.actingAs, IfMatch: entityTag(o.ifMatch)}
}

// since is how a write is bound that follows from a row that was read: to the version that it then had.
func (o *options) since(row serverapi.Row) serverapi.Write {
	w := o.bound()
	if w.IfMatch == "" {
		w.IfMatch = row.ETag
	}
	w.New = w.IfMatch == ""
	return w
}

// isNew is how a write is bound that makes something.
func (o *options) isNew() serverapi.Write { return serverapi.Write{ActingAs: o.actingAs, New: true} }

// entityTag takes a version with its quotes or without.
func entityTag(text string) string {
	if text == "" || text == "*" || strings.HasPrefix(text, `"`) {
		return text
	}
	return `"` + text + `"`
}

// version is an entity tag for people.
func version(etag string) string { return strings.Trim(etag, `"`) }

// api is the deployment's Server API.
func (a *app) api(ctx context.Context) (*serverapi.Client, error) {
	d, err := a.find(ctx)
	if err != nil {
		return nil, err
	}
	return a.apiOf(d)
}

// apiOf is the Server API of a deployment that was found.
func (a *app) apiOf(d *deployment.Deployment) (*serverapi.Client, error) {
	if d.ServerURL == "" {
		return nil, fmt.Errorf("the stack %q has no output ServerApiUrl: deploy this release first (scripts/deploy, or scripts/dev)", d.Name)
	}
	cfg := d.AWS()
	return serverapi.New(serverapi.Options{URL: d.ServerURL, Region: d.Region, Credentials: cfg.Credentials, Again: a.again, Slow: a.waiting}), nil
}

// again tells on a terminal why it takes longer.
func (a *app) again(err error) {
	if isTerminal(a.err) {
		fmt.Fprintf(a.err, "\r\x1b[K%s: trying again\n", terminal.Clean(err.Error()))
	}
}

// waiting tells on a terminal, once, that nothing hangs.
func (a *app) waiting() {
	if isTerminal(a.err) {
		a.slow.Do(func() { fmt.Fprint(a.err, "\r\x1b[Kwaiting for the Server API ...\n") })
	}
}

// calling makes what a command does from what it does with the Server API.
func (a *app) calling(do func(context.Context, *serverapi.Client, []string) error) func(*cobra.Command, []string) error {
	return func(command *cobra.Command, args []string) error {
		client, err := a.api(command.Context())
		if err != nil {
			return err
		}
		return advised(do(command.Context(), client, args))
	}
}

// confirming is calling for what cannot be undone: it asks first, with what says what it is, and wants the last argument
// typed.
func (a *app) confirming(o *options, what func(args []string) string, do func(context.Context, *serverapi.Client, []string) error) func(*cobra.Command, []string) error {
	call := a.calling(do)
	return func(command *cobra.Command, args []string) error {
		if err := a.confirm(command.Context(), o, args[len(args)-1], what(args)); err != nil {
			return err
		}
		return call(command, args)
	}
}

// advised says what to do about a refusal, where it does not say so itself.
func advised(err error) error {
	p, ok := errors.AsType[*serverapi.Problem](err)
	if !ok {
		return err
	}
	switch {
	case p.Status == http.StatusPreconditionFailed:
		return fmt.Errorf("%w: nothing was overwritten. Somebody else has changed it meanwhile, or it has another version than --if-match: look at it again, and then repeat the command if it still holds", err)
	case p.Lost():
		return fmt.Errorf("%w: an id that is . or .., or holds /, does not get through to this deployment", err)
	case p.Older():
		return fmt.Errorf("%w: this deployment does not have that part of the Server API: deploy this release (scripts/deploy, or scripts/dev)", err)
	case p.Busy():
		return fmt.Errorf("%w: try again in a few seconds", err)
	}
	return err
}

// existsAlready says it of what was to be made and is there.
func existsAlready(err error, what, instead string) error {
	if serverapi.IsStatus(err, http.StatusPreconditionFailed) {
		return fmt.Errorf("%s is there already, and was left as it is: change it with %s", what, instead)
	}
	return err
}

// line prints a value as one line of JSON.
func (a *app) line(value any) error {
	text, err := json.Marshal(value, json.Deterministic(true))
	if err != nil {
		return fmt.Errorf("write JSON: %w", err)
	}
	_, err = fmt.Fprintf(a.out, "%s\n", text)
	return err
}

// table is one on the output.
func (a *app) table() *terminal.Table {
	return &terminal.Table{Out: a.out, Colour: colour(a.out)}
}

// said prints a sentence about what was done, or the row as JSON.
func (a *app) said(o *options, row any, format string, args ...any) error {
	if o.json {
		return a.line(row)
	}
	_, err := fmt.Fprintln(a.out, terminal.Clean(fmt.Sprintf(format, args...)))
	return err
}

// field is a line of what show prints.
type field struct{ name, value string }

// shown prints a row for people or for programs.
func (a *app) shown(o *options, row any, fields ...field) error {
	if o.json {
		return a.line(row)
	}
	t := a.table()
	for _, f := range fields {
		t.Add(terminal.Paint(t.Colour, terminal.Dim, f.name), terminal.Clean(f.value))
	}
	return t.End()
}

// progress tells on the error stream how far a command is; not where lines go to the same terminal.
func (a *app) progress(lines bool) *terminal.Progress {
	if lines && isTerminal(a.out) && isTerminal(a.err) {
		return terminal.NewProgress(nil, false, time.Now)
	}
	return terminal.NewProgress(a.err, isTerminal(a.err), time.Now)
}
