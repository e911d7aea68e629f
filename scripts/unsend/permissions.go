package main

import (
	"context"
	"slices"

	"github.com/spf13/cobra"

	"unsend/scripts/unsend/serverapi"
	"unsend/scripts/unsend/terminal"
	"unsend/shared/chat"
)

// deciders say what decided, for people.
var deciders = map[chat.Level]string{
	chat.ByMembership: "is no member", chat.ByBan: "is banned", chat.ByChannel: "there is no such channel",
	chat.ByOwner: "owns the server", chat.ByBlackList: "black list of the channel", chat.ByWhiteList: "white list of the channel",
	chat.ByViewMode: "the channel is public", chat.ByMemberOverride: "override for the member", chat.ByRoleOverride: "override for the role",
	chat.ByRole: "role of the server", chat.ByEveryone: "role everyone of the server", chat.ByNone: "no role allows it",
}

func (a *app) permissionsCommand() *cobra.Command {
	var o options
	return o.prints(&cobra.Command{
		Use: "permissions SERVER CHANNEL ACCOUNT", GroupID: communities, Short: "Show what an account may do in a channel, and why",
		Long: `Show what an account may do in a channel, and what decided it. These are asked in this order: membership and bans,
ownership, the channel's lists, its override for the member, those for the member's roles, the server's roles.`,
		Example: "  unsend permissions harbour general bob\n  unsend permissions harbour general bob --json", Args: usage,
		RunE: a.calling(func(ctx context.Context, c *serverapi.Client, args []string) error {
			p, err := c.Permissions(ctx, args[0], args[1], args[2])
			if err != nil {
				return err
			}
			if o.json {
				return a.line(p)
			}
			return a.permissionTable(p)
		}),
	})
}

func (a *app) permissionTable(p serverapi.Permissions) error {
	t := a.table()
	t.Head("permission", "allowed", "decided by", "role")
	add := func(name string, d serverapi.Decision) {
		colour, reason := terminal.Red, deciders[chat.Level(d.Level)]
		if d.Allowed {
			colour = terminal.Green
		}
		if reason == "" {
			reason = d.Level // of a later release
		}
		t.Add(terminal.Clean(name), terminal.Paint(t.Colour, colour, yes(d.Allowed)), terminal.Clean(reason), terminal.Clean(d.Role))
	}
	add("(sees the channel)", p.Sees)
	known := permissionNames()
	for _, name := range known {
		if d, ok := p.Permissions[name]; ok {
			add(name, d)
		}
	}
	for name, d := range sorted(p.Permissions) {
		if !slices.Contains(known, name) {
			add(name, d)
		}
	}
	return t.End()
}
