package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/spf13/cobra"

	"unsend/scripts/unsend/serverapi"
)

func (a *app) listCommand() *cobra.Command {
	return group(communities, "list", "White and black lists of channels",
		`A public channel is seen by every member but those on its black list, a private one by those on its white list
alone. Lists hold accounts and roles; an account's own entry beats those of its roles, and the owner is above lists.`,
		"  unsend list add harbour crew white bob\n  unsend list show harbour crew white",
		a.listShow(), a.listChange("add", "Put accounts or roles on a list", true), a.listChange("remove", "Take accounts or roles off a list", false))
}

var lists = map[string]serverapi.List{"white": serverapi.WhiteList, "black": serverapi.BlackList}

// rolesOn are the channel's roles on the list.
func rolesOn(p *serverapi.ChannelPolicy, list string) *[]string {
	if list == "black" {
		return &p.BlackRoles
	}
	return &p.WhiteRoles
}

// listLine is an entry as JSON.
type listLine struct {
	Role  string `json:"role_id,omitzero"`
	Accid string `json:"accid,omitzero"`
}

func (a *app) listShow() *cobra.Command {
	var o options
	return o.lists(&cobra.Command{
		Use: "show SERVER CHANNEL white|black", Short: "Show who is on a list of a channel",
		Example: "  unsend list show harbour crew white\n  unsend list show harbour general black --json", Args: usage,
		RunE: a.calling(func(ctx context.Context, c *serverapi.Client, args []string) error {
			return a.showList(ctx, c, &o, args)
		}),
	})
}

func (a *app) showList(ctx context.Context, c *serverapi.Client, o *options, args []string) error {
	ch, err := c.Channel(ctx, args[0], args[1])
	if err != nil {
		return err
	}
	onList := *rolesOn(&ch.ChannelPolicy, args[2])
	if err := (listing[string]{
		columns: []string{"role"},
		row:     func(role string) []string { return []string{role} },
		line:    func(role string) any { return listLine{Role: role} },
	}).printAll(a, o, onList); err != nil {
		return err
	}
	if len(onList) > 0 && !o.json {
		fmt.Fprintln(a.out)
	}
	return listing[string]{
		columns: []string{"account"},
		row:     func(account string) []string { return []string{account} },
		line:    func(account string) any { return listLine{Accid: account} },
		none:    "no accounts are on the " + args[2] + " list of " + args[1],
	}.print(ctx, a, o, c.Listed(args[0], args[1], lists[args[2]]))
}

func (a *app) listChange(verb, short string, add bool) *cobra.Command {
	var o options
	var roles []string
	command := o.writes(&cobra.Command{
		Use: verb + " SERVER CHANNEL white|black [ACCOUNT...]", Short: short,
		Long: short + ". Whoever loses sight of the channel by it gets nothing of it from 2 s after the answer on.",
		Example: fmt.Sprintf("  unsend list %s harbour crew white bob carol\n  unsend list %s harbour crew white --role mod\n  unsend list %s harbour general black mallory",
			verb, verb, verb), Args: usage,
		RunE: a.calling(func(ctx context.Context, c *serverapi.Client, args []string) error {
			if len(args) == 3 && len(roles) == 0 {
				return errors.New("name accounts, or roles with --role")
			}
			if err := a.listRoles(ctx, c, &o, args, roles, add); err != nil {
				return err
			}
			return a.listAccounts(ctx, c, &o, args, add)
		}),
	})
	command.Flags().StringSliceVar(&roles, "role", nil, "a `role`; again, or with commas, for more")
	return command
}

// listRoles changes the roles of a list, which are part of the channel.
func (a *app) listRoles(ctx context.Context, c *serverapi.Client, o *options, args, roles []string, add bool) error {
	if len(roles) == 0 {
		return nil
	}
	ch, err := a.changeChannel(ctx, c, o, args, func(p *serverapi.ChannelPolicy) {
		on := rolesOn(p, args[2])
		if add {
			*on = changedList(*on, roles, nil)
		} else {
			*on = changedList(*on, nil, roles)
		}
	})
	if err != nil {
		return err
	}
	on := slices.Clone(*rolesOn(&ch.ChannelPolicy, args[2]))
	return a.said(o, ch, "roles on the %s list of %s: %s", args[2], args[1], orNone(names(on)))
}

func (a *app) listAccounts(ctx context.Context, c *serverapi.Client, o *options, args []string, add bool) error {
	list := lists[args[2]]
	text := map[int]string{http.StatusCreated: "put on the list", http.StatusOK: "was on the list already"}
	if !add {
		text = map[int]string{http.StatusOK: "is not on the list any more"}
	}
	results := a.outcomes(o, text)
	return results.end(each(ctx, args[3:], results.add, func(ctx context.Context, account string) (serverapi.Entry, error) {
		if !add {
			return entryOf(account, false, c.DeleteListed(ctx, o.bound(), args[0], args[1], list, account))
		}
		row, err := c.PutListed(ctx, o.bound(), args[0], args[1], list, account)
		return entryOf(account, row.Created, err)
	}))
}
