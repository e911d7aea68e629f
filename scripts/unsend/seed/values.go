package seed

import (
	"strconv"
	"strings"
	"time"
	"unicode"

	"go.yaml.in/yaml/v4"

	"unsend/shared/chat"
)

// permissions reads a list of permission names; in a channel those of the server
// alone are refused.
func (r *reader) permissions(n *yaml.Node, inChannel bool) (mask chat.Mask) {
	for _, each := range r.names(n, "permissions") {
		permission, err := chat.ParsePermission(each.Value)
		switch {
		case err != nil:
			r.add(each.at, "%v", err)
		case inChannel && permission.ServerOnly():
			r.add(each.at, "%s belongs to the server alone, no channel can override it: move it to a role", permission)
		case mask.Has(permission):
			r.add(each.at, "%s stands here twice: remove one", permission)
		default:
			mask |= chat.MaskOf(permission)
		}
	}
	return mask
}

func (r *reader) checkGrant(n *yaml.Node, g chat.Grant) {
	for _, p := range (g.Allow & g.Deny).Permissions() {
		r.add(at(n), "%s is both allowed and denied: remove one", p)
	}
}

func (r *reader) nick(n *yaml.Node) string {
	nick := r.text(n)
	switch {
	case len(nick) > chat.MaxNickBytes:
		r.add(at(n), "a nick is at most %d bytes, this one has %d: shorten it", chat.MaxNickBytes, len(nick))
	case strings.ContainsFunc(nick, unicode.IsControl):
		r.add(at(n), "a nick holds no line breaks or other control characters: remove them")
	}
	return nick
}

func (r *reader) windows(n *yaml.Node) (w chat.Windows) {
	r.mapping(n, "windows", fields{
		"own":       func(n *yaml.Node) { w.Own = r.window(n) },
		"moderator": func(n *yaml.Node) { w.Moderator = r.window(n) },
	})
	return w
}

func (r *reader) window(n *yaml.Node) *chat.Window {
	if n.Kind == yaml.ScalarNode {
		if w, ok := ParseWindow(n.Value); ok {
			return &w
		}
	}
	r.add(at(n), `a window is a time of at least 1ms (90s, 2m, 1h30m, 7d), "never" or "unlimited"; leave it out to inherit it`)
	return nil
}

// ParseWindow reads a window: a time of at least 1ms (90s, 1h30m, 7d), "never" or "unlimited".
func ParseWindow(text string) (chat.Window, bool) {
	switch text {
	case "never":
		return chat.Never, true
	case "unlimited":
		return chat.NoLimit, true
	}
	if days, ok := strings.CutSuffix(text, "d"); ok {
		n, err := strconv.ParseUint(days, 10, 16)
		return chat.Window(n * 24 * uint64(time.Hour/time.Millisecond)), err == nil && n > 0
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < time.Millisecond || d%time.Millisecond != 0 {
		return 0, false
	}
	return chat.Window(d.Milliseconds()), true
}
