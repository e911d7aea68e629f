package main

import (
	"context"

	"github.com/spf13/cobra"

	"unsend/scripts/unsend/serverapi"
	"unsend/shared/chat"
)

func (a *app) accountCommand() *cobra.Command {
	return group(communities, "account", "Accounts: their servers and connections",
		"An account is a user of your app. Its connections are the devices that are connected now.",
		"  unsend account servers bob\n  unsend account disconnect bob",
		a.membershipsCommand("servers ACCOUNT", "List the servers of an account", "  unsend account servers bob"),
		a.accountConnections(), a.accountDisconnect())
}

func (a *app) accountConnections() *cobra.Command {
	var o options
	return o.prints(&cobra.Command{
		Use: "connections ACCOUNT", Short: "List the connections of an account, the oldest first",
		Example: "  unsend account connections bob", Args: usage,
		RunE: a.calling(func(ctx context.Context, c *serverapi.Client, args []string) error {
			list, err := c.Connections(ctx, args[0])
			if err != nil {
				return err
			}
			return listing[serverapi.Connection]{
				columns: []string{"connection", "device", "client", "connected", "token expires"},
				row: func(one serverapi.Connection) []string {
					kind := clientType{chat.ClientType(one.ClientType)}
					return []string{one.ConnectionID, one.DeviceID, kind.String(), at(one.ConnectedAt), at(one.TokenExpiresAt)}
				},
				none: args[0] + " has no connections",
			}.printAll(a, &o, list)
		}),
	})
}

func (a *app) accountDisconnect() *cobra.Command {
	var o options
	return o.prints(&cobra.Command{
		Use: "disconnect ACCOUNT [CONNECTION]", Short: "Close a connection of an account, or all",
		Long: `Close a connection of an account, or all. A client that still has a good token connects again: to keep an account
out of a server ban it, and to keep it out of everything have your back end give it no token first.`,
		Example: "  unsend account disconnect bob\n  unsend account disconnect bob Xq2cAe8YFiACHSw=", Args: usage,
		RunE: a.calling(func(ctx context.Context, c *serverapi.Client, args []string) error {
			connection, what := "", "all connections"
			if len(args) > 1 {
				connection, what = args[1], "the connection "+args[1]
			}
			if err := c.Disconnect(ctx, args[0], connection); err != nil {
				return err
			}
			return a.said(&o, struct{}{}, "closed %s of %s", what, args[0])
		}),
	})
}
