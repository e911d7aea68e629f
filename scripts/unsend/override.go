package main

import (
	"context"
	"errors"
	"iter"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"unsend/scripts/unsend/serverapi"
)

// overrideOptions are the flags of channel override.
type overrideOptions struct {
	options
	role, member string
	grant        grantFlags
	clear        bool
}

func (a *app) channelOverride() *cobra.Command {
	var o overrideOptions
	command := o.limits(o.edits(&cobra.Command{
		Use: "override SERVER CHANNEL", Short: "Show or change what is different in a channel for a role or a member",
		Long: `Show the overrides of a channel, or change that of a role or of a member.

A member's own override decides before those of its roles, and these before the server's roles. What is neither
allowed nor denied is inherited. What no flag names stays as it is. A member's override ends when it leaves.`,
		Example: `  unsend channel override harbour general
  unsend channel override harbour general --role mod --allow RevokeMemberMessage
  unsend channel override harbour general --role everyone --deny SendMessage
  unsend channel override harbour general --member bob --allow SendMessage --inherit AtAll
  unsend channel override harbour general --member bob --clear`, Args: usage,
		RunE: a.calling(func(ctx context.Context, c *serverapi.Client, args []string) error {
			return a.override(ctx, c, &o, args)
		}),
	}))
	flags := command.Flags()
	flags.StringVar(&o.role, "role", "", "the override of this `role`")
	flags.StringVar(&o.member, "member", "", "the override of this `account`")
	flags.BoolVar(&o.clear, "clear", false, "inherit everything")
	o.grant.add(command, "inherit", "neither allow nor deny these here")
	command.MarkFlagsMutuallyExclusive("role", "member")
	for _, change := range []string{"allow", "deny", "inherit"} {
		command.MarkFlagsMutuallyExclusive("clear", change)
	}
	return command
}

func (a *app) override(ctx context.Context, c *serverapi.Client, o *overrideOptions, args []string) error {
	if err := o.grant.check(); err != nil {
		return err
	}
	changes := o.grant.given() || o.clear
	switch {
	case changes && o.role == "" && o.member == "":
		return errors.New("whose override is to change? Give --role or --member")
	case o.role != "":
		return a.roleOverride(ctx, c, o, args, changes)
	case o.member != "":
		return a.memberOverride(ctx, c, o, args, changes)
	}
	return a.overrides(ctx, c, o, args)
}

// overrideLine is one as JSON.
type overrideLine struct {
	Role  string `json:"role_id,omitzero"`
	Accid string `json:"accid,omitzero"`
	serverapi.Grant
}

func (o *overrideOptions) over(before serverapi.Grant) serverapi.Grant {
	if o.clear {
		return serverapi.Grant{}
	}
	return o.grant.over(before)
}

func isEmpty(g serverapi.Grant) bool { return len(g.Allow)+len(g.Deny) == 0 }

func (a *app) roleOverride(ctx context.Context, c *serverapi.Client, o *overrideOptions, args []string, changes bool) error {
	ch, err := c.Channel(ctx, args[0], args[1])
	if err != nil {
		return err
	}
	grant := ch.RoleOverrides[o.role]
	if changes {
		grant = o.over(grant)
		write := func() error { return c.PutRoleOverride(ctx, o.since(ch.Row), args[0], args[1], o.role, grant) }
		if isEmpty(grant) {
			write = func() error { return c.DeleteRoleOverride(ctx, o.since(ch.Row), args[0], args[1], o.role) }
		}
		if err := write(); err != nil {
			return err
		}
	}
	return a.said(&o.options, overrideLine{Role: o.role, Grant: grant}, "role %s: %s", o.role, grantText(grant))
}

func (a *app) memberOverride(ctx context.Context, c *serverapi.Client, o *overrideOptions, args []string, changes bool) error {
	p, err := c.Personal(ctx, args[0], args[1], o.member)
	if err != nil {
		return err
	}
	grant := p.Override
	if changes {
		grant = o.over(grant)
		write := func() error {
			_, err := c.PutOverride(ctx, o.since(p.Row), args[0], args[1], o.member, grant)
			return err
		}
		if isEmpty(grant) {
			write = func() error { return c.DeleteOverride(ctx, o.since(p.Row), args[0], args[1], o.member) }
		}
		if err := write(); err != nil {
			return err
		}
	}
	return a.said(&o.options, overrideLine{Accid: o.member, Grant: grant}, "member %s: %s", o.member, grantText(grant))
}

// overrides lists those of roles, and then those of members.
func (a *app) overrides(ctx context.Context, c *serverapi.Client, o *overrideOptions, args []string) error {
	ch, err := c.Channel(ctx, args[0], args[1])
	if err != nil {
		return err
	}
	accounts := c.Personals(args[0], args[1])
	return listing[overrideLine]{
		columns: []string{"kind", "of", "allows", "denies"},
		row: func(l overrideLine) []string {
			kind := "role"
			if l.Accid != "" {
				kind = "member"
			}
			return []string{kind, l.Role + l.Accid, names(l.Allow), names(l.Deny)}
		},
		none: args[1] + " overrides nothing",
	}.printSome(a, &o.options, overridesOf(ctx, ch, accounts), accounts.More)
}

// overridesOf gives those of roles, and then those of members, among all accounts that the channel holds something for.
func overridesOf(ctx context.Context, ch serverapi.Channel, accounts *serverapi.Pages[serverapi.Personal]) iter.Seq2[overrideLine, error] {
	return func(yield func(overrideLine, error) bool) {
		for role, g := range sorted(ch.RoleOverrides) {
			if !yield(overrideLine{Role: role, Grant: g}, nil) {
				return
			}
		}
		for p, err := range accounts.All(ctx, 0) {
			if (err != nil || !isEmpty(p.Override)) && !yield(overrideLine{Accid: p.Accid, Grant: p.Override}, err) {
				return
			}
		}
	}
}

// grantText is a grant in a sentence.
func grantText(g serverapi.Grant) string {
	var parts []string
	if len(g.Allow) > 0 {
		parts = append(parts, "allows "+names(g.Allow))
	}
	if len(g.Deny) > 0 {
		parts = append(parts, "denies "+names(g.Deny))
	}
	if len(parts) == 0 {
		return "inherits everything"
	}
	return strings.Join(parts, "; ")
}

// sorted goes through a map by its keys.
func sorted[V any](m map[string]V) iter.Seq2[string, V] {
	return func(yield func(string, V) bool) {
		for _, key := range slices.Sorted(maps.Keys(m)) {
			if !yield(key, m[key]) {
				return
			}
		}
	}
}
