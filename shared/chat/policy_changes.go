package chat

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// What differs between two rows of a community, as short texts for whoever reads the audit. A difference in what a row says
// always has a text. Names are those of the Server API.

// differences collects texts.
type differences []string

// rewritten is a difference that nobody can tell, such as the order of a list.
const rewritten = "rewritten"

func (d differences) texts() []string {
	if len(d) == 0 {
		return []string{rewritten}
	}
	return d
}

func (d *differences) say(parts ...string) { *d = append(*d, strings.Join(parts, ": ")) }

// value says which value became which; an empty one was not there.
func (d *differences) value(name, before, after string) {
	switch {
	case before == after:
	case before == "":
		d.say(name, after)
	default:
		d.say(name, before+" -> "+after)
	}
}

// becomes says that something began or ended.
func (d *differences) becomes(before, after bool, began, ended string) {
	switch {
	case after && !before:
		d.say(began)
	case before && !after:
		d.say(ended)
	}
}

// set says what came in and what went out.
func (d *differences) set(name string, before, after []string) {
	if text := inAndOut(before, after); text != "" {
		d.say(name, text)
	}
}

// inAndOut is "+a -b"; empty where both hold the same.
func inAndOut(before, after []string) string {
	var parts []string
	for _, each := range after {
		if !slices.Contains(before, each) {
			parts = append(parts, "+"+each)
		}
	}
	for _, each := range before {
		if !slices.Contains(after, each) {
			parts = append(parts, "-"+each)
		}
	}
	return strings.Join(parts, " ")
}

func (d *differences) grant(of string, before, after Grant) {
	var parts []string
	if text := inAndOut(permissionsOf(before.Allow), permissionsOf(after.Allow)); text != "" {
		parts = append(parts, "allow "+text)
	}
	if text := inAndOut(permissionsOf(before.Deny), permissionsOf(after.Deny)); text != "" {
		parts = append(parts, "deny "+text)
	}
	if len(parts) > 0 {
		d.say(of, strings.Join(parts, ", "))
	}
}

func permissionsOf(m Mask) []string {
	var list []string
	for _, p := range m.Permissions() {
		list = append(list, p.String())
	}
	return list
}

// windows says it with a prefix, which ends in ": " where there is one.
func (d *differences) windows(prefix string, before, after Windows) {
	d.value(prefix+"revoke_window_ms", before.Own.text(), after.Own.text())
	d.value(prefix+"moderator_window_ms", before.Moderator.text(), after.Moderator.text())
}

func (w *Window) text() string {
	if w == nil {
		return "null"
	}
	return strconv.FormatInt(int64(*w), 10)
}

func serverChanges(before, after Server) []string {
	var d differences
	if before.Version == 0 {
		d.say("created")
	}
	d.value("owner", before.OwnerID, after.OwnerID)
	d.windows("", before.Windows, after.Windows)
	for _, role := range after.Roles {
		was, exists := before.role(role.ID)
		of := "role " + role.ID
		if !exists {
			d.say(of, "added")
		}
		d.value(of+": priority", strconv.Itoa(was.Priority), strconv.Itoa(role.Priority))
		d.grant(of, was.Grant, role.Grant)
		d.windows(of+": ", was.Windows, role.Windows)
	}
	for _, role := range before.Roles {
		if _, stays := after.role(role.ID); !stays {
			d.say("role "+role.ID, "removed")
		}
	}
	return d.texts()
}

func channelChanges(before, after Channel) []string {
	var d differences
	if before.Version == 0 {
		d.say("created")
	}
	d.value("view_mode", before.ViewMode.String(), after.ViewMode.String())
	d.windows("", before.Windows, after.Windows)
	d.set("white_roles", before.WhiteRoles, after.WhiteRoles)
	d.set("black_roles", before.BlackRoles, after.BlackRoles)
	for _, role := range sortedKeys(before.Overrides, after.Overrides) {
		of := "role_override " + role
		was, existed := before.Overrides[role]
		is, exists := after.Overrides[role]
		d.becomes(existed, exists, of+": added", of+": removed")
		if exists {
			d.grant(of, was, is)
		}
	}
	return d.texts()
}

func sortedKeys(maps ...map[string]Grant) []string {
	var keys []string
	for _, m := range maps {
		for key := range m {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

func memberChanges(before, after Member) []string {
	var d differences
	d.becomes(before.Joined, after.Joined, "joined", "left")
	if before.Joined == after.Joined && before.Generation != after.Generation {
		d.say("joined again")
	}
	d.becomes(before.Banned, after.Banned, "banned", "unbanned")
	if before.Nick != after.Nick {
		d.say("nick")
	}
	d.set("roles", before.Roles, after.Roles)
	return d.texts()
}

func personalChanges(before, after Personal) []string {
	var d differences
	d.grant("override", before.Override, after.Override)
	if before.Override == after.Override || before.OverrideGeneration != 0 && after.OverrideGeneration != 0 {
		d.membership("override", before.OverrideGeneration, after.OverrideGeneration)
	}
	d.membership("whitelist", before.WhiteGeneration, after.WhiteGeneration)
	d.becomes(before.Black, after.Black, "blacklist: added", "blacklist: removed")
	return d.texts()
}

// membership says of what holds for one membership, by its number, whether it holds, or that it is another's.
func (d *differences) membership(of string, before, after int64) {
	d.becomes(before != 0, after != 0, of+": added", of+": removed")
	if before != 0 && after != 0 && before != after {
		d.say(of, fmt.Sprintf("membership %d -> %d", before, after))
	}
}
