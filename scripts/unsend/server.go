package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"unsend/scripts/unsend/serverapi"
)

func (a *app) serverCommand() *cobra.Command {
	return group(communities, "server", "Servers: make, show, hand over, delete",
		"A server is a community: it has one owner, members, roles and channels.",
		"  unsend server create harbour --owner olga\n  unsend server show harbour",
		a.serverList(), a.serverShow(), a.serverCreate(), a.serverHandOver(), a.serverDelete())
}

func (a *app) serverList() *cobra.Command {
	command := a.membershipsCommand("list ACCOUNT", "List the servers of an account", "  unsend server list olga\n  unsend server list olga --json --limit 0")
	command.Long = `List the servers that an account is a member of and not banned from.

There is no list of all servers: nothing in the service grows with their number.`
	return command
}

// membershipsCommand lists the servers of an account; it stands under two names.
func (a *app) membershipsCommand(use, short, example string) *cobra.Command {
	var o options
	return o.lists(&cobra.Command{
		Use: use, Short: short, Example: example, Args: usage,
		RunE: a.calling(func(ctx context.Context, c *serverapi.Client, args []string) error {
			return listing[serverapi.Membership]{
				columns: []string{"server", "roles"},
				row:     func(m serverapi.Membership) []string { return []string{m.ServerID, names(m.Roles)} },
				none:    args[0] + " is in no server",
			}.print(ctx, a, &o, c.ServersOf(args[0]))
		}),
	})
}

func (a *app) serverShow() *cobra.Command {
	var o options
	return o.prints(&cobra.Command{
		Use: "show SERVER", Short: "Show a server, its windows and its roles",
		Example: "  unsend server show harbour\n  unsend server show harbour --json", Args: usage,
		RunE: a.calling(func(ctx context.Context, c *serverapi.Client, args []string) error {
			s, err := c.Server(ctx, args[0])
			if err != nil {
				return err
			}
			if err := a.shown(&o, s, append([]field{{"server", s.ServerID}, {"owner", s.Owner}}, rowFields(s.Windows, s.Row)...)...); err != nil || o.json {
				return err
			}
			fmt.Fprintln(a.out)
			return roles.printAll(a, &o, s.Roles)
		}),
	})
}

// rowFields are what servers, roles and channels have alike.
func rowFields(w serverapi.Windows, row serverapi.Row) []field {
	return []field{{"window of authors", windowText(w.Own)}, {"window of moderators", windowText(w.Moderator)}, {"version", version(row.ETag)}}
}

func (a *app) serverCreate() *cobra.Command {
	var o options
	var owner string
	var own, moderator windowFlag
	command := o.writes(&cobra.Command{
		Use: "create SERVER --owner ACCOUNT", Short: "Make a server",
		Long:    "Make a server, with the role everyone, which may send, and its owner as its first member. One that is there already is left as it is.",
		Example: "  unsend server create harbour --owner olga\n  unsend server create harbour --owner olga --own 5m --moderator unlimited", Args: usage,
		RunE: a.calling(func(ctx context.Context, c *serverapi.Client, args []string) error {
			s, err := c.PutServer(ctx, o.isNew(), args[0], serverapi.ServerPolicy{Owner: owner, Windows: serverapi.Windows{Own: own.value, Moderator: moderator.value}})
			if err != nil {
				return existsAlready(err, "the server "+args[0], "unsend server hand-over and unsend window set")
			}
			return a.said(&o, s, "made the server %s, which %s owns", s.ServerID, s.Owner)
		}),
	})
	command.Flags().StringVar(&owner, "owner", "", "the `account` that owns it, and has every permission")
	windowFlags(command, &own, &moderator)
	required(command, "owner")
	return command
}

// required marks flags that a command cannot do without.
func required(command *cobra.Command, flags ...string) {
	for _, name := range flags {
		if err := command.MarkFlagRequired(name); err != nil {
			panic(fmt.Sprintf("flag %s: %v", name, err)) // a slip of whoever calls this
		}
	}
}

func (a *app) serverHandOver() *cobra.Command {
	var o options
	return o.edits(&cobra.Command{
		Use: "hand-over SERVER ACCOUNT", Short: "Make another member the owner",
		Long:    "Make another member the owner. The one before stays a member, with the roles that it has.",
		Example: "  unsend server hand-over harbour bob", Args: usage,
		RunE: a.calling(func(ctx context.Context, c *serverapi.Client, args []string) error {
			s, err := c.Server(ctx, args[0])
			if err != nil {
				return err
			}
			before := s.Owner
			s.Owner = args[1]
			after, err := c.PutServer(ctx, o.since(s.Row), args[0], s.ServerPolicy)
			if err != nil {
				return err
			}
			return a.said(&o, after, "%s now owns %s, which was %s's", after.Owner, after.ServerID, before)
		}),
	})
}

func (a *app) serverDelete() *cobra.Command {
	var o options
	return o.waits(o.deletes(&cobra.Command{
		Use: "delete SERVER", Short: "Delete a server with all that is in it",
		Long: `Delete a server with its channels, messages, members and roles. It cannot be undone, and its id does
not come back. The service does it after it has answered: see unsend job, or --wait.

` + repeatedDeletion,
		Example: "  unsend server delete harbour\n  unsend server delete harbour --yes --wait", Args: usage,
		RunE: a.confirming(&o, func(args []string) string {
			return "deleting the server " + args[0] + " with its channels, messages and members"
		}, func(ctx context.Context, c *serverapi.Client, args []string) error {
			job, err := c.DeleteServer(ctx, o.bound(), args[0])
			if err != nil {
				return err
			}
			return a.jobBegun(ctx, c, &o, job)
		}),
	}))
}
