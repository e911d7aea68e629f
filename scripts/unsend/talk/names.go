package talk

import (
	"strings"
	"unicode"

	"unsend/scripts/unsend/terminal"
)

// names is who goes by which name, of the people that were shown: a nick is
// what somebody chose, and may be another's.
type names map[string]map[string]bool // the accounts, by name

func (n names) meet(nick, account string) {
	for _, name := range []string{nick, account} {
		key := alike(name)
		if key == "" {
			continue
		}
		if n[key] == nil {
			n[key] = map[string]bool{}
		}
		n[key][account] = true
	}
}

// alike is the same for names that cannot be told apart at a glance: in another
// case, with other spaces, or with something invisible in between.
func alike(name string) string {
	name = strings.Map(func(r rune) rune {
		if unicode.In(r, unicode.Cf, unicode.Cc, unicode.Mn) {
			return -1
		}
		return unicode.ToLower(r)
	}, name)
	return strings.Join(strings.Fields(name), " ")
}

// called is the nick, with the account where the nick alone could be another's.
// A nick that holds what the lines around it are made of is not shown at all.
func (n names) called(nick, account string) string {
	key := alike(nick)
	switch {
	case key == "" || strings.ContainsAny(nick, "():—│\n"):
		return terminal.Clean(account)
	case len(n[key]) > 1:
		return terminal.Clean(nick + " (" + account + ")")
	}
	return terminal.Clean(nick)
}
