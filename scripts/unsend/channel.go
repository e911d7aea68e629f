package main

import (
	"context"
	"errors"
	"slices"

	"github.com/spf13/cobra"

	"unsend/scripts/unsend/serverapi"
)

func (a *app) channelCommand() *cobra.Command {
	return group(communities, "channel", "Channels: who sees them, and what is different there",
		`A channel holds messages. A public one is seen by every member but those on its black list, a private one by
those on its white list alone (unsend list). Overrides change permissions in one channel, for a role or for a member.`,
		"  unsend channel create harbour crew --private\n  unsend channel override harbour general --role mod --allow RevokeMemberMessage",
		a.channelList(), a.channelShow(), a.channelCreate(), a.channelEdit(), a.channelDelete(), a.channelOverride())
}

func (a *app) channelList() *cobra.Command {
	var o options
	return o.lists(&cobra.Command{
		Use: "list SERVER", Short: "List the channels of a server",
		Example: "  unsend channel list harbour\n  unsend channel list harbour --json", Args: usage,
		RunE: a.calling(func(ctx context.Context, c *serverapi.Client, args []string) error {
			return listing[serverapi.Channel]{
				columns: []string{"channel", "view", "authors", "moderators", "white roles", "black roles"},
				row: func(ch serverapi.Channel) []string {
					return []string{ch.ChannelID, ch.ViewMode, windowText(ch.Own), windowText(ch.Moderator), names(ch.WhiteRoles), names(ch.BlackRoles)}
				},
				none: args[0] + " has no channels: make one with unsend channel create",
			}.print(ctx, a, &o, c.Channels(args[0]))
		}),
	})
}

func (a *app) channelShow() *cobra.Command {
	var o options
	return o.prints(&cobra.Command{
		Use: "show SERVER CHANNEL", Short: "Show a channel",
		Long:    "Show a channel. Its lists of accounts are shown by unsend list show, overrides by unsend channel override.",
		Example: "  unsend channel show harbour general", Args: usage,
		RunE: a.calling(func(ctx context.Context, c *serverapi.Client, args []string) error {
			ch, err := c.Channel(ctx, args[0], args[1])
			if err != nil {
				return err
			}
			return a.showChannel(&o, ch)
		}),
	})
}

func (a *app) showChannel(o *options, ch serverapi.Channel) error {
	fields := []field{
		{"channel", ch.ChannelID}, {"server", ch.ServerID}, {"view", ch.ViewMode},
		{"white roles", orNone(names(ch.WhiteRoles))}, {"black roles", orNone(names(ch.BlackRoles))},
	}
	for role, g := range sorted(ch.RoleOverrides) {
		fields = append(fields, field{"override of " + role, grantText(g)})
	}
	return a.shown(o, ch, append(fields, rowFields(ch.Windows, ch.Row)...)...)
}

// viewFlags tell whether a channel is public or private.
type viewFlags struct{ private, public bool }

func (v *viewFlags) add(command *cobra.Command) {
	command.Flags().BoolVar(&v.private, "private", false, "seen by those on its white list alone")
	command.Flags().BoolVar(&v.public, "public", false, "seen by every member but those on its black list")
	command.MarkFlagsMutuallyExclusive("private", "public")
}

func (v *viewFlags) over(before string) string {
	switch {
	case v.private:
		return "private"
	case v.public:
		return "public"
	}
	return before
}

func (a *app) channelCreate() *cobra.Command {
	var o options
	var view viewFlags
	command := o.writes(&cobra.Command{
		Use: "create SERVER CHANNEL", Short: "Make a channel",
		Long:    "Make a channel, public unless --private is given. One that is there already is left as it is; the id of one that was deleted does not come back.",
		Example: "  unsend channel create harbour general\n  unsend channel create harbour crew --private", Args: usage,
		RunE: a.calling(func(ctx context.Context, c *serverapi.Client, args []string) error {
			ch, err := c.PutChannel(ctx, o.isNew(), args[0], args[1], serverapi.ChannelPolicy{ViewMode: view.over("public")})
			if err != nil {
				return existsAlready(err, "the channel "+args[1], "unsend channel edit")
			}
			return a.showChannel(&o, ch)
		}),
	})
	view.add(command)
	return command
}

func (a *app) channelEdit() *cobra.Command {
	var o options
	var view viewFlags
	command := o.edits(&cobra.Command{
		Use: "edit SERVER CHANNEL", Short: "Make a channel private or public",
		Long:    "Make a channel private or public. Windows are set with unsend window set --channel, lists with unsend list, overrides with unsend channel override.",
		Example: "  unsend channel edit harbour general --private", Args: usage,
		RunE: a.calling(func(ctx context.Context, c *serverapi.Client, args []string) error {
			if !view.private && !view.public {
				return errors.New("nothing to change: give --private or --public")
			}
			after, err := a.changeChannel(ctx, c, &o, args, func(p *serverapi.ChannelPolicy) { p.ViewMode = view.over(p.ViewMode) })
			if err != nil {
				return err
			}
			return a.showChannel(&o, after)
		}),
	})
	view.add(command)
	return command
}

// changeChannel reads the channel, changes it, and writes it if nobody has meanwhile.
func (a *app) changeChannel(ctx context.Context, c *serverapi.Client, o *options, args []string, change func(*serverapi.ChannelPolicy)) (serverapi.Channel, error) {
	ch, err := c.Channel(ctx, args[0], args[1])
	if err != nil {
		return ch, err
	}
	change(&ch.ChannelPolicy)
	return rewriteChannel(ctx, c, o.since(ch.Row), args[0], args[1], ch)
}

// rewriteChannel writes a channel that was read before.
func rewriteChannel(ctx context.Context, c *serverapi.Client, w serverapi.Write, server, channel string, ch serverapi.Channel) (serverapi.Channel, error) {
	if err := dropDeleted(ctx, c, server, &ch.WhiteRoles, &ch.BlackRoles); err != nil {
		return ch, err
	}
	return c.PutChannel(ctx, w, server, channel, ch.ChannelPolicy)
}

// dropDeleted takes roles from the lists that the server has no more: rows may still name them, and a write may not.
func dropDeleted(ctx context.Context, c *serverapi.Client, server string, lists ...*[]string) error {
	if !slices.ContainsFunc(lists, func(list *[]string) bool { return len(*list) > 0 }) {
		return nil
	}
	s, err := c.Server(ctx, server)
	if err != nil {
		return err
	}
	for _, list := range lists {
		*list = slices.DeleteFunc(*list, func(id string) bool {
			return !slices.ContainsFunc(s.Roles, func(r serverapi.Role) bool { return r.RoleID == id })
		})
	}
	return nil
}

func (a *app) channelDelete() *cobra.Command {
	var o options
	return o.waits(o.deletes(&cobra.Command{
		Use: "delete SERVER CHANNEL", Short: "Delete a channel with its messages",
		Long: `Delete a channel with its messages, lists and overrides. It cannot be undone, and its id does not come back.
The service does it after it has answered: see unsend job, or --wait.

` + repeatedDeletion,
		Example: "  unsend channel delete harbour crew\n  unsend channel delete harbour crew --yes --wait", Args: usage,
		RunE: a.confirming(&o, func(args []string) string {
			return "deleting the channel " + args[1] + " of " + args[0] + " with its messages"
		}, func(ctx context.Context, c *serverapi.Client, args []string) error {
			job, err := c.DeleteChannel(ctx, o.bound(), args[0], args[1])
			if err != nil {
				return err
			}
			return a.jobBegun(ctx, c, &o, job)
		}),
	}))
}
