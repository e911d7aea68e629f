package main

import (
	"context"
	"net/http"

	"github.com/spf13/cobra"

	"unsend/scripts/unsend/serverapi"
)

func (a *app) banCommand() *cobra.Command {
	return group(communities, "ban", "Bans: who may do nothing in a server",
		`Two seconds after a ban was answered nothing of the server reaches that account any more, and it can do nothing
there. What it wrote stays: take it back with unsend sweep.`,
		"  unsend ban add harbour mallory\n  unsend ban list harbour",
		a.banList(), a.banAdd(), a.banRemove())
}

func (a *app) banList() *cobra.Command {
	var o options
	return o.lists(&cobra.Command{
		Use: "list SERVER", Short: "List who is banned from a server",
		Example: "  unsend ban list harbour", Args: usage,
		RunE: a.calling(func(ctx context.Context, c *serverapi.Client, args []string) error {
			return membersListing("nobody is banned from "+args[0]).print(ctx, a, &o, c.Bans(args[0]))
		}),
	})
}

func (a *app) banAdd() *cobra.Command {
	var o options
	return o.writes(&cobra.Command{
		Use: "add SERVER ACCOUNT...", Short: "Ban accounts, members or not",
		Long:    "Ban accounts, members or not. The owner cannot be banned.",
		Example: "  unsend ban add harbour mallory\n  unsend ban add harbour mallory trent --acting-as bob", Args: usage,
		RunE: a.calling(func(ctx context.Context, c *serverapi.Client, args []string) error {
			results := a.outcomes(&o, map[int]string{http.StatusCreated: "banned", http.StatusOK: "was banned already"})
			return results.end(each(ctx, args[1:], results.add, func(ctx context.Context, account string) (serverapi.Entry, error) {
				m, err := c.PutBan(ctx, o.bound(), args[0], account)
				return entryOf(account, m.Created, err)
			}))
		}),
	})
}

func (a *app) banRemove() *cobra.Command {
	var o options
	return o.writes(&cobra.Command{
		Use: "remove SERVER ACCOUNT...", Short: "End bans",
		Long:    "End bans. Whoever was a member is one again, and what it missed meanwhile it finds in the history.",
		Example: "  unsend ban remove harbour mallory", Args: usage,
		RunE: a.calling(func(ctx context.Context, c *serverapi.Client, args []string) error {
			results := a.outcomes(&o, map[int]string{http.StatusOK: "is not banned any more"})
			return results.end(each(ctx, args[1:], results.add, func(ctx context.Context, account string) (serverapi.Entry, error) {
				return entryOf(account, false, c.DeleteBan(ctx, o.bound(), args[0], account))
			}))
		}),
	})
}
