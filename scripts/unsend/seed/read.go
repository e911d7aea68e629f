package seed

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"

	"unsend/shared/chat"
)

// MaxFileBytes bounds a file: a server's largest community is below it.
const MaxFileBytes = 1 << 20

// Parse reads and checks a file. The error, where the file can be read as YAML,
// is *[Problems] with everything that is wrong, up to a hundred things.
func Parse(file string, data []byte) (f File, err error) {
	if len(data) > MaxFileBytes {
		return File{}, fmt.Errorf("%s: larger than %d MB: split it by server; nothing was written", file, MaxFileBytes>>20)
	}
	var document yaml.Node
	if err := yaml.Load(data, &document); err != nil {
		return File{}, fmt.Errorf("%s: not YAML: %w; nothing was written", file, err)
	}
	r := &reader{}
	defer func() {
		switch stopped := recover(); stopped {
		case nil:
		case tooMany{}:
			f, err = File{}, r.err(file)
		default:
			panic(stopped)
		}
	}()
	if r.plain(&document); len(r.list) == 0 {
		f = r.file(&document)
		f.check(&r.report)
	}
	return f, r.err(file)
}

// plain refuses anchors and aliases. An alias stands for as much as its anchor holds, which may be
// aliases again: a small file would be an enormous community.
func (r *reader) plain(n *yaml.Node) {
	switch {
	case n.Kind == yaml.AliasNode:
		r.add(at(n), "aliases (*%s) are not supported: write out what it stands for", n.Value)
		return
	case n.Anchor != "":
		r.add(at(n), "anchors (&%s) are not supported: remove it", n.Anchor)
	}
	for _, each := range n.Content {
		r.plain(each)
	}
}

// reader turns nodes into values, noting what does not fit. It goes on after a
// problem, with a zero value in its place.
type reader struct{ report }

// fields are the names that a mapping may have.
type fields map[string]func(*yaml.Node)

func (r *reader) file(document *yaml.Node) (f File) {
	if document.Kind == yaml.DocumentNode && len(document.Content) == 1 {
		document = document.Content[0]
	}
	r.mapping(document, "the file", fields{
		"servers": func(n *yaml.Node) { f.Servers = listOf(r, n, "servers", r.server) },
	}, "servers")
	return f
}

func (r *reader) server(n *yaml.Node) (s Server) {
	s.ID.at, s.Owner.at = at(n), at(n)
	r.mapping(n, "a server", fields{
		"id":       func(n *yaml.Node) { s.ID = r.name(n) },
		"owner":    func(n *yaml.Node) { s.Owner = r.name(n) },
		"windows":  func(n *yaml.Node) { s.Windows = r.windows(n) },
		"roles":    func(n *yaml.Node) { s.Roles = listOf(r, n, "roles", r.role) },
		"members":  func(n *yaml.Node) { s.Members = listOf(r, n, "members", r.member) },
		"channels": func(n *yaml.Node) { s.Channels = listOf(r, n, "channels", r.channel) },
	}, "id", "owner", "members")
	return s
}

func (r *reader) role(n *yaml.Node) (role Role) {
	role.ID.at = at(n)
	r.mapping(n, "a role", fields{
		"id":       func(n *yaml.Node) { role.ID = r.name(n) },
		"priority": func(n *yaml.Node) { role.Priority = r.priority(n) },
		"allow":    func(n *yaml.Node) { role.Grant.Allow = r.permissions(n, false) },
		"deny":     func(n *yaml.Node) { role.Grant.Deny = r.permissions(n, false) },
		"windows":  func(n *yaml.Node) { role.Windows = r.windows(n) },
	}, "id")
	r.checkGrant(n, role.Grant)
	return role
}

func (r *reader) member(n *yaml.Node) (m Member) {
	m.Account.at = at(n)
	r.mapping(n, "a member", fields{
		"account": func(n *yaml.Node) { m.Account = r.name(n) },
		"nick":    func(n *yaml.Node) { m.Nick = r.nick(n) },
		"roles":   func(n *yaml.Node) { m.Roles = r.names(n, "roles") },
		"banned":  func(n *yaml.Node) { m.Banned = r.yesNo(n) },
	}, "account")
	return m
}

func (r *reader) channel(n *yaml.Node) (c Channel) {
	c.ID.at = at(n)
	r.mapping(n, "a channel", fields{
		"id":        func(n *yaml.Node) { c.ID = r.name(n) },
		"view":      func(n *yaml.Node) { c.View = r.view(n) },
		"windows":   func(n *yaml.Node) { c.Windows = r.windows(n) },
		"whitelist": func(n *yaml.Node) { c.White = r.entries(n, "whitelist") },
		"blacklist": func(n *yaml.Node) { c.Black = r.entries(n, "blacklist") },
		"overrides": func(n *yaml.Node) {
			r.mapping(n, "overrides", fields{
				"roles":    func(n *yaml.Node) { c.Overrides = r.overrides(n) },
				"accounts": func(n *yaml.Node) { c.AccountOverrides = r.overrides(n) },
			})
		},
	}, "id")
	return c
}

