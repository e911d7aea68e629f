package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"unsend/scripts/unsend/serverapi"
	"unsend/shared/chat"
)

// permissionList is the value of a flag that names permissions.
type permissionList []string

// String is the flag's text.
func (l *permissionList) String() string { return strings.Join(*l, ",") }

// Set adds permissions, in any case.
func (l *permissionList) Set(text string) error {
	for name := range strings.SplitSeq(text, ",") {
		known, ok := permissionNamed(strings.TrimSpace(name))
		if !ok {
			return fmt.Errorf("%q is no permission; known are %s", name, strings.Join(permissionNames(), ", "))
		}
		*l = append(*l, known)
	}
	return nil
}

// Type is what help shows in the value's place.
func (l *permissionList) Type() string { return "permissions" }

func permissionNames() (names []string) {
	for _, p := range chat.Permissions() {
		names = append(names, p.String())
	}
	return names
}

func permissionNamed(name string) (string, bool) {
	names := permissionNames()
	i := slices.IndexFunc(names, func(known string) bool { return strings.EqualFold(known, name) })
	if i < 0 {
		return "", false
	}
	return names[i], true
}

// grantFlags change a grant.
type grantFlags struct{ allow, deny, neither permissionList }

// add adds the flags; the third one is named after what the permission is then.
func (g *grantFlags) add(command *cobra.Command, third, thirdUsage string) {
	flags := command.Flags()
	flags.Var(&g.allow, "allow", "allow these, separated by commas; again for more")
	flags.Var(&g.deny, "deny", "deny these")
	names := []string{"allow", "deny"}
	if third != "" {
		flags.Var(&g.neither, third, thirdUsage)
		names = append(names, third)
	}
	for _, name := range names {
		complete(command, name, func() []string { return permissionNames() })
	}
}

// complete has a shell complete the flag's value.
func complete(command *cobra.Command, flag string, values func() []string) {
	err := command.RegisterFlagCompletionFunc(flag, func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return values(), cobra.ShellCompDirectiveNoFileComp
	})
	if err != nil {
		panic(fmt.Sprintf("flag %s: %v", flag, err)) // a slip of whoever calls this
	}
}

func (g *grantFlags) given() bool { return len(g.allow)+len(g.deny)+len(g.neither) > 0 }

// check refuses what contradicts itself.
func (g *grantFlags) check() error {
	seen := map[string]bool{}
	for _, name := range slices.Concat(g.allow, g.deny, g.neither) {
		if seen[name] {
			return fmt.Errorf("%s is named twice: name it once", name)
		}
		seen[name] = true
	}
	return nil
}

// over is the grant with the flags applied to it.
func (g *grantFlags) over(before serverapi.Grant) serverapi.Grant {
	named := func(name string) bool {
		return slices.Contains(g.allow, name) || slices.Contains(g.deny, name) || slices.Contains(g.neither, name)
	}
	return serverapi.Grant{
		Allow: append(slices.DeleteFunc(slices.Clone(before.Allow), named), g.allow...),
		Deny:  append(slices.DeleteFunc(slices.Clone(before.Deny), named), g.deny...),
	}
}

// names is a list for a table.
func names(list []string) string { return strings.Join(list, ", ") }

// orNone says that there is none, where a dash would be read as a value.
func orNone(text string) string {
	if text == "" {
		return "none"
	}
	return text
}
