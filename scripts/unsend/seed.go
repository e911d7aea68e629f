package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"unsend/scripts/unsend/seed"
	"unsend/shared/chat"
)

func (a *app) seedCommand() *cobra.Command {
	check := false
	command := &cobra.Command{
		Use:     "seed FILE",
		GroupID: communities,
		Short:   "Write a community from a YAML file",
		Long: `Write the servers, roles, members and channels of a YAML file into the deployment.

The file is checked whole before anything is written, and everything that is wrong with it is reported
at once. Writing it again changes nothing. What the file does not name stays as it is; nothing is removed.

  servers:
    - id: harbour
      owner: olga                        # must be one of the members
      windows: {own: 2m, moderator: 1h}  # 90s, 1h30m, 7d, never, unlimited; left out: inherited
      roles:
        - id: everyone                   # optional; without it everyone may send
          allow: [SendMessage]
        - id: moderator
          priority: 10                   # smaller is higher
          allow: [RevokeMemberMessage]
          deny: [AtAll]
          windows: {moderator: unlimited}
      members:
        - {account: olga, nick: Olga}
        - {account: bob, roles: [moderator]}
        - {account: mallory, banned: true}
      channels:
        - id: crew
          view: private                  # or public
          windows: {own: never}
          whitelist: {roles: [moderator], accounts: [bob]}
          blacklist: {accounts: [mallory]}
          overrides:
            roles: {everyone: {deny: [SendMessage]}}
            accounts: {bob: {allow: [SendMessage]}}`,
		Example: "  unsend seed scripts/unsend/sample.yaml\n  unsend seed --check community.yaml",
		Args:    exactly(1, "seed needs one file: unsend seed scripts/unsend/sample.yaml"),
		RunE: func(command *cobra.Command, args []string) error {
			f, err := readSeed(args[0])
			if err != nil {
				return err
			}
			if check {
				_, err := fmt.Fprintf(a.out, "%s is as it should be; nothing was written\n", args[0])
				return err
			}
			return a.seed(command, f)
		},
	}
	command.Flags().BoolVar(&check, "check", false, "check the file and write nothing")
	return command
}

func readSeed(file string) (seed.File, error) {
	data, err := readFile(file)
	if err != nil {
		return seed.File{}, err
	}
	f, err := seed.Parse(file, data)
	if _, ok := errors.AsType[*seed.Problems](err); ok {
		err = fmt.Errorf("the file has problems:\n%w", err)
	}
	return f, err
}

// readFile reads no more than Parse takes, and one byte that shows that there is more.
func readFile(name string) ([]byte, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }() // it was read only
	return io.ReadAll(io.LimitReader(file, seed.MaxFileBytes+1))
}

func (a *app) seed(command *cobra.Command, f seed.File) error {
	d, err := a.find(command.Context())
	if err != nil {
		return err
	}
	if d.AuditTable == "" {
		return fmt.Errorf("the stack %q has no output AuditTable, where it is kept who changed what: deploy this release first (scripts/deploy, or scripts/dev)", d.Name)
	}
	progress := func(int) {}
	if isTerminal(a.err) {
		total := f.Total()
		progress = func(done int) { fmt.Fprintf(a.err, "\r\x1b[K%d of %d", done, total) }
		defer fmt.Fprint(a.err, "\r\x1b[K")
	}
	principal, err := d.Principal(command.Context())
	if err != nil {
		return err
	}
	by := chat.Act{Door: chat.SeedDoor, Principal: principal, Retention: d.AuditRetention()}
	summary, err := seed.Apply(command.Context(), d.Store(), time.Now, d.LargeServerMembers, by, f, progress)
	if err != nil {
		return fmt.Errorf("%w (what was written before stays; run the command again to write the rest)", err)
	}
	return printSummary(a.out, d.Name, summary)
}

func printSummary(out io.Writer, name string, summary seed.Summary) error {
	if summary.Unchanged() {
		_, err := fmt.Fprintf(out, "%s: unchanged, everything is as the file says\n", name)
		return err
	}
	table := tabwriter.NewWriter(out, 0, 0, 3, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, name+"\tcreated\tchanged\tunchanged\t")
	for _, kind := range seed.Kinds {
		c := summary[kind]
		fmt.Fprintf(table, "%s\t%d\t%d\t%d\t\n", kind, c.Created, c.Changed, c.Unchanged)
	}
	return table.Flush()
}