func (r *reader) entries(n *yaml.Node, what string) (l list) {
	r.mapping(n, what, fields{
		"roles":    func(n *yaml.Node) { l.Roles = r.names(n, "roles") },
		"accounts": func(n *yaml.Node) { l.Accounts = r.names(n, "accounts") },
	})
	return l
}

// overrides is a mapping from an id to a grant.
func (r *reader) overrides(n *yaml.Node) (list []override) {
	r.pairs(n, "overrides", func(key, value *yaml.Node) {
		o := override{For: r.name(key)}
		r.mapping(value, "an override", fields{
			"allow": func(n *yaml.Node) { o.Grant.Allow = r.permissions(n, true) },
			"deny":  func(n *yaml.Node) { o.Grant.Deny = r.permissions(n, true) },
		})
		r.checkGrant(value, o.Grant)
		list = append(list, o)
	})
	return list
}

// mapping reads a mapping whose names are known. The required ones must be there.
func (r *reader) mapping(n *yaml.Node, what string, known fields, required ...string) {
	names := slices.Sorted(maps.Keys(known))
	given := map[string]bool{}
	r.pairs(n, what, func(key, value *yaml.Node) {
		read, ok := known[key.Value]
		if !ok {
			r.add(at(key), "%s has no field %q; it may have: %s", what, key.Value, strings.Join(names, ", "))
			return
		}
		given[key.Value] = true
		read(value)
	})
	for _, field := range required {
		if n.Kind == yaml.MappingNode && !given[field] {
			r.add(at(n), "%s needs %q: add it", what, field)
		}
	}
}

// pairs reads any mapping, in the file's order. Nothing at all is an empty one.
func (r *reader) pairs(n *yaml.Node, what string, each func(key, value *yaml.Node)) {
	if isNull(n) {
		return
	}
	if n.Kind != yaml.MappingNode {
		r.add(at(n), "%s must be a mapping (name: value), not %s", what, kindOf(n))
		return
	}
	first := map[string]place{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		if earlier, ok := first[key.Value]; ok {
			r.add(at(key), "%q stands here a second time (first in line %d): remove one", key.Value, earlier.line)
			continue
		}
		first[key.Value] = at(key)
		each(key, n.Content[i+1])
	}
}

func listOf[T any](r *reader, n *yaml.Node, what string, read func(*yaml.Node) T) []T {
	if isNull(n) {
		return nil
	}
	if n.Kind != yaml.SequenceNode {
		r.add(at(n), "%s must be a list (lines that begin with -, or [a, b]), not %s", what, kindOf(n))
		return nil
	}
	items := make([]T, len(n.Content))
	for i, item := range n.Content {
		items[i] = read(item)
	}
	return items
}

func (r *reader) names(n *yaml.Node, what string) []name { return listOf(r, n, what, r.name) }

// name reads an id. Numbers are taken as they are written.
func (r *reader) name(n *yaml.Node) name {
	if n.Kind == yaml.ScalarNode && !isNull(n) && n.Value == "" {
		r.add(at(n), "an id is empty: give it a value")
	}
	return name{Value: r.text(n), at: at(n)}
}

func (r *reader) text(n *yaml.Node) string {
	if n.Kind != yaml.ScalarNode || isNull(n) {
		r.add(at(n), "expected a text, not %s", kindOf(n))
		return ""
	}
	return n.Value
}

func (r *reader) yesNo(n *yaml.Node) bool {
	if n.Kind == yaml.ScalarNode && (n.Value == "true" || n.Value == "false") {
		return n.Value == "true"
	}
	r.add(at(n), "must be true or false")
	return false
}

func (r *reader) priority(n *yaml.Node) int {
	priority, err := strconv.ParseInt(n.Value, 10, 32)
	if n.Kind != yaml.ScalarNode || err != nil || priority < 0 {
		r.add(at(n), "priority must be a whole number from 0 (highest) on")
	}
	return int(priority)
}

func (r *reader) view(n *yaml.Node) chat.ViewMode {
	switch n.Value {
	case "public":
		return chat.Public
	case "private":
		return chat.Private
	}
	r.add(at(n), "view must be public (all members but the blacklist) or private (the whitelist only)")
	return chat.Public
}

func at(n *yaml.Node) place { return place{max(n.Line, 1), max(n.Column, 1)} }

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.Tag == "!!null" }

func kindOf(n *yaml.Node) string {
	switch {
	case n.Kind == yaml.MappingNode:
		return "a mapping"
	case n.Kind == yaml.SequenceNode:
		return "a list"
	case isNull(n):
		return "nothing"
	}
	return fmt.Sprintf("%q", n.Value)
}
