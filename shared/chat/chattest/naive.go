package chattest

import "unsend/shared/chat"

// Naive is the evaluation order of QChat written down a second time, from the
// text and as plainly as can be: a list of rules, each with its answer, walked
// from the top.
func Naive(s chat.Standing, p chat.Permission) bool {
	server := map[string]chat.Grant{}
	held := map[string]bool{}
	for _, r := range s.Server.Roles {
		server[r.ID] = r.Grant
		held[r.ID] = r.ID == "everyone"
		for _, mine := range s.Member.Roles {
			if mine == r.ID {
				held[r.ID] = true
			}
		}
	}
	on := func(list []string) bool {
		for _, id := range list {
			if held[id] {
				return true
			}
		}
		return false
	}
	current := func(generation int64) bool { return generation > 0 && generation == s.Member.Generation }
	has := func(m chat.Mask) bool { return uint32(m)>>(uint(p)-1)&1 == 1 }
	isOwner := s.Member.AccountID == s.Server.OwnerID

	visible := true
	if s.Channel.ViewMode == chat.Public && on(s.Channel.BlackRoles) {
		visible = false
	}
	if s.Channel.ViewMode == chat.Private && !on(s.Channel.WhiteRoles) {
		visible = false
	}
	if current(s.Personal.WhiteGeneration) {
		visible = true
	}
	if s.Personal.Black {
		visible = false
	}
	if isOwner {
		visible = true
	}
	switch {
	case s.Server.ID == "", s.Channel.ID == "", !s.Member.Joined, s.Member.Banned, !visible:
		return false
	case isOwner:
		return true
	}
	serverOnly := map[int]bool{1: true, 5: true, 6: true, 7: true, 8: true, 14: true, 25: true, 26: true}
	if !serverOnly[int(p)] {
		if current(s.Personal.OverrideGeneration) {
			if has(s.Personal.Override.Allow) {
				return true
			}
			if has(s.Personal.Override.Deny) {
				return false
			}
		}
		allows, denies := 0, 0
		for id, g := range s.Channel.Overrides {
			if held[id] && has(g.Allow) {
				allows++
			}
			if held[id] && has(g.Deny) {
				denies++
			}
		}
		if allows > 0 {
			return true
		}
		if denies > 0 {
			return false
		}
	}
	for id, g := range server {
		if held[id] && has(g.Allow) {
			return true
		}
	}
	return false
}
