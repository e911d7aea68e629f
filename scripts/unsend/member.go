package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"unsend/scripts/unsend/serverapi"
	"unsend/shared/chat"
)

func (a *app) memberCommand() *cobra.Command {
	return group(communities, "member", "Members: who is in a server, as what",
		"A member is an account in a server, with a nick and roles there. Whoever is added is told of what comes from then on, without connecting again.",
		"  unsend member add harbour bob --nick Bob --role mod\n  unsend member list harbour",
		a.memberList(), a.memberShow(), a.memberAdd(), a.memberEdit(), a.memberRemove())
}

// membersListing prints members.
func membersListing(none string) listing[serverapi.Member] {
	return listing[serverapi.Member]{
		columns: []string{"account", "nick", "roles", "joined", "banned"},
		row: func(m serverapi.Member) []string {
			joined := at(m.JoinedAt)
			if !m.Joined {
				joined = "not a member"
			}
			return []string{m.Accid, m.Nick, names(m.Roles), joined, yes(m.Banned)}
		},
		none: none,
	}
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

func (a *app) memberList() *cobra.Command {
	var o options
	return o.lists(&cobra.Command{
		Use: "list SERVER", Short: "List the members of a server",
		Example: "  unsend member list harbour\n  unsend member list harbour --limit 0 --json", Args: usage,
		RunE: a.calling(func(ctx context.Context, c *serverapi.Client, args []string) error {
			return membersListing(args[0]+" has no members").print(ctx, a, &o, c.Members(args[0]))
		}),
	})
}

func (a *app) memberShow() *cobra.Command {
	var o options
	return o.prints(&cobra.Command{
		Use: "show SERVER ACCOUNT", Short: "Show a member, also one who has left or is banned",
		Example: "  unsend member show harbour bob", Args: usage,
		RunE: a.calling(func(ctx context.Context, c *serverapi.Client, args []string) error {
			m, err := c.Member(ctx, args[0], args[1])
			if err != nil {
				return err
			}
			return a.showMember(&o, m)
		}),
	})
}

func (a *app) showMember(o *options, m serverapi.Member) error {
	return a.shown(o, m, field{"account", m.Accid}, field{"server", m.ServerID}, field{"nick", orNone(m.Nick)}, field{"roles", orNone(names(m.Roles))},
		field{"member", yes(m.Joined)}, field{"joined", orNone(at(m.JoinedAt))}, field{"banned", yes(m.Banned)}, field{"version", version(m.ETag)})
}

// addOptions are the flags of member add.
type addOptions struct {
	options
	profile serverapi.Profile
	file    string
	replace bool
}

func (a *app) memberAdd() *cobra.Command {
	var o addOptions
	command := o.writes(&cobra.Command{
		Use: "add SERVER [ACCOUNT...]", Short: "Make accounts members",
		Long: `Make accounts members, as many as you like.

With --file they are read from a file, or from the input with --file -: an account on each line and, after
a tab each, its nick and its roles, separated by commas; what is left out is that of --nick and --role.

Who is a member already is left as it is, unless --replace is given: then all get the nick and the roles
named here in place of their own, which goes 100 with a request and so is much faster. A ban stays in any case.`,
		Example: "  unsend member add harbour bob --nick Bob --role mod\n  unsend member add harbour alice carol dan\n  unsend member add harbour --file members.tsv\n  unsend member add harbour --file - --replace", Args: usage,
		RunE: a.calling(func(ctx context.Context, c *serverapi.Client, args []string) error {
			return a.addMembers(ctx, c, &o, args)
		}),
	})
	flags := command.Flags()
	flags.StringVar(&o.profile.Nick, "nick", "", "their `nick` in the server")
	flags.StringSliceVar(&o.profile.Roles, "role", nil, "a `role` they get besides everyone; again, or with commas, for more")
	flags.StringVar(&o.file, "file", "", "read accounts from this `file`; - is the input")
	flags.BoolVar(&o.replace, "replace", false, "replace the nick and the roles of who is a member already")
	return command
}

func (a *app) addMembers(ctx context.Context, c *serverapi.Client, o *addOptions, args []string) error {
	list, err := a.newMembers(ctx, o, args[1:])
	if err != nil {
		return err
	}
	results := a.outcomes(&o.options, map[int]string{
		http.StatusCreated: "added", http.StatusOK: "was a member, replaced",
		http.StatusPreconditionFailed: "was a member already, left as it is",
	})
	if o.replace {
		return results.end(c.PutMembers(ctx, o.bound(), args[0], list, results.add))
	}
	results.held[http.StatusPreconditionFailed] = o.profile.Nick == "" && len(o.profile.Roles) == 0
	return results.end(each(ctx, list, results.add, func(ctx context.Context, m serverapi.NewMember) (serverapi.Entry, error) {
		row, err := c.PutMember(ctx, o.isNew(), args[0], m.Accid, m.Profile)
		if serverapi.IsStatus(err, http.StatusPreconditionFailed) {
			return serverapi.Entry{Accid: m.Accid, Status: http.StatusPreconditionFailed, Detail: "is a member already, and was left as it is: use unsend member edit, or --replace"}, nil
		}
		return entryOf(m.Accid, row.Created, err)
	}))
}

// newMembers are those of the arguments and of the file, each once.
func (a *app) newMembers(ctx context.Context, o *addOptions, accounts []string) ([]serverapi.NewMember, error) {
	if (o.file == "") == (len(accounts) == 0) {
		return nil, errors.New("who is to be added? Name accounts, or a file with --file (- is the input), but not both")
	}
	lines := asLines(accounts)
	if o.file != "" {
		var err error
		if lines, err = a.lines(ctx, o.file); err != nil {
			return nil, err
		}
	}
	seen := map[string]bool{}
	var list []serverapi.NewMember
	for _, line := range lines {
		m, err := memberLine(line.text, o.profile)
		if err != nil {
			return nil, fmt.Errorf("%w; nobody was added", line.wrong(err))
		}
		if !seen[m.Accid] {
			seen[m.Accid] = true
			list = append(list, m)
		}
	}
	return list, nil
}

// memberLine reads ACCOUNT, or ACCOUNT, NICK and ROLE,ROLE with tabs between them.
func memberLine(line string, given serverapi.Profile) (serverapi.NewMember, error) {
	fields := strings.Split(line, "\t")
	if len(fields) > 3 {
		return serverapi.NewMember{}, errors.New("it has more than three fields: account, nick, roles")
	}
	m := serverapi.NewMember{Accid: strings.TrimSpace(fields[0]), Profile: given}
	if err := chat.CheckID("accid", m.Accid); err != nil {
		return m, fmt.Errorf("the account %s", chat.AsError(err).Reason)
	}
	if len(fields) > 1 && fields[1] != "" {
		m.Nick = fields[1]
	}
	if len(fields) > 2 && fields[2] != "" {
		m.Roles = strings.Split(fields[2], ",")
	}
	return m, nil
}

// editOptions are the flags of member edit.
type editOptions struct {
	options
	nick              string
	roles, add, minus []string
}

func (a *app) memberEdit() *cobra.Command {
	var o editOptions
	command := o.edits(&cobra.Command{
		Use: "edit SERVER ACCOUNT", Short: "Change the nick and the roles of a member",
		Long:    "Change the nick and the roles of a member. What no flag names stays as it is.",
		Example: "  unsend member edit harbour bob --add-role mod\n  unsend member edit harbour bob --nick Bobby --remove-role mod\n  unsend member edit harbour bob --role mod,dj", Args: usage,
	})
	command.RunE = a.calling(func(ctx context.Context, c *serverapi.Client, args []string) error {
		return a.editMember(ctx, c, &o, args, command.Flags().Changed)
	})
	flags := command.Flags()
	flags.StringVar(&o.nick, "nick", "", "the `nick` in the server; \"\" takes it away")
	flags.StringSliceVar(&o.roles, "role", nil, "have these `roles` and no others; \"\" takes all away")
	flags.StringSliceVar(&o.add, "add-role", nil, "get this `role`; again for more")
	flags.StringSliceVar(&o.minus, "remove-role", nil, "lose this `role`; again for more")
	command.MarkFlagsMutuallyExclusive("role", "add-role")
	command.MarkFlagsMutuallyExclusive("role", "remove-role")
	command.MarkFlagsOneRequired("nick", "role", "add-role", "remove-role")
	return command
}

func (a *app) editMember(ctx context.Context, c *serverapi.Client, o *editOptions, args []string, given func(string) bool) error {
	m, err := c.Member(ctx, args[0], args[1])
	if err != nil {
		return err
	}
	if !m.Joined { // a write would make it one
		return fmt.Errorf("%s has left %s: make it a member with unsend member add", m.Accid, m.ServerID)
	}
	if given("nick") {
		m.Nick = o.nick
	}
	if given("role") {
		m.Roles = o.roles
	} else if err := dropDeleted(ctx, c, args[0], &m.Roles); err != nil {
		return err
	}
	m.Roles = changedList(m.Roles, o.add, o.minus)
	after, err := c.PutMember(ctx, o.since(m.Row), args[0], args[1], m.Profile)
	if err != nil {
		return err
	}
	return a.showMember(&o.options, after)
}

// changedList is the list with some added, each once, and some removed.
func changedList(list, add, remove []string) []string {
	after := slices.DeleteFunc(slices.Concat(list, add), func(each string) bool { return slices.Contains(remove, each) })
	slices.Sort(after)
	return slices.Compact(after)
}

func (a *app) memberRemove() *cobra.Command {
	var o options
	return o.writes(&cobra.Command{
		Use: "remove SERVER ACCOUNT...", Short: "Make members leave",
		Long:    "Make members leave. Their roles, overrides and white-list entries end; bans and black-list entries stay. The owner cannot leave. What they wrote stays: see unsend sweep.",
		Example: "  unsend member remove harbour mallory\n  unsend member remove harbour mallory trent --acting-as olga", Args: usage,
		RunE: a.calling(func(ctx context.Context, c *serverapi.Client, args []string) error {
			results := a.outcomes(&o, map[int]string{http.StatusOK: "removed", http.StatusNoContent: "removed"})
			if accounts := args[1:]; len(accounts) > 1 {
				return results.end(c.RemoveMembers(ctx, o.bound(), args[0], accounts, results.add))
			}
			return results.end(each(ctx, args[1:], results.add, func(ctx context.Context, account string) (serverapi.Entry, error) {
				return entryOf(account, false, c.DeleteMember(ctx, o.bound(), args[0], account))
			}))
		}),
	})
}
