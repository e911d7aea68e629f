package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"unsend/scripts/unsend/serverapi"
)

func (a *app) windowCommand() *cobra.Command {
	return group(communities, "window", "Windows: for how long messages may be taken back",
		`A window is for how long after its sending a message may be taken back: one for its author, one for moderators,
which are those who hold RevokeMemberMessage. The first that is set holds: the channel's, else the longest among the
member's roles, else the server's, else the deployment's (the parameters RevokeWindowMs and ModeratorWindowMs).`,
		"  unsend window set harbour --own 5m --moderator unlimited\n  unsend window show harbour --channel crew",
		a.windowShow(), a.windowSet())
}

// level is whose windows are meant: the server's, unless a channel or a role is named.
type level struct{ channel, role string }

func (l *level) add(command *cobra.Command) {
	command.Flags().StringVar(&l.channel, "channel", "", "those of this `channel`")
	command.Flags().StringVar(&l.role, "role", "", "those of this `role`")
	command.MarkFlagsMutuallyExclusive("channel", "role")
}

// windowLine are the windows of a level, as JSON.
type windowLine struct {
	serverapi.Row
	ServerID  string `json:"server_id"`
	ChannelID string `json:"channel_id,omitzero"`
	RoleID    string `json:"role_id,omitzero"`
	serverapi.Windows
}

func (a *app) showWindows(o *options, server string, l level, w serverapi.Windows, row serverapi.Row) error {
	of := field{"server", server}
	switch {
	case l.channel != "":
		of = field{"channel", l.channel}
	case l.role != "":
		of = field{"role", l.role}
	}
	return a.shown(o, windowLine{row, server, l.channel, l.role, w}, append([]field{of}, rowFields(w, row)...)...)
}

func (a *app) windowShow() *cobra.Command {
	var o options
	var l level
	command := o.prints(&cobra.Command{
		Use: "show SERVER", Short: "Show the windows of a server, a channel or a role",
		Long:    "Show the windows that are set at a server, a channel or a role. What is unset is inherited.",
		Example: "  unsend window show harbour\n  unsend window show harbour --channel crew", Args: usage,
		RunE: a.calling(func(ctx context.Context, c *serverapi.Client, args []string) error {
			at, err := readLevel(ctx, c, args[0], l)
			if err != nil {
				return err
			}
			return a.showWindows(&o, args[0], l, *at.windows, at.row)
		}),
	})
	l.add(command)
	return command
}

// leveled is the row that has the windows.
type leveled struct {
	windows *serverapi.Windows
	row     serverapi.Row
	write   func(context.Context, serverapi.Write) (serverapi.Row, error)
}

func readLevel(ctx context.Context, c *serverapi.Client, server string, l level) (leveled, error) {
	switch {
	case l.channel != "":
		ch, err := c.Channel(ctx, server, l.channel)
		return leveled{&ch.Windows, ch.Row, func(ctx context.Context, w serverapi.Write) (serverapi.Row, error) {
			after, err := rewriteChannel(ctx, c, w, server, l.channel, ch)
			return after.Row, err
		}}, err
	case l.role != "":
		r, err := c.Role(ctx, server, l.role)
		return leveled{&r.Windows, r.Row, func(ctx context.Context, w serverapi.Write) (serverapi.Row, error) {
			after, err := c.PutRole(ctx, w, server, l.role, r.RolePolicy)
			return after.Row, err
		}}, err
	}
	s, err := c.Server(ctx, server)
	return leveled{&s.Windows, s.Row, func(ctx context.Context, w serverapi.Write) (serverapi.Row, error) {
		after, err := c.PutServer(ctx, w, server, s.ServerPolicy)
		return after.Row, err
	}}, err
}

// windowFlags adds the flags that set windows.
func windowFlags(command *cobra.Command, own, moderator *windowFlag) {
	command.Flags().Var(own, "own", "for how long authors may: 90s, 5m, 7d, never, unlimited, or unset to inherit it")
	command.Flags().Var(moderator, "moderator", "for how long moderators may")
	for _, name := range []string{"own", "moderator"} {
		complete(command, name, func() []string { return []string{"never", "unlimited", "unset", "2m", "1h", "1d"} })
	}
}

func (a *app) windowSet() *cobra.Command {
	var o options
	var l level
	var own, moderator windowFlag
	command := o.edits(&cobra.Command{
		Use: "set SERVER", Short: "Set the windows of a server, a channel or a role",
		Long:    "Set the windows of a server, a channel or a role. A message is judged by what is set when it is taken back, also one that was sent before.",
		Example: "  unsend window set harbour --own 5m --moderator unlimited\n  unsend window set harbour --channel crew --own never\n  unsend window set harbour --role mod --moderator unset", Args: usage,
		RunE: a.calling(func(ctx context.Context, c *serverapi.Client, args []string) error {
			if !own.given && !moderator.given {
				return errors.New("nothing to change: give --own or --moderator")
			}
			at, err := readLevel(ctx, c, args[0], l)
			if err != nil {
				return err
			}
			at.windows.Own, at.windows.Moderator = own.over(at.windows.Own), moderator.over(at.windows.Moderator)
			row, err := at.write(ctx, o.since(at.row))
			if err != nil {
				return err
			}
			return a.showWindows(&o, args[0], l, *at.windows, row)
		}),
	})
	l.add(command)
	windowFlags(command, &own, &moderator)
	return command
}
