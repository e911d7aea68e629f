package main

import (
	"context"
	"errors"
	"strconv"

	"github.com/spf13/cobra"

	"unsend/scripts/unsend/serverapi"
)

func (a *app) roleCommand() *cobra.Command {
	return group(communities, "role", "Roles: what members may do in a server",
		`A role allows and denies permissions in the whole server; a channel can override it (unsend channel override).
Every member has the role everyone. With several roles a permission is held if any of them allows it.`,
		"  unsend role create harbour mod --priority 10 --allow RevokeMemberMessage\n  unsend member edit harbour bob --add-role mod",
		a.roleList(), a.roleShow(), a.roleCreate(), a.roleEdit(), a.roleDelete())
}

// roles is how they are listed; a server has the role everyone at least.
var roles = listing[serverapi.Role]{
	columns: []string{"role", "priority", "allows", "denies", "authors", "moderators"},
	row: func(r serverapi.Role) []string {
		return []string{r.RoleID, strconv.Itoa(r.Priority), names(r.Allow), names(r.Deny), windowText(r.Own), windowText(r.Moderator)}
	},
}

func (a *app) roleList() *cobra.Command {
	var o options
	return o.prints(&cobra.Command{
		Use: "list SERVER", Short: "List the roles of a server, the highest first",
		Example: "  unsend role list harbour", Args: usage,
		RunE: a.calling(func(ctx context.Context, c *serverapi.Client, args []string) error {
			s, err := c.Server(ctx, args[0])
			if err != nil {
				return err
			}
			for i := range s.Roles {
				s.Roles[i].Row = s.Row // the version of a role is its server's
			}
			return roles.printAll(a, &o, s.Roles)
		}),
	})
}

func (a *app) roleShow() *cobra.Command {
	var o options
	return o.prints(&cobra.Command{
		Use: "show SERVER ROLE", Short: "Show a role",
		Example: "  unsend role show harbour mod\n  unsend role show harbour everyone --json", Args: usage,
		RunE: a.calling(func(ctx context.Context, c *serverapi.Client, args []string) error {
			r, err := c.Role(ctx, args[0], args[1])
			if err != nil {
				return err
			}
			return a.showRole(&o, r)
		}),
	})
}

func (a *app) showRole(o *options, r serverapi.Role) error {
	fields := []field{{"role", r.RoleID}, {"priority", strconv.Itoa(r.Priority)}, {"allows", orNone(names(r.Allow))}, {"denies", orNone(names(r.Deny))}}
	return a.shown(o, r, append(fields, rowFields(r.Windows, r.Row)...)...)
}

func (a *app) roleCreate() *cobra.Command {
	var o options
	var grant grantFlags
	var priority int
	command := o.writes(&cobra.Command{
		Use: "create SERVER ROLE --priority N", Short: "Make a role",
		Long:    "Make a role. Its priority has to be said: whoever acts as an account edits no role above its own. One that is there already is left as it is; the id of one that was deleted does not come back.",
		Example: "  unsend role create harbour mod --priority 10 --allow RevokeMemberMessage,KickMember\n  unsend role create harbour muted --priority 100 --deny SendMessage", Args: usage,
		RunE: a.calling(func(ctx context.Context, c *serverapi.Client, args []string) error {
			if err := grant.check(); err != nil {
				return err
			}
			r, err := c.PutRole(ctx, o.isNew(), args[0], args[1], serverapi.RolePolicy{Priority: priority, Grant: grant.over(serverapi.Grant{})})
			if err != nil {
				return existsAlready(err, "the role "+args[1], "unsend role edit")
			}
			return a.showRole(&o, r)
		}),
	})
	grant.add(command, "", "")
	command.Flags().IntVar(&priority, "priority", 0, "where it stands; 0 is highest")
	required(command, "priority")
	return command
}

func (a *app) roleEdit() *cobra.Command {
	var o options
	var grant grantFlags
	var priority int
	command := o.edits(&cobra.Command{
		Use: "edit SERVER ROLE", Short: "Change what a role allows and denies, and where it stands",
		Long:    "Change a role. What no flag names stays as it is. Its windows are set with unsend window set --role.",
		Example: "  unsend role edit harbour mod --allow KickMember --unset AtAll\n  unsend role edit harbour everyone --deny SendMessage", Args: usage,
	})
	command.RunE = a.calling(func(ctx context.Context, c *serverapi.Client, args []string) error {
		if !grant.given() && !command.Flags().Changed("priority") {
			return errors.New("nothing to change: give --allow, --deny, --unset or --priority")
		}
		if err := grant.check(); err != nil {
			return err
		}
		r, err := c.Role(ctx, args[0], args[1])
		if err != nil {
			return err
		}
		r.Grant = grant.over(r.Grant)
		if command.Flags().Changed("priority") {
			r.Priority = priority
		}
		after, err := c.PutRole(ctx, o.since(r.Row), args[0], args[1], r.RolePolicy)
		if err != nil {
			return err
		}
		return a.showRole(&o, after)
	})
	grant.add(command, "unset", "neither allow nor deny these")
	command.Flags().IntVar(&priority, "priority", 0, "where it stands; 0 is highest")
	return command
}

func (a *app) roleDelete() *cobra.Command {
	var o options
	return o.deletes(&cobra.Command{
		Use: "delete SERVER ROLE", Short: "Take a role from a server and from whoever has it",
		Long:    "Take a role from a server and from whoever has it. It cannot be undone: its id does not come back.",
		Example: "  unsend role delete harbour mod\n  unsend role delete harbour mod --yes", Args: usage,
		RunE: a.confirming(&o, func(args []string) string {
			return "deleting the role " + args[1] + " of " + args[0]
		}, func(ctx context.Context, c *serverapi.Client, args []string) error {
			if err := c.DeleteRole(ctx, o.bound(), args[0], args[1]); err != nil {
				return err
			}
			return a.said(&o, struct{}{}, "deleted the role %s of %s", args[1], args[0])
		}),
	})
}
